"""Sub-batches: a segment of the network takes the batch in parts, so that its activations (or weights) stay on the chip.

A segment begins and ends where exactly one tensor is live. Inside, weights are read by every run, or come in once and stay
for all runs of the segment; at an end the tensor is resident for the whole batch or in outer memory. The best choice of
segments, sizes (divisors of the batch) and residency is a programme over the cuts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.kernels import programme as kernels
from simulator.schedule.plan import Piece, Plan, Terms
from simulator.schedule.pool import Pool
from simulator.schedule.solve import STAIR, Machine, least_steps, settle, stretch

Floats = npt.NDArray[np.float64]


SPAN = 8
"""Most cuts that a segment spans whose end is resident or whose weights are held; others span any number. Longer ones hold
more than they save, and the work of the search grows with the square of their number. The same for every chip."""


@dataclass(frozen=True)
class _Choice:
    """One way from cut i to cut j: ends resident or not, weights held or not, `repeats` runs of `pool`'s batch."""

    start: int
    end: int
    entry: int
    leave: int
    held: int
    size: int


MOST_SMALL = 16
"""Sub-batches of up to so many items are tried whenever they divide the batch; larger ones only by halving it."""


def divisors(batch: int) -> list[int]:
    """Sizes of sub-batches to try, the largest first: halves of halves of the batch, and small divisors."""
    sizes = {size for size in range(1, min(batch - 1, MOST_SMALL) + 1) if batch % size == 0}
    half = batch
    while half % 2 == 0:
        half //= 2
        sizes.add(half)
    return sorted(sizes, reverse=True)


def cuts_of(pool: Pool, repeats: int) -> Floats:
    """Cuts as `kernels.segments` reads them; the beginning of the network comes first."""
    rows = [(0.0, -1.0, 0.0, 0.0)]
    for steps, tensor, state in pool.moves.at_cut:
        size = pool.low.tensor_bytes[tensor] if tensor >= 0 else 0.0
        rows.append((float(steps), float(state), size, size * (repeats - 1)))
    return np.array(rows)


def held_terms(pool: Pool, terms: Terms, machine: Machine) -> Terms:
    """The terms of a run whose weights are in SRAM already; what stays for ever is taken from the SRAM either way."""
    whole = settle(pool, machine, pool.weights)
    return replace(whole, kept=terms.kept, chip=terms.chip, streamed=np.zeros_like(terms.streamed))


