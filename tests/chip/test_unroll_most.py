"""Axes of an array that are wired as several, each of its own length."""

import pytest

from simulator import load_chip, simulate
from simulator.errors import ChipError
from simulator.graph.build import NetworkBuilder

FOUR = {
    "array": {
        "count": 16, "rows": 8, "columns": 8, "stationary": "weights", "rate": {"int8": 1},
        "unroll": {"rows": ["in_channels"], "columns": ["out_channels"], "count": ["out_height", "out_width"]},
    },
    "interconnect.bytes_per_cycle": 2**20, "sram.bytes_per_cycle": 2**20, "dram.devices": 64,
}  # fmt: skip
"""K8 C8 OX4 OY4: 1,024 MACs."""

WIRED = {"array.unroll.most": {"count": {"out_height": 4, "out_width": 4}}}


@pytest.mark.parametrize(("more", "cycles", "name"), [({}, 7_488, "free"), (WIRED, 9_216, "wired")])
def test_13_pixels_on_4_by_4(more, cycles, name):
    """64 to 64 channels, 3 x 3, 13 x 13 outputs: 13 x 1 of free units take 13 passes of 576, 4 x 4 wired ones take 16."""
    net = NetworkBuilder(name)
    net.conv(net.input(64, 13, 13), 64, 3, padding=1)
    (layer,) = [
        each for each in simulate(net.build(), load_chip("example_edge", set={**FOUR, **more})).layers if each.macs
    ]
    assert layer.cycles == cycles


@pytest.mark.parametrize(
    ("sets", "line"),
    [
        ({"array.unroll.most": {"count": {"batch": 4}}}, "array.unroll.most.count.batch: must be one of array.unroll.count"),
        ({**WIRED, "schedule.placement": "space"}, "array.unroll.most: must be left out where placement is space"),
        ({"array.unroll.most": {"count": {"out_height": 0}}}, "array.unroll.most.count.out_height: must be at least 1"),
    ],
)  # fmt: skip
def test_what_such_an_axis_cannot_say(sets, line):
    with pytest.raises(ChipError) as caught:
        load_chip("example_edge", set={**FOUR, **sets})
    assert line in str(caught.value)
