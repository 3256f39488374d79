"""`rooftile size`: the cheapest chip that reaches targets."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.amounts import MONEY, POWERS, RATES, TIMES, amount
from simulator.cli.question import Batch, Json, Params, Plot, Precision, Settings, answer, check_outputs, working
from simulator.cli.values import parameters, plain_value
from simulator.errors import InfeasibleError, OptionError

if TYPE_CHECKING:
    from simulator.graph.build import Graph

SIZES = ("image_size", "sequence_length")
"""Parameters that NETWORK@SIZE sets: the first of them that the network has."""


def size(
    network: Annotated[
        str | None, typer.Argument(metavar="NETWORK", help="A bundled network, or a Python file, which is run.")
    ] = None,
    networks: Annotated[
        list[str] | None,
        typer.Option("--network", metavar="N[@SIZE][:SHARE]", help="One of several, such as yolov3@608:0.3."),
    ] = None,
    at_least: Annotated[
        str | None, typer.Option("--at-least", metavar="RATE", help="Throughput wanted, such as 1000/s.")
    ] = None,
    latency: Annotated[
        str | None, typer.Option("--latency", metavar="TIME", help="Longest latency of a batch, such as 5ms.")
    ] = None,
    max_power: Annotated[
        str | None, typer.Option("--max-power", metavar="POWER", help="Average in steady state, such as 10W.")
    ] = None,
    max_cost: Annotated[
        str | None, typer.Option("--max-cost", metavar="MONEY", help="Bill of materials in USD, such as 25.")
    ] = None,
    chip: Annotated[
        str, typer.Option("--chip", metavar="BASE", help="The chip to vary: a bundled one or a YAML file.")
    ] = "example_edge",
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="KEY=RANGE", help="Vary these keys alone, as in 'rooftile sweep'."),
    ] = None,
    bundled: Annotated[
        bool, typer.Option("--bundled/--no-bundled", help="Whether bundled chips, as they are, may answer too.")
    ] = True,
    batch: Batch = 1,
    precision: Precision = "int8",
    settings: Settings = None,
    params: Params = None,
    plot: Plot = None,
    json: Json = None,
) -> None:
    """Find the cheapest chip that reaches the targets on NETWORK, or on a mix of networks; the runners-up; what binds."""
    wanted = {
        "at_least_per_s": amount("--at-least", at_least, RATES, "1000/s"),
        "latency_s": amount("--latency", latency, TIMES, "5ms"),
        "max_power_w": amount("--max-power", max_power, POWERS, "10W"),
        "max_cost_usd": amount("--max-cost", max_cost, MONEY, "25"),
    }
    if wanted["at_least_per_s"] is None and wanted["latency_s"] is None:
        raise OptionError("--at-least: missing; give it, or --latency, or both; see 'rooftile size --help'")
    values = parameters(params or [])
    check_outputs(json, plot)
    from simulator.chip.load import load_chip  # noqa: PLC0415

    load_chip(chip, set=settings or [])  # a slip is told before anything is compiled
    mix = _mix(network, networks or [], values)
    with working() as tell:
        from simulator.study.sizing import size as ask  # noqa: PLC0415

        found = ask(
            mix, chip, batch=batch, precision=precision, set=settings or [], vary=vary, bundled=bundled, tell=tell, **wanted
        )  # fmt: skip
    from simulator.report.size_report import size_chart, size_report  # noqa: PLC0415

    answer(found, json, plot, size_report, size_chart)
    if found.winner is None:
        raise InfeasibleError("size: no chip of the space reaches all targets")


def _mix(network: str | None, others: list[str], values: dict[str, Any]) -> "dict[Graph, float]":
    """Networks with their shares. Raises OptionError for none, or for one that cannot be read."""
    from simulator.graph.load import load_network  # noqa: PLC0415

    if network is not None and others:
        raise OptionError("NETWORK: must be left out with --network, or be one of them")
    if network is None and not others:
        raise OptionError("NETWORK: missing; see 'rooftile size --help'")
    if values and len(others) > 1:
        raise OptionError("--param: must be left out with several networks; give sizes as N@SIZE")
    mix = {}
    for text in others or [str(network)]:
        name, share, size_text = _parts(text)
        given = dict(values)
        if size_text is not None:
            given[_size_parameter(text, name)] = size_text
        mix[load_network(name, **given)] = share
    return mix


def _parts(text: str) -> tuple[str, float, int | None]:
    """(name, share, size) of `NAME[@SIZE][:SHARE]`."""
    name, share, size_value = text, 1.0, None
    head, colon, tail = name.rpartition(":")
    if colon and head:
        value = plain_value(tail)
        if isinstance(value, bool | str) or not 0.0 < value < float("inf"):
            raise OptionError(f"--network {text}: share must be a number above 0, got {tail!r}")
        name, share = head, float(value)
    head, at, tail = name.rpartition("@")
    if at and head:
        value = plain_value(tail)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise OptionError(f"--network {text}: size must be a whole number of at least 1, got {tail!r}")
        name, size_value = head, value
    return name, share, size_value


def _size_parameter(text: str, name: str) -> str:
    """The parameter that @SIZE sets."""
    from simulator.graph.load import network_parameters  # noqa: PLC0415

    known = network_parameters(name)
    found = next((word for word in SIZES if word in known), None)
    if found is None:
        raise OptionError(f"--network {text}: {name} has no {' or '.join(SIZES)} to set")
    return found
