"""Chip files of version 0.1.0: each loads, and gives the answers of that version, or a line here says why not.

`chips_0_1_0.zip` has the files as they were released, and `answers.json`: latency, period [s] and outer-memory bytes of two small
networks at batch 1, in the first number format of the file, as version 0.1.0 answered them.
"""

import json
import zipfile
from pathlib import Path

import pytest
from profiles import by_night

from simulator import load_chip, load_network, simulate
from simulator.errors import ChipError
from simulator.graph.build import Graph

PLACE = Path(__file__).resolve().parents[1] / "data" / "chips_0_1_0.zip"

WHY = {
    **dict.fromkeys(
        ("edge_tpu", "inferx_x1", "tpu_v1", "tpu_v3", "tpu_v4i"),
        "a systolic array may be used in part: unrollings that were never tried are faster",
    ),
    "eyeriss": "unrollings that were never tried are faster",
    **dict.fromkeys(
        (
            "a10",
            "a100",
            "a30",
            "jetson_agx_orin",
            "jetson_agx_xavier",
            "jetson_nano",
            "jetson_orin_nx",
            "jetson_tx2",
            "jetson_xavier_nx",
            "l4",
            "p4",
            "t4",
            "v100",
        ),
        "the gap between kernels has a part that goes with the clock; kernels without products reach less of the L2; products"
        " may be split further",
    ),
    "h100": "products of Hopper read the shared memory themselves, in clusters",
}
"""Chips whose answers are others than those of version 0.1.0, and why: the model changed, not what a key means."""


def files() -> dict[str, str]:
    """The files by name."""
    with zipfile.ZipFile(PLACE) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


FILES = files()
ANSWERS: dict[str, list[list[float]]] = json.loads(FILES.pop("answers.json"))


@pytest.fixture(scope="module")
def networks() -> list[Graph]:
    return [load_network("squeezenet", image_size=64), load_network("mobilenet_v1", image_size=64, width=0.25)]


def test_all_files_are_there() -> None:
    assert len(FILES) == 59
    assert len(ANSWERS) == 36
    assert set(WHY) <= set(ANSWERS)


@pytest.mark.parametrize("name", by_night(sorted(FILES), sorted(FILES)[::3]))
def test_a_file_gives_the_answers_it_gave(name: str, tmp_path: Path, networks: list[Graph]) -> None:
    (tmp_path / name).write_text(FILES[name])
    short = name.removesuffix(".yaml")
    if short not in ANSWERS:
        with pytest.raises(
            ChipError, match=f"^[^\n]*{name}: array: missing; this chip can be compared, not simulated$"
        ):
            load_chip(tmp_path / name)
        return
    chip = load_chip(tmp_path / name)
    assert chip.array is not None
    same = True
    for network, then in zip(networks, ANSWERS[short], strict=True):
        found = simulate(network, chip, 1, next(iter(chip.array.rate)), gains=False)
        now = [found.latency_s, found.batch / found.throughput_per_s, found.dram_bytes]
        same = same and now == pytest.approx(then, rel=1e-9)
    assert same == (short not in WHY), "say in WHY what changed, or that nothing does any more"
