"""The lists of what is bundled."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt


def chip_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a chip: its short name, whether it runs, and the four resources that decide its throughput."""
    table = _table()
    table.add_column("chip", no_wrap=True)
    table.add_column("", overflow="fold")
    table.add_column("run", no_wrap=True)
    for heading in ("nm", "MACs", "MHz", "TOPS", "SRAM\nMiB", "DRAM\nGB/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row["name"], style="bold"),
            Text(row["title"]),
            "yes" if row["runs"] else "no",
            *(
                fmt.figure(row[key])
                for key in ("process_nm", "mac_units", "clock_mhz", "peak_tops", "sram_mib", "dram_gb_per_s")
            ),
        )
    table.caption = Text(
        "run yes: `rooftile run` simulates it, figures are those of its file (TOPS of the fastest precision, sustained "
        "GB/s); no: it can be compared, figures are published ones, - where none is published. GB = 1e9 bytes."
        + _brought(rows)
    )
    return table


def network_tables(rows: Sequence[Mapping[str, Any]]) -> Group:
    """Return a table of the networks that have one size, and one of the language models."""
    language = [row for row in rows if row["macs"] is None]
    return Group(_network_table([row for row in rows if row["macs"] is not None]), Text(""), _language_table(language))


def _language_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a language model: what it stores, and what its cache holds of a token."""
    table = _table()
    table.add_column("language model", no_wrap=True)
    for heading in ("B parameters", "layers", "cache, numbers a token"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row["name"], style="bold"),
            fmt.significant(row["parameters"] / 1e9),
            str(row["layers"]),
            f"{row['cache_values']:,}",
        )
    keys = ", ".join(f"{key}={value}" for key, value in rows[0]["keywords"].items()) if rows else ""
    table.caption = Text(
        f"B parameters: 1e9, all experts. --param (default, of {rows[0]['name']}): {keys}" if rows else ""
    )
    return table


def _network_table(rows: Sequence[Mapping[str, Any]]) -> Table:
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
    table.caption = Text(
        "GMAC: multiply-accumulates for one item, 1e9; M parameters: weights and biases, 1e6." + _brought(rows)
    )
    return table


def _brought(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which rows are of plug-ins: a sentence for each distribution, since a column for it leaves too little room."""
    own: dict[str, list[str]] = {}
    for row in rows:
        if row["plugin"]:
            own.setdefault(row["plugin"], []).append(row["name"])
    return "".join(f" Of the plug-in {of}: {', '.join(names)}." for of, names in own.items())


def _table() -> Table:
    """Return an empty list in the one style."""
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, caption_justify="left")
