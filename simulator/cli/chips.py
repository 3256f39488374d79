"""`rooftile chips`: the bundled chips, or the schema of a chip file."""

import json as json_module
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.output import check_writable, write
from simulator.cli.question import Json

if TYPE_CHECKING:
    from simulator.chip.library import Entry


def chips_command(
    schema: Annotated[
        bool, typer.Option("--schema", help="Write the JSON schema of a chip file, for editors, and stop.")
    ] = False,
    json: Json = None,
) -> None:
    """List the chips, bundled and of plug-ins: those that can be simulated, and those that can only be compared."""
    if schema:
        from simulator.chip.load import chip_schema  # noqa: PLC0415

        typer.echo(json_module.dumps(chip_schema(), indent=2))
        return
    from simulator.chip.library import plugged, with_variants  # noqa: PLC0415
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.report.lists import chip_table  # noqa: PLC0415

    if json is not None and json != "-":
        check_writable("--json", json)
    rows = [_row(entry) for entry in (*with_variants().values(), *plugged().values())]
    if json is not None:
        from simulator.report.document import to_json  # noqa: PLC0415

        write("--json", json, to_json(rows))
    if json != "-":
        show(chip_table(rows))


def _row(entry: "Entry") -> dict[str, str | float | bool | None]:
    """Return what the list says about one chip: the machine's figures where it is described, else published ones."""
    chip, known = entry.architecture, entry.published
    if chip is None or chip.array is None:
        return {
            "name": entry.name,
            "title": entry.title,
            "runs": False,
            "process_nm": known.process_nm,
            "mac_units": known.macs_int8,
            "clock_mhz": known.clock_mhz,
            "peak_tops": entry.peak_tops,
            "sram_mib": known.sram_mb,
            "dram_gb_per_s": entry.dram_gb_per_s,
            "plugin": entry.plugin,
        }
    return {
        "name": entry.name,
        "title": entry.title,
        "runs": True,
        "process_nm": chip.process_nm,
        "mac_units": chip.macs,
        "clock_mhz": chip.clock_mhz,
        "peak_tops": max(chip.peak_tops(p) for p in chip.array.rate),
        "sram_mib": chip.sram.capacity_mib,
        "dram_gb_per_s": chip.dram_bytes_per_s / 1e9 if chip.dram_bytes_per_s is not None else 0.0,
        "plugin": entry.plugin,
    }
