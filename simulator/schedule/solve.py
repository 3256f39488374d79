"""The best schedule of a network on a chip for given kept weights: residency and prefetch; a (move, point) a step."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.errors import InfeasibleError
from simulator.kernels import programme as kernels
from simulator.schedule.packs import LONGEST
from simulator.schedule.plan import Piece, Plan, Terms
from simulator.schedule.pool import Pool
from simulator.units import KIB

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PHI = {"none": 1.0, "layer": 0.25, "network": 0.0}
"""Share of the shorter of on-chip and outer-memory time that is not hidden. 0.25 fitted on 12 networks of the DPU (docs)."""

LABELS = 64
STAIR = LONGEST


@dataclass(frozen=True)
class Machine:
    """The numbers of a chip that the programmes read: SI units."""

    capacity_bytes: float
    cycle_s: float
    byte_s: float
    overlap: str
    overhead_s: float
    fifo_bytes: float | None = None
    """Where weights have a path of their own, the buffer on it, which takes what is fetched ahead; None: the SRAM does."""

    def chip(self) -> Floats:
        """As `kernels.programme` reads it."""
        return np.array([self.capacity_bytes, self.cycle_s, self.byte_s, PHI[self.overlap], self.overhead_s])


def settle(pool: Pool, machine: Machine, kept: Floats | None = None) -> Terms:
    """The terms of a schedule in which `kept` bytes of each step's weights stay in SRAM for ever."""
    chip = machine.chip()
    if kept is None or not kept.any():
        return Terms(np.zeros(len(pool.weights)), pool.costs, pool.spans, chip, pool.weights)
    whole = (kept >= pool.weights) & (pool.weights > 0.0)
    on_move = whole[pool.move_step]
    costs = pool.costs.copy()
    costs[:, kernels.KEPT] = np.where(on_move, 0.0, kept[pool.move_step])
    costs[:, kernels.FIRST_PASS] -= kept[pool.move_step]
    chip[kernels.CAPACITY] = machine.capacity_bytes - kept.sum()
    spans = np.where(on_move[:, None], pool.spans_kept, pool.spans)
    return Terms(kept, costs, spans, chip, pool.weights - kept)


def solve(
    pool: Pool,
    machine: Machine,
    kept: Floats | None = None,
    limit_s: tuple[float, float] = (np.inf, np.inf),
    bound: Callable[[float], float] | None = None,
) -> tuple[Plan | None, Plan | None]:
    """(fastest schedule of a batch on its own, fastest in steady state) with these weights kept for ever (bytes a step).

    None where no schedule fits or none is faster than `limit_s`. Without prefetch both are the same. bound: no schedule
    with so many bytes set aside for prefetch is faster. [s]
    """
    terms = settle(pool, machine, kept)
    if machine.overlap == "network":
        return _solve_ahead(pool, terms, limit_s, bound, machine.fifo_bytes)
    found = residency(pool, terms, max(limit_s))
    if found is None:
        return None, None
    return found if found.time_s < limit_s[0] else None, found if found.time_s < limit_s[1] else None


def residency(pool: Pool, terms: Terms, limit_s: float = np.inf) -> Plan | None:
    """The fastest schedule without prefetch across layers, or None where none is faster than `limit_s`."""
    least = least_steps(pool.least_cycles, terms)
    piece = stretch(pool, terms, 0, len(pool.steps), 0, 0, (least.sum() - np.cumsum(least), limit_s))
    return None if piece is None else Plan((piece,))


def fewest(pool: Pool, terms: Terms) -> float:
    """Least total of what `terms.chip` weighs, by the residency programme; infinite where nothing fits."""
    plan = pool.moves
    values = np.empty((len(pool.steps) + 1, plan.states, 2))
    failed = kernels.residency(
        plan.first, plan.source, plan.target, terms.spans, terms.costs, pool.steps, pool.net,
        terms.chip, 0, len(pool.steps), 0, np.zeros(len(pool.steps)), np.inf, np.empty(STAIR, dtype=np.int64), values,
        np.zeros((len(pool.steps), plan.states, 2), dtype=np.int64),
    )  # fmt: skip
    return float(values[-1, 0, 0]) if failed < 0 else np.inf


