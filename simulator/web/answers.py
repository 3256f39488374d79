"""Answers of the page: each from the functions that the commands call."""

from collections.abc import Callable
from typing import Any

import yaml
from rich.table import Table
from rich.text import Text

from simulator import __version__
from simulator.chip.change import changed_chip
from simulator.chip.library import with_variants
from simulator.chip.load import chip_from_text, chip_named, load_chip
from simulator.chip.schema import Architecture
from simulator.cost.price import Cost, chip_cost
from simulator.cost.provenance import coefficients
from simulator.errors import RooftileError
from simulator.graph.build import Graph
from simulator.graph.load import summary
from simulator.graph.readers.files import SUFFIXES
from simulator.report import format as fmt
from simulator.report.document import provenance, run_document, to_json
from simulator.report.fit import plain
from simulator.report.paper import Part, Picture, Section, Sheet, flat, grid_of, paper_html
from simulator.report.papers import beside_section, bill_section, bill_usd, change_section, run_paper, run_section
from simulator.report.run_chart import sentence
from simulator.report.tables import ChipFacts
from simulator.result.form import Result
from simulator.run import simulate
from simulator.store import bundled
from simulator.study.sensitivities import sensitivity
from simulator.web import forms

STOPS = tuple(2.0 ** (step / 4.0) for step in range(-12, 13))
"""Where a slider stops, over the value of the file: quarters of an octave, from an eighth to eight times."""

SLIDERS = {
    "sram.capacity_mib": "SRAM, MiB",
    "dram.devices": "DRAM devices",
    "clock_mhz": "clock, MHz",
    "array.count": "arrays of MACs",
}
"""Keys of a chip that have a slider."""

SIZES = {
    "image_size": "image, pixels a side",
    "sequence_length": "words",
    "prompt": "prompt, tokens",
    "context": "context, tokens",
}
"""Parameters of a network that have a slider, where it has them."""

KEPT_CHIPS = 64
"""Chips that stay read."""

_chips: dict[tuple[str, str | None], Architecture] = {}


def chip_of(asked: forms.ChipAsked) -> Architecture:
    """The chip that is asked for, with its changes.

    Only names of the library are looked for, never files. Raises ChipError, one line a fault.
    """
    key = asked.chip, asked.chip_text
    found = _chips.get(key)
    if found is None:
        found = chip_from_text(asked.chip_text) if asked.chip_text is not None else load_chip(chip_named(asked.chip))
        if len(_chips) >= KEPT_CHIPS:
            _chips.clear()
        _chips[key] = found
    if any(
        isinstance(value, str) for value in asked.settings.values()
    ):  # amounts with their units, which its reader knows
        if asked.chip_text is not None:
            return chip_from_text(asked.chip_text, set=asked.settings)
        return load_chip(chip_named(asked.chip), set=asked.settings)
    return changed_chip(found, asked.settings, "set")


def listed() -> forms.Library:
    """What is bundled."""
    chips = [forms.Named(name=name, title=one.title) for name, one in with_variants().items() if one.architecture]
    networks = [forms.Named(name=name, title=name) for name in bundled.networks()]
    return forms.Library(version=__version__, chips=chips, networks=networks, files=list(SUFFIXES))


def chip_answer(asked: forms.ChipAsked) -> forms.ChipAnswer:
    """What can be varied of a chip, and its file."""
    chip = chip_of(asked)
    plain_chip = chip_of(asked.model_copy(update={"settings": {}}))
    data = plain_chip.model_dump(by_alias=True, exclude_unset=True, mode="json")
    sliders = []
    for key, label in SLIDERS.items():
        value: Any = data
        for word in key.split("."):
            value = value.get(word) if isinstance(value, dict) else None
        if isinstance(value, int | float) and value > 0:
            sliders.append(forms.Slider(key=key, label=label, value=value, stops=stops(value, key in WHOLE)))
    text = yaml.safe_dump(chip.model_dump(by_alias=True, exclude_unset=True, mode="json"), sort_keys=False, width=120)
    precisions = list(chip.array.rate) if chip.array is not None else []
    return forms.ChipAnswer(title=chip.name, precisions=precisions, sliders=sliders, text=text)


WHOLE = ("dram.devices", "array.count")
"""Keys that count."""


def stops(value: float, whole: bool) -> list[int | float]:
    """Values about a value at which a slider stops, itself among them."""
    around = (value * factor for factor in STOPS)
    found = {max(1, round(each)) for each in around} if whole else {float(f"{each:.3g}") for each in around}
    return sorted({*found, value})


def network_answer(name: str, graph: Graph) -> forms.NetworkAnswer:
    """What can be varied of a network, and its size."""
    given = {**graph.graph["parameters"]}
    sliders = []
    for key, label in SIZES.items():
        value = given.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and (value > 0 or key in TOKENS):
            sliders.append(forms.Slider(key=key, label=label, value=value, stops=size_stops(key, value)))
    return forms.NetworkAnswer(network=name, title=graph.graph["name"], params=given, sliders=sliders, **summary(graph))


TOKENS = ("prompt", "context")
"""Parameters that count tokens; 0 is what the network takes untold."""


