"""`rooftile memory`: more SRAM, or more DRAM?"""

from typing import Annotated, Any

import typer

from simulator.cli import asked, reporting
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
from simulator.errors import OptionError

MOST_VALUES = 200
"""Along one side of the map."""


def memory_command(
    network: Network,
    chip: Chip,
    batch: Batch = 1,
    precision: Precision = None,
    sram: Annotated[
        str | None,
        typer.Option("--sram", metavar="RANGE", help="SRAM in MiB, such as 1:64:x2; default around the chip's."),
    ] = None,
    dram: Annotated[
        str | None,
        typer.Option("--dram", metavar="RANGE", help="DRAM devices, such as 1,2,4; default around the chip's."),
    ] = None,
    settings: Settings = None,
    params: Params = None,
    plot: Plot = None,
    json: Json = None,
) -> None:
    """Weigh SRAM against DRAM devices for NETWORK on CHIP: throughput, bill, and throughput per dollar of both."""
    values = parameters(params)
    check_outputs(json, plot)
    sizes = _range("sram.capacity_mib", sram, "--sram")
    devices = _range("dram.devices", dram, "--dram")
    architecture = asked.chip(chip, settings)  # a slip is told before anything is compiled
    graph = asked.network(network, values)
    with working(many=architecture.schedule.overlap != "network") as tell:
        from simulator.study.memory import memory_map  # noqa: PLC0415

        found = memory_map(
            graph, chip, batch, precision, settings or [], sizes_mib=sizes, devices=devices, tell=tell
        )  # fmt: skip
    from simulator.report.memory import memory_report  # noqa: PLC0415
    from simulator.report.memory_charts import memory_chart  # noqa: PLC0415

    reporting.detail("the chip as it is", graph, architecture, batch, precision)
    answer(found, json, plot, memory_report, memory_chart)


def _range(key: str, text: str | None, option: str) -> list[Any] | None:
    """Values of an axis of the map. Raises OptionError."""
    if text is None:
        return None
    from simulator.sweeps.ranges import axis_of  # noqa: PLC0415

    values = axis_of(key, text, option, drawn=False).values
    if len(values) > MOST_VALUES:
        raise OptionError(f"{option}: must be at most {MOST_VALUES} values, got {len(values):,}; a sweep takes more")
    wrong = next((value for value in values if isinstance(value, (bool, str))), None)
    if wrong is not None:
        raise OptionError(f"{option}: must be numbers, got {wrong!r}")
    return list(values)
