"""The best schedule of a network on a chip for given kept weights: residency and prefetch; a (move, point) a step."""

import numpy as np
import numpy.typing as npt

from simulator.errors import InfeasibleError
from simulator.kernels import schedule_few as kernels
from simulator.kernels.layout import (
    FOOTPRINT,
    LEAST_ROOM,
    SPAN_HI,
    SPAN_LO,
    Machine,
    Network,
    fill_times,
    least_each,
)
from simulator.kernels.schedule_periods import TIME
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Piece, Plan, Terms
from simulator.schedule.pool import Pool
from simulator.schedule.scratch import scratch_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SMALLEST_AHEAD = 64.0 * 1024.0
"""The smallest size of SRAM that is set aside for weights fetched ahead; the others are twice the one before. [B]"""


def settle(pool: Pool, machine: Machine, kept: Floats | None = None) -> Terms:
    """The terms of a schedule in which `kept` bytes of each step's weights stay in SRAM for ever."""
    if kept is None or not kept.any():
        return Terms(np.zeros(len(pool.weights)), pool.costs, pool.spans, machine, pool.weights)
    costs, spans = np.empty_like(pool.costs), np.empty_like(pool.spans)
    kernels.settle(kept, pool.weights, pool.move_step, pool.network, pool.spans_kept, costs, spans)
    left = machine._replace(capacity_bytes=machine.capacity_bytes - float(kept.sum()))
    return Terms(kept, costs, spans, left, pool.weights - kept)


def solve_one(
    pool: Pool,
    machines: Machines,
    kept: Floats | None = None,
    limit_s: tuple[float, float] = (np.inf, np.inf),
) -> tuple[Plan | None, Plan | None]:
    """(fastest schedule of a batch on its own, fastest in steady state) with these weights kept for ever (bytes a step).

    None where no schedule fits or none is faster than `limit_s`. Without prefetch both are the same.
    """
    terms = settle(pool, machines.row(), kept)
    if machines.overlap == "network":
        return _solve_ahead(pool, terms, limit_s, machines.fifo_bytes)
    found = residency(pool, terms, max(limit_s))
    if found is None:
        return None, None
    return found if found.time_s < limit_s[0] else None, found if found.time_s < limit_s[1] else None


def residency(pool: Pool, terms: Terms, limit_s: float = np.inf) -> Plan | None:
    """The fastest schedule without prefetch across layers, or None where none is faster than `limit_s`."""
    steps, own, least = len(pool.steps), scratch_of(pool), least_steps(pool.least_cycles, terms)
    failed = kernels.residency(
        network_of(pool, terms),
        terms.machine,
        least.sum() - np.cumsum(least),
        limit_s,
        own.memo,
        own.values,
        own.choice,
    )
    if failed >= 0 or not np.isfinite(own.values[steps, 0, TIME]):
        return None
    return Plan((walked(pool, terms),))


def network_of(pool: Pool, terms: Terms) -> Network:
    """Moves, steps and points as the kernels read them."""
    return pool.network._replace(spans=terms.spans, costs=terms.costs)


def least_steps(cycles: Floats, terms: Terms) -> Floats:
    """Least time of each step: its fewest cycles, and its weights that are not kept once over the memory. [s]"""
    return least_each(cycles, terms.streamed, terms.machine)


def walked(pool: Pool, terms: Terms) -> Piece:
    """The way through all steps that the programme of residency found last, on this thread."""
    steps = len(pool.steps)
    path = np.empty((steps, 2), dtype=np.int64)
    kernels.walk_back(pool.moves.source, scratch_of(pool).choice, path)
    return with_times(Piece(pool, terms, 0, path, np.empty(steps)))


def with_times(once: Piece) -> Piece:
    """The same piece, that runs once, with the time of each step without prefetch: max + phi min + overhead, as in the kernel."""
    fill_times(once.cycles(), once.outer_bytes(), once.terms.machine, once.step_s)
    return once


def ahead_sizes(capacity: float) -> list[float]:
    """SRAM bytes that may be set aside for weights fetched ahead: 0 and 64 KiB x 2^k, the same list for every chip."""
    sizes, size = [0.0], SMALLEST_AHEAD
    while size < capacity:
        sizes.append(size)
        size *= 2.0
    return sizes


def _solve_ahead(
    pool: Pool,
    terms: Terms,
    limit_s: tuple[float, float],
    fifo_bytes: float | None,
) -> tuple[Plan | None, Plan | None]:
    """Best over the sizes set aside: the cold schedule (latency) and the one that ends as warm as it began (period).

    limit_s: only a faster cold schedule, or a faster steady one, is of interest.
    """
    plans: list[Plan | None] = [None, None]
    limits = np.array(limit_s)
    sizes = ahead_sizes(terms.machine.capacity_bytes) if fifo_bytes is None else [fifo_bytes]
    if not terms.streamed.any():
        sizes = [0.0]
    runs = _Runs(pool, terms, np.array(sizes), fifo_bytes is not None)
    run = 0
    while run < 2 * len(sizes):
        run, plan = runs.faster(run, limits)
        if plan is not None:
            # Begun with nothing ahead, a schedule does for a batch on its own and for many; one begun warm for many alone.
            for kind in (0, 1):
                if (kind == 1 or run % 2 == 0) and plan.time_s < limits[kind]:
                    plans[kind], limits[kind] = plan, plan.time_s
            run += 1
    return plans[0], plans[1]


