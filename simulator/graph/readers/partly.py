"""What of a file is understood though nobody knows the sizes of what one of its nodes makes: its operators, counted."""

from collections import Counter
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.readers.control import CONTROL
from simulator.graph.readers.coverage import Coverage, named
from simulator.graph.readers.emit import known, layers_of
from simulator.graph.readers.ir import CLASSES, SizesMissingError
from simulator.graph.readers.patterns import consumers_of

WAITING = "waiting"
"""Class of operators that are known, behind the one whose sizes are not."""


def inspected(error: SizesMissingError) -> dict[str, Any]:
    """`inspection` of a file, as `layers_of` gives it, with one class of operators more, `waiting`.

    Shares of MACs and bytes are None: nobody knows how large the rest is. Raises the error where nothing was read.
    """
    read, nodes = error.read, error.nodes
    if read is None or nodes is None:
        raise error
    used = consumers_of(read.ops, [])
    read.outputs = [each for op in read.ops for each in op.outputs if each is not None and each not in used]
    try:
        told = layers_of(read, read.name).graph["inspection"]
    except NetworkError:  # nothing before it takes time
        told = Coverage().told(read.counts, [])
    done = Counter(named(op) for op in read.ops) + Counter(read.counts)
    rows = {row["operator"]: {**row, WAITING: 0} for row in told["operators"]}
    left = Counter({name: count for name, count in nodes.items() if name not in CONTROL}) - done
    for name, count in left.items():
        row = rows.setdefault(name, {"operator": name, "count": 0, **dict.fromkeys((*CLASSES, WAITING), 0)})
        row[WAITING if known(name) else "unknown"] += count
        row["count"] += count
    total = sum(row["count"] for row in rows.values())
    sure = total - sum(row[each] for row in rows.values() for each in ("approximated", "unknown", WAITING))
    return {
        "coverage": {"macs": None, "bytes": None, "nodes": sure / total},
        "unknown_ops": sorted(name for name, row in rows.items() if row["unknown"]),
        "operators": sorted(rows.values(), key=lambda row: (-row["count"], row["operator"])),
    }
