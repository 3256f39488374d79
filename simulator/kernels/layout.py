"""What all kernels of schedules share: the formulas of time, each once, and names for the numbers that they read.

Plain functions on numbers, in the form that the compiler turns into vector code when they stand in a loop over points: no
branches, `a if a > b else b` for the larger of two.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Machine(NamedTuple):
    """The numbers of one chip that its schedules read: SI units."""

    capacity_bytes: float
    """SRAM that tiles and tensors share."""
    cycle_s: float
    byte_s: float
    """Of the outer memory; 0 without a limit."""
    phi: float
    """Share of the shorter of on-chip and outer-memory time that is not hidden."""
    overhead_s: float
    """Of every step."""


class Rates(NamedTuple):
    """What differs between chips of one SRAM size, a column each, one entry a chip: seconds per cycle, byte and step."""

    cycle_s: Floats
    byte_s: Floats
    overhead_s: Floats


FOOTPRINT, BYTES, CYCLES = range(3)
"""Columns of the points of frontiers: SRAM bytes, outer-memory bytes, on-chip cycles."""

RESERVED, BESIDE, KEPT, FIRST_PASS = range(4)
"""Columns of what a move costs: bytes of whole tensors in SRAM, bytes of the outer memory beside the tiles, bytes of weights
that stay for ever, weight bytes of a first pass."""

SPAN_LO, SPAN_HI, SPAN_BASE, SPAN_QUERY = range(4)
"""Columns of a move's span: the rows of the points it may use, where their blocks begin, and the number of its query."""

LEAST_ROOM, VECTOR_CYCLES = range(2)
"""Columns of a step: SRAM bytes and cycles of its vector work."""

PATH_MOVE, PATH_POINT = range(2)
"""Columns of a path: the move and the point of each step; point -1 is vector work."""


WAY_SOURCE, WAY_TARGET, WAY_POINT, WAY_KIND, WAY_GROUP = range(5)
"""Columns of the choices of a list: states before and after, row of the frontier (-1: vector work), kind, which points."""

OWN_CYCLES, OWN_BYTES, TILE_BYTES, BESIDE_BYTES, NEED_ROOM, UNTIL_ROOM, RESERVED_ROOM = range(7)
"""Columns of what a choice takes: on-chip cycles, outer-memory bytes, of these the tiles' and all others but kept weights;
rooms from which on and below which it is there, and SRAM bytes of whole tensors."""


class Net(NamedTuple):
    """Points of all frontiers of a pool, and what queries of them start from (see `kernels.stairs.mark`)."""

    points: Floats
    life: Floats
    heads: Floats
    blocks: Ints
    marks: Ints


class Network(NamedTuple):
    """What a programme reads of a network: moves grouped by step, where they lead, what they use and cost, the steps, and how
    many steps before each one is a step with the same moves (0: none is looked for)."""

    first: Ints
    source: Ints
    target: Ints
    spans: Ints
    costs: Floats
    steps: Floats
    back: Ints
    net: Net


class Source(NamedTuple):
    """Where the choices of a pool come from: its network, the spans of moves whose weights are in SRAM, weights of each step."""

    network: Network
    kept_spans: Ints
    weights: Floats


class Listing(NamedTuple):
    """Lists of choices: where those of each list and step begin, and what they are and take, one row a choice."""

    begins: Ints
    ways: Ints
    amounts: Floats


SLACK = 1.0 - 1e-9
"""Factor of bounds, so that sums in another order do not cut the best."""


@kernel
def step_time(cycles, outer_bytes, cycle_s, byte_s, phi, overhead_s):
    """Time of a step without prefetch: max + phi min of on-chip and outer-memory time, and the overhead. [s]"""
    on_chip, outer = cycles * cycle_s, outer_bytes * byte_s
    large = on_chip if on_chip > outer else outer
    small = outer if on_chip > outer else on_chip
    return large + phi * small + overhead_s


@kernel
def least_time(cycles, outer_bytes, steps, cycle_s, byte_s, phi, overhead_s):
    """No schedule of `steps` steps with at least so many cycles and outer bytes in all takes less. [s]

    max + phi min is (1 - phi) max + phi (sum), so of a sum over steps it is least at the sums of cycles and of bytes.
    """
    return step_time(cycles, outer_bytes, cycle_s, byte_s, phi, overhead_s * steps) * SLACK


@kernel
def prefetch_step(have, total, first, most, cycles, cycle_s, byte_s, bytes_per_s):
    """(time of a step without its overhead [s], bytes ahead after it) where weights of later layers are fetched meanwhile.

    have: bytes ahead before it. total: outer-memory bytes of the step, of which `first` may be among those. most: bytes ahead
    that there may be afterwards. bytes_per_s: infinite where byte_s is 0, then all of `most` is there at once.
    """
    used = have if have < first else first
    rest = total - used
    on_chip, outer = cycles * cycle_s, rest * byte_s
    time = on_chip if on_chip > outer else outer
    spare = bytes_per_s * time - rest if byte_s > 0.0 else most
    spare = spare if spare > 0.0 else 0.0
    later = have - used + spare
    return time, later if later < most else most


@kernel
def fill_times(cycles, outer_bytes, machine, out):
    """Fill out[step] with the time of each step. [s]"""
    for step in range(len(out)):
        out[step] = step_time(
            cycles[step], outer_bytes[step], machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s
        )


@kernel
def fill_each(cycles, outer_bytes, rates, phi, out):
    """Fill out[point, step] with the time of each step of each point's own schedule. [s]"""
    for p in range(len(out)):
        for step in range(out.shape[1]):
            out[p, step] = step_time(
                cycles[p, step], outer_bytes[p, step], rates.cycle_s[p], rates.byte_s[p], phi, rates.overhead_s[p]
            )


@kernel
def fill_least(cycles, outer_bytes, steps, rates, phi, out):
    """Fill out[point] with a time that no schedule of so many steps with so many cycles and bytes beats. [s]"""
    for p in range(len(out)):
        out[p] = least_time(cycles, outer_bytes, steps, rates.cycle_s[p], rates.byte_s[p], phi, rates.overhead_s[p])


def times_each(cycles: Floats, outer_bytes: Floats, machine: Machine) -> Floats:
    """Times of steps without prefetch (`step_time`). [s]"""
    out = np.empty(len(cycles))
    fill_times(np.ascontiguousarray(cycles), np.ascontiguousarray(outer_bytes), machine, out)
    return out


def least_each(cycles: Floats, outer_bytes: Floats, machine: Machine) -> Floats:
    """Least times of steps with at least so many cycles and outer bytes. [s]"""
    return times_each(cycles, outer_bytes, machine) * SLACK


def times_grid(cycles: Floats, outer_bytes: Floats, rates: Rates, phi: float) -> Floats:
    """Times of steps without prefetch (`step_time`), arrays of [points, steps]. [s]"""
    out = np.empty(cycles.shape)
    fill_each(cycles, outer_bytes, rates, phi, out)
    return out


def least_grid(cycles: float, outer_bytes: float, steps: int, rates: Rates, phi: float) -> Floats:
    """Times that no schedule beats (`least_time`), one entry a point. [s]"""
    out = np.empty(len(rates.cycle_s))
    fill_least(cycles, outer_bytes, float(steps), rates, phi, out)
    return out
