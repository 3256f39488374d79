"""`rooftile explain`: why one chip is slower than another."""

from functools import partial
from typing import Annotated

import typer

from simulator.cli import complete
from simulator.cli.question import (
    Batch,
    Json,
    Network,
    Params,
    Plot,
    Precision,
    Settings,
    answer,
    check_outputs,
    check_side,
    graph_of,
    working,
)
from simulator.cli.reporting import outline

Side = Annotated[list[str] | None, typer.Option("--set-a", metavar="KEY=VALUE", help="Change a key of A only.")]
Other = Annotated[list[str] | None, typer.Option("--set-b", metavar="KEY=VALUE", help="Change a key of B only.")]


def explain_command(
    network: Network,
    a: Annotated[
        str, typer.Argument(metavar="A", help="A bundled chip or a YAML file.", autocompletion=complete.chips)
    ],
    b: Annotated[
        str, typer.Argument(metavar="B", help="Another one, or the same with --set-b.", autocompletion=complete.chips)
    ],
    set_a: Side = None,
    set_b: Other = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Explain the latency, not the time of a batch in steady state.")
    ] = False,
    batch: Batch = 1,
    precision: Precision = None,
    settings: Settings = None,
    params: Params = None,
    plot: Plot = None,
    json: Json = None,
) -> None:
    """Explain why NETWORK takes longer on one of the chips A and B: the difference by cause, and by layer."""
    check_outputs(json, plot)
    both = settings or []
    changes = [[*both, *(set_a or [])], [*both, *(set_b or [])]]
    check_side(a, both, "--set-a", set_a or [])
    check_side(b, both, "--set-b", set_b or [])
    graph = graph_of(network, params)
    with working():
        from simulator.study.explaining import explain as ask  # noqa: PLC0415

        of = "latency" if latency else "period"
        found = ask(graph, a, b, batch, precision, of, set_a=changes[0], set_b=changes[1])
    from simulator.chip.load import load_chip  # noqa: PLC0415
    from simulator.cli.screen import ascii_only  # noqa: PLC0415
    from simulator.report.explanation import answer_lines, explain_chart, explain_report  # noqa: PLC0415

    for side, chip, changed in (("A", a, changes[0]), ("B", b, changes[1])):
        outline(side, graph, load_chip(chip, set=changed), batch, precision)
    answer(found, json, plot, partial(explain_report, ascii_only=ascii_only()), explain_chart, said=answer_lines)
