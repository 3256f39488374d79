"""Cores that share one batch and one outer memory, each with its own array, SRAM and port."""

import pytest
from profiles import THOROUGH

from simulator import load_chip, simulate
from simulator.errors import ChipError
from simulator.graph.load import load_network
from simulator.lower.rows import lower
from simulator.sweeps.run import sweep

ONE = {"schedule.residency": "none"}
TWICE = {
    "array.rate": {"int8": 2.0}, "sram.bytes_per_cycle": 1024.0, "interconnect.bytes_per_cycle": 1024.0, "vector.lanes": 1024,
    "dram.port_bytes_per_cycle": 64.0,
}  # fmt: skip


def test_two_cores_are_one_of_twice_the_speed_that_reads_more() -> None:
    """By pixels both read all weights, by output channels all inputs: the smaller of the two comes once more."""
    pair = simulate("resnet50", "bm1688", gains=False)
    fast = simulate("resnet50", load_chip("bm1688_core", ONE | TWICE), gains=False)
    assert (pair.macs, pair.peak_tops) == (fast.macs, fast.peak_tops)
    low = lower(load_network("resnet50"), load_chip("bm1688_core"))
    again = sum(min(row.weight_bytes, row.input_bytes) for row in low.rows if row.shape is not None)
    assert again > 2e6
    assert pair.dram_bytes == pytest.approx(fast.dram_bytes + again, rel=1e-12)
    assert pair.latency_s > fast.latency_s
    assert [layer.cycles for layer in pair.layers] == [layer.cycles for layer in fast.layers]


def test_what_a_second_core_is_worth() -> None:
    """Measured: x 1.04 and 1.29 on ResNet-50, x 1.24 and 1.56 on YOLOv8s, at batch 1 and 4; as one wide chip about 2."""

    def worth(network: str, batch: int) -> float:
        one, two = (simulate(network, chip, batch=batch, gains=False) for chip in ("bm1688_core", "bm1688"))
        return two.throughput_per_s / one.throughput_per_s

    measured = {("resnet50", 1): 1.04, ("resnet50", 4): 1.29, ("yolov8s", 1): 1.24, ("yolov8s", 4): 1.56}
    for (network, batch), gain in measured.items():
        if network == "yolov8s" and not THOROUGH:  # 640 x 640 pixels take ten seconds
            continue
        assert worth(network, batch) == pytest.approx(gain, rel=0.25), (network, batch)


def test_one_core_is_no_key_and_a_sweep_agrees() -> None:
    said, left_out = (simulate("resnet18", load_chip("bm1688_core", keys), gains=False) for keys in ({"cores": 1}, {}))
    assert (said.latency_s, said.dram_bytes, said.macs) == (left_out.latency_s, left_out.dram_bytes, left_out.macs)
    table = sweep("resnet18", "bm1688", vary={"dram.port_bytes_per_cycle": [8.0, 32.0], "cores": [2, 3]})
    alone = simulate("resnet18", load_chip("bm1688", {"dram.port_bytes_per_cycle": 8.0, "cores": 3}), gains=False)
    row = table.filter((table["cores"] == 3) & (table["dram.port_bytes_per_cycle"] == 8.0))
    assert row["throughput_per_s"].item() == alone.throughput_per_s


@pytest.mark.parametrize(
    ("chip", "changes", "message"),
    [
        ("bm1688", {"schedule.residency": "optimal"}, "schedule.residency: must be 'none' where cores is above 1"),
        ("bm1688", {"schedule.placement": "space"}, "schedule.placement: must be 'time' where cores is above 1"),
        ("a100", {"cores": 2}, "cores: must be left out where array.kind is sm"),
    ],
)
def test_what_cores_cannot_be_is_refused(chip: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ChipError, match=message):
        load_chip(chip, changes)
