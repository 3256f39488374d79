"""Array cycles of the whole program against SCALE-Sim: ResNet-50 on systolic arrays that nothing else limits."""

import pytest
from test_golden_scalesim import golden, script

from simulator.chip.load import chip_from_text
from simulator.chip.schema import Architecture
from simulator.graph.load import load_network
from simulator.run import simulate

AXES = {
    "outputs": ("pixels", "out_channels"),
    "weights": ("reduction", "out_channels"),
    "inputs": ("reduction", "pixels"),
}
"""Loops on rows and columns, as SCALE-Sim lays a product on its array."""


def systolic(mode: str, rows: int, columns: int) -> Architecture:
    """A systolic array without double-buffered operands; everything around it is as fast as a chip file may say."""
    on_rows, on_columns = AXES[mode]
    return chip_from_text(f"""
schema: 1
name: systolic {rows} x {columns}
clock_mhz: 1000
array:
  rows: {rows}
  columns: {columns}
  stationary: {mode}
  unroll: {{rows: [{on_rows}], columns: [{on_columns}]}}
  rate: {{int8: 1}}
  systolic: true
  weight_load_cycles: {rows}
sram: {{capacity_mib: 4096, bytes_per_cycle: 1.0e+9}}
dram: {{part: custom, devices: 65536, gb_per_s_per_device: 1.0e+6, measured_efficiency: 1.0}}
interconnect: {{bytes_per_cycle: 1.0e+9}}
vector: {{lanes: 16777216, fuses: [relu, add, pool]}}
schedule: {{residency: none, overlap: none}}
""")


@pytest.mark.parametrize("side", script.SIDES)
@pytest.mark.parametrize("mode", script.MODES)
def test_resnet50_takes_the_cycles_of_scalesim(mode: str, side: int) -> None:
    result = simulate(load_network("resnet50"), systolic(mode, side, side))
    ours = sorted((layer.macs, layer.cycles) for layer in result.layers if layer.macs)
    key = script.column(mode, side)
    theirs = sorted((p.pixels * p.reduction * p.out_channels, row[key]) for p, row in golden.items())
    assert len(ours) == 54
    # Both give the index of the last cycle, counted from 0: one less than their number, once a layer.
    assert ours == theirs


def test_the_parts_of_the_array_time_are_those_of_the_folds() -> None:
    """Weight stationary, every fold: rows to load, rows + columns - 2 to fill and drain, a step a pixel."""
    side = 32
    chip = systolic("weights", side, side)
    result = simulate(load_network("resnet50"), chip)
    parts = ("ideal_s", "edges_s", "fill_drain_s", "weight_loading_s")
    ours = sorted((row.macs, *(row.waterfall[p] * chip.clock_hz for p in parts)) for row in result.layers if row.macs)
    theirs = []
    for p in golden:
        folds = -(-p.reduction // side) * -(-p.out_channels // side)
        macs = p.pixels * p.reduction * p.out_channels
        ideal = macs / side**2
        theirs.append((macs, ideal, folds * p.pixels - ideal, folds * (2.0 * side - 2), folds * side))
    for mine, other in zip(ours, sorted(theirs), strict=True):
        assert mine == pytest.approx(other, abs=1.001, rel=1e-9)
    for row in result.layers:
        assert sum(row.waterfall.values()) == pytest.approx(row.latency_s, rel=1e-12)


def test_loading_hides_behind_streaming_where_the_array_holds_two_sets() -> None:
    """With double-buffered weights a fold takes the longer of its pixels and its load, and the array fills once."""
    side = 32
    chip = systolic("weights", side, side)
    assert chip.array is not None
    hidden = chip.model_copy(update={"array": chip.array.model_copy(update={"weights_double_buffered": True})})
    result = simulate(load_network("resnet50"), hidden)
    ours = sorted((layer.macs, layer.cycles) for layer in result.layers if layer.macs)
    theirs = sorted(
        (
            p.pixels * p.reduction * p.out_channels,
            -(-p.reduction // side) * -(-p.out_channels // side) * max(p.pixels, side)
            + 2 * side
            - 3
            + min(p.pixels, side),
        )
        for p in golden
    )
    assert ours == theirs
