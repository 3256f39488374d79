"""Random small chips and networks for property tests, as hypothesis strategies."""

from typing import TYPE_CHECKING, Any, TypeAlias

import networkx as nx
from hypothesis import strategies as st

from simulator.chip.schema import Architecture
from simulator.graph.build import NetworkBuilder, Output

if TYPE_CHECKING:
    Graph: TypeAlias = nx.DiGraph[str]  # subscripted in the stubs only
else:
    Graph: TypeAlias = nx.DiGraph

UNROLLS: list[dict[str, list[str]]] = [
    {"rows": ["reduction"], "columns": ["out_channels"], "count": ["groups", "out_channels", "pixels", "batch"]},
    {"rows": ["in_channels", "kernel_width"], "columns": ["out_channels"], "count": ["batch"]},
    {"rows": ["pixels"], "columns": ["out_channels"], "count": ["batch", "groups"]},
    {"rows": ["in_channels"], "columns": ["out_channels"], "count": ["out_height", "out_channels"]},
    {"rows": ["kernel_height"], "columns": ["out_height"], "count": ["out_channels"]},
    {"rows": ["groups", "in_channels"], "columns": ["out_width"], "count": []},
]
"""Systolic matrix engine, NVDLA, output stationary, DPU, Eyeriss and depthwise styles."""

PARTS = ["lpddr4-4266-x32", "ddr3-1600-x16"]


@st.composite
def arrays(draw: st.DrawFn) -> dict[str, Any]:
    """The `array` section."""
    systolic = draw(st.booleans())
    section: dict[str, Any] = {
        "count": draw(st.sampled_from([1, 2, 3])),
        "rows": draw(st.sampled_from([1, 3, 8, 16])),
        "columns": draw(st.sampled_from([1, 4, 8])),
        "stationary": draw(st.sampled_from(["weights", "outputs", "inputs", "rows"])),
        "unroll": draw(st.sampled_from(UNROLLS)),
        "rate": {"int8": draw(st.sampled_from([0.5, 1.0, 2.0]))},
        "weights_double_buffered": draw(st.booleans()),
        "systolic": systolic,
        "winograd": draw(st.booleans()),
    }
    if draw(st.booleans()):
        section["accumulator_kib"] = draw(st.sampled_from([0.0625, 1.0, 16.0]))
    return section


@st.composite
def chips(draw: st.DrawFn) -> Architecture:
    """A small chip: SRAM from a few kilobytes to more than any random network needs."""
    holds = draw(
        st.sampled_from([["inputs", "weights", "outputs"]] * 3 + [["inputs", "weights"], ["inputs", "outputs"]])
    )
    lanes = draw(st.sampled_from([4, 16, 64]))
    data: dict[str, Any] = {
        "schema": 1,
        "name": "random chip",
        "clock_mhz": draw(st.sampled_from([100.0, 800.0])),
        "array": draw(arrays()),
        "sram": {
            "capacity_mib": draw(st.sampled_from([2.0, 4.0, 8.0, 16.0, 64.0, 200.0, 1024.0])) / 1024.0,
            "bytes_per_cycle": draw(st.sampled_from([8.0, 64.0, 512.0])),
            "holds": holds,
        },
        "interconnect": {
            "bytes_per_cycle": draw(st.sampled_from([4.0, 32.0, 256.0])),
            "multicast": draw(st.booleans()),
        },
        "vector": {
            "lanes": lanes,
            "channels": draw(st.sampled_from([1, 1, 3, 4])),
            "fuses": draw(st.sampled_from([[], ["relu"], ["relu", "add", "pool"], ["relu", "add", "pool", "concat"]])),
        },
        "schedule": {
            "residency": draw(st.sampled_from(["optimal", "optimal", "none"])),
            "overlap": draw(st.sampled_from(["none", "layer", "network"])),
            "sub_batches": draw(st.booleans()),
        },
        "overhead_us": draw(st.sampled_from([0.0, None, 2.0])),
    }
    memory = draw(st.sampled_from(["part", "custom", "port", "host"]))
    if memory == "part":
        data["dram"] = {"part": draw(st.sampled_from(PARTS)), "devices": draw(st.sampled_from([1, 2]))}
    elif memory != "host":
        rate = draw(st.sampled_from([0.05, 0.5, 5.0]))
        data["dram"] = {"part": "custom", "devices": draw(st.sampled_from([1, 2])), "gb_per_s_per_device": rate}
        if memory == "port":
            data["dram"]["port_bytes_per_cycle"] = draw(st.sampled_from([0.5, 4.0]))
    if memory == "host" or draw(st.booleans()):
        data["host"] = {"link": draw(st.sampled_from(["pcie3-x1", "pcie3-x4"]))}
    return Architecture.model_validate(data)