def least_steps(cycles: Floats, terms: Terms) -> Floats:
    """Least time of each step: its fewest cycles, and its weights that are not kept once over the memory. [s]"""
    on_chip, memory = cycles * terms.chip[kernels.CYCLE_S], terms.streamed * terms.chip[kernels.BYTE_S]
    phi = terms.chip[kernels.PHI]
    least = (1.0 - phi) * np.maximum(on_chip, memory) + phi * (on_chip + memory) + terms.chip[kernels.OVERHEAD_S]
    return np.asarray(least * (1.0 - 1e-9))  # sums in another order must not cut the best


def stretch(
    pool: Pool,
    terms: Terms,
    begin: int,
    end: int,
    source: int,
    target: int,
    bound: tuple[Floats, float] | None = None,
) -> Piece | None:
    """The fastest way through steps begin..end - 1, from one state to another, or None where nothing fits.

    bound: least time after each step, and the time that is to be beaten.
    """
    rest, limit = bound or (np.zeros(len(pool.steps)), np.inf)
    plan = pool.moves
    values = np.empty((len(pool.steps) + 1, plan.states, 2))
    choice = np.zeros((len(pool.steps), plan.states, 2), dtype=np.int64)
    failed = kernels.residency(
        plan.first, plan.source, plan.target, terms.spans, terms.costs, pool.steps, pool.net,
        terms.chip, begin, end, source, rest, limit, np.empty(STAIR, dtype=np.int64), values, choice,
    )  # fmt: skip
    if failed >= 0 or not np.isfinite(values[end, target, 0]):
        return None
    path = np.empty((end - begin, 2), dtype=np.int64)
    kernels.walk_back(plan.source, choice, begin, end, target, path)
    draft = Piece(pool, terms, begin, path, np.zeros(end - begin))
    return replace(draft, step_s=_step_times(draft))


def _step_times(piece: Piece) -> Floats:
    """Time of each step without prefetch: max + phi min + overhead, as in the kernel. [s]"""
    chip = piece.terms.chip
    on_chip, memory = piece.cycles() * chip[1], piece.outer_bytes() * chip[2]
    return np.asarray(np.maximum(on_chip, memory) + chip[3] * np.minimum(on_chip, memory) + chip[4])


def ahead_sizes(capacity: float) -> list[float]:
    """SRAM bytes that may be set aside for weights fetched ahead: 0 and 64 KiB x 2^k, the same list for every chip."""
    sizes, size = [0.0], 64.0 * KIB
    while size < capacity:
        sizes.append(size)
        size *= 2.0
    return sizes


def _solve_ahead(
    pool: Pool,
    terms: Terms,
    limit_s: tuple[float, float],
    bound: Callable[[float], float] | None,
    fifo_bytes: float | None,
) -> tuple[Plan | None, Plan | None]:
    """Best over the sizes set aside: the cold schedule (latency) and the one that ends as warm as it began (period).

    limit_s: only a faster cold schedule, or a faster steady one, is of interest.
    """
    cold: Plan | None = None
    steady: Plan | None = None
    cold_s, steady_s = limit_s
    run = _Labels(pool, terms, fifo_bytes is None)
    sizes = ahead_sizes(float(terms.chip[kernels.CAPACITY])) if fifo_bytes is None else [fifo_bytes]
    for ahead in sizes:
        if ahead > 0.0 and not terms.streamed.any():
            break
        if ahead > 0.0 and bound is not None and bound(ahead) >= max(cold_s, steady_s):
            break  # more set aside leaves even less for the tiles
        found = run.fastest(ahead, 0.0, max(cold_s, steady_s))
        if run.failed >= 0:
            break  # less SRAM for tiles will not fit either
        if found is not None:  # begun with nothing ahead, a schedule does for a batch on its own and for many
            cold, cold_s = (found, found.time_s) if found.time_s < cold_s else (cold, cold_s)
            steady, steady_s = (found, found.time_s) if found.time_s < steady_s else (steady, steady_s)
        start = min(ahead, float(terms.streamed.sum()))
        warm = run.fastest(ahead, start, steady_s) if start > 0.0 else None
        if warm is not None:
            steady, steady_s = warm, warm.time_s
    return cold, steady


