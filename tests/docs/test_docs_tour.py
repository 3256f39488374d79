"""Every number of docs/tour.md: what is done by hand gives what stands beside it, and that is what the program says."""

import re
from pathlib import Path

import pytest

from simulator import load_chip, load_network, simulate

PAGE = (Path(__file__).parents[2] / "docs" / "tour.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([\d,.]+)(?: ([^|]+))? \|$", re.MULTILINE)
UNITS = {"us": 1e-6, "TOPS": 1e12, "GB/s": 1e9, "KiB": 1024.0, "%": 0.01}

HANDS = {  # for what is told in words and numbers, the same in numbers alone
    "MACs of the layer": "112 * 112 * 64 * (3 * 7 * 7)",
    "MAC units": "64 * 64",
    "peak": "4096 * 1e9 * 2",
    "DRAM": "12.8e9 * 0.80",
    "rounds over the rows": "-(-147 // 64)",
    "rounds over the columns": "64 / 64",
    "cycles": "112 * 112 * 3 * 1",
    "time of the array": "37632 / 1e9",
    "the same with every unit busy": "118013952 / 4096 / 1e9",
    "inputs, each once": "224 * 224 * 3",
    "outputs, each once": "112 * 112 * 64",
    "weights, which stay in the SRAM from one image to the next": "64 * 147",
    "time of the DRAM": "953344 / 10.24e9",
    "SRAM": "2 * 7 * 224 * 3 + 9408",
    "throughput": "1 / 105.508e-6",
    "utilisation": "28.812 / 105.508",
    "TOPS that are left": "8.192 * 0.273",
    "multiplying, every unit busy": "28.812e-6",
    "idle units at tile edges": "8.820e-6",
    "command overhead": "3000 / 1e9",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of the layer and the chip that the page shows."""
    folder = tmp_path_factory.mktemp("tour")
    for name, text in re.findall(r"^```yaml\n# ([\w.]+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder / "conv1.yaml"), str(folder / "tour_chip.yaml")


@pytest.fixture(scope="module")
def said(files):
    """{what: figure} of the program, in the words of the page."""
    network, path = load_network(files[0]), files[1]
    chip = load_chip(path)
    one, two, three = (simulate(network, load_chip(path, set={"dram.devices": n})) for n in (1, 2, 3))
    assert one.bound_by == "dram"
    assert three.bound_by == "array"
    (layer,) = one.layers
    parts = one.waterfall
    assert (parts["interconnect_s"], parts["sram_s"], parts["vector_s"], parts["weight_loading_s"]) == (0, 0, 0, 0)
    assert layer.tiling["unrolling"] == {"reduction": 64, "out_channels": 64}
    assert (layer.tiling["tile"]["p"], layer.tiling["tile"]["k"], layer.tiling["tile"]["c"]) == (1, 64, 3)
    return {
        "MACs of the layer": one.macs,
        "MAC units": chip.macs,
        "peak": chip.peak_tops("int8") * 1e12,
        "DRAM": chip.dram_bytes_per_s,
        "cycles": layer.cycles,
        "time of the array": layer.cycles / chip.clock_hz,
        "the same with every unit busy": parts["ideal_s"],
        "lost at the edge of the array": parts["edges_s"],
        "weights, which stay in the SRAM from one image to the next": one.load_bytes,
        "traffic": one.dram_bytes,
        "time of the DRAM": one.lower_bound_s,
        "SRAM": one.sram_bytes,
        "time": one.latency_s,
        "throughput": one.throughput_per_s,
        "utilisation": one.utilisation,
        "TOPS that are left": one.peak_tops * one.utilisation,
        "multiplying, every unit busy": parts["ideal_s"],
        "idle units at tile edges": parts["edges_s"],
        "command overhead": parts["overhead_s"],
        "waiting for DRAM": parts["dram_s"],
        "no limit of the DRAM": one.latency_s - one.gain_if_infinite["dram"],
        "two DRAM devices": two.latency_s,
        "three: the array is the longer one now": three.latency_s,
    }


def rows():
    """{what: (by hand, figure in SI units, half of its last digit)}."""
    found = {}
    for what, hand, text, unit in ROW.findall(PAGE):
        scale = UNITS.get(unit, 1.0)
        digits = len(text.partition(".")[2])
        found[what] = (hand, float(text.replace(",", "")) * scale, 0.5001 * 10.0**-digits * scale)
    return found


def test_the_tables_are_read():
    assert len(rows()) == PAGE.count("\n| ") - PAGE.count("\n| |") - PAGE.count("\n| change |")


@pytest.mark.parametrize("what", rows())
def test_what_is_done_by_hand_gives_the_figure(what):
    hand, figure, within = rows()[what]
    done = HANDS.get(what, hand).replace(",", "").replace(" x ", " * ")
    scale = 1e-6 if what not in HANDS and figure < 1 else 1.0  # sums of microseconds stand as they are
    assert eval(done, {}) * scale == pytest.approx(figure, abs=within + 1e-15)


def test_the_figures_are_what_the_program_says(said):
    for what, value in said.items():
        _, figure, within = rows()[what]
        assert value == pytest.approx(figure, abs=within), what


def test_the_roofline(said):
    assert 2 * said["MACs of the layer"] / said["traffic"] == pytest.approx(248, abs=0.5)
    assert said["peak"] / said["DRAM"] == pytest.approx(800)
    assert "248 operations per byte" in " ".join(PAGE.split())
    assert "= 800 operations per byte" in " ".join(PAGE.split())