def quick(
    pool: Pool, machines: Machines, kept: Floats | None, limit_s: float, run: int | None = None
) -> tuple[float, bool]:
    """Time of a schedule with these weights kept, found without a long search, and whether it is begun warm; infinite where it
    does not beat the limit. [s]

    run: which one, as `_Runs` numbers those of all sizes; unless given, the largest size that is begun cold.
    """
    terms = settle(pool, machines.row(), kept)
    if machines.overlap != "network":
        found = residency(pool, terms, limit_s)
        return (np.inf if found is None else found.time_s), False
    whole = terms.machine.capacity_bytes
    sizes = ahead_sizes(0.5 * whole if run is None else whole) if machines.fifo_bytes is None else [machines.fifo_bytes]
    size, warm = (sizes[-1], 0) if run is None else (sizes[min(run // 2, len(sizes) - 1)], run % 2)
    runs = _Runs(pool, terms, np.array([size]), machines.fifo_bytes is not None)
    known, plan = runs.faster(warm, np.array([limit_s, limit_s]))
    return (np.inf if plan is None or known > warm else plan.time_s), warm == 1


class _Runs:
    """Runs of the prefetch programme with the bytes ahead of a list, each begun with nothing ahead and as warm as it ends."""

    def __init__(self, pool: Pool, terms: Terms, sizes: Floats, fifo: bool) -> None:
        streamed = terms.streamed.sum()
        left = streamed - np.cumsum(terms.streamed)
        to_come, rest = np.empty(len(left)), np.empty((len(left), 2))
        kernels.come_after(pool.least_after, pool.beside_after, left, terms.machine, float(streamed), to_come, rest)
        own = scratch_of(pool)
        self._pool, self._terms, self._network = pool, terms, network_of(pool, terms)
        self._weights = kernels.Ahead(sizes, np.full(len(sizes), -np.inf), fifo, float(streamed), to_come, rest)
        self._running = kernels.Running(own.labels, own.counts, own.memo)

    def faster(self, run: int, limits: Floats) -> tuple[int, Plan | None]:
        """(number of the first run from `run` on that beats its limit, its schedule); None where there is none."""
        sizes = self._weights.sizes
        run, last, wait = kernels.fetch_ahead(
            self._network, self._terms.machine, self._weights, limits, self._running, run
        )
        if run >= 2 * len(sizes):
            return run, None
        around = 0.0 if self._weights.fifo else float(sizes[run // 2])
        return run, fetched(self._pool, self._terms, (last, wait), around)


def fetched(pool: Pool, terms: Terms, found: tuple[int, float], around: float) -> Plan:
    """The schedule that the programme of prefetch found last, on this thread. found: its last label, and the seconds that it
    waits at its end. around: bytes of SRAM that are set aside."""
    plan, steps = pool.moves, len(pool.steps)
    path, step_s = np.empty((steps, 2), dtype=np.int64), np.empty(steps)
    kernels.walk_labels(plan.first, plan.source, scratch_of(pool).labels, found[0], path, step_s)
    step_s[-1] += found[1]
    return Plan((Piece(pool, terms, 0, path, step_s, around_bytes=around),))


def infeasible(pool: Pool, capacity_bytes: float, chip_name: str) -> InfeasibleError:
    """The error that says which layers do not fit, how many bytes they need and how many there are."""
    if pool.low.inside != "nothing":
        return _too_much_inside(pool, capacity_bytes, chip_name)
    lines, beside = [], pool.work.staying_bytes
    states = f", beside {beside:,.0f} of states, which have no other place" if beside else ""
    for step, row in enumerate(pool.low.rows):
        least = least_beside(pool, step)
        if least > capacity_bytes - beside:
            lines.append(
                f"{chip_name}: sram.capacity_mib: layer {row.name!r} needs at least {least:,.0f} bytes of SRAM for its "
                f"smallest tiling{states}, got {capacity_bytes:,.0f}"
            )
    if len(lines) > 4:
        lines = [*lines[:3], f"{chip_name}: sram.capacity_mib: and {len(lines) - 3} more layers do not fit"]
    return InfeasibleError("\n".join(lines) or f"{chip_name}: sram.capacity_mib: no schedule fits the SRAM")


def _too_much_inside(pool: Pool, capacity_bytes: float, chip_name: str) -> InfeasibleError:
    """The same where nothing but constants can leave the chip: the step that needs most, and of what."""
    low, held, states = pool.low, pool.moves.reserved, pool.work.staying_bytes
    needs = [states + least_beside(pool, at) for at in range(len(low.rows))]
    worst = int(np.argmax(needs))
    parts = {"tensors that live then": held[worst] - low.held_bytes, "states": states, "weights": low.held_bytes}
    said = ", ".join(f"{what} {size:,.0f}" for what, size in parts.items() if size > 0.0)
    without = "to write to" if low.inside == "activations" else "at all"
    return InfeasibleError(
        f"{chip_name}: sram.capacity_mib: layer {low.rows[worst].name!r} needs at least {needs[worst]:,.0f} bytes of SRAM "
        f"({said}), since there is no outer memory {without}, got {capacity_bytes:,.0f}"
    )


def least_beside(pool: Pool, step: int) -> float:
    """SRAM bytes that a step takes at least, beside states. [B]"""
    vector, plan = float(pool.steps[step, LEAST_ROOM]), pool.moves
    span = range(plan.first[step], plan.first[step + 1])
    return min(float(plan.reserved[move]) + _least_footprint(pool, move, vector) for move in span)


def _least_footprint(pool: Pool, move: int, vector: float) -> float:
    """SRAM bytes of the smallest tiling of a move."""
    lo, hi = pool.spans[move, SPAN_LO], pool.spans[move, SPAN_HI]
    return float(pool.points[lo, FOOTPRINT]) if lo < hi else vector
