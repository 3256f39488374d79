"""`rooftile sensitivity`: what the next dollar buys."""

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
from simulator.cli.reporting import outline


def sensitivity_command(
    network: Network,
    chip: Chip,
    batch: Batch = 1,
    precision: Precision = None,
    settings: Settings = None,
    params: Params = None,
    plot: Plot = None,
    json: Json = None,
) -> None:
    """Show what one step of MACs, clock, SRAM, DRAM and interconnect of CHIP buys on NETWORK, and what it costs."""
    check_outputs(json, plot)
    graph = graph_of(network, params, (chip, settings))
    with working() as tell:
        from simulator.study.sensitivities import sensitivity as ask  # noqa: PLC0415

        found = ask(graph, chip, batch, precision, settings or [], tell)
    from simulator.chip.load import load_chip  # noqa: PLC0415
    from simulator.report.sensitivities import sensitivity_chart, sensitivity_report  # noqa: PLC0415

    outline("the chip as it is", graph, load_chip(chip, set=settings or []), batch, precision)
    answer(found, json, plot, sensitivity_report, sensitivity_chart)
