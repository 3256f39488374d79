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
from simulator.kernels.cuts import over_cuts
from simulator.schedule.plan import Piece, Plan, Terms
from simulator.schedule.pool import Pool
from simulator.schedule.scratch import scratch_of
from simulator.schedule.solve import Machine, least_steps, network_of, settle, stretch

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
    return np.column_stack([pool.cuts, pool.cuts[:, 2] * (repeats - 1)])


def held_terms(pool: Pool, terms: Terms, machine: Machine) -> Terms:
    """The terms of a run whose weights are in SRAM already; what stays for ever is taken from the SRAM either way."""
    if "held" not in pool.memo:  # the same for every chip
        pool.memo["held"] = settle(pool, machine, pool.weights)
    whole: Terms = pool.memo["held"]
    return Terms(terms.kept, whole.costs, whole.spans, terms.chip, np.zeros_like(terms.streamed))


def least_times(pools: dict[int, Pool], machine: Machine, terms: Terms, batch: int) -> Floats:
    """No choice of sub-batches runs a step of the batch in less: its fewest cycles, or its weights once. [s]

    Nor in less than all its runs take with weights for nothing, whatever is resident, in the room that is left beside the
    weights that stay for ever.
    """
    cycles = np.min([pool.least_cycles * (batch // size) for size, pool in pools.items()], axis=0)
    runs = [_least_runs(pool, machine, terms) * (batch // size) for size, pool in pools.items()]
    return np.asarray(np.maximum(least_steps(cycles, terms), np.min(runs, axis=0) * (1.0 - 1e-9)))


def _least_runs(pool: Pool, machine: Machine, terms: Terms) -> Floats:
    """Least time of one run of each step with weights for nothing. [s]"""
    own, out = scratch_of(pool), np.empty(len(pool.steps))
    free = held_terms(pool, terms, machine)
    kernels.least_each(network_of(pool, free), terms.chip, own.memo, own.points, out)
    if pool.rescored:  # then weights in SRAM are no guarantee of the best points
        other = np.empty(len(pool.steps))
        kernels.least_each(network_of(pool, settle(pool, machine, terms.kept)), terms.chip, own.memo, own.points, other)
        out = np.minimum(out, other)
    return out


def in_segments(
    machine: Machine, batch: int, pool_of: Callable[[int], Pool], kept: Floats, keep: bool, limit_s: float
) -> Plan | None:
    """The fastest schedule in segments that beats `limit_s`, or None.

    pool_of: the pool of a sub-batch. kept: bytes of each step's weights that stay for ever. keep: whether weights may stay
    in the SRAM at all.
    """
    pools = {size: pool_of(size) for size in (batch, *divisors(batch))}
    whole = settle(pools[batch], machine, kept)
    least = least_times(pools, machine, whole, batch)
    before = np.concatenate([[0.0], np.cumsum(least)])
    if before[-1] >= limit_s:
        return None
    chosen: list[_Choice] | None = None
    sizes = sorted(pools, reverse=True)
    cuts = len(pools[batch].moves.at_cut) + 1
    tables = np.full((len(sizes), cuts, cuts, 2, 2, 2), np.inf)
    runs = [
        _Runs(
            pools[size],
            whole if size == batch else settle(pools[size], machine, kept),
            machine,
            keep,
            batch // size,
            before,
            table,
        )
        for size, table in zip(sizes, tables, strict=True)
    ]
    # Weights read by every run and ends in outer memory first: what they reach lets most of the rest stop early.
    for others in (False, True):
        for run in runs:
            run.fill(others, limit_s)
        found, time_s = _over_cuts(tables, sizes, limit_s)
        if found is not None:
            chosen, limit_s = found, time_s
    if chosen is None:
        return None
    pieces = [_piece(pools[choice.size], machine, kept, batch // choice.size, choice) for choice in chosen]
    return (
        None if any(piece is None for piece in pieces) else Plan(tuple(piece for piece in pieces if piece is not None))
    )


class _Runs:
    """Times of the segments of one size of sub-batches, in a table; of the whole batch only between neighbouring cuts. [s]"""

    def __init__(
        self, pool: Pool, terms: Terms, machine: Machine, keep: bool, repeats: int, before: Floats, table: Floats
    ) -> None:
        held = held_terms(pool, terms, machine)
        cuts, own = cuts_of(pool, repeats), scratch_of(pool)
        # Weight bytes of each step that may come in once and stay for all runs.
        holdable = pool.weights - terms.kept if keep else np.zeros_like(terms.kept)
        network, chip = network_of(pool, terms), terms.chip.copy()
        around = (cuts, before, (before[-1] - before[1:]) / repeats)
        scratch = (own.memo, own.points, own.values, own.choice, table)
        own.values[:] = np.inf
        self._whole = (network, chip, float(repeats), 1 if repeats == 1 else len(cuts), *around), scratch
        self._other = (
            (network, held.spans, held.costs, holdable, chip, float(repeats), 1 if repeats == 1 else SPAN, *around),
            scratch,
        )

    def fill(self, others: bool, limit_s: float) -> None:
        """Note the segments that may beat `limit_s`: those with resident ends or held weights, or (first) all others."""
        before, after = self._other if others else self._whole
        (kernels.other_segments if others else kernels.whole_segments)(*before, limit_s, *after)


def _over_cuts(tables: Floats, sizes: list[int], limit_s: float) -> tuple[list[_Choice] | None, float]:
    """The fastest way over the cuts and its time, or None where it does not beat `limit_s`. tables: one a size."""
    count = tables.shape[1]
    chosen = np.empty((count, 6), dtype=np.int64)
    pieces, time_s = over_cuts(tables, np.empty((count, 2)), np.empty((count, 2, 4), dtype=np.int64), chosen)
    if not time_s < limit_s:
        return None, limit_s
    rows = chosen[:pieces][::-1].tolist()
    return [_Choice(i, j, entry, leave, held, sizes[size]) for size, i, j, entry, leave, held in rows], time_s


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
