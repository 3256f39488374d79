"""What is varied, and which points a design has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import OptionError
from simulator.sweeps.design import Design, _shuffled, design_of, places
from simulator.sweeps.plan import differences, plan_of, read_plan
from simulator.sweeps.ranges import axis_of, chip_keys


@pytest.mark.parametrize(
    ("key", "text", "values"),
    [
        ("sram.capacity_mib", "1:64:x2", (1, 2, 4, 8, 16, 32, 64)),
        ("sram.capacity_mib", "1:60:x2", (1, 2, 4, 8, 16, 32)),
        ("clock_mhz", "0.1:0.5:+0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("dram.devices", "1:8:/4", (1, 2, 4, 8)),
        ("dram.devices", "1:5:/20", (1, 2, 3, 4, 5)),
        ("sram.capacity_mib", "1:100:/3", (1, 10.0, 100)),
        ("overhead_us", "0:4:/3", (0, 2.0, 4)),
        ("batch", "1,2,4", (1, 2, 4)),
        ("precision", "int8, int16", ("int8", "int16")),
        ("dram.part", "lpddr4-4266-x32", ("lpddr4-4266-x32",)),
        ("array.winograd", "true,false", (True, False)),
        ("param.image_size", "224:448:+112", (224, 336, 448)),
        ("sram.capacity_mib", [2, np.float64(4.0)], (2, 4.0)),
        ("array.rows", "8:8:x2", (8,)),
        ("context", "256,512", (256, 512)),
    ],
)
def test_ranges(key, text, values):
    axis = axis_of(key, text, "vary", drawn=False)
    assert axis.values == values
    assert axis.key == ("param.context" if key == "context" else key)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("sram.capasity=1", "'sram.capasity' is not a chip parameter; did you mean 'sram.capacity_mib'"),
        ("rows=1,2", "'rows' is not a chip parameter; did you mean 'array.rows'?"),
        ("qqq=1", "'qqq' is not a chip parameter; must be batch, precision, param.NAME or a key of a chip file"),
        ("name=a,b", "'name' is not a chip parameter"),
        ("sram.capacity_mib=64:1:x2", "empty range: must begin at or below its end, got 64 above 1"),
        ("sram.capacity_mib=1:64", "must have a step: "),
        ("sram.capacity_mib=1:64:x1", "factor must be above 1, got x1"),
        ("sram.capacity_mib=0:64:x2", "must begin above 0, got 0"),
        ("sram.capacity_mib=1:64:+0", "step must be above 0, got +0"),
        ("sram.capacity_mib=1:64:-1", "step must begin with x, + or /, got '-1'"),
        ("sram.capacity_mib=1:64:/0", "number of values must be a whole number of at least 1, got 0"),
        ("sram.capacity_mib=1:two:x2", "must be a number, got 'two'"),
        ("sram.capacity_mib=1:1e9:+1", "must have at most 1,000,000 values"),
        ("sram.capacity_mib=.nan", "must be a finite number, got nan"),
        ("sram.capacity_mib=1,,2", "must be values such as 1,2,4, got ''"),
        ("sram.capacity_mib=1,2,1", "must name each value once, got 1 twice"),
        ("sram.capacity_mib=", "must be KEY=RANGE, such as"),
        ("sram.capacity_mib", "must be KEY=RANGE, such as"),
    ],
)
def test_faults_of_ranges(text, line):
    with pytest.raises(OptionError) as caught:
        plan_of([text])
    message = str(caught.value)
    assert message.startswith(f"vary {text}: ")
    assert line in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("design", "seed", "line"),
    [
        ("gird", 0, "design: unknown design 'gird'; did you mean 'grid'?"),
        ("random", 0, "design: must be random:N with N at least 1, got 'random'"),
        ("latin:0", 0, "design: must be latin:N with N at least 1, got 'latin:0'"),
        ("latin:1.5", 0, "design: must be latin:N with N at least 1, got 'latin:1.5'"),
        ("grid:5", 0, "design: a grid takes no number of points, got 'grid:5'"),
        ("random:5", -1, "seed: must be a whole number from 0 to 2**63 - 1, got -1"),
        ("random:1e11", 0, "sweep: must have at most 10,000,000,000 points, got 100,000,000,000"),
    ],
)
def test_faults_of_designs(design, seed, line):
    with pytest.raises(OptionError) as caught:
        plan_of(["clock_mhz=1,2"], design, seed)
    assert str(caught.value) == line


def test_a_key_given_twice_and_nothing_varied():
    with pytest.raises(OptionError, match=r"batch: given twice"):
        plan_of(["batch=1", "batch=2"])
    with pytest.raises(OptionError, match=r"^vary: missing"):
        plan_of([])
    with pytest.raises(OptionError, match=r"chunk: must be a whole number from 1"):
        plan_of(["batch=1"], chunk=0)


def test_grids_have_every_combination_last_axis_fastest():
    plan = plan_of({"clock_mhz": [100, 200], "batch": [1, 2, 4]})
    assert plan.points == 6
    assert [column.tolist() for column in places(plan.design, plan.axes, 0, 6)] == [[0, 0, 0, 1, 1, 1], [0, 1, 2] * 2]
    assert [column.tolist() for column in places(plan.design, plan.axes, 2, 4)] == [[0, 1], [2, 0]]


@given(st.integers(1, 400), st.integers(0, 2**63 - 1))
def test_latin_hypercubes_use_every_cell_once_and_any_slice_is_the_same(count, seed):
    axes = [axis_of("clock_mhz", "100:1600", "vary", True), axis_of("overhead_us", "0:5", "vary", True)]
    design = Design("latin", count, seed)
    clock, overhead = places(design, axes, 0, count)
    cells = np.floor(np.log(clock / 100) / np.log(16) * count).clip(0, count - 1)
    # Rounding may move a draw over the edge of its cell, so the sorted draws are compared with the cells' middles.
    assert np.abs(np.sort(np.log(clock / 100) / np.log(16) * count) - np.arange(count) - 0.5).max() <= 0.5 + 1e-6
    assert len(cells) == count
    assert np.abs(np.sort(overhead / 5 * count) - np.arange(count) - 0.5).max() <= 0.5 + 1e-6
    part = places(design, axes, count // 3, count)
    assert (part[0] == clock[count // 3 :]).all()
    assert (part[1] == overhead[count // 3 :]).all()


@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_shuffles_are_permutations(count, key):
    found = _shuffled(np.arange(count), count, np.uint64(key))
    assert sorted(found.tolist()) == list(range(count))


def test_random_designs_differ_by_seed_and_axis_and_stay_in_range():
    axes = [axis_of(key, "1:8", "vary", True) for key in ("dram.devices", "clock_mhz", "sram.capacity_mib")]
    one, other = (places(Design("random", 4000, seed), axes, 0, 4000) for seed in (1, 2))
    assert set(one[0].tolist()) == set(range(1, 9))
    assert (one[0] != other[0]).any()
    assert abs(np.corrcoef(one[1], one[2])[0, 1]) < 0.05
    assert one[1].min() >= 1
    assert one[1].max() <= 8
    assert abs(np.median(one[1]) - 8**0.5) < 0.2  # logarithmic
    lists = [axis_of("batch", "1,2,4", "vary", True)]
    assert np.bincount(places(design_of("random:3000", 0), lists, 0, 3000)[0]).min() > 900


def test_plan_files(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(
        "network: resnet50\nchip: tpu_v1\nvary:\n  sram: {capacity_mib: 1:64:x2}\n  batch: [1, 2]\nchunk: 100\n"
    )
    data = read_plan(path)
    assert data["vary"] == {"sram.capacity_mib": "1:64:x2", "batch": [1, 2]}
    assert data["chunk"] == 100
    path.write_text("vari:\n  batch: [1]\nbatch: many\n")
    with pytest.raises(OptionError) as caught:
        read_plan(path)
    assert str(caught.value).splitlines() == [
        f"{path}:1: vari: unknown key; did you mean 'vary'?",
        f"{path}:3: batch: must be a whole number, got 'many'",
    ]
    with pytest.raises(OptionError, match=r"nowhere.yaml: no such file"):
        read_plan(tmp_path / "nowhere.yaml")


def test_differences_between_plans_are_named():
    old = {"chunk": 10, "vary": [{"key": "batch", "values": [1]}, {"key": "clock_mhz", "values": [1]}]}
    new = {"chunk": 20, "vary": [{"key": "batch", "values": [1, 2]}, {"key": "clock_mhz", "values": [1]}]}
    assert differences(old, new) == ["chunk: was 10, now 20", "vary.batch.values: was [1], now [1, 2]"]
    assert differences(old, {**old, "vary": old["vary"][::-1]}) == [
        "vary: was in the order ['batch', 'clock_mhz'], now ['clock_mhz', 'batch']"
    ]
    assert differences(old, old) == []


def test_keys_that_may_be_varied_are_those_of_a_chip_file():
    known = chip_keys()
    assert {"sram.capacity_mib", "dram.devices", "array.rows", "schedule.overlap", "array.rate.int8"} <= known.keys()
    assert not {"name", "sources", "published", "sram.holds", "array.unroll"} & known.keys()
    assert known["dram.devices"]
    assert not known["clock_mhz"]
