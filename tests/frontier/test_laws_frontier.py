"""Laws of arrays: used in part, a larger one is never slower; nor is one with more of a resource, which it may leave unused.

On frontiers of random layers, where every point of the lesser array must be met by one of the greater in footprint, bytes
and cycles; on random chips and networks; and on a few chips by name.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import examples
from random_models import Graph, chips, networks
from test_laws import SLACK, changed, never_slower, tried

from simulator import load_chip, simulate
from simulator.chip.schema import Architecture
from simulator.frontier.grid.search import frontier
from simulator.graph.build import NetworkBuilder
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

INF = float("inf")
WORDS = [
    (("reduction",), ("out_channels",), ("groups", "out_channels", "pixels")),
    (("in_channels", "kernel_width"), ("out_channels", "groups"), ("batch", "pixels")),
    (("pixels",), ("out_channels",), ("batch", "groups")),
    (("out_height", "out_width"), ("out_channels",), ("in_channels",)),
    (("in_channels",), ("out_channels",), ("out_height", "out_channels")),
]
ROWS = [
    (("kernel_height", "in_channels"), ("out_height", "out_channels"), ("out_channels",)),
    (("kernel_height", "out_height"), ("out_channels",), ("batch",)),
]
some = settings(max_examples=examples(30))
few = settings(max_examples=examples(12))


@st.composite
def layers(draw: st.DrawFn) -> Shape:
    """A product, or a convolution with or without groups."""
    k, c, n = (draw(st.integers(1, 20)) for _ in range(3))
    if draw(st.booleans()):
        return Shape((1, n, k, c, 1, 1, 1, 1), in_width=draw(st.sampled_from([1.0, 2.0])))
    groups, kernel, stride = (
        draw(st.sampled_from([1, 1, 3, 6])),
        draw(st.sampled_from([1, 3])),
        draw(st.sampled_from([1, 2])),
    )
    side = draw(st.integers(kernel, 12))
    pad = kernel // 2
    out = (side + 2 * pad - kernel) // stride + 1
    extents = (groups, draw(st.sampled_from([1, 2])), k, c, out, out, kernel, kernel)
    return Shape(extents, (stride, stride), (1, 1), (pad, pad), (side, side))


@st.composite
def arrays(draw: st.DrawFn) -> ArraySpec:
    """Any array whose operands are broadcast."""
    stationary = draw(st.sampled_from(["weights", "outputs", "inputs", "rows"]))
    words = draw(st.sampled_from(ROWS if stationary == "rows" else WORDS))
    count = draw(st.integers(1, 3))
    return ArraySpec(
        count, draw(st.integers(1, 8)), draw(st.integers(1, 8)), stationary, *words,
        rate=draw(st.sampled_from([1.0, 0.5])),
        accumulator_bytes=count * draw(st.sampled_from([0.0, 0.0, 16.0, 100.0, 1000.0])),
        weights_double_buffered=stationary != "outputs" and draw(st.booleans()),
        weight_load_cycles=draw(st.sampled_from([0.0, 4.0, 30.0])),
        pass_overhead_cycles=draw(st.sampled_from([0.0, 0.0, 5.0])),
        multicast=draw(st.booleans()),
        link_bytes_per_cycle=draw(st.sampled_from([INF, 4.0, 16.0])),
        port_bytes_per_cycle=draw(st.sampled_from([INF, 8.0, 32.0])),
        double_buffered=draw(st.booleans()),
    )  # fmt: skip


def meets(layer: Shape, lesser: ArraySpec, greater: ArraySpec, resident: int) -> None:
    """Assert that the greater array has a tiling no worse than every one of the lesser."""
    before, after = (frontier(layer, spec, resident) for spec in (lesser, greater))
    for footprint, total, cycles in zip(before.footprint, before.bytes_, before.cycles, strict=True):
        fits = (after.footprint <= footprint * (1 + SLACK)) & (after.bytes_ <= total * (1 + SLACK))
        assert (fits & (after.cycles <= cycles * (1 + SLACK))).any(), (layer, lesser, greater, footprint, total, cycles)


@some
@given(layers(), arrays(), st.integers(0, 7), st.integers(0, 5), st.integers(0, 5), st.integers(0, 3))
def test_an_array_inside_a_larger_one(
    layer: Shape, spec: ArraySpec, resident: int, rows: int, columns: int, count: int
) -> None:
    arrays = spec.count + count
    larger = replace(
        spec, rows=spec.rows + rows, columns=spec.columns + columns, count=arrays,
        accumulator_bytes=spec.accumulator_bytes / spec.count * arrays,
    )  # fmt: skip
    meets(layer, spec, larger, resident)


@some
@given(layers(), arrays(), st.integers(0, 7), st.booleans(), st.sampled_from([1.0, 8.0, 60.0, 500.0, 5000.0]))
def test_more_of_a_resource(layer: Shape, spec: ArraySpec, resident: int, systolic: bool, room: float) -> None:
    spec = replace(spec, systolic=systolic)
    meets(layer, spec, replace(spec, multicast=True), resident)
    meets(layer, spec, replace(spec, accumulator_bytes=spec.accumulator_bytes + room), resident)
    if spec.stationary != "outputs":
        meets(
            layer, replace(spec, weights_double_buffered=False), replace(spec, weights_double_buffered=True), resident
        )


@pytest.mark.kernel
def test_a_larger_array_on_a_tiny_layer() -> None:
    small = ArraySpec(1, 1, 2, "weights", (), ("out_channels",), (), accumulator_bytes=8.0, weight_load_cycles=3.0)
    for resident in (0, 2):
        meets(Shape((1, 2, 3, 2, 1, 1, 1, 1)), small, replace(small, columns=3), resident)


def array_of(chip: Architecture, **values: Any) -> Architecture:
    """The chip with another array."""
    return changed(chip, "array", **values)


@few
@given(networks, chips(), st.sampled_from([1, 2]), st.sampled_from(["rows", "columns", "count"]), st.integers(1, 9))
def test_a_chip_with_a_larger_array(network: Graph, chip: Architecture, batch: int, side: str, more: int) -> None:
    assert chip.array is not None
    chip = array_of(chip, systolic=False)
    values: dict[str, Any] = {side: getattr(chip.array, side) + more}
    if side == "count" and chip.array.accumulator_kib is not None:
        values["accumulator_kib"] = chip.array.accumulator_kib / chip.array.count * (chip.array.count + more)
    never_slower(tried(network, chip, batch), tried(network, array_of(chip, **values), batch))


@few
@given(networks, chips(), st.sampled_from([1, 2]), st.sampled_from([1 / 1024, 0.0625, 1.0, 16.0]))
def test_a_chip_with_more_of_a_resource(network: Graph, chip: Architecture, batch: int, kib: float) -> None:
    assert chip.array is not None
    before = tried(network, chip, batch)
    never_slower(before, tried(network, changed(chip, "interconnect", multicast=True), batch))
    if chip.array.stationary != "outputs":
        never_slower(before, tried(network, array_of(chip, weights_double_buffered=True), batch))
    never_slower(
        before, tried(network, array_of(chip, accumulator_kib=(chip.array.accumulator_kib or 0.0) + kib), batch)
    )


GRID = {
    "schema": 1,
    "name": "grid",
    "clock_mhz": 1000.0,
    "array": {
        "rows": 64,
        "columns": 64,
        "stationary": "weights",
        "unroll": {"rows": ["in_channels"], "columns": ["out_channels"]},
        "rate": {"int8": 1.0},
    },
    "sram": {"capacity_mib": 0.015625, "bytes_per_cycle": 1048576.0},
    "dram": {"part": "custom", "devices": 1, "gb_per_s_per_device": 100000.0, "measured_efficiency": 1.0},
    "interconnect": {"bytes_per_cycle": 1048576.0},
    "vector": {"lanes": 1024, "fuses": ["relu"]},
    "schedule": {"residency": "none", "overlap": "layer"},
    "overhead_us": 0.0,
    "sources": {"all": "a chip of which only the array and little SRAM count"},
}


def test_weights_that_stream_past_a_larger_grid() -> None:
    """512 to 512 channels, 3 x 3, on 14 x 14, with 16 KiB of SRAM: a set of 128 x 128 weights is as large as that."""
    net = NetworkBuilder("one layer")
    net.conv(net.input(512, 14, 14), 512, 3, padding=1)
    chip = Architecture.model_validate(GRID)
    times = [
        simulate(net.build(), array_of(chip, rows=side, columns=side)).latency_s
        for side in (32, 48, 64, 96, 128, 256, 512)
    ]
    assert (np.diff(times) <= 0.0).all()
    assert times[4] < times[2] / 3


def test_accumulators_of_any_size_on_a_chip_by_name() -> None:
    def latency_s(kib: float | None) -> float:
        return simulate("resnet50", load_chip("tpu_v1", set={"array.accumulator_kib": kib}), gains=False).latency_s

    times = [latency_s(kib) for kib in (None, 1.0, 64.0, 4096.0)]
    assert (np.diff(times) <= SLACK * times[0]).all()
