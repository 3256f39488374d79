"""Questions of the page over many chips: a map of SRAM and DRAM, a ranking, a map of two keys, each as the command answers it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from rich.console import RenderableType

from simulator.chip.library import bundled_entries, entry, entry_of
from simulator.chip.load import chip_named
from simulator.chip.schema import Architecture
from simulator.errors import OptionError
from simulator.graph.build import Graph
from simulator.graph.load import asked_network
from simulator.graph.own import precision_of
from simulator.report.compare_tables import ranking_report
from simulator.report.fit import parts_of
from simulator.report.memory import memory_report
from simulator.report.memory_charts import memory_chart
from simulator.report.page import specification_of
from simulator.report.paper import Picture, Section
from simulator.report.papers import words_of
from simulator.report.points import best_of, map_chart, points_report
from simulator.report.scatter import ranking_chart
from simulator.study.alike import Question
from simulator.study.memory import memory_map
from simulator.study.ranking import check_by, rank_chips
from simulator.sweeps.ranges import PARAMETER
from simulator.sweeps.run import sweep
from simulator.web import answers, forms
from simulator.web.jobs import SWEPT_AT_ONCE, Tell, points_told
from simulator.web.uploads import MARK

CHANGED = "this chip"
"""What a chip of the page is called that is none of the library."""


def answer(asked: Any, graph: Graph, tell: Tell) -> forms.SectionForm:
    """A section of the page. Raises what the command's function raises."""
    tasks: dict[str, Callable[[Any, Graph, Architecture, Tell], Section]] = {
        "map": _map, "ranking": _ranking, "sweep": _sweep
    }  # fmt: skip
    chip = answers.chip_of(asked)
    return answers.section_form(asked.question, tasks[asked.question](asked, graph, chip, tell))


def _section(heading: str, chart: Any, report: RenderableType) -> Section:
    """A picture, and below it what the command prints."""
    return Section(heading, [Picture(specification_of(chart), words_of(chart)), *parts_of(report)])


def _map(asked: forms.MapAsked, graph: Graph, chip: Architecture, tell: Tell) -> Section:
    found = memory_map(graph, chip, asked.batch, asked.precision, tell=tell)
    return _section("SRAM against DRAM", memory_chart(found), memory_report(found))


def _ranking(asked: forms.RankingAsked, graph: Graph, chip: Architecture, tell: Tell) -> Section:
    check_by(asked.by)
    entries = dict(bundled_entries())
    if asked.chip_text is not None or asked.settings:
        entries[CHANGED] = entry_of(CHANGED, chip)
    else:
        known = entry(chip_named(asked.chip))
        entries[known.name] = replace(known, is_file=True)  # marked as the one that was asked about
    # What is published of a network of the same name may be of another one; and there is no file to compare with.
    sent = asked.network.startswith(MARK)
    name, params = (MARK, asked.params) if sent else asked_network(asked.network, asked.params)
    question = Question(name, params, precision_of(graph, asked.precision), asked.batch)
    order = rank_chips(entries.values(), question, asked.by, tell=lambda name: tell(f"simulating {name}"), graph=graph)
    return _section("Chips ranked", ranking_chart(order), ranking_report(order))


def _sweep(asked: forms.SweepAsked, graph: Graph, chip: Architecture, tell: Tell) -> Section:
    if own := next((key for key in asked.vary if key.startswith(PARAMETER)), None):
        raise OptionError(f"vary: {own}: must be a key of the chip, batch or precision")
    frame: Any = sweep(
        graph, chip, asked.vary, batch=asked.batch, precision=asked.precision, chunk=SWEPT_AT_ONCE,
        progress=partial(points_told, tell),
    )  # fmt: skip
    report = points_report(best_of(frame, asked.by), more="")
    return _section("Map of two keys", map_chart(frame, asked.by), report)
