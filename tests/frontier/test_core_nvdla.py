"""The whole program on the bundled NVDLA sizings against the designers' sheet, layer by layer of ResNet-50 (v1)."""

import pytest
from test_golden_scalesim import load_script

from simulator.chip.load import load_chip
from simulator.graph.load import load_network
from simulator.result.form import LayerResult
from simulator.run import simulate

sheet = load_script("nvdla_sheet")
SIZINGS = [sizing for sizing, _ in sheet.sizings()]
KIB_AS_1000_BYTES = 1.024
"""The sheet divides KiB by GB/s as if they were 1000 bytes."""
HALF_BLOCKS = {"res5a_branch2b", "res5b_branch2b", "res5c_branch2b"}
"""Winograd computes 2 x 2 outputs at a time: 4 x 4 blocks for 7 x 7 outputs, where the sheet takes 3.5 x 3.5."""
LIMIT = 0.03
"""Promised are 10 % a layer; the largest difference but for HALF_BLOCKS is 2.4 %."""


def run(sizing: sheet.Sizing) -> list[tuple[LayerResult, float]]:  # type: ignore[name-defined]
    """Layers of a bundled sizing, each with the cycles that the longer of array and DRAM takes.

    `overlap: layer` fetches nothing ahead across layers, as the sheet; the share of the shorter time that this overlap
    adds to a layer is left out.
    """
    rate = sizing.dram_gb_per_s * KIB_AS_1000_BYTES
    chip = load_chip(f"nvdla_{sizing.macs}", {"schedule.overlap": "layer", "dram.gb_per_s_per_device": rate})
    assert chip.macs == sizing.macs
    assert chip.sram.capacity_bytes == sizing.buffer_kb * 1024
    result = simulate(load_network("resnet50_v1"), chip)
    bytes_per_cycle = rate * 1e9 / chip.clock_hz
    return [(layer, max(layer.cycles, layer.dram_bytes / bytes_per_cycle)) for layer in result.layers]


@pytest.mark.parametrize("sizing", SIZINGS, ids=lambda sizing: f"{sizing.macs}")
def test_layers_without_odd_rules_agree(sizing: sheet.Sizing) -> None:  # type: ignore[name-defined]
    figures = {name.lower(): row for name, row in sheet.figures("resnet50", sizing).items()}
    odd = {name.lower(): rules for name, rules in sheet.odd_rules("resnet50", sizing).items()}
    layers = run(sizing)
    assert [layer.name for layer, _ in layers] == list(figures)
    free = [(layer, cycles) for layer, cycles in layers if not odd[layer.name]]
    assert len(free) == (40 if sizing.buffer_kb >= 256 else 29)
    for layer, cycles in free:
        theirs = figures[layer.name]
        assert layer.dram_bytes / 1024 == pytest.approx(theirs.dram_kb, rel=LIMIT), layer.name
        assert cycles == pytest.approx(theirs.layer_cycles, rel=LIMIT), layer.name
        if layer.name in HALF_BLOCKS:
            assert layer.cycles == pytest.approx(theirs.mac_cycles * (8 / 7) ** 2), layer.name
        else:
            assert layer.cycles == pytest.approx(theirs.mac_cycles, rel=LIMIT), layer.name


def test_the_odd_rules_cost_the_sheet_time() -> None:
    """Where an odd rule bites the sheet is never faster, but for the first layer and the pooled residual."""
    layers = run(SIZINGS[0])
    figures = {name.lower(): row for name, row in sheet.figures("resnet50", SIZINGS[0]).items()}
    faster = {layer.name for layer, cycles in layers if cycles > figures[layer.name].layer_cycles * 1.001}
    assert faster == {"conv1", "res5c_branch2c"}


def test_partial_sums_need_room() -> None:
    """At 2.5 GB/s a buffer is worth what it is in the sheet, its unfolding of strides left out; less at 32 KiB."""

    def per_s(buffer_kib: float, accumulator_kib: float = 4.0) -> float:
        keys = {"sram.capacity_mib": buffer_kib / 1024, "array.accumulator_kib": accumulator_kib}
        chip = load_chip("nvdla_2048", keys | {"dram.gb_per_s_per_device": 2.5})
        return simulate(load_network("resnet50_v1"), chip, gains=False).throughput_per_s

    def theirs(buffer_kib: float) -> float:
        return float(sheet.folded_frames_per_s(sheet.Sizing(2048, buffer_kib, 2.5)))

    ours = {kib: per_s(kib) for kib in (32, 64, 512)}
    assert per_s(512) / per_s(128) == pytest.approx(theirs(512) / theirs(128), rel=0.05)
    assert ours[512] / ours[64] == pytest.approx(theirs(512) / theirs(64), rel=0.25)
    assert ours[512] / ours[32] == pytest.approx(theirs(512) / theirs(32), rel=0.3)
    assert ours[32] < 0.85 * per_s(32, 32.0) < 0.85 * per_s(32, 1024.0)
    assert per_s(32, 0.001) == pytest.approx(ours[32], rel=0.01)
