"""The one door from a chart to a file: SVG, PNG, PDF, or a page that works without a network and cannot be scripted.

Names in charts come from files of strangers. The library writes a chart into a page as it stands, so a name with an
end of script in it would run; here every `<` of the chart reaches the page as an escape of JSON.
"""

import functools
import importlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from simulator.errors import OptionError
from simulator.store import whole
from simulator.store.plain import kept

SUFFIXES = (".svg", ".png", ".pdf", ".html")

MARGINS = 0.04, 0.09
"""Of an SVG, left and right, in its widths: labels end at the left, titles begin there."""

TITLE_WIDTH = 72
"""Letters of a line of a title that stands over one panel."""

PNG_SCALE = 2.0
"""Pixels for each point: sharp on a dense screen."""

LABELS_APART = 6
"""Between two numbers of an axis, of which fewer are shown where they would be nearer. [pixel]"""

STYLE = """<style>
  body { margin: 1rem; background: #ffffff; }
  .vega-embed { width: 100%; }
  .vega-embed svg { max-width: 100%; height: auto; }
  @media (prefers-color-scheme: dark) {
    body { background: #141414; }
    .vega-embed svg { filter: invert(1) hue-rotate(180deg); background: transparent; }
  }
</style>
"""
"""A page as wide as its window; in the dark its light colours turn dark and keep their hues."""

_SPACE = '{"a chart": "stands here"}'


def require_charts(key: str = "plot") -> Any:
    """Return the chart library. Raises OptionError naming the extra when it is not installed. key: what was asked for."""
    try:
        importlib.import_module("vl_convert")
        return importlib.import_module("altair")
    except ImportError:
        where = "pip install 'rooftile[charts]', or '.[charts]' in a clone"
        raise OptionError(f"pictures need the extra 'charts': {where}", key=key) from None


@functools.cache
def drawing() -> str:
    """The library that draws in a browser, as vl-convert ships it: put together once, which takes seconds, and kept on disk.

    Raises OptionError when the extra `charts` is not installed.
    """
    require_charts()
    version = metadata.version("vl-convert-python")
    return str(kept("drawing", version, importlib.import_module("vl_convert").javascript_bundle))


def chart_of(specification: dict[str, Any]) -> Any:
    """A picture that is plain data as a chart, which is checked when it is drawn. Raises OptionError when the extra is not
    installed.
    """
    charts = require_charts()
    kinds = {"vconcat": charts.VConcatChart, "hconcat": charts.HConcatChart, "layer": charts.LayerChart}
    kind = next((kinds[key] for key in kinds if key in specification), charts.Chart)
    # The library would try all kinds one after another, and look for what is wrong with each of the others.
    return kind.from_dict(specification, validate=False)


def data_of(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Rows as the data of a chart: a tuple, which the library hands on where it copies a list with every layer it joins."""
    return require_charts().Data(values=tuple(rows))


def joined(join: Callable[..., Any], *charts: Any, **properties: Any) -> Any:
    """Charts joined to one by `layer`, `hconcat` or `vconcat` of the library, which copies all that is in them several times."""
    return join(*map(_light, charts), **properties)


def _light(chart: Any) -> Any:
    """A chart whose copies have its parts, by the hook that the library looks for: it only sets new ones on what it joins."""
    object.__setattr__(chart, "__deepcopy__", lambda _: _light(chart.copy(deep=False)))
    return chart


def check_picture(option: str, path: str) -> None:
    """Refuse a picture that cannot be written before the work is done: an unknown ending, or the extra missing.

    `option` names the option in the message. Raises OptionError.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise OptionError(f"{option}: must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, got {path!r}")
    require_charts()


def specification_of(chart: Any) -> dict[str, Any]:
    """A chart, or a picture that is plain data already, as plain data.

    Its parts were checked as they were made; to check the whole again takes as long as to draw it, and is left to tests.
    """
    return chart if isinstance(chart, dict) else dict(chart.to_dict(validate=False))


def html(chart: Any) -> str:
    """A page of its own with the chart: no network, and no text of the chart that a browser could run."""
    text = json.dumps(specification_of(chart)).replace("<", "\\u003c")
    return _frame().replace(_SPACE, text, 1).replace("</head>", f"{STYLE}</head>", 1)


def _frame() -> str:
    """The page of a chart with _SPACE where the chart stands: made once for each version of the libraries, and kept."""
    charts = require_charts()
    options = {
        "mode": "vega-lite",
        "vega_version": charts.VEGA_VERSION,
        "vegaembed_version": charts.VEGAEMBED_VERSION,
        "vegalite_version": charts.VEGALITE_VERSION,
        "embed_options": {"renderer": "svg"},
        "template": "inline",
    }
    source = [metadata.version(name) for name in ("altair", "vl-convert-python")], _SPACE, options

    def make() -> str:
        page: str = charts.utils.spec_to_html(json.loads(_SPACE), **options)  # what a chart's own `to_html` calls
        return page

    return str(kept("page", source, make))


def _renumbered(svg: str) -> str:
    """The same picture whatever the process drew before: the drawing library counts its clips over the process."""
    names: dict[str, str] = {}
    return re.sub(r"\bclip\d+\b", lambda found: names.setdefault(found[0], f"clip{len(names) + 1}"), svg)


def _roomy(svg: str) -> str:
    """The same picture with empty margins: its words were laid out in the fonts of the library, and readers have wider ones."""
    found = re.search(r'width="(\d+)" height="(\d+)" viewBox="0 0 \1 \2"><rect width="\1" height="\2" ', svg)
    if found is None:
        return svg
    width, height = int(found[1]), int(found[2])
    left, wide = round(MARGINS[0] * width), round((1.0 + sum(MARGINS)) * width)
    size = f'width="{wide}" height="{height}"'
    return svg.replace(found[0], f'{size} viewBox="{-left} 0 {wide} {height}"><rect x="{-left}" {size} ', 1)


def content(chart: Any, suffix: str) -> bytes:
    """The chart, or plain data of one, as the bytes of a file that ends in `suffix`; the same chart gives the same bytes."""
    if suffix == ".html":
        return html(chart).encode()
    converter = importlib.import_module("vl_convert")
    specification = json.dumps(specification_of(chart))
    if suffix == ".svg":
        return _roomy(_renumbered(str(converter.vegalite_to_svg(specification)))).encode()
    if suffix == ".pdf":
        return bytes(converter.vegalite_to_pdf(specification))
    return bytes(converter.vegalite_to_png(specification, scale=PNG_SCALE))


def save(option: str, chart: Any, path: str) -> None:
    """Write the chart to `path`, whole or not at all. Raises OptionError when the system refuses."""
    picture = content(chart, Path(path).suffix.lower())
    try:
        whole.deliver(path, picture)
    except (OSError, ValueError) as error:
        raise OptionError(f"{option}: cannot write {path!r}: {getattr(error, 'strerror', None) or error}") from None
