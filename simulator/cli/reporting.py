"""`--report FILE`: the whole answer as one HTML file to send."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli import asked
from simulator.cli.output import check_writable, write
from simulator.errors import OptionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from simulator.chip.schema import Architecture
    from simulator.cost.price import Cost
    from simulator.cost.provenance import Coefficient
    from simulator.report.paper import Paper

Report = Annotated[
    str | None,
    typer.Option("--report", metavar="FILE", help="Write the whole answer as one self-contained HTML file."),
]

wanted: ContextVar[str | None] = ContextVar("report", default=None)
"""The file of the command at work."""


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

    write("--report", path, paper_html(make(asked.made())))


def priced(chip: "Architecture") -> "tuple[Cost, list[Coefficient]] | None":
    """The cost of a chip with its coefficients; None of one that has none, as of no known node."""
    from simulator.cost.price import chip_cost  # noqa: PLC0415
    from simulator.cost.provenance import coefficients  # noqa: PLC0415
    from simulator.errors import RooftileError  # noqa: PLC0415

    try:
        return chip_cost(chip), coefficients(chip)
    except RooftileError:
        return None


def deliver_plain(report: "Callable[[], RenderableType]", charts: Callable[[], list[Any]], said: str = "") -> None:
    """Write an answer's tables and pictures as its report, where one is asked for. said: the answer, where it is known."""

    def make(made: dict[str, str]) -> "Paper":
        from simulator.report.paper import Picture  # noqa: PLC0415
        from simulator.report.papers import plain_paper, words_of  # noqa: PLC0415

        return plain_paper(report(), [Picture(chart, words_of(chart)) for chart in charts()], made, said)

    deliver(make)
