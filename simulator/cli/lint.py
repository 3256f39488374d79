"""`rooftile lint`: what of a chip is not needed, and what it starves for."""

from simulator.cli.question import (
    Batch,
    Chip,
    Json,
    Network,
    Params,
    Plot,
    Precision,
    Settings,
    answer,
    check_outputs,
    working,
)
from simulator.cli.values import parameters


def lint(
    network: Network,
    chip: Chip,
    batch: Batch = 1,
    precision: Precision = "int8",
    settings: Settings = None,
    params: Params = None,
    plot: Plot = None,
    json: Json = None,
) -> None:
    """Check CHIP against NETWORK: what is never needed, what starves, and what that costs."""
    values = parameters(params or [])
    check_outputs(json, plot)
    from simulator.chip.load import load_chip  # noqa: PLC0415
    from simulator.graph.load import load_network  # noqa: PLC0415

    load_chip(chip, set=settings or [])  # a slip is told before anything is compiled
    graph = load_network(network, **values)
    with working() as tell:
        from simulator.study.lint import lint as ask  # noqa: PLC0415

        found = ask(graph, chip, batch, precision, settings or [], tell)
    from simulator.report.lint_report import lint_chart, lint_report  # noqa: PLC0415

    answer(found, json, plot, lint_report, lint_chart)