def least_times(pools: dict[int, Pool], machine: Machine, kept: Floats, batch: int) -> Floats:
    """No choice of sub-batches runs a step of the batch in less: its fewest cycles, or its weights once. [s]"""
    cycles = np.min([pool.least_cycles * (batch // size) for size, pool in pools.items()], axis=0)
    return least_steps(cycles, settle(pools[batch], machine, kept))


def in_segments(
    machine: Machine, batch: int, pool_of: Callable[[int], Pool], kept: Floats, keep: bool, limit_s: float
) -> Plan | None:
    """The fastest schedule in segments that beats `limit_s`, or None.

    pool_of: the pool of a sub-batch. kept: bytes of each step's weights that stay for ever. keep: whether weights may stay
    in the SRAM at all.
    """
    pools = {size: pool_of(size) for size in (batch, *divisors(batch))}
    least = least_times(pools, machine, kept, batch)
    before = np.concatenate([[0.0], np.cumsum(least)])
    if before[-1] >= limit_s:
        return None
    chosen: list[_Choice] | None = None
    # Weights read by every run and ends in outer memory first: what they reach lets most of the rest stop early.
    for ways in (1, 4):
        tables = {}
        for size, pool in pools.items():
            held = pool.weights - kept if keep else np.zeros_like(kept)
            tables[size] = _table(pool, machine, kept, held, batch // size, ways, before, limit_s)
        found, time_s = _programme(tables, limit_s)
        if found is not None:
            chosen, limit_s = found, time_s
    if chosen is None:
        return None
    pieces = [_piece(pools[choice.size], machine, kept, batch // choice.size, choice) for choice in chosen]
    return (
        None if any(piece is None for piece in pieces) else Plan(tuple(piece for piece in pieces if piece is not None))
    )


def _table(
    pool: Pool,
    machine: Machine,
    kept: Floats,
    holdable: Floats,
    repeats: int,
    ways: int,
    before: Floats,
    limit_s: float,
) -> Floats:
    """Times of the segments of one size of sub-batches; of the whole batch only between neighbouring cuts. [s]

    holdable: weight bytes of each step that may come in once and stay for all runs.
    """
    terms = settle(pool, machine, kept)
    held = held_terms(pool, terms, machine)
    cuts = cuts_of(pool, repeats)
    table = np.full((len(cuts), len(cuts), 2, 2, 2), np.inf)
    after = (before[-1] - before[1:]) / repeats
    values = np.full((len(pool.steps) + 1, pool.moves.states, 2), np.inf)
    choice = np.zeros((len(pool.steps), pool.moves.states, 2), dtype=np.int64)
    plan = pool.moves
    kernels.segments(
        plan.first, plan.source, plan.target, terms.spans, held.spans, terms.costs, held.costs, pool.steps, pool.net,
        terms.chip.copy(), float(repeats), 1 if repeats == 1 else len(cuts), SPAN, ways, cuts, before,
        after, limit_s, holdable, np.empty(STAIR, dtype=np.int64), values, choice, table,
    )  # fmt: skip
    return table


def _programme(tables: dict[int, Floats], limit_s: float) -> tuple[list[_Choice] | None, float]:
    """The fastest way over the cuts and its time, or None where it does not beat `limit_s`.

    Values: time at each cut with its tensor in outer memory (0) or resident (1).
    """
    count = len(next(iter(tables.values())))
    sizes = sorted(tables, reverse=True)
    stacked = np.stack([tables[size] for size in sizes])  # size, i, j, in, out, held
    value = np.full((count, 2), np.inf)
    value[0, 0] = 0.0
    came: dict[tuple[int, int], _Choice] = {}
    for j in range(1, count):
        ways = value[None, :j, :, None, None] + stacked[:, :j, j]  # size, i, in, out, held
        for leave in range(2):
            block = ways[:, :, :, leave, :]
            at = int(block.argmin())
            size, i, entry, held = (int(x) for x in np.unravel_index(at, block.shape))
            if block[size, i, entry, held] < value[j, leave]:
                value[j, leave] = block[size, i, entry, held]
                came[j, leave] = _Choice(i, j, entry, leave, held, sizes[size])
    if not value[-1, 0] < limit_s:
        return None, limit_s
    chosen, at_cut, leave = [], count - 1, 0
    while at_cut > 0:
        choice = came[at_cut, leave]
        chosen.append(choice)
        at_cut, leave = choice.start, choice.entry
    return chosen[::-1], float(value[-1, 0])


def _piece(pool: Pool, machine: Machine, kept: Floats, repeats: int, choice: _Choice) -> Piece | None:
    """Run the programme of one segment again, to have its path."""
    terms = settle(pool, machine, kept)
    cuts = cuts_of(pool, repeats)
    begin, end = int(cuts[choice.start, 0]), int(cuts[choice.end, 0])
    around = (cuts[choice.start, 3] if choice.entry else 0.0) + (cuts[choice.end, 3] if choice.leave else 0.0)
    load = terms.streamed[begin:end] if choice.held else None
    if choice.held:
        terms = held_terms(pool, terms, machine)
    chip = terms.chip.copy()
    chip[kernels.CAPACITY] -= around + (0.0 if load is None else load.sum())
    states = (cuts[choice.start, 1] if choice.entry else 0.0, cuts[choice.end, 1] if choice.leave else 0.0)
    piece = stretch(pool, replace(terms, chip=chip), begin, end, int(states[0]), int(states[1]))
    return None if piece is None else replace(piece, repeats=repeats, around_bytes=float(around), load_bytes=load)
