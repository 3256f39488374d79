"""The lists of what is bundled."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt


def chip_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a chip: its short name and the four resources that decide its throughput."""
    table = _table()
    table.add_column("chip", no_wrap=True)
    table.add_column("", overflow="fold")
    for heading in ("nm", "MACs", "MHz", "TOPS", "SRAM MiB", "DRAM GB/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row["name"], style="bold"),
            Text(row["title"]),
            *(
                fmt.figure(row[key])
                for key in ("process_nm", "mac_units", "clock_mhz", "peak_tops", "sram_mib", "dram_gb_per_s")
            ),
        )
    table.caption = Text("TOPS: peak of the fastest precision; GB/s: sustained, GB = 1e9 bytes; MiB = 2**20 bytes.")
    return table


def network_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a network: its size for one item, and the parameters that `--param` can change."""
    table = _table()
    table.add_column("network", no_wrap=True)
    for heading in ("GMAC", "M parameters", "layers"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("--param (default)", overflow="fold")
    for row in rows:
        table.add_row(
            Text(row["name"], style="bold"),
            fmt.significant(row["macs"] / 1e9),
            fmt.significant(row["parameters"] / 1e6),
            str(row["layers"]),
            Text(", ".join(f"{key}={value}" for key, value in row["keywords"].items())),
        )
    table.caption = Text("GMAC: multiply-accumulates for one item, 1e9; M parameters: weights and biases, 1e6.")
    return table


def _table() -> Table:
    """Return an empty list in the one style."""
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, caption_justify="left")
