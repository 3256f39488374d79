"""Speed of frontiers: `pytest tests/bench_frontier.py --benchmark-enable --benchmark-only -s` prints the table.

ResNet-50 at batch 1, its 24 distinct layers, every set of resident operands; warm, tables included, nothing from disk.
"""

import numpy as np
import pytest

from simulator.frontier.grid import candidates, pixels
from simulator.frontier.grid import search as tiling
from simulator.frontier.grid.candidates import build_tables
from simulator.frontier.grid.points import breakdowns, stack, tile_sizes
from simulator.frontier.grid.search import frontier
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

ARRAYS = {
    "one unit (footprint, bytes)": ArraySpec(
        1, 1, 1, "outputs", (), (), (), double_buffered=False
    ),
    "64 x 64 weight stationary": ArraySpec(
        1, 64, 64, "weights", ("reduction",), ("out_channels",), (), systolic=True, weight_load_cycles=64,
        link_bytes_per_cycle=128, port_bytes_per_cycle=256,
    ),
    "64 x 64, weights double buffered": ArraySpec(
        1, 64, 64, "weights", ("reduction",), ("out_channels",), (), systolic=True, weight_load_cycles=64,
        weights_double_buffered=True, accumulator_bytes=2**18, link_bytes_per_cycle=128, port_bytes_per_cycle=256,
    ),
    "8 x 16 x 16 output stationary": ArraySpec(
        8, 16, 16, "outputs", ("in_channels",), ("out_channels",), ("out_width", "out_height")
    ),
    "64 arrays of 64, 15 unrollings": ArraySpec(
        64, 64, 1, "weights", ("reduction",), ("out_channels",), ("out_channels", "pixels", "batch"),
        link_bytes_per_cycle=4096, port_bytes_per_cycle=8192,
    ),
}  # fmt: skip


def convolution(channels: int, outputs: int, side: int, kernel: int, stride: int) -> Shape:
    pad = kernel // 2
    out = (side + 2 * pad - kernel) // stride + 1
    return Shape(
        (1, 1, outputs, channels, out, out, kernel, kernel), (stride, stride), (1, 1), (pad, pad), (side, side)
    )


def resnet50() -> list[Shape]:
    """The distinct compute layers, downsampling in the 3 x 3 convolution (v1.5)."""
    layers = [convolution(3, 64, 224, 7, 2), Shape((1, 1, 1000, 2048, 1, 1, 1, 1))]
    channels, side = 64, 56
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            layers += [convolution(channels, width, side, 1, 1), convolution(width, width, side, 3, stride)]
            if block == 0:
                layers.append(convolution(channels, 4 * width, side, 1, stride))
            side //= stride
            layers.append(convolution(width, 4 * width, side, 1, 1))
            channels = 4 * width
    return list(dict.fromkeys(layers))


def forget() -> None:
    """Drop every memoised table."""
    for memo in (build_tables, candidates._axis, pixels.windows, pixels.pixel_table):
        memo.memory.clear()
    pixels._sizes.cache_clear()


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.benchmark(group="all frontiers of ResNet-50")
def test_all_frontiers(benchmark, name: str) -> None:
    layers, spec = resnet50(), ARRAYS[name]

    def build() -> int:
        return sum(len(frontier(layer, spec, mask)) for layer in layers for mask in range(8))

    points = benchmark.pedantic(build, setup=forget, rounds=5, warmup_rounds=1)
    benchmark.extra_info["points"] = points
    print(f"\n{name}: {points} points")
    assert points > 8 * len(layers) - 1


@pytest.mark.benchmark(group="points read")
def test_54_points_in_words(benchmark) -> None:
    layers, spec = resnet50(), ARRAYS["64 x 64 weight stationary"]
    built = [build_tables(layer, spec) for layer in layers]
    stacked = stack(layers, spec, built)
    at = np.arange(54) % len(layers)
    found = [tiling.frontier(layers[i], spec, 0, built[i]) for i in at]
    codes = np.array([f.codes[-1] for f in found])
    outer = np.array([f.bytes_[-1] for f in found])
    parts, sizes = benchmark(lambda: (breakdowns(stacked, at, codes, outer), tile_sizes(stacked, at, codes)))
    assert parts.shape == (54, 9)
    assert sizes.shape == (54, 9)
