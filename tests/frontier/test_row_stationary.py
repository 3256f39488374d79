"""Row-stationary arrays: weights over a bus of their own, channels that share a pass, whole kernel rows on the units."""

import random
from dataclasses import replace

import numpy as np
import pytest
import yaml
from naive_rows import walk_rows

from simulator import load_chip
from simulator.chip.load import load_chip as load
from simulator.errors import ChipError
from simulator.frontier.grid import unrolling
from simulator.frontier.grid.candidates import build_tables
from simulator.frontier.grid.folds import set_loads
from simulator.frontier.grid.points import breakdown, decode
from simulator.frontier.grid.search import frontier, tile_cost
from simulator.frontier.grid.unrolling import unrollings
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.store.bundled import chips

INF = float("inf")


def rows_spec(units: tuple[int, int], words: tuple[int, int, int] | None, bus: float, **more: object) -> ArraySpec:
    return ArraySpec(
        1, *units, "rows", ("kernel_height", "in_channels", "out_channels"), ("out_height", "out_channels"), (),
        weight_bus_bytes_per_cycle=bus, unit_words=words, double_buffered=False, **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_every_tiling_costs_what_a_walk_counts(seed: int) -> None:
    rng = random.Random(seed)
    size = {loop: rng.randint(1, 7) for loop in "KCPQ"} | {"R": rng.randint(1, 4), "S": rng.randint(1, 4)}
    words = rng.choice([None, (rng.randint(1, 12), rng.randint(1, 24), rng.randint(1, 5))])
    spec = rows_spec((rng.randint(1, 8), rng.randint(1, 6)), words, bus=0.5, link_bytes_per_cycle=2.0)
    plane = (size["P"] + size["R"] - 1, size["Q"] + size["S"] - 1)
    shape = Shape((1, 1, *(size[loop] for loop in "KCPQRS")), plane=plane, in_width=2.0, weight_width=2.0)
    tile = {"g": 1, "n": 1} | {loop.lower(): rng.randint(1, size[loop]) for loop in "KCPQ"}
    _, total, cycles = tile_cost(shape, spec, tile, "NKPQC")
    possible = []
    for factors in unrollings(shape.extents, spec).factors.tolist():
        spread = {"K": factors[2], "C": factors[3], "P": factors[4], "R": factors[6]}
        count = walk_rows(size, tile, spread, words)
        array = count["steps"] + count["loaded"] * 2.0 / 0.5
        inputs = count["passes_in"] * 2.0 * size["C"] * plane[0] * plane[1]
        trips = np.prod([-(-size[loop] // tile[loop.lower()]) for loop in "PQ"])
        weights = trips * 2.0 * size["K"] * size["C"] * size["R"] * size["S"]
        outputs = size["K"] * size["P"] * size["Q"] * (1.0 + 2.0 * 4.0 * (count["passes_out"] - 1))
        possible.append(max(array, (inputs + weights + outputs) / 2.0))
    assert total > 0.0
    assert cycles == pytest.approx(min(possible), rel=1e-12)


@pytest.mark.parametrize("words", [None, (6, 24, 2)])
@pytest.mark.parametrize("loop", ["kernel_width", "kernel_height"])
@pytest.mark.parametrize("bus", [0.0, 1.0])
def test_parts_that_save_no_step_are_tried_where_units_with_memory_share_kernels(
    words: tuple[int, int, int] | None, loop: str, bus: float
) -> None:
    """Or where weights come over a bus: of 5 channels on 5 rows 4 too, which take as many steps as 3."""
    spec = replace(rows_spec((5, 1), words, bus), unroll_rows=("in_channels", loop), unroll_columns=())
    found = unrolling.on_one_array((1, 1, 1, 5, 1, 1, 1, 1), spec)
    assert (4 in found[:, 3]) == (bus > 0.0 or (words is not None and loop == "kernel_width"))


def test_kernel_rows_stay_together() -> None:
    # 2 x 3 units, kernels of 5 rows: two rows at once is all there is room for; of 2 rows, both.
    for kernel, spread in ((5, {2}), (2, {2}), (1, {1})):
        found = unrollings((1, 1, 4, 4, 6, 6, kernel, 3), rows_spec((2, 3), None, 1.0)).factors
        assert set(found[:, 6].tolist()) == spread


def test_a_pass_of_eyeriss_by_hand() -> None:
    """AlexNet's second layer: 5 x 27 units work, 16 of 25 weights and 2 of 5 inputs a row; see Chen et al., table VI."""
    chip = load_chip("eyeriss")
    assert chip.array is not None
    words = chip.array.unit_words
    assert words is not None
    spec = rows_spec((12, 14), (words.inputs, words.weights, words.outputs), 8.0)
    shape = Shape((1, 1, 256, 48, 27, 27, 5, 5), padding=(2, 2), plane=(27, 27), in_width=2.0, weight_width=2.0)
    built = build_tables(shape, spec)
    found = frontier(shape, spec, built=built)
    best = int(np.argmin(found.cycles))
    parts = breakdown(shape, spec, int(found.codes[best]), float(found.bytes_[best]), built)
    assert decode(shape, spec, int(found.codes[best]), built)["unrolling"]["kernel_height"] == 5
    # All weights once over 8 bytes a cycle, 4 of them together.
    assert parts.weight_loading == pytest.approx(256 * 48 * 25 / 4, rel=0.05)
    assert parts.array == pytest.approx(parts.ideal + parts.edges + parts.fill_drain + parts.weight_loading, rel=1e-12)


def test_rows_stay_whole() -> None:
    """Partial sums of whole rows need room: a plane of the same size but narrower gets by with less SRAM."""
    least = []
    for height, width in ((4, 64), (64, 4)):
        shape = Shape((1, 1, 8, 8, height, width, 3, 3), padding=(1, 1), plane=(height, width))
        spec = rows_spec((3, 4), None, 8.0)
        built = build_tables(shape, spec)
        found = frontier(shape, spec, built=built)
        assert all(decode(shape, spec, int(code), built)["tile"]["q"] == width for code in found.codes)
        least.append(found.footprint.min())
    assert least[0] > 4 * least[1]


def test_a_bus_takes_its_bytes_whatever_the_rate() -> None:
    for rate in (1.0, 0.5):
        spec = rows_spec((4, 4), None, 2.0, rate=rate)
        units = unrollings((1, 1, 4, 1, 4, 4, 1, 1), spec)
        loads = np.array(set_loads(spec, units, 2.0)) / rate
        assert loads.tolist() == units.factors[:, [2, 3, 6]].prod(axis=1).astype(float).tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_load_cycles": 3}, "weight_load_bytes_per_cycle: must be left out beside weight_load_cycles"),
        ({"stationary": "outputs", "unit_words": None}, "must be left out where outputs are stationary"),
        ({"stationary": "weights"}, "unit_words: must be left out unless rows are stationary"),
        ({"accumulator_kib": 1}, "unit_words: must be left out unless rows are stationary and accumulator_kib"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(changes: dict[str, object], message: str, tmp_path) -> None:
    data = yaml.safe_load(chips()["eyeriss"].read_text(encoding="utf-8"))
    data["array"] = {key: value for key, value in (data["array"] | changes).items() if value is not None}
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ChipError, match=message.replace("(", r"\(")):
        load(str(path))
