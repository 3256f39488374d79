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
    graph_of,
    working,
)


def lint_command(
    network: Network,
    chip: Chip,
    batch: Batch = 1,
    precision: Precision = None,
    settings: Settings = None,
    params: Params = None,
    plot: Plot = None,
    json: Json = None,
) -> None:
    """Check CHIP against NETWORK: which resources are not needed, which are too small, and what that costs."""
    check_outputs(json, plot)
    graph = graph_of(network, params, (chip, settings))
    with working() as tell:
        from simulator.study.linting import lint as ask  # noqa: PLC0415

        found = ask(graph, chip, batch, precision, settings or [], tell)
    from simulator.report.linting import answer_lines, lint_chart, lint_report  # noqa: PLC0415

    answer(found, json, plot, lint_report, lint_chart, said=answer_lines)
