"""Tables of `rooftile networks --inspect`: what of a file was understood."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

_CLASSES = ("understood", "approximated", "data movement only", "free", "unknown")


def inspect_report(found: Mapping[str, Any]) -> Group:
    """Sizes, coverage and operators of a network that was read from a file."""
    head = Table.grid(padding=(0, 2))
    if found["macs"] is not None:
        head.add_row("Layers", f"{found['layers']:,}")
        head.add_row("MACs", f"{found['macs']:,} an item")
        head.add_row("Parameters", f"{found['parameters']:,}")
    if "coverage" in found:
        shares = found["coverage"]
        head.add_row(
            "Certain",
            ", ".join(
                f"{100 * shares[key]:.2f} % of {noun}"
                for key, noun in (("macs", "MACs"), ("bytes", "bytes"), ("nodes", "operators"))
                if shares[key] is not None
            ),
        )
        head.add_row("Unknown", ", ".join(found["unknown_ops"]) or "none")
    if found.get("formats"):
        head.add_row("Formats", _formats(found["formats"]))
    if found.get("sha256"):
        head.add_row("SHA-256", f"{found['sha256']} (of the file)")
    parts: list[Any] = [Text(f"{found['name']}"), Text(), head]
    if found.get("operators"):
        classes = [*_CLASSES, *(["waiting"] if "waiting" in found["operators"][0] else [])]
        table = _table("operator", "count", *classes)
        for row in found["operators"]:
            table.add_row(
                row["operator"], str(row["count"]), *(str(row[each]) if row[each] else "" for each in classes)
            )
        parts += [Text(), Text("What became of each operator"), table]
    parts += [Text(f"Note: {note}") for note in found["notes"]]
    return Group(*parts)


def _formats(found: Mapping[str, Mapping[str, str]]) -> str:
    """In what formats the operands of products lie in the file, and of how many products."""
    counts = Counter(" x ".join(dict.fromkeys(formats.values())) for formats in found.values())
    return ", ".join(f"{words} ({count:,})" for words, count in counts.most_common())


def _table(*headings: str) -> Table:
    """An empty table: names on the left, counts to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    return table
