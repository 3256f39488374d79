"""`rooftile compare A B --uncertainty`: in how many draws A beats B, and what turns it."""

from typing import Annotated

import typer

from simulator.cli.question import answer, check_outputs, check_side, graph_of, working
from simulator.cli.values import whole_number
from simulator.errors import OptionError

BY, DRAWS, SEED = "throughput_per_usd", 10_000, 20
"""What --by, --draws and --seed are unless they are given."""

Uncertain = Annotated[
    bool,
    typer.Option("--uncertainty", help="Of two chips: in how many random draws of all that is uncertain A beats B."),
]
By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="FIGURE",
        help="Rank by throughput per usd (of the bill), list-usd, w, tdp, mm2, tops, dram or sram, or by throughput. "
        "With --uncertainty: throughput_per_usd, throughput, throughput_per_w, latency or cost.",
    ),
]
Draws = Annotated[int, typer.Option("--draws", metavar="N", parser=whole_number, help="With --uncertainty: how many.")]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", parser=whole_number, help="With --uncertainty: seed of the draws.")
]
SetA = Annotated[
    list[str] | None, typer.Option("--set-a", metavar="KEY=VALUE", help="With --uncertainty: change a key of A.")
]
SetB = Annotated[
    list[str] | None, typer.Option("--set-b", metavar="KEY=VALUE", help="With --uncertainty: change a key of B.")
]


def ask(
    chips: list[str],
    network: str,
    params: list[str] | None,
    batch: int,
    precision: str | None,
    by: str,
    draws: int,
    seed: int,
    set_a: list[str] | None,
    set_b: list[str] | None,
    json: str | None,
    plot: str | None,
) -> None:
    """Compare two chips under uncertainty."""
    if len(chips) != 2:
        raise OptionError(f"--uncertainty: must have two chips, A and B, got {len(chips)}")
    check_outputs(json, plot)
    check_side(chips[0], [], "--set-a", set_a or [])
    check_side(chips[1], [], "--set-b", set_b or [])
    graph = graph_of(network, params)
    with working() as tell:
        from simulator.study.uncertainties import uncertainty  # noqa: PLC0415

        found = uncertainty(
            graph, chips[0], chips[1], batch=batch, precision=precision, by=by, draws=draws, seed=seed,
            set_a=set_a or [], set_b=set_b or [], tell=tell,
        )  # fmt: skip
    from simulator.report.uncertainties import uncertainty_chart, uncertainty_report  # noqa: PLC0415

    answer(found, json, plot, uncertainty_report, uncertainty_chart, "uncertainty")
