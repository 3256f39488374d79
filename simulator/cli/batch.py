"""`rooftile batch`: throughput, latency, traffic and activations against the batch."""

from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.question import (
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
from simulator.cli.reporting import detail
from simulator.errors import OptionError

if TYPE_CHECKING:
    from simulator.sweeps.ranges import Value


MOST_BATCHES = 1000
"""Of one curve: each is scheduled on its own."""


def batch_command(
    network: Network,
    chip: Chip,
    batches: Annotated[
        str, typer.Option("--batch", metavar="RANGE", help="Batches, such as 1:64:x2 or 1,4,10; default 1:256:x2.")
    ] = "1:256:x2",
    precision: Precision = None,
    settings: Settings = None,
    params: Params = None,
    plot: Plot = None,
    json: Json = None,
) -> None:
    """Run NETWORK on CHIP at growing batches: throughput, latency, traffic, and where the SRAM overflows."""
    check_outputs(json, plot)
    from simulator.sweeps.ranges import axis_of  # noqa: PLC0415

    listed = axis_of("batch", batches, "--batch", drawn=False).values
    if len(listed) > MOST_BATCHES:
        raise OptionError(f"--batch: must be at most {MOST_BATCHES:,} batches, got {len(listed):,}; a sweep takes more")
    sizes = [_size(value) for value in listed]
    graph = graph_of(network, params, (chip, settings))
    with working() as tell:
        from simulator.study.batching import batch_curve  # noqa: PLC0415

        found = batch_curve(graph, chip, sizes, precision, settings or [], tell)
    from simulator.chip.load import load_chip  # noqa: PLC0415
    from simulator.report.batch import batch_chart, batch_report, enough  # noqa: PLC0415

    size = enough(found)
    if size is not None:
        detail(f"batch {size:,}", graph, load_chip(chip, set=settings or []), size, precision)
    answer(found, json, plot, batch_report, batch_chart)


def _size(value: "Value") -> int:
    """One batch. Raises OptionError for what is no whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise OptionError(f"--batch: must be whole numbers of at least 1, got {value!r}")
    return value
