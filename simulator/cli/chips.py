"""`rooftile chips`: the bundled chips, or the schema of a chip file."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simulator.chip.schema import Architecture


def chips(
    schema: Annotated[
        bool, typer.Option("--schema", help="Write the JSON schema of a chip file, for editors, and stop.")
    ] = False,
) -> None:
    """List the bundled chips."""
    from simulator.chip.load import chip_schema, load_chip  # noqa: PLC0415

    if schema:
        typer.echo(json.dumps(chip_schema(), indent=2))
        return
    from simulator.bundled import chips as bundled_chips  # noqa: PLC0415
    from simulator.cli.screen import console  # noqa: PLC0415
    from simulator.report.lists import chip_table  # noqa: PLC0415

    screen = console()
    screen.print(chip_table([_row(name, load_chip(name)) for name in bundled_chips()]))


def _row(name: str, chip: "Architecture") -> dict[str, str | float | None]:
    """Return what the list says about one chip; a file without an array has no MAC units and no peak."""
    runs = chip.array is not None
    return {
        "name": name,
        "title": chip.name,
        "process_nm": chip.process_nm,
        "mac_units": chip.macs if runs else None,
        "clock_mhz": chip.clock_mhz,
        "peak_tops": max(chip.peak_tops(p) for p in chip.array.rate) if chip.array is not None else None,
        "sram_mib": chip.sram.capacity_mib if chip.sram is not None else None,
        "dram_gb_per_s": chip.dram_bytes_per_s / 1e9 if chip.dram_bytes_per_s is not None else None,
    }
