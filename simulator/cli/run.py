"""`rooftile run`: one network on one chip."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.output import check_writable, write
from simulator.cli.values import parameters, whole_number

if TYPE_CHECKING:
    from simulator.chip.schema import Architecture
    from simulator.report.tables import ChipFacts
    from simulator.result import Result


def run(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="A bundled network or a Python file.")],
    chip: Annotated[str, typer.Option("--chip", metavar="CHIP", help="A bundled chip or a YAML file.")],
    batch: Annotated[
        int, typer.Option("--batch", metavar="N", parser=whole_number, help="Items processed together.")
    ] = 1,
    precision: Annotated[str, typer.Option("--precision", metavar="P", help="Number format, such as int8.")] = "int8",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a chip key, such as sram.capacity_mib=16."),
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="Set a network parameter, such as image_size=320."),
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Show every layer.")] = False,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write all of it as JSON; - for standard output.")
    ] = None,
) -> None:
    """Run NETWORK on CHIP: throughput, latency, utilisation, and where the time goes."""
    values = parameters(params or [])
    if json is not None and json != "-":
        check_writable("--json", json)
    # Imported here: --help and a mistyped option must not wait for the model.
    from simulator.chip.load import load_chip  # noqa: PLC0415
    from simulator.graph.load import load_network  # noqa: PLC0415

    architecture = load_chip(chip, set=settings or [])
    graph = load_network(network, **values)
    from simulator.simulate import simulate  # noqa: PLC0415
    from simulator.warm import beside  # noqa: PLC0415

    with beside() as compiling:
        if compiling:
            print("Compiling the kernels (once, about 15 s)...", file=sys.stderr, flush=True)
        result = simulate(graph, architecture, batch=batch, precision=precision)
    if json is not None:
        from simulator.report.document import to_json  # noqa: PLC0415

        write("--json", json, to_json(result))
    if json != "-":
        _show(result, _facts(architecture), layers)


def _facts(chip: "Architecture") -> "ChipFacts":
    """Return what the report's head line says about a chip."""
    from simulator.report.tables import ChipFacts  # noqa: PLC0415

    return ChipFacts(
        name=chip.name,
        mac_units=chip.macs,
        clock_hz=chip.clock_hz,
        sram_bytes=chip.sram.capacity_bytes,
        outer_bytes_per_s=chip.outer_bytes_per_s,
        dram_devices=chip.dram_devices,
    )


def _show(result: "Result", facts: "ChipFacts", layers: bool) -> None:
    """Print the report."""
    from simulator.cli.screen import console  # noqa: PLC0415
    from simulator.report.tables import run_report  # noqa: PLC0415

    screen = console()
    ascii_only = not screen.encoding.lower().startswith("utf")
    screen.print(run_report(result, facts, layers=layers, width=screen.width, ascii_only=ascii_only))
