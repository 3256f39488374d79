"""What the kernels of a grid of MAC units share: names for the columns of their tables and for the numbers of a layer."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SIZE, TRIPS, STEPS, FOLDS = range(4)
"""Columns of the tables of groups, K and C: size and trips of a tile, then for each unrolling its steps and its folds."""

(
    WINDOW, PIXELS, TRIPS_N, TRIPS_P, TRIPS_Q, INPUTS, INPUTS_BY_P, INPUTS_BY_Q, PIXEL_STEPS, PIXEL_FOLDS,
) = range(10)  # fmt: skip
"""Columns of the table of pixel tiles: inputs and outputs of a tile, trips, inputs of all tiles without sharing of rows between
neighbours and with it along P and along Q, then for each unrolling its steps and its folds."""

EACH = 2
"""Columns of an unrolling in these tables: those of unrolling u stand EACH * u behind the first one's."""

COPIES_IN, COPIES_WEIGHTS, SET_CYCLES, SET_LEAST, ONCE = range(5)
OWN = 5
"""Columns of what an unrolling has of its own: copies of inputs and of weights that are fed, cycles of each set of weights and
least cycles of it where accumulators are full, and cycles once a layer."""

SIZE_N, SIZE_P, SIZE_Q = range(3)
"""Columns of the sizes of pixel tiles."""

COST_WINDOW, COST_PIXELS, COST_TRIPS, COST_INPUTS, COST_SHARED, COST_STEPS, COST_FOLDS = range(7)
COSTS = 7
"""Columns of what a pixel tile costs an unrolling: what bytes and footprint depend on, with inputs without and with the better
sharing, then steps and folds."""

MOST_ROWS, ALL_ROWS, FRESH_ROWS = range(3)
"""Columns of windows: most input rows of one tile, those of all tiles, those that the tile before did not hold."""

UNIT_N, UNIT_P, UNIT_Q, UNIT_FLAT = range(4)
"""Columns of units: pixels of each unrolling along N, P and Q, and along P and Q as one loop (0: not as one)."""


HAS_INPUTS, HAS_WEIGHTS, HAS_OUTPUTS = 1, 2, 4
"""Bits of a set of resident operands."""


class Numbers(NamedTuple):
    """Numbers of a layer on an array."""

    in_bytes: float
    """A byte width each; of the weights times the kernel's elements. 0 where the operand has a path of its own."""
    weight_bytes: float
    out_bytes: float
    acc_bytes: float
    all_inputs: float
    """Bytes per input element of one plane."""
    all_weights: float
    """Bytes."""
    all_outputs: float
    """Elements."""
    buffers: float
    """Copies of a tile that is fetched while another is worked on."""
    grain_in: float
    """SRAM bytes of a streamed operand, before buffers."""
    grain_weights: float
    grain_out: float
    accumulators: float
    """Bytes of partial sums that the arrays hold."""
    link: float
    """Bytes per cycle of the interconnect."""
    port: float
    """Bytes per cycle of the SRAM ports."""
    feed_in: float
    """Bytes between SRAM and arrays: at each pass of the inputs, of the weights, of finished and of unfinished outputs."""
    feed_weights: float
    feed_out: float
    feed_partial: float
    least: float
    """On-chip cycles that no tiling goes below."""
    out_room: float
    """Bytes of SRAM per finished output, 0 where outputs have their own path."""
    acc_room: float
    """Bytes per unfinished output: in the accumulators, or in the SRAM where that has outputs."""
    sets: float
    """Least sets of weights a step of the reduction, where outputs fill the accumulators."""
    widening: float
    """Cycles of a pass of all weights for which the array waits until they are as wide as it multiplies; 0 where they are."""


class Rules(NamedTuple):
    """How operands are fed, and what the SRAM holds: 0 or 1 each, but for the last bin and the resets."""

    in_by_steps: int
    """Whether inputs are fed anew at each step of K, not only at each tile."""
    weights_by_steps: int
    """The same of the weights and the steps of the pixels."""
    partial_by_steps: int
    """The same of unfinished outputs and the steps of C."""
    holds_in: int
    holds_weights: int
    holds_out: int
    merged: int
    """Whether neighbours share no inputs."""
    last_bin: int
    """Bin of a footprint that no tiling exceeds."""
    keeps: int
    """Whether partial sums may stay in the arrays; where `holds_out` is 0 they must."""
    resets: int
    """Whether weights come in again where accumulators are full; 2 at a price."""


class Layer(NamedTuple):
    """Tables of tiles of a layer on an array, a row a tile, and its numbers."""

    group: Floats
    pixel: Floats
    axis_k: Floats
    axis_c: Floats
    needed: Ints
    """Rows of the pixel table that unrolling u needs: needed[starts[u] : starts[u + 1]]."""
    starts: Ints
    no_worse: Bools
    """[v, u]: whether unrolling v takes no more steps and folds than u in any tile of groups and of C."""
    own: Floats
    """What each unrolling has of its own, a row each."""
    numbers: Numbers
    rules: Rules


class Tile(NamedTuple):
    """A tiling: its rows in the four tables."""

    group: int
    pixel: int
    k: int
    c: int
