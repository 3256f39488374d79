"""What a report of a comparison, a curve or a sweep shows of one of its chips in full: the sections that a run has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from simulator.chip.schema import Architecture
from simulator.cost.price import Cost, chip_cost
from simulator.cost.provenance import Coefficient, coefficients
from simulator.errors import RooftileError
from simulator.graph.build import Graph
from simulator.report.paper import Section
from simulator.report.papers import change_section, chip_sections, run_section
from simulator.report.tables import ChipFacts, sentence
from simulator.run import simulate
from simulator.study.sensitivities import sensitivity


@dataclass(frozen=True)
class Detail:
    """A network on a chip that a report shows in full."""

    words: str
    """Which one it is, behind the headings."""
    graph: Graph
    chip: Architecture
    batch: int = 1
    precision: str | None = None
    changes: bool = True
    """Whether steps of the chip are tried too: some twenty runs."""
    told: str = ""
    """More about which one it is, in front of its answer."""


def priced_of(chip: Architecture) -> tuple[Cost, Sequence[Coefficient]] | None:
    """The cost of a chip with its coefficients; None of one that has none, as of no known node."""
    try:
        return chip_cost(chip), coefficients(chip)
    except RooftileError:
        return None


def detail_sections(one: Detail, tell: Callable[[str], None] = lambda _: None) -> list[Section]:
    """Roofline and waterfall, layers, SRAM, what to change, bill and assumptions; of what does not run, why.

    tell: called with each step of the chip before it is run.
    """
    tell(one.words)
    try:
        result = simulate(one.graph, one.chip, one.batch, one.precision)
    except RooftileError as error:
        return [Section(f"Not run: {one.words}", [Text(str(error))])]
    facts = ChipFacts.of(one.chip)
    found = [run_section(name, result, one.chip, facts) for name in ("roofline", "layers", "sram")]
    found[0] = replace(found[0], parts=[Text(f"{one.told}{sentence(result)}."), *found[0].parts])
    if one.changes:
        found.append(change_section(sensitivity(one.graph, one.chip, one.batch, one.precision, tell=tell)))
    found += chip_sections(one.chip, priced_of(one.chip))
    return [replace(section, heading=f"{section.heading}: {one.words}") for section in found]
