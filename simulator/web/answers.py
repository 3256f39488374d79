"""Answers of the page: each from the functions that the commands call."""

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from simulator import __version__
from simulator.chip.change import changed_chip
from simulator.chip.library import with_variants
from simulator.chip.load import chip_from_text, chip_named, load_chip
from simulator.chip.schema import Architecture
from simulator.cost.priced import priced_chip
from simulator.cost.provenance import coefficients
from simulator.graph.build import Graph
from simulator.graph.readers.coverage import first_words
from simulator.graph.readers.files import SUFFIXES
from simulator.report import format as fmt
from simulator.report.document import provenance, run_document, to_json
from simulator.report.export import as_csv
from simulator.report.fit import plain
from simulator.report.layers import layer_table
from simulator.report.page import content
from simulator.report.paper import Part, Picture, Section, Sheet, flat, grid_of, paper_html
from simulator.report.papers import beside_section, bill_section, bill_usd, change_section, run_paper, run_section
from simulator.report.points import SAID
from simulator.report.run_charts import titled
from simulator.report.tables import ChipFacts, sentence
from simulator.result.form import Result
from simulator.run import simulate
from simulator.store import bundled
from simulator.study.ranking import BY
from simulator.study.sensitivities import sensitivity
from simulator.web import controls, forms
from simulator.web.kept import Kept

WIDEST = 1000
"""Characters of a table that is a file."""

KEPT_CHIPS = 64
"""Chips that stay read."""

KEPT_RUNS = 64
"""Runs that stay done: the sections of an answer are asked for one after another."""

KEPT_BODIES = 400
"""Answers that stay written, of some 50 kB at most usually: sliders go back and forth over the same stops."""

QUICK = ("roofline", "layers", "bill")
"""Sections that a slider is followed by at once: none of them asks what binds, which is a schedule for each roof."""

_chips: dict[tuple[str, str | None], Architecture] = {}
_runs: Kept[Result] = Kept(KEPT_RUNS)
_bodies: Kept[str] = Kept(KEPT_BODIES)


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
    settings = controls.settings_of(found, asked.settings)
    if any(isinstance(value, str) for key, value in settings.items() if key != controls.PART):
        # Amounts with their units, which its reader knows.
        if asked.chip_text is not None:
            return chip_from_text(asked.chip_text, set=settings)
        return load_chip(chip_named(asked.chip), set=settings)
    return changed_chip(found, settings, "set")


def listed() -> forms.Library:
    """What is bundled."""
    chips = [forms.Named(name=name, title=one.title) for name, one in with_variants().items() if one.architecture]
    networks = [forms.Named(name=name, title=name) for name in bundled.networks()]
    orders = [forms.Named(name=name, title=words) for name, (_, words) in BY.items()]
    columns = [forms.Named(name=name, title=words) for name, words in SAID.items()]
    return forms.Library(
        version=__version__, chips=chips, networks=networks, files=list(SUFFIXES), orders=orders, columns=columns
    )


def chip_answer(asked: forms.ChipAsked) -> forms.ChipAnswer:
    """What can be varied of a chip, and its file."""
    return controls.chip_answer(chip_of(asked.model_copy(update={"settings": {}})), chip_of(asked))


def result_of(asked: forms.RunAsked, graph: Graph, chip: Architecture) -> Result:
    """The run that is asked for, done once whatever of it is shown."""
    key = asked.model_dump_json(exclude={"show", "beside", "ahead"})
    return _runs.get(key, lambda: simulate(graph, chip, batch=asked.batch, precision=asked.precision))


def kept_body(asked: forms.RunAsked) -> str | None:
    """What `run_body` gives, where it is kept."""
    return _bodies.peek(_body_key(asked))


def _body_key(asked: forms.RunAsked) -> str:
    return asked.model_dump_json(exclude={"ahead"})


