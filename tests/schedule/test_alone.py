"""A layer alone takes the same cycles placed in time and in space."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles import examples
from random_models import UNROLLS

from simulator import simulate
from simulator.chip.schema import Architecture
from simulator.graph.build import Graph, NetworkBuilder

AMPLE = {
    "schema": 1,
    "name": "arrays alone",
    "clock_mhz": 1000,
    "sram": {"capacity_mib": 64, "bytes_per_cycle": 33554432},
    "dram": {"part": "custom", "devices": 1, "gb_per_s_per_device": 1e6, "measured_efficiency": 1.0},
    "interconnect": {"bytes_per_cycle": 33554432},
    "vector": {"lanes": 1048576, "fuses": ["relu"]},
    "overhead_us": 0,
}
"""A chip on which only the cycles of the arrays are left."""

KINDS = ("conv", "strided", "grouped", "depthwise", "pointwise", "dense", "matmul")


def alone(kind: str, channels: int, side: int) -> Graph:
    """One layer; a product of two inputs for `matmul`."""
    net = NetworkBuilder(kind)
    width = 1 if kind == "matmul" else side + 2
    x = net.input(2 * channels, side, width)
    if kind == "depthwise":
        net.depthwise(x, 3, padding=1)
    elif kind == "dense":
        net.dense(x.flat(), 30)
    elif kind == "matmul":
        net.matmul(x, net.input(2 * channels, side, width, name="other"), heads=2, transposed=True)
    else:
        kernel, stride, groups = {
            "conv": (3, 1, 1),
            "strided": (3, 2, 1),
            "grouped": (3, 1, 2),
            "pointwise": (1, 1, 1),
        }[kind]
        net.conv(x, 3 * channels * groups, kernel, stride=stride, padding=kernel // 2, groups=groups)
    return net.build()


def cycles(network: Graph, array: dict[str, object], placement: str) -> float:
    chip = Architecture.model_validate(
        {**AMPLE, "array": array, "schedule": {"placement": placement, "overlap": "network"}}
    )
    return simulate(network, chip, gains=False).layers[0].cycles


@given(
    kind=st.sampled_from(KINDS),
    channels=st.integers(1, 12),
    side=st.integers(3, 9),
    array=st.fixed_dictionaries(
        {
            "count": st.integers(1, 6),
            "rows": st.sampled_from([1, 3, 8, 16]),
            "columns": st.sampled_from([1, 4, 16]),
            "stationary": st.sampled_from(["weights", "outputs", "inputs"]),
            "unroll": st.sampled_from(
                [*UNROLLS, {"rows": ["reduction"], "columns": ["out_channels", "groups"], "count": ["pixels"]}]
            ),
            "rate": st.sampled_from([{"int8": 0.5}, {"int8": 1}]),
            "systolic": st.booleans(),
            "weights_double_buffered": st.booleans(),
        }
    ),
)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cycles_in_time_and_in_space(kind: str, channels: int, side: int, array: dict[str, object]) -> None:
    network = alone(kind, channels, side)
    in_time, in_space = (cycles(network, array, placement) for placement in ("time", "space"))
    assert in_space == pytest.approx(in_time, rel=1e-12)


def test_groups_on_the_columns_of_a_systolic_array_need_rows_of_their_own() -> None:
    """Depthwise 3 x 3 on 32 channels of 17 x 19, four arrays of 16 x 16: 1,503 cycles; in space 162 were told."""
    net = NetworkBuilder("depthwise")
    net.depthwise(net.input(32, 17, 19), 3, padding=1)
    unroll = {
        "rows": ["reduction"],
        "columns": ["out_channels", "groups"],
        "count": ["out_channels", "pixels", "groups"],
    }
    array = {
        "count": 4, "rows": 16, "columns": 16, "stationary": "weights", "systolic": True, "weights_double_buffered": True,
        "unroll": unroll, "rate": {"int8": 1},
    }  # fmt: skip
    assert cycles(net.build(), array, "space") == cycles(net.build(), array, "time") == 1503
