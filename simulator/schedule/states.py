"""Residency as a programme: the sets of live resident tensors, and the moves between them at every step.

An activation is resident from its producer until some reader, after which it may be written to outer memory once and read
there by later readers; or it goes through outer memory from the start. A state is the set of resident tensors between two
steps; a move says which operands of the step are resident, which bytes of SRAM are taken by whole tensors, and which bytes
move beside the tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from simulator.frontier.grid.search import INPUTS, OUTPUTS, WEIGHTS
from simulator.lower.rows import Lowered, Row
from simulator.lower.shape import touched_bytes

MOST_STATES = 4096
"""Sets of live resident tensors at one step; beyond it the longest-lived tensors go through outer memory."""


@dataclass(frozen=True)
class Moves:
    """All moves of a network, grouped by step. Arrays have one entry a move but `first`, which has one a step and one more.

    source, target: state number before and after the step. masks: resident operands of the tiles. reserved: bytes of whole
    tensors in SRAM during the step. beside: outer-memory bytes beside the tiles. states: most states at any step.
    """

    first: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    masks: npt.NDArray[np.int64]
    reserved: npt.NDArray[np.float64]
    beside: npt.NDArray[np.float64]
    states: int
    resident: tuple[tuple[int, ...], ...]
    """Per move, the tensors resident while the step runs."""
    thinned: int
    """Tensors that may not be resident because there would be too many states."""
    at_cut: tuple[tuple[int, int, int], ...] = ()
    """Places where exactly one tensor is live: (steps before it, the tensor, number of the state in which it is resident or
    -1). The end of the network comes last, with tensor -1."""


Move = tuple[int, int, int, int, float, float, tuple[int, ...]]


@dataclass(frozen=True)
class _Life:
    """First producer, last producer and last reader of every tensor (step numbers)."""

    born: tuple[int, ...]
    done: tuple[int, ...]
    last: tuple[int, ...]


def _life(low: Lowered) -> _Life:
    born = tuple(min(p, default=-1) for p in low.tensor_producers)
    done = tuple(max(p, default=-1) for p in low.tensor_producers)
    last = tuple(max(r, default=-1) for r in low.tensor_readers)
    return _Life(born, done, last)


def moves(low: Lowered, optimal: bool = True) -> Moves:
    """Every move of the network; with `optimal` false all activations go through outer memory (the chip's compiler)."""
    allowed = (
        {t for t, readers in enumerate(low.tensor_readers) if readers and low.tensor_producers[t]} if optimal else set()
    )
    thinned = 0
    while True:
        built = _build(low, frozenset(allowed))
        if built is not None:
            first, rows, states, numbers = built
            return replace(_pack(first, rows, states, thinned), at_cut=_cuts(low, numbers))
        life = _life(low)
        longest = max(allowed, key=lambda t: (life.last[t] - life.born[t], -t))
        allowed.remove(longest)
        thinned += 1


def _pack(first: list[int], rows: list[Move], states: int, thinned: int) -> Moves:
    columns = list(zip(*rows, strict=True))
    return Moves(
        first=np.array(first, dtype=np.int64),
        source=np.array(columns[1], dtype=np.int64),
        target=np.array(columns[2], dtype=np.int64),
        masks=np.array(columns[3], dtype=np.int64),
        reserved=np.array(columns[4], dtype=np.float64),
        beside=np.array(columns[5], dtype=np.float64),
        states=states,
        resident=tuple(columns[6]),
        thinned=thinned,
    )


def _build(
    low: Lowered, allowed: frozenset[int]
) -> tuple[list[int], list[Move], int, list[dict[frozenset[int], int]]] | None:
    """(first move of each step, moves, most states, states after each step), or None beyond MOST_STATES."""
    life = _life(low)
    before: dict[frozenset[int], int] = {frozenset(): 0}
    first, rows, most = [0], [], 1
    numbers: list[dict[frozenset[int], int]] = []
    for step, row in enumerate(low.rows):
        after: dict[frozenset[int], int] = {frozenset(): 0}  # nothing resident is always state 0
        for state, number in before.items():
            for held, left, written in _choices(step, row, state, low, life, allowed):
                target = after.setdefault(left, len(after))
                mask, beside = _operands(row, held)
                reserved = row.inner_bytes + sum(low.tensor_bytes[t] for t in held)
                if low.cached_bytes > 0.0:
                    mask, beside = _cached(row, low)
                    reserved = _in_cache(row, low)
                evicted = sum(low.tensor_bytes[t] for t in written)
                rows.append((step, number, target, mask, reserved, beside + evicted, tuple(sorted(held))))
        if len(after) > MOST_STATES:
            return None
        most = max(most, len(after))
        before = after
        numbers.append(after)
        first.append(len(rows))
    return first, rows, most, numbers


def _choices(
    step: int, row: Row, state: frozenset[int], low: Lowered, life: _Life, allowed: frozenset[int]
) -> Iterator[tuple[frozenset[int], frozenset[int], tuple[int, ...]]]:
    """(tensors resident while the step runs, resident afterwards, written out after it) for every choice at this step."""
    fresh = row.output in allowed and life.born[row.output] == step
    for keep in (False, True) if fresh else (False,):
        held = state | {row.output} if keep else state
        finished = frozenset(t for t in held if life.last[t] <= step and life.done[t] <= step)
        read = [
            t for t in held - finished if step in low.tensor_readers[t] and life.done[t] <= step and t != row.output
        ]
        for drops in product((False, True), repeat=len(read)):
            written = tuple(t for t, drop in zip(sorted(read), drops, strict=True) if drop)
            yield held, held - finished - frozenset(written), written


def _operands(row: Row, held: frozenset[int]) -> tuple[int, float]:
    """(mask of resident operands, outer-memory bytes beside the tiles)."""
    beside = row.fixed_bytes + sum(size for tensor, size in row.reads if tensor not in held)
    mask = OUTPUTS if row.output in held else 0
    if row.inner_bytes > 0.0:
        mask = INPUTS | OUTPUTS
    if row.shape is None or row.inner_bytes > 0.0:
        return mask, beside + (0.0 if row.output in held else row.output_bytes)
    if row.inputs in held:
        mask |= INPUTS
    if row.weights in held:
        mask |= WEIGHTS
    return mask, beside


def _cached(row: Row, low: Lowered) -> tuple[int, float]:
    """The same on a GPU: all activations go through the cache, and what misses it moves beside the tiles."""
    beside = row.fixed_bytes + sum(size * low.missed(tensor) for tensor, size in row.reads)
    beside += row.output_bytes * low.missed(row.output)
    if row.shape is None:
        return OUTPUTS, beside
    if row.inputs >= 0:
        beside += min(touched_bytes(row.shape), row.input_bytes) * low.missed(row.inputs)
    if row.weights >= 0:
        return INPUTS | OUTPUTS | WEIGHTS, beside + _second_bytes(row, low) * low.missed(row.weights)
    if row.shape.steps == 1:
        return INPUTS | OUTPUTS, beside
    # Further steps find in the cache what of the loop's weights it has room for.
    turns = sum(other.weight_bytes for other in low.rows if other.loop == row.loop) if row.loop else row.weight_bytes
    missed = max(0.0, 1.0 - low.cached_bytes / turns) if turns > 0.0 else 0.0
    again = (row.shape.steps - 1) * row.weight_bytes * missed
    return INPUTS | OUTPUTS | WEIGHTS, beside + row.weight_bytes + again


def _second_bytes(row: Row, low: Lowered) -> float:
    """Bytes of the second activation of a product: its part of a tensor that it may share with others."""
    if row.shape is None:
        return low.tensor_bytes[row.weights]
    g, _, k, c, _, _, r, s = row.shape.extents
    return min(low.tensor_bytes[row.weights], row.shape.weight_width * g * k * c * r * s)


def _in_cache(row: Row, low: Lowered) -> float:
    """Bytes of a GPU's cache that the tensors of a step fill: never more than there are, so everything runs."""
    touched = row.inner_bytes + row.input_bytes + row.weight_bytes + row.output_bytes
    return min(low.cached_bytes, touched + sum(size for _, size in row.reads))


def _cuts(low: Lowered, numbers: list[dict[frozenset[int], int]]) -> tuple[tuple[int, int, int], ...]:
    """Places where a segment of sub-batches may begin or end; see `Moves.at_cut`."""
    life = _life(low)
    loops = {row.loop: step for step, row in enumerate(low.rows) if row.loop}  # where each ends
    found, until = [], -1
    for step, row in enumerate(low.rows[:-1]):
        until = max(until, loops.get(row.loop, -1))
        if step < until:
            continue  # inside a loop, whose layers take turns
        live = [t for t in range(len(low.tensor_bytes)) if life.born[t] <= step < life.last[t]]
        if len(live) == 1 and life.born[live[0]] >= 0 and life.done[live[0]] <= step:
            found.append((step + 1, live[0], numbers[step].get(frozenset(live), -1)))
    return (*found, (len(low.rows), -1, -1))
