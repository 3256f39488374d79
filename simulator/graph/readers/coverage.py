"""How much of a file was understood: by multiply-accumulates, by bytes, by operators, and a table of what each became."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.graph.nodes import Graph
from simulator.graph.readers.ir import BITS_OF, CLASSES, Op

CERTAIN = 0.99
"""Share of MACs below which an answer says so first."""

DOUBT = "only"
"""How the note about too few certain MACs begins: answers put it first."""

_SURE = ("understood", "data movement only", "free")


@dataclass
class Coverage:
    """Counts while operators become layers. macs: certain ones and others; bytes likewise."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    macs: Counter[bool] = field(default_factory=Counter)
    bytes: Counter[bool] = field(default_factory=Counter)

    def note(self, op: Op, macs: int) -> None:
        """Count an operator with what its layers multiply, or what an unknown one might."""
        sure = op.status in _SURE
        self.counts[named(op), op.status] += 1
        self.macs[sure and all(each is None or each.exact for each in op.outputs)] += macs
        if op.status != "free":
            self.bytes[sure] += sum(
                each.elements * BITS_OF.get(each.dtype.split("e")[0] if each.dtype.startswith("float8") else each.dtype, 32) // 8
                for each in (*op.inputs, *op.outputs) if each is not None
            )  # fmt: skip

    def told(self, folded: Mapping[str, int], inside: Sequence[Op]) -> dict[str, Any]:
        """All of it as plain values: shares from 0 to 1, names of unknown operators, and rows of operators by class."""
        counts = Counter(self.counts)
        for kind, count in folded.items():
            counts[kind, "free"] += count
        for op in inside:
            counts[named(op), op.status or "understood"] += 1
        nodes = sum(counts.values())
        sure = sum(count for (_, status), count in counts.items() if status in _SURE)
        rows = []
        for kind in sorted(
            {kind for kind, _ in counts}, key=lambda each: (-sum(counts[each, one] for one in CLASSES), each)
        ):
            rows.append(
                {
                    "operator": kind,
                    "count": sum(counts[kind, one] for one in CLASSES),
                    **{one: counts[kind, one] for one in CLASSES},
                }
            )
        return {
            "coverage": {
                "macs": _share(self.macs[True], self.macs[False]),
                "bytes": _share(self.bytes[True], self.bytes[False]),
                "nodes": sure / nodes if nodes else 1.0,
            },
            "unknown_ops": sorted({kind for (kind, status) in counts if status == "unknown"}),
            "operators": rows,
        }


def doubts_of(graph: Graph) -> list[str]:
    """What an answer about a network must say first: notes of too few certain MACs."""
    return [note for note in graph.graph.get("notes", ()) if note.startswith(DOUBT)]


def first_words(notes: Iterable[str], begin: str = DOUBT) -> str:
    """The same of an answer's notes, as sentences that stand before its own. Empty where all is certain."""
    return "".join(f"{note[:1].upper()}{note[1:]}. " for note in notes if note.startswith(begin))


def named(op: Op) -> str:
    """An operator's name, with its domain where that is not ONNX's own."""
    return f"{op.domain}.{op.kind}" if op.domain else op.kind


def _share(sure: int, other: int) -> float:
    return sure / (sure + other) if sure + other else 1.0
