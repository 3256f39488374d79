"""`--report FILE`: the whole answer as one HTML file to send."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli import asked
from simulator.cli.output import check_writable, write
from simulator.cli.watch import progress
from simulator.errors import OptionError
from simulator.progress import each

if TYPE_CHECKING:
    from rich.console import RenderableType

    from simulator.chip.schema import Architecture
    from simulator.graph.build import Graph
    from simulator.report.detail import Detail
    from simulator.report.paper import Paper, Section

Report = Annotated[
    str | None,
    typer.Option("--report", metavar="FILE", help="Write the whole answer as one self-contained HTML file."),
]

wanted: ContextVar[str | None] = ContextVar("report", default=None)
"""The file of the command at work."""

details: ContextVar[tuple["Detail", ...]] = ContextVar("details", default=())
"""Runs that its report shows in full."""


def check_report(path: str | None) -> None:
    """Refuse a report that cannot be written before the work is done. Raises OptionError."""
    if path is None:
        return
    from simulator.report.page import require_charts  # noqa: PLC0415

    if not path.lower().endswith((".html", ".htm")):
        raise OptionError(f"--report: must end in .html, got {path!r}")
    check_writable("--report", path)
    require_charts("report")


def deliver(make: "Callable[[dict[str, str]], Paper]") -> None:
    """Write the report that is asked for; `make` is called with what made the answer, where one is."""
    path = wanted.get()
    if path is None:
        return
    from simulator.report.paper import paper_html  # noqa: PLC0415

    paper = make(asked.made())
    doubts = asked.doubts()
    if doubts not in paper.answer:
        paper = replace(paper, answer=f"{doubts}{paper.answer}")
    write("--report", path, paper_html(paper))


def detail(
    words: str, graph: "Graph", chip: "Architecture", batch: int = 1, precision: str | None = None, told: str = ""
) -> None:
    """Have the report, where one is asked for, show a run in full. words: which one it is; told: more about it."""
    _detail(words, graph, chip, batch, precision, True, told)


def outline(words: str, graph: "Graph", chip: "Architecture", batch: int = 1, precision: str | None = None) -> None:
    """The same without steps of the chip."""
    _detail(words, graph, chip, batch, precision, False)


def _detail(*given: Any) -> None:
    if wanted.get() is None:
        return
    from simulator.report.detail import Detail  # noqa: PLC0415

    details.set((*details.get(), Detail(*given)))


def _detailed() -> "list[Section]":
    """Sections of the runs that are shown in full."""
    from simulator.report.detail import detail_sections  # noqa: PLC0415

    with progress() as tell:
        return [section for one in each(details.get()) for section in detail_sections(one, tell)]


def deliver_plain(
    report: "Callable[[], RenderableType]",
    charts: Callable[[], list[Any]],
    said: str = "",
    more: "Callable[[Callable[[str], None]], list[Section]] | None" = None,
    title: str = "",
) -> None:
    """Write an answer's tables and pictures as its report, where one is asked for. said: the answer, where it is known.

    more: makes what stands below beside the runs that are shown in full; called with what says what is being done. title:
    what it is about, where no line of it says that.
    """

    def make(made: dict[str, str]) -> "Paper":
        from simulator.report.paper import Picture  # noqa: PLC0415
        from simulator.report.papers import plain_paper, words_of  # noqa: PLC0415

        pictures = [Picture(chart, words_of(chart)) for chart in charts()]
        below = _detailed()
        if more is not None:
            with progress() as tell:
                below += more(tell)
        return plain_paper(report(), pictures, made, said, below, title)

    deliver(make)
