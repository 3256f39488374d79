"""Products on the vector lanes of a chip whose lanes multiply: so many multiply-accumulates a cycle, no lane idle.

An array of many rows is nearly empty where a product has one row, as that of a token with its keys. Lanes take such a product
as they take other vector work. Its operands pass once: the few rows stay in registers while the weights stream by.
"""

import math

import numpy as np
import numpy.typing as npt

from simulator.frontier.grid import points
from simulator.frontier.grid.search import INPUTS, OUTPUTS, WEIGHTS, Frontier
from simulator.frontier.grid.unrolling import Floats, Ints, least_steps
from simulator.kernels import grid_points as columns
from simulator.lower.array import ArraySpec, spec_of
from simulator.lower.shape import Shape
from simulator.vocabulary import OPERANDS

CODE = 1 << 62
"""Of the one point that a product has on the lanes; codes of tilings on the array are below."""


def chosen(shape: Shape, spec: ArraySpec) -> bool:
    """Whether a layer is a product that the lanes do in fewer cycles than the array has steps, however it is tiled there."""
    one_place = shape.extents[6:] == (1, 1) and shape.stride == (1, 1) and shape.steps == 1 and not shape.context
    if not (shape.lane_macs > 0.0 and one_place and set(OPERANDS) <= set(spec.holds)):
        return False
    own = spec_of(shape, spec)
    return bool(frontier(shape, spec, 0).cycles[0] < least_steps(shape.step_extents, own) / own.rate)


def frontier(shape: Shape, spec: ArraySpec, resident: int) -> Frontier:
    """The one point of a product that the lanes do, with some operands resident (bits INPUTS, WEIGHTS, OUTPUTS).

    Every operand passes once. In the SRAM lie the rows of a group, and weights and outputs of as many places as fill the
    lanes; twice what follows while it is worked on.
    """
    g, k, c, rows = _sizes(shape)
    deep = min(c, math.ceil(shape.lane_macs))
    wide = min(k, math.ceil(shape.lane_macs / deep))
    heads = min(g, math.ceil(shape.lane_macs / (wide * deep)))
    buffers = 2.0 if spec.double_buffered and (deep, wide, heads) != (c, k, g) else 1.0
    footprint = bytes_ = 0.0
    for bit, tile, whole in (
        (INPUTS, shape.in_width * heads * rows * c, shape.in_width * g * rows * c),
        (WEIGHTS, shape.weight_width * heads * wide * deep, shape.weight_width * g * k * c),
        (OUTPUTS, shape.out_width * heads * rows * wide, shape.out_width * g * rows * k),
    ):
        if not resident & bit:
            footprint, bytes_ = footprint + buffers * tile, bytes_ + whole
    own = parts(shape, spec, np.array([bytes_]))
    cycles = points.cycles_of(own)
    room = np.array([footprint])
    return Frontier(room, np.array([bytes_]), cycles, np.array([CODE], dtype=np.int64), room)


def on_lanes(codes: Ints) -> npt.NDArray[np.bool_]:
    """Which points are on the lanes."""
    return np.asarray(codes == CODE)


def parts(shape: Shape, spec: ArraySpec, outer_bytes: Floats) -> Floats:
    """On-chip parts of points on the lanes, float64[points, 9] as `points.breakdowns`; outer_bytes: their traffic. [B]

    What the lanes do slower than the array at its peak counts as edges.
    """
    g, k, c, rows = _sizes(shape)
    own = spec_of(shape, spec)
    peak = own.rate * own.rows * own.columns * own.count
    feed = g * (shape.in_width * rows * c + shape.weight_width * k * c + shape.out_width * rows * k)
    found = np.zeros((len(outer_bytes), 9))
    found[:, columns.IDEAL] = shape.macs / peak
    found[:, columns.ARRAY] = shape.macs / min(shape.lane_macs, peak)
    found[:, columns.EDGES] = found[:, columns.ARRAY] - found[:, columns.IDEAL]
    found[:, columns.INTERCONNECT] = feed / spec.link_bytes_per_cycle
    found[:, columns.SRAM] = (feed + outer_bytes) / spec.port_bytes_per_cycle
    found[:, columns.FEED_BYTES] = feed
    return found


def words() -> dict[str, object]:
    """What a point on the lanes is."""
    return {"runs_on": "vector lanes"}


def _sizes(shape: Shape) -> tuple[int, int, int, int]:
    """Groups, outputs and reduction of a row, and rows of a group."""
    g, n, k, c, p, q, *_ = shape.extents
    return g, k, c, n * p * q