@st.composite
def images(draw: st.DrawFn) -> Graph:
    """A few layers on an image: convolutions of all kinds, pools, sums, joins, a dense layer at the end."""
    net = NetworkBuilder("random image network")
    side = draw(st.integers(3, 10))
    x = net.input(draw(st.sampled_from([3, 8, 12])), side, side)
    for _ in range(draw(st.integers(1, 4))):
        x = draw(st.sampled_from([_conv, _conv, _depthwise, _pool, _residual, _joined]))(draw, net, x)
    if draw(st.booleans()):
        x = net.dense(x.flat(), draw(st.integers(1, 12)), activation=draw(st.sampled_from(["", "relu"])))
    graph: Graph = nx.freeze(net.build())
    return graph


@st.composite
def sequences(draw: st.DrawFn) -> Graph:
    """One or two blocks of a small transformer: products of two activations, softmax, residuals."""
    net = NetworkBuilder("random sequence network")
    width = draw(st.sampled_from([4, 8, 12]))
    x = net.input(width, draw(st.integers(1, 9)), 1)
    for _ in range(draw(st.integers(1, 2))):
        query, key, value = (net.dense(x, width) for _ in range(3))
        scores = net.vector("softmax", net.matmul(query, key, heads=2, transposed=True))
        y = net.dense(net.matmul(scores, value, heads=2), width)
        x = net.vector("layer_norm", net.add(y, x))
        if draw(st.booleans()):
            x = net.add(net.dense(net.dense(x, 2 * width, activation="gelu"), width), x)
    graph: Graph = nx.freeze(net.build())
    return graph


networks = st.one_of(images(), images(), sequences())


def _conv(draw: st.DrawFn, net: NetworkBuilder, x: Output) -> Output:
    kernel = draw(st.sampled_from([1, 3])) if min(x.height, x.width) >= 3 else 1
    groups = draw(st.sampled_from([g for g in (1, 1, 2, 4) if x.channels % g == 0]))
    return net.conv(
        x,
        groups * draw(st.integers(1, 12)),
        kernel,
        stride=draw(st.sampled_from([1, 1, 2])),
        padding=draw(st.sampled_from([0, kernel // 2])),
        groups=groups,
        activation=draw(st.sampled_from(["", "relu"])),
    )


def _depthwise(draw: st.DrawFn, net: NetworkBuilder, x: Output) -> Output:
    return net.depthwise(x, 3, stride=draw(st.sampled_from([1, 2])), padding=1, activation="relu")


def _pool(draw: st.DrawFn, net: NetworkBuilder, x: Output) -> Output:
    if min(x.height, x.width) < 2:
        return net.global_pool(x)
    return net.pool(x, 2, stride=draw(st.sampled_from([1, 2])))


def _residual(draw: st.DrawFn, net: NetworkBuilder, x: Output) -> Output:
    y = net.conv(x, draw(st.integers(1, 12)), 1, activation="relu")
    y = net.conv(y, x.channels, 3, padding=1)
    return net.add(y, x, activation=draw(st.sampled_from(["", "relu"])))


def _joined(draw: st.DrawFn, net: NetworkBuilder, x: Output) -> Output:
    one = net.conv(x, draw(st.integers(1, 8)), 1)
    other = net.conv(x, draw(st.integers(1, 8)), 3, padding=1)
    return net.concat(one, other)