def run_body(asked: forms.RunAsked, graph: Callable[[], Graph], tell: Callable[[str], None]) -> str:
    """`run_answer` as JSON. graph: called where the answer is not kept."""

    def make() -> str:
        return run_answer(asked, graph(), tell).model_dump_json()

    # Only what is quick is kept: what takes longer can be ended by who asked for it, while others would wait for it.
    return _bodies.get(_body_key(asked), make) if {*asked.show} <= {*QUICK} else make()


def run_answer(asked: forms.RunAsked, graph: Graph, tell: Callable[[str], None]) -> forms.RunAnswer:
    """One network on one chip. tell: called between long steps; what it raises ends the work."""
    chip = chip_of(asked)
    result = result_of(asked, graph, chip)
    figures = forms.Figures(
        bill_usd=bill_usd(result),
        **{name: getattr(result, name) for name in forms.Figures.model_fields if name != "bill_usd"},
    )
    answer = forms.RunAnswer(figures=figures, tiles=tiles(result), notes=list(result.notes))
    if not {*asked.show} <= {*QUICK}:
        answer.sentence = f"{first_words(result.notes)}{sentence(result)}"
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
        cost = priced_chip(chip).cost  # which the run had worked out
        return None if cost is None else bill_section(cost)
    if name == "changes":
        return change_section(sensitivity(graph, chip, asked.batch, result.precision, tell=tell))
    if name == "beside":
        others = []
        for other in asked.beside:
            tell(other)
            others.append(simulate(graph, load_chip(chip_named(other)), batch=asked.batch, precision=asked.precision))
        return beside_section([result, *others]) if others else None
    return run_section(name, result, chip, ChipFacts.of(chip))


def document(asked: forms.RunAsked, graph: Graph) -> str:
    """The document of `rooftile run --json`."""
    chip = chip_of(asked)
    return to_json(run_document(result_of(asked, graph, chip), chip, graph))


def table(asked: forms.RunAsked, graph: Graph) -> str:
    """The layers as CSV, as `rooftile run --layers --format csv`."""
    return as_csv(layer_table(result_of(asked, graph, chip_of(asked)), WIDEST))


def picture(asked: forms.RunAsked, graph: Graph, suffix: str) -> bytes:
    """Roofline and waterfall, as `rooftile run --plot`."""
    return content(titled(result_of(asked, graph, chip_of(asked))), suffix)


def report(asked: forms.RunAsked, graph: Graph, tell: Callable[[str], None]) -> str:
    """The report of `rooftile run --report`, as one HTML file."""
    chip = chip_of(asked)
    result = result_of(asked, graph, chip)
    cost = priced_chip(chip).cost
    bill = None if cost is None else (cost, coefficients(chip))
    changes = sensitivity(graph, chip, asked.batch, result.precision, tell=tell)
    changed = {f"set {key}": str(value) for key, value in asked.settings.items()}
    made = {"command": "rooftile serve", **provenance(chip, graph), **changed}
    return paper_html(run_paper(result, chip, ChipFacts.of(chip), bill, changes, made))


def section_form(name: Any, section: Section) -> forms.SectionForm:
    """A section of a report as plain data."""
    parts = [form for part in flat(section.parts) if (form := _part(part)) is not None]
    return forms.SectionForm(name=name, heading=section.heading, parts=parts)


def _part(part: Part) -> forms.TextPart | forms.TablePart | forms.ChartPart | None:
    """One text, table or picture as plain data."""
    if isinstance(part, Picture):
        return forms.ChartPart(chart=part.chart, words=part.words)
    if isinstance(part, Sheet | Table):
        grid = grid_of(part)
        return forms.TablePart(
            caption=grid.caption, headings=[*grid.headings], right=[*grid.right], rows=[[*row] for row in grid.rows],
            behind=[[*lines] for lines in grid.behind], below=grid.below,
        )  # fmt: skip
    text = plain(part)
    bold = isinstance(part, Text) and "bold" in str(part.style) and "\n" not in text
    return forms.TextPart(text=text, heading=bold) if text.strip() else None