def size_stops(key: str, value: int) -> list[int | float]:
    """Values of a network's parameter at which its slider stops, the one that it has among them."""
    if key in TOKENS:
        return sorted({value, *(2**power for power in range(5, 14))})
    return image_stops(value) if key == "image_size" else stops(value, True)


def image_stops(size: int) -> list[int | float]:
    """Sides of an image at which a slider stops: multiples of 32, up to four times the usual, and the usual itself."""
    return sorted({size, *range(32, 4 * size + 1, 32)})


def run_answer(asked: forms.RunAsked, graph: Graph, tell: Callable[[str], None]) -> forms.RunAnswer:
    """One network on one chip. tell: called between long steps; what it raises ends the work."""
    chip = chip_of(asked)
    result = simulate(graph, chip, batch=asked.batch, precision=asked.precision)
    figures = forms.Figures(
        bill_usd=bill_usd(result),
        **{name: getattr(result, name) for name in forms.Figures.model_fields if name != "bill_usd"},
    )
    answer = forms.RunAnswer(figures=figures, tiles=tiles(result), notes=list(result.notes))
    if asked.show:
        answer.sentence = sentence(result)
    for name in dict.fromkeys(asked.show):
        tell(name)
        section = _section(name, asked, graph, chip, result, tell)
        if section is not None:
            answer.sections.append(section_form(name, section))
    return answer


def tiles(result: Result) -> list[forms.Tile]:
    """The figures of the headline in words."""
    bill = bill_usd(result)
    words = {
        "per second": fmt.significant(result.throughput_per_s),
        "latency": fmt.time(result.latency_s),
        "of the peak": fmt.share(result.utilisation),
        "power": "-" if result.power_w is None else f"{fmt.significant(result.power_w, 3)} W",
        "bill": "-" if bill is None else f"{fmt.significant(bill, 3)} USD",
        "per second and USD": fmt.significant(result.throughput_per_usd, 3),
    }
    return [forms.Tile(name=name, words=text) for name, text in words.items()]


def _section(
    name: str,
    asked: forms.RunAsked,
    graph: Graph,
    chip: Architecture,
    result: Result,
    tell: Callable[[str], None],
) -> Section | None:
    """One section; None where the chip has none: no bill of a GPU, no chips beside it."""
    if name == "bill":
        cost = _cost(chip)
        return None if cost is None else bill_section(cost)
    if name == "changes":
        if _cost(chip) is None:
            return None
        return change_section(sensitivity(graph, chip, asked.batch, result.precision, tell=tell))
    if name == "beside":
        others = []
        for other in asked.beside:
            tell(other)
            others.append(simulate(graph, load_chip(chip_named(other)), batch=asked.batch, precision=asked.precision))
        return beside_section([result, *others]) if others else None
    return run_section(name, result, chip, ChipFacts.of(chip))


def _cost(chip: Architecture) -> Cost | None:
    """The cost of a chip; None of one that has no bill."""
    try:
        return chip_cost(chip)
    except RooftileError:
        return None


def document(asked: forms.RunAsked, graph: Graph) -> str:
    """The document of `rooftile run --json`."""
    chip = chip_of(asked)
    result = simulate(graph, chip, batch=asked.batch, precision=asked.precision)
    return to_json(run_document(result, chip, graph))


def report(asked: forms.RunAsked, graph: Graph, tell: Callable[[str], None]) -> str:
    """The report of `rooftile run --report`, as one HTML file."""
    chip = chip_of(asked)
    result = simulate(graph, chip, batch=asked.batch, precision=asked.precision)
    cost = _cost(chip)
    priced = None if cost is None else (cost, coefficients(chip))
    changes = None if cost is None else sensitivity(graph, chip, asked.batch, result.precision, tell=tell)
    changed = {f"set {key}": str(value) for key, value in asked.settings.items()}
    made = {"command": "rooftile serve", **provenance(chip, graph), **changed}
    return paper_html(run_paper(result, chip, ChipFacts.of(chip), priced, changes, made))


def section_form(name: Any, section: Section) -> forms.SectionForm:
    """A section of a report as plain data."""
    parts = [form for part in flat(section.parts) if (form := _part(part)) is not None]
    return forms.SectionForm(name=name, heading=section.heading, parts=parts)


def _part(part: Part) -> forms.TextPart | forms.TablePart | forms.ChartPart | None:
    """One text, table or picture as plain data."""
    if isinstance(part, Picture):
        # Made here from our own code, so that the long check of its form is left out: the tests make it.
        return forms.ChartPart(chart=part.chart.to_dict(validate=False), words=part.words)
    if isinstance(part, Sheet | Table):
        grid = grid_of(part)
        return forms.TablePart(
            caption=grid.caption, headings=[*grid.headings], right=[*grid.right], rows=[[*row] for row in grid.rows],
            behind=[[*lines] for lines in grid.behind], below=grid.below,
        )  # fmt: skip
    text = plain(part)
    bold = isinstance(part, Text) and "bold" in str(part.style) and "\n" not in text
    return forms.TextPart(text=text, heading=bold) if text.strip() else None