class _Labels:
    """Runs of the prefetch programme on one network; the scratch space is allocated once."""

    def __init__(self, pool: Pool, terms: Terms, in_sram: bool) -> None:
        steps = len(pool.steps)
        self._pool, self._terms, self._in_sram = pool, terms, in_sram
        total = terms.streamed.sum()
        done = np.cumsum(terms.streamed)
        self._to_come = total - done + total  # this batch's later layers, and the next batch
        self._rest = np.empty((steps, 2))
        self._rest[:, 0] = (pool.least_cycles.sum() - np.cumsum(pool.least_cycles)) * terms.chip[kernels.CYCLE_S]
        self._rest[:, 1] = total - done
        self._rest *= 1.0 - 1e-12  # sums in another order must not cut the best
        self._labels = np.empty((steps + 1, pool.moves.states, LABELS, 6))
        self._counts = np.zeros((steps + 1, pool.moves.states), dtype=np.int64)
        self._points = np.empty(STAIR, dtype=np.int64)
        self.failed = -1

    def fastest(self, ahead: float, start: float, limit_s: float) -> Plan | None:
        """The fastest schedule that begins with `start` bytes fetched ahead and ends with as many, or None.

        `failed` is the step that nothing fits, or -1; only schedules faster than `limit_s` are looked for.
        """
        pool, terms, plan, steps = self._pool, self._terms, self._pool.moves, len(self._pool.steps)
        labels, counts = self._labels, self._counts
        chip = terms.chip
        if not self._in_sram:  # the kernel takes `ahead` from the capacity
            chip = chip.copy()
            chip[kernels.CAPACITY] += ahead
        self.failed = kernels.prefetch(
            plan.first, plan.source, plan.target, terms.spans, terms.costs, pool.steps, pool.net, chip, ahead, start,
            self._to_come, self._rest, limit_s, labels, counts, self._points,
        )  # fmt: skip
        if self.failed != -1:
            return None
        final = labels[steps, 0, : counts[steps, 0]]
        # What is missing of `start` comes in at the end, while the last step waits.
        wait = np.maximum(0.0, start - final[:, 1]) * terms.chip[kernels.BYTE_S]
        last = int((final[:, 0] + wait).argmin())
        if final[last, 0] + wait[last] >= limit_s:
            return None
        path, step_s = np.empty((steps, 2), dtype=np.int64), np.empty(steps)
        kernels.walk_labels(plan.first, plan.source, labels, last, path, step_s)
        step_s[-1] += wait[last]
        return Plan((Piece(pool, terms, 0, path, step_s, around_bytes=ahead if self._in_sram else 0.0),))


def infeasible(pool: Pool, machine: Machine, chip_name: str) -> InfeasibleError:
    """The error that says which layers do not fit, how many bytes they need and how many there are."""
    lines = []
    for step, row in enumerate(pool.low.rows):
        span = range(pool.moves.first[step], pool.moves.first[step + 1])
        bare = [move for move in span if pool.moves.reserved[move] == 0.0]
        needs = [_least_footprint(pool, m, row.least_footprint) for m in bare]
        if needs and min(needs) > machine.capacity_bytes:
            lines.append(
                f"{chip_name}: sram.capacity_mib: layer {row.name!r} needs at least {min(needs):,.0f} bytes of SRAM for its "
                f"smallest tiling, got {machine.capacity_bytes:,.0f}"
            )
    if len(lines) > 4:
        lines = [*lines[:3], f"{chip_name}: sram.capacity_mib: and {len(lines) - 3} more layers do not fit"]
    return InfeasibleError("\n".join(lines) or f"{chip_name}: sram.capacity_mib: no schedule fits the SRAM")


def _least_footprint(pool: Pool, move: int, vector: float) -> float:
    """SRAM bytes of the smallest tiling of a move."""
    lo, hi, _ = pool.spans[move]
    return float(pool.points[lo, 0]) if lo < hi else vector
