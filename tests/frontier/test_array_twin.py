"""Steps of an array counted block by block, and systolic cycles by stepping through the folds, against worked cases."""

import math

import pytest
from naive_array import layer_steps, output_stationary_fold, systolic_cycles, tile_steps

UNIT = dict.fromkeys("GNKCPQRS", 1)


def test_steps_are_blocks_of_each_dimension() -> None:
    tile = {**UNIT, "K": 10, "C": 5, "P": 3}
    assert tile_steps(tile, {"out_channels": 4, "in_channels": 4}) == 3 * 2 * 3
    assert tile_steps(tile, {}) == 10 * 5 * 3


def test_flattened_dimensions_share_their_edges() -> None:
    # 3 x 3 kernel rows of 3 channels are 27 indices: 7 blocks of 4, where channels alone would need 9 x 1.
    tile = {**UNIT, "C": 3, "R": 3, "S": 3, "P": 3, "Q": 5}
    assert tile_steps(tile, {"reduction": 4}) == 7 * 15
    assert tile_steps(tile, {"in_channels": 4}) == 9 * 15
    assert tile_steps(tile, {"reduction": 27, "pixels": 4}) == 4
    with pytest.raises(ValueError, match="twice"):
        tile_steps(tile, {"pixels": 4, "out_width": 2})


@pytest.mark.parametrize(("size", "steps"), [(34, 8), (42, 7), (48, 7), (100, 7), (16, 7), (10, 10)])
def test_ragged_tiles_cost_whole_steps(size: int, steps: int) -> None:
    # 100 channels, 16 at once: tiles of 34 are 3 + 3 + 2 steps, of 42 3 + 3 + 1, of 48 3 + 3 + 1.
    sizes = {**dict.fromkeys("gnkcpq", 1), "k": size}
    assert layer_steps({**UNIT, "K": 100}, sizes, {"out_channels": 16}) == steps


def test_a_fold_by_hand() -> None:
    # 4 x 4, reduction 3: the last product is in cycle 3 + 3 + 2, so 9 cycles, and 4 more with the drain.
    assert output_stationary_fold(4, 4, 3, drained=False) == 9
    assert output_stationary_fold(4, 4, 3, drained=True) == 2 * 4 + 4 + 3 - 2


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (2, 5)])
@pytest.mark.parametrize(("pixels", "channels", "reduction"), [(5, 7, 3), (1, 1, 1), (9, 4, 8)])
def test_folds_add_up(rows: int, columns: int, pixels: int, channels: int, reduction: int) -> None:
    outputs = math.ceil(pixels / rows) * math.ceil(channels / columns) * (reduction + rows + columns - 2)
    weights = math.ceil(reduction / rows) * math.ceil(channels / columns) * (pixels + 2 * rows + columns - 2)
    inputs = math.ceil(reduction / rows) * math.ceil(pixels / columns) * (channels + 2 * rows + columns - 2)
    case = (pixels, channels, reduction, rows, columns)
    assert systolic_cycles("outputs", *case) == outputs
    assert systolic_cycles("weights", *case) == weights
    assert systolic_cycles("inputs", *case) == inputs
