"""Residency as a programme: the sets of live resident tensors, and the moves between them at every step.

An activation is resident from its producer until some reader, after which it may be written to outer memory once and read
there by later readers; or it goes through outer memory from the start. A state is the set of resident tensors between two
steps; a move says which operands of the step are resident, which bytes of SRAM are taken by whole tensors, and which bytes
move beside the tiles. States of a network that stay in the SRAM are no choice: they are beside all moves.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.frontier.grid.search import INPUTS, OUTPUTS, WEIGHTS
from simulator.lower.room import unstored_bytes
from simulator.lower.rows import Lowered, Row
from simulator.lower.shape import touched_bytes
from simulator.schedule.resident import Inside, inside_of, tensors_of, uncached
from simulator.store.memory import Memory, one_each

MOST_MOVES = 1024
"""Choices between sets of resident tensors at one step; no bundled network has more than 768."""

MOST_OF_ALL = 49_152
"""Such choices of a whole network: beyond it, each step has half as many, or a quarter, and so on. Bundled: 31,708."""

FEWEST_MOVES = 4
"""Choices that each step has however long the network is: what it reads from the step before, and what it writes."""

MOST_CUTS = 256
"""Places where segments of sub-batches may begin and end; no bundled network has more than 103."""


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
    """Tensors that leave the SRAM sooner than they might, or are never there, because there would be too many moves."""
    at_cut: tuple[tuple[int, int, int], ...] = ()
    """Places where exactly one tensor is live: (steps before it, the tensor, number of the state in which it is resident or
    -1). The end of the network comes last, with tensor -1."""
    thinned_cuts: int = 0
    """Such places that are not among them because there would be too many."""


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
    """Every move of the network; with `optimal` false all activations go through outer memory (the chip's compiler).

    Where there would be too many, some tensors leave the SRAM sooner than they might (see `stays`): which ones depends on
    the network alone, so that more SRAM, or another batch, has the same moves.
    """
    life = _life(low)
    if low.inside != "nothing":
        return _all_inside(low, life)
    rows = tuple([(*tensors_of(row), row.loop) for row in low.rows])
    limits = MOST_MOVES, MOST_OF_ALL, FEWEST_MOVES, MOST_CUTS
    key = low.tensor_readers, low.tensor_producers, low.states, low.staying, rows, optimal, limits
    found = _outlines.get(key)
    if found is None:
        found = _outline(low, life, optimal)
        if not (found.moves.thinned or found.moves.thinned_cuts):  # else bytes have a say
            _outlines.put(key, found)
    return _weighed(found, low)


@dataclass(frozen=True)
class _Outline:
    """All moves of networks with the same tensors, whatever the sizes of these."""

    moves: Moves
    """Without masks and bytes."""
    held: tuple[tuple[int, frozenset[int]], ...]
    """Steps, and what is resident while they run: every choice."""
    written: tuple[tuple[int, ...], ...]
    """Tensors written out after a step: every choice."""
    of_held: npt.NDArray[np.int64]
    of_written: npt.NDArray[np.int64]
    """Of each move the place of both."""
    inside: Inside


MOST_OUTLINES = 16
"""In memory, of networks."""

_outlines: Memory[tuple[Any, ...], _Outline] = Memory(MOST_OUTLINES, one_each)


def _outline(low: Lowered, life: _Life, optimal: bool) -> _Outline:
    """Lay all moves out."""
    until, thinned = stays(low, life) if optimal else ({}, 0)
    drawn = _build(low, life, until)
    cuts = _cuts(low, life, drawn.numbers)
    kept = _fewer(cuts, low)
    source, target, of_held, of_written = np.array(drawn.rows, dtype=np.int64).reshape(-1, 4).T.copy()
    nothing = np.zeros(len(source))
    plan = Moves(
        first=np.array(drawn.first, dtype=np.int64),
        source=source,
        target=target,
        masks=nothing.astype(np.int64),
        reserved=nothing,
        beside=nothing,
        states=max([1, *map(len, drawn.numbers)]),
        resident=tuple([drawn.resident[place] for place in of_held.tolist()]),
        thinned=thinned,
        at_cut=(*kept, (len(low.rows), -1, -1)),
        thinned_cuts=len(cuts) - len(kept),
    )
    inside = inside_of(low, drawn.held)
    return _Outline(plan, tuple(drawn.held), tuple(drawn.written), of_held, of_written, inside)


def _weighed(found: _Outline, low: Lowered) -> Moves:
    """The moves with their masks and bytes."""
    sizes = low.tensor_bytes
    if low.cached_bytes > 0.0:
        of_row = [(*_cached(row, low), _in_cache(row, low)) for row in low.rows]
        columns = zip(*[of_row[step] for step, _ in found.held], strict=True)
        masks, beside, reserved = (np.array(column) for column in columns)
    else:
        masks, beside, tensors = uncached(low, found.inside)
        reserved = (np.array([row.inner_bytes for row in low.rows]) + unstored_bytes(low))[found.inside.step] + tensors
    unwritten = [size - low.stored_bytes(t) for t, size in enumerate(sizes)]  # state was written at once
    evicted = np.array([sum([unwritten[t] for t in tensors]) for tensors in found.written], dtype=np.float64)
    at = found.of_held
    return replace(
        found.moves,
        masks=masks.astype(np.int64)[at],
        reserved=reserved.astype(np.float64)[at],
        beside=beside.astype(np.float64)[at] + evicted[found.of_written],
    )


def _all_inside(low: Lowered, life: _Life) -> Moves:
    """One move a step: whatever lives is in the SRAM, the network's inputs until they are read, its outputs to the end."""
    end = len(low.rows) - 1
    last = [life.last[t] if readers else end for t, readers in enumerate(low.tensor_readers)]
    born = _born_at(range(len(last)), life)
    live, held = born.get(-1, []), list[tuple[int, tuple[int, ...]]]()
    for step in range(end + 1):
        live = [t for t in (*live, *born.get(step, ())) if last[t] >= step and t not in low.staying]
        held.append((step, tuple(live)))
    masks, beside, tensors = uncached(low, inside_of(low, held))
    if low.inside == "all":
        masks |= np.array([WEIGHTS if row.shape is not None and row.weights < 0 else 0 for row in low.rows])
    inner, nothing = (
        np.array([row.inner_bytes for row in low.rows]) + unstored_bytes(low),
        np.zeros(end + 1, dtype=np.int64),
    )
    return Moves(
        first=np.arange(end + 2),
        source=nothing,
        target=nothing,
        masks=masks,
        reserved=inner + low.held_bytes + tensors,
        beside=beside,
        states=1,
        resident=tuple([each for _, each in held]),
        thinned=0,
        at_cut=((end + 1, -1, -1),),
    )


def stays(low: Lowered, life: _Life) -> tuple[dict[int, int], int]:
    """(last step through which each tensor may be resident, tensors for which that is sooner than it might be).

    Where a step has more than MOST_MOVES moves, the tensor that saves the fewest transfers for each step of its stay leaves:
    after the step if it is read there, else after the reader before; where there is none it is never resident. Of equals
    the smaller leaves, then the younger. To have nothing resident stays a choice at every step.
    """
    between = (t for t, readers in enumerate(low.tensor_readers) if readers and low.tensor_producers[t])
    whole = {t: life.last[t] for t in between if t not in low.staying}
    most = MOST_MOVES
    while True:
        until, total = _thin(low, life, whole, most)
        if total <= MOST_OF_ALL or most <= FEWEST_MOVES:
            return until, sum(until.get(t) != last for t, last in whole.items())
        most //= 2


def _thin(low: Lowered, life: _Life, whole: dict[int, int], most: int) -> tuple[dict[int, int], int]:
    """(`whole` with stays cut short so that no step has more than `most` moves, moves of all steps)."""
    until = dict(whole)
    born, live = _born_at(whole, life), list[int]()
    counts: list[int] = []
    for step in range(len(low.rows)):
        live = [t for t in (*live, *born.get(step, ())) if t in until and until[t] >= step]
        while (count := _count(step, live, low, life, until)) > most:
            out = min(live, key=functools.partial(_worth, step, low, life, until))
            before = [r for r in low.tensor_readers[out] if life.done[out] <= r <= until[out]]
            if step in before and until[out] > step and out != low.rows[step].output:
                until[out] = step
                continue
            live.remove(out)
            del until[out]
            if sooner := [r for r in before if r < step]:
                until[out] = max(sooner)
        counts.append(count)
    return until, sum(counts)


def _born_at(tensors: Iterable[int], life: _Life) -> dict[int, list[int]]:
    """Of each step the tensors that it is the first to write."""
    found: dict[int, list[int]] = {}
    for t in tensors:
        found.setdefault(life.born[t], []).append(t)
    return found


def _count(step: int, live: list[int], low: Lowered, life: _Life, until: dict[int, int]) -> int:
    """Moves of a step: a live tensor is there or not; one that is read and not done with may also leave."""
    count = 1
    for t in live:
        count *= 3 if _may_leave(t, step, low, life) and until[t] > step else 2
    return count


def _may_leave(tensor: int, step: int, low: Lowered, life: _Life) -> bool:
    """Whether a resident tensor may be written out after a step: it was read there, is whole, and is read again."""
    return (
        step in low.tensor_readers[tensor] and life.done[tensor] <= step < life.last[tensor]
    ) and tensor != low.rows[step].output


def _worth(step: int, low: Lowered, life: _Life, until: dict[int, int], tensor: int) -> tuple[Fraction, float, int]:
    """What is lost where a tensor leaves: transfers for each step of its stay, then its bytes; the older is worth more."""
    reads = sum(step <= reader <= until[tensor] for reader in low.tensor_readers[tensor])
    transfers = reads + (until[tensor] == life.last[tensor])  # it is never written if it stays to its last reader
    return Fraction(transfers, until[tensor] - step + 1), low.tensor_bytes[tensor], -tensor


class _Drawn(NamedTuple):
    """Moves as they are laid out."""

    first: list[int]
    rows: list[tuple[int, int, int, int]]
    """State before and after, places of what is resident and of what is written."""
    held: list[tuple[int, frozenset[int]]]
    resident: list[tuple[int, ...]]
    """The same in order."""
    written: dict[tuple[int, ...], int]
    numbers: list[dict[frozenset[int], int]]
    """States after each step."""


def _build(low: Lowered, life: _Life, until: dict[int, int]) -> _Drawn:
    """Every move of every step."""
    before: dict[frozenset[int], int] = {frozenset(): 0}
    drawn = _Drawn([0], [], [], [], {(): 0}, [])
    born, live = _born_at(until, life), list[int]()
    for step in range(len(low.rows)):
        after: dict[frozenset[int], int] = {frozenset(): 0}  # nothing resident is always state 0
        live = [t for t in (*live, *born.get(step, ())) if until[t] >= step]
        leaving = _Leaving(step, live, low, life, until)
        for state, number in before.items():
            for held in leaving.held(state):
                place, resident = len(drawn.held), tuple(sorted(held))
                drawn.held.append((step, held))
                drawn.resident.append(resident)
                left = held - leaving.finished
                for written, tensors in leaving.choices(resident):
                    target = after.setdefault(left - written, len(after))
                    gone = drawn.written.setdefault(tensors, len(drawn.written))
                    drawn.rows.append((number, target, place, gone))
        before = after
        drawn.numbers.append(after)
        drawn.first.append(len(drawn.rows))
    return drawn


Written = list[tuple[frozenset[int], tuple[int, ...]]]
"""Tensors written out after a step, as a set and in order, for every choice."""


class _Leaving:
    """What may be resident while a step runs, and what then leaves."""

    def __init__(self, step: int, live: list[int], low: Lowered, life: _Life, until: dict[int, int]) -> None:
        output = low.rows[step].output
        self._fresh = frozenset({output}) if output in until and life.born[output] == step else None
        self.finished = frozenset(t for t in live if life.last[t] <= step and life.done[t] <= step)
        """Tensors that nobody needs after the step."""
        self._read = {t: until[t] > step for t in live if _may_leave(t, step, low, life)}
        self._known: dict[tuple[int, ...], Written] = {}

    def held(self, state: frozenset[int]) -> Iterator[frozenset[int]]:
        """Tensors resident while the step runs, for every choice of a state before it."""
        yield state
        if self._fresh is not None:
            yield state | self._fresh

    def choices(self, resident: tuple[int, ...]) -> Written:
        """What is written out after the step, for every choice, where these tensors are resident; in their order."""
        read = tuple([t for t in resident if t in self._read])
        if read not in self._known:
            self._known[read] = [
                (frozenset(written), written)
                for drops in product(*((False, True) if self._read[t] else (True,) for t in read))
                for written in [tuple([t for t, drop in zip(read, drops, strict=True) if drop])]
            ]
        return self._known[read]


def _cached(row: Row, low: Lowered) -> tuple[int, float]:
    """The same on a GPU: all activations go through the cache, and what misses it moves beside the tiles."""
    beside = row.fixed_bytes + sum(size * low.missed(tensor) for tensor, size in row.reads)
    missed = low.missed(row.output)
    beside += row.output_bytes * missed + row.stored_bytes * (1.0 - missed)
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


def _cuts(low: Lowered, life: _Life, numbers: list[dict[frozenset[int], int]]) -> tuple[tuple[int, int, int], ...]:
    """Places where a segment of sub-batches may begin or end, but for the end of the network; see `Moves.at_cut`."""
    loops = {row.loop: step for step, row in enumerate(low.rows) if row.loop}  # where each ends
    found, until = [], -1
    born = _born_at((t for t in range(len(low.tensor_bytes)) if life.born[t] < life.last[t]), life)
    live = [t for t in born.get(-1, []) if t not in low.states]  # what comes from outside, and is not there anyway
    for step, row in enumerate(low.rows[:-1]):
        live = [t for t in (*live, *born.get(step, ())) if step < life.last[t]]
        until = max(until, loops.get(row.loop, -1))
        if step < until:
            continue  # inside a loop, whose layers take turns
        if len(live) == 1 and life.born[live[0]] >= 0 and life.done[live[0]] <= step:
            found.append((step + 1, live[0], numbers[step].get(frozenset(live), -1)))
    return tuple(found)


def _fewer(cuts: tuple[tuple[int, int, int], ...], low: Lowered) -> tuple[tuple[int, int, int], ...]:
    """At most MOST_CUTS - 1 of some cuts: of each run of as many neighbours the one with the smallest tensor; the first."""
    runs = min(len(cuts), MOST_CUTS - 1)
    edges = [len(cuts) * run // runs for run in range(runs + 1)] if runs else [0]
    return tuple(min(cuts[a:b], key=lambda cut: low.tensor_bytes[cut[1]]) for a, b in pairwise(edges))
