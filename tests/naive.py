"""A loop-walking twin of the tiling model: slow, obvious, and sharing no code with simulator/.

`walk` goes through the tile loops of one layer, one iteration after another, keeps what is in the SRAM, and counts the
bytes that pass and the room they need. Nothing here is a closed form: windows are sets of rows and columns, a tile that
has to be read back is one that has been seen before. `naive_brute.py` searches with it.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

INPUTS, WEIGHTS, OUTPUTS = 0, 1, 2
NONE = -1
RELEVANT = ("GNCPQ", "GKC", "GNKPQ")
"""The tile loops that choose the tile of inputs, weights and outputs."""


@dataclass(frozen=True)
class NaiveLayer:
    """Extents per group, and the input plane of H x W elements."""

    G: int = 1
    N: int = 1
    K: int = 1
    C: int = 1
    P: int = 1
    Q: int = 1
    R: int = 1
    S: int = 1
    sh: int = 1
    sw: int = 1
    dh: int = 1
    dw: int = 1
    top: int = 0
    left: int = 0
    H: int = 1
    W: int = 1


@dataclass(frozen=True)
class Machine:
    """What the tiling has to know of a chip: element widths in bytes, buffers (2 = doubled), granules, accumulators."""

    in_w: int = 1
    wt_w: int = 1
    out_w: int = 1
    acc_w: int = 4
    db: int = 1
    granules: tuple[int, int, int] = (1, 1, 1)
    """Bytes kept of a streamed operand: inputs, weights, outputs."""
    acc_bytes: int = 0
    sums_in_sram: bool = True
    """Whether partial sums that the accumulators have no room for may lie in the SRAM."""


def cut(extent: int, size: int) -> list[range]:
    """The tiles of one loop, the last one ragged."""
    return [range(start, min(start + size, extent)) for start in range(0, extent, size)]


def touched(outputs: range, kernel: int, stride: int, dilation: int, padding: int, extent: int) -> frozenset[int]:
    """The input rows (or columns) that these output rows multiply with a kernel row; the padding is no memory."""
    rows = {o * stride + r * dilation - padding for o in outputs for r in range(kernel)}
    return frozenset(row for row in rows if 0 <= row < extent)


class Parts:
    """All loops of a layer cut into tiles, and the windows of its pixel tiles."""

    def __init__(self, layer: NaiveLayer, tile: dict[str, int], order: str) -> None:
        self.layer = layer
        self.loops = "G" + order
        self.cut = {loop: cut(getattr(layer, loop), tile[loop.lower()]) for loop in self.loops}
        self.rows = [touched(p, layer.R, layer.sh, layer.dh, layer.top, layer.H) for p in self.cut["P"]]
        self.columns = [touched(q, layer.S, layer.sw, layer.dw, layer.left, layer.W) for q in self.cut["Q"]]

    def size(self, loops: str, at: dict[str, int]) -> int:
        """Elements of the block that the current tiles of these loops span."""
        return math.prod(len(self.cut[loop][at[loop]]) for loop in loops)

    def slides(self) -> str:
        """The innermost loop that moves the input tile, '' if none does."""
        moving = [loop for loop in self.loops if loop in RELEVANT[INPUTS] and len(self.cut[loop]) > 1]
        return moving[-1] if moving else ""


class Inputs:
    """The port of the inputs operand."""

    def __init__(self, parts: Parts, streamed: bool) -> None:
        self.parts, self.streamed = parts, streamed
        self.slides = parts.slides()
        self.last: dict[str, int] | None = None
        self.seen: set[tuple[int, ...]] = set()
        self.elements = self.largest = 0

    def visit(self, at: dict[str, int]) -> None:
        """One iteration of the tile loops needs its input tile."""
        rows, columns = self.parts.rows[at["P"]], self.parts.columns[at["Q"]]
        planes = self.parts.size("GNC", at)
        whole = len(rows) * len(columns)
        self.largest = max(self.largest, planes * whole)
        tile = {loop: at[loop] for loop in RELEVANT[INPUTS]}
        self.seen.add(tuple(tile.values()))
        if self.streamed:
            self.elements += planes * whole
        elif tile != self.last:
            self.elements += planes * (whole - self.kept(tile))
        self.last = tile

    def kept(self, tile: dict[str, int]) -> int:
        """Elements of the plane that are still there from the tile before: only a neighbour leaves some."""
        if self.last is None or self.slides not in ("P", "Q"):
            return 0
        if tile != {**self.last, self.slides: self.last[self.slides] + 1}:
            return 0
        rows = self.parts.rows[tile["P"]] & self.parts.rows[self.last["P"]]
        columns = self.parts.columns[tile["Q"]] & self.parts.columns[self.last["Q"]]
        return len(rows) * len(columns)


class Weights:
    """The port of the weights operand."""

    def __init__(self, parts: Parts, streamed: bool) -> None:
        self.parts, self.streamed = parts, streamed
        self.last: tuple[int, ...] | None = None
        self.seen: set[tuple[int, ...]] = set()
        self.elements = self.largest = 0

    def visit(self, at: dict[str, int]) -> None:
        """One iteration of the tile loops needs its weight tile."""
        tile = tuple(at[loop] for loop in RELEVANT[WEIGHTS])
        size = self.parts.size("GKC", at) * self.parts.layer.R * self.parts.layer.S
        self.largest = max(self.largest, size)
        self.seen.add(tile)
        if self.streamed or tile != self.last:
            self.elements += size
        self.last = tile


class Outputs:
    """The port of the outputs operand: knows of every tile how many slices of the reduction it has received."""

    def __init__(self, parts: Parts, streamed: bool) -> None:
        self.parts, self.streamed = parts, streamed
        self.slices = len(parts.cut["C"])
        self.last: tuple[int, ...] | None = None
        self.last_size = 0
        self.added: dict[tuple[int, ...], int] = {}
        self.read = self.written_unfinished = self.written = self.largest = 0

    def visit(self, at: dict[str, int]) -> None:
        """One iteration of the tile loops adds one slice of the reduction to its output tile."""
        tile = tuple(at[loop] for loop in RELEVANT[OUTPUTS])
        size = self.parts.size("GNKPQ", at)
        self.largest = max(self.largest, size)
        if tile != self.last or self.streamed:
            self.leave()
            if tile in self.added:
                self.read += size
        self.added[tile] = self.added.get(tile, 0) + 1
        self.last, self.last_size = tile, size

    def leave(self) -> None:
        """The tile that was worked on goes back to memory, finished or not."""
        if self.last is None:
            return
        if self.added[self.last] == self.slices:
            self.written += self.last_size
        else:
            self.written_unfinished += self.last_size


def walk(
    layer: NaiveLayer, tile: dict[str, int], order: str, stream: int, resident: int, machine: Machine
) -> tuple[float, float]:
    """(footprint, traffic) in bytes of one tiling; both infinite where it is not allowed.

    `tile` has the sizes g n k c p q, `order` is the five loops N K C P Q outermost first (G is always outside them),
    `stream` the streamed operand or NONE, `resident` the mask of resident operands (1 inputs, 2 weights, 4 outputs).
    """
    if stream != NONE and resident >> stream & 1:
        raise ValueError("a resident operand cannot be streamed")
    parts = Parts(layer, tile, order)
    inputs, weights, outputs = Inputs(parts, stream == 0), Weights(parts, stream == 1), Outputs(parts, stream == 2)
    for indices in itertools.product(*(range(len(parts.cut[loop])) for loop in parts.loops)):
        at = dict(zip(parts.loops, indices, strict=True))
        inputs.visit(at)
        weights.visit(at)
        outputs.visit(at)
    outputs.leave()
    if resident & 4 and outputs.written_unfinished:
        return math.inf, math.inf
    traffic = (
        inputs.elements * machine.in_w,
        weights.elements * machine.wt_w,
        (outputs.read + outputs.written_unfinished) * machine.acc_w + outputs.written * machine.out_w,
    )
    room = (
        held_room(inputs.largest * machine.in_w, len(inputs.seen) > 1, machine),
        held_room(weights.largest * machine.wt_w, len(weights.seen) > 1, machine),
        output_room(outputs.largest, outputs.slices > 1, len(outputs.added) > 1, bool(resident & 4), machine),
    )
    found = total_room(room, stream, resident, machine)
    return found, math.inf if math.isinf(found) else total_traffic(traffic, resident)


def held_room(tile_bytes: int, changes: bool, machine: Machine) -> int:
    """SRAM of a held operand: twice where the next tile arrives during the work on this one."""
    return tile_bytes * (machine.db if changes else 1)


def output_room(elements: int, partial: bool, changes: bool, resident: bool, machine: Machine) -> float:
    """SRAM of held outputs: partial sums are wide, unless the accumulators of the array take them; infinite without room."""
    if not partial:
        return 0 if resident else held_room(elements * machine.out_w, changes, machine)
    if elements * machine.acc_w <= machine.acc_bytes:
        return 0
    if not machine.sums_in_sram:
        return math.inf
    return held_room(elements * machine.acc_w, changes and not resident, machine)


def total_room(held: Sequence[float], stream: int, resident: int, machine: Machine) -> float:
    """Footprint of three operands, each held, streamed or resident (resident outputs keep their partial sums)."""
    total = 0.0
    for operand in (INPUTS, WEIGHTS, OUTPUTS):
        if operand == stream:
            total += machine.granules[operand] * machine.db
        elif operand == OUTPUTS or not resident >> operand & 1:
            total += held[operand]
    return total


def total_traffic(traffic: Sequence[float], resident: int) -> float:
    """Bytes over the outer memory: nothing of a resident operand."""
    return sum(traffic[operand] for operand in (INPUTS, WEIGHTS, OUTPUTS) if not resident >> operand & 1)
