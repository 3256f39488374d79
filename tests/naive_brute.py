"""Brute force over every tiling of a small layer: all integer tiles, all 120 loop orders, all hold masks.

To be quick, one walk in index space counts how often each tile of each operand is fetched, read and written; it depends
only on trip counts and loop order. All tile sizes with those trips then share the counts. `test_tiling_twin.py` checks
this short cut against `naive.walk`.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator

import naive
import numpy as np
from naive import NONE, RELEVANT, Machine, NaiveLayer
from numpy.typing import NDArray

ORDERS = tuple("".join(order) for order in itertools.permutations("NKCPQ"))
Point = tuple[float, ...]
Counts = NDArray[np.float64]


class Walked:
    """How often each tile passes, for one choice of trips and one loop order."""

    def __init__(self, trips: dict[str, int], order: str) -> None:
        loops = "G" + order
        shapes = [tuple(trips[loop] for loop in relevant) for relevant in RELEVANT]
        self.inputs, self.after_p, self.after_q = (np.zeros(shapes[0]) for _ in range(3))
        self.weights = np.zeros(shapes[1])
        self.read, self.unfinished = np.zeros(shapes[2]), np.zeros(shapes[2])
        moving = [loop for loop in loops if loop in RELEVANT[0] and trips[loop] > 1]
        slides = moving[-1] if moving else ""
        places = [[loops.index(loop) for loop in relevant] for relevant in RELEVANT]
        added: dict[tuple[int, ...], int] = {}
        last: list[tuple[int, ...]] = [(), (), ()]
        for at in itertools.product(*(range(trips[loop]) for loop in loops)):
            now = [tuple(at[place] for place in operand) for operand in places]
            if now[0] != last[0]:
                self.fetch(now[0], last[0], slides)
            if now[1] != last[1]:
                self.weights[now[1]] += 1
            if now[2] != last[2]:
                if last[2] and added[last[2]] < trips["C"]:
                    self.unfinished[last[2]] += 1
                if now[2] in added:
                    self.read[now[2]] += 1
            added[now[2]] = added.get(now[2], 0) + 1
            last = now

    def fetch(self, now: tuple[int, ...], last: tuple[int, ...], slides: str) -> None:
        """Note whether an input tile comes whole or next to its neighbour along P or Q."""
        step = tuple(a - b for a, b in zip(now, last, strict=False))
        if slides == "P" and step == (0, 0, 0, 1, 0):
            self.after_p[now] += 1
        elif slides == "Q" and step == (0, 0, 0, 0, 1):
            self.after_q[now] += 1
        else:
            self.inputs[now] += 1


@functools.lru_cache(maxsize=20000)
def counted(trips: tuple[int, ...], orders: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[Counts, ...]]:
    """One order of each distinct walk (loops of one trip do not matter), and their counts, one row an order."""
    count = dict(zip("GNKCPQ", trips, strict=True))
    distinct = {"".join(loop for loop in order if count[loop] > 1): order for order in orders}
    walks = [Walked(count, order) for order in distinct.values()]
    names = ("inputs", "after_p", "after_q", "weights", "read", "unfinished")
    return tuple(distinct.values()), tuple(np.array([getattr(w, name).ravel() for w in walks]) for name in names)


class Sized:
    """Elements of every tile of a layer for one choice of tile sizes."""

    def __init__(self, layer: NaiveLayer, tile: dict[str, int]) -> None:
        cut = {loop: naive.cut(getattr(layer, loop), tile[loop.lower()]) for loop in "GNKCPQ"}
        self.trips = tuple(len(parts) for parts in cut.values())
        rows = [naive.touched(p, layer.R, layer.sh, layer.dh, layer.top, layer.H) for p in cut["P"]]
        columns = [naive.touched(q, layer.S, layer.sw, layer.dw, layer.left, layer.W) for q in cut["Q"]]
        tall, wide = [len(r) for r in rows], [len(c) for c in columns]
        new_rows = [len(now - before) for before, now in itertools.pairwise([frozenset[int](), *rows])]
        new_columns = [len(now - before) for before, now in itertools.pairwise([frozenset[int](), *columns])]
        size = {loop: [len(part) for part in parts] for loop, parts in cut.items()}
        planes = [size[loop] for loop in "GNC"]
        self.inputs = block(*planes, tall, wide)
        self.after_p = block(*planes, new_rows, wide)
        self.after_q = block(*planes, tall, new_columns)
        self.weights = block(*(size[loop] for loop in "GKC")) * layer.R * layer.S
        self.outputs = block(*(size[loop] for loop in "GNKPQ"))


def block(*sizes: list[int]) -> Counts:
    """Products of one size from each list, flattened with the last list innermost."""
    return functools.reduce(np.multiply.outer, (np.array(s, dtype=float) for s in sizes)).ravel()


def every_tile(layer: NaiveLayer) -> Iterator[dict[str, int]]:
    """All integer tile sizes."""
    for sizes in itertools.product(*(range(1, getattr(layer, loop) + 1) for loop in "GNKCPQ")):
        yield dict(zip("gnkcpq", sizes, strict=True))


def tilings(
    layer: NaiveLayer,
    tile: dict[str, int],
    resident: int,
    machine: Machine,
    orders: tuple[str, ...] = ORDERS,
    streams: Iterable[int] = (NONE, 0, 1, 2),
) -> Iterator[tuple[str, int, float, float]]:
    """(order, stream, footprint, traffic) of every allowed tiling with these tile sizes."""
    sized = Sized(layer, tile)
    distinct, (inputs, after_p, after_q, weights, read, unfinished) = counted(sized.trips, orders)
    held_inputs = inputs @ sized.inputs + after_p @ sized.after_p + after_q @ sized.after_q
    held_weights = weights @ sized.weights
    all_outputs = sized.outputs.sum()
    leaves = unfinished @ sized.outputs
    back = read @ sized.outputs
    trips = dict(zip("GNKCPQ", sized.trips, strict=True))
    passes = [math.prod(n for loop, n in trips.items() if loop not in relevant) for relevant in RELEVANT]
    changes = [any(trips[loop] > 1 for loop in relevant) for relevant in RELEVANT]
    room = (
        naive.held_room(int(sized.inputs.max()) * machine.in_w, changes[0], machine),
        naive.held_room(int(sized.weights.max()) * machine.wt_w, changes[1], machine),
        naive.output_room(int(sized.outputs.max()), trips["C"] > 1, changes[2], bool(resident & 4), machine),
    )
    held = (
        held_inputs * machine.in_w,
        held_weights * machine.wt_w,
        (leaves + back) * machine.acc_w + all_outputs * machine.out_w,
    )
    streamed = (
        sized.inputs.sum() * passes[0] * machine.in_w,
        sized.weights.sum() * passes[1] * machine.wt_w,
        all_outputs * (2 * (passes[2] - 1) * machine.acc_w + machine.out_w),
    )
    for stream in streams:
        if stream != NONE and resident >> stream & 1:
            continue
        footprint = naive.total_room(room, stream, resident, machine)
        if math.isinf(footprint):
            continue
        for row, order in enumerate(distinct):
            if resident & 4 and leaves[row]:
                continue
            traffic = [streamed[i] if i == stream else held[i][row] for i in range(3)]
            yield order, stream, footprint, float(naive.total_traffic(traffic, resident))


def brute_frontier(
    layer: NaiveLayer,
    resident: int,
    machine: Machine,
    cycles: Callable[[dict[str, int]], float] | None = None,
    tiles: Iterable[dict[str, int]] | None = None,
    orders: tuple[str, ...] = ORDERS,
) -> list[Point]:
    """Non-dominated (footprint, traffic), and cycles as a third axis where a function gives those of a tile."""
    points: set[Point] = set()
    for tile in every_tile(layer) if tiles is None else tiles:
        last = () if cycles is None else (cycles(tile),)
        here = {(footprint, traffic) for _, _, footprint, traffic in tilings(layer, tile, resident, machine, orders)}
        points |= {(*point, *last) for point in non_dominated(here)}
    return non_dominated(points)


def non_dominated(points: Iterable[Point]) -> list[Point]:
    """The points that no other equals or beats in everything, sorted."""
    kept: list[Point] = []
    for point in sorted(set(points)):
        # Sorted, so a point can only be beaten by one that came before it.
        if not any(all(a <= b for a, b in zip(better, point, strict=True)) for better in reversed(kept)):
            kept.append(point)
    return kept
