"""Packs of frontiers on disk: what comes back is what was built, a damaged file counts as missing, a run reads one file."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from simulator import load_chip, load_network, simulate
from simulator.frontier import packs
from simulator.frontier.grid.search import Frontier
from simulator.lower.rows import lower
from simulator.schedule.pool import Pool, build_pool
from simulator.store import disk
from simulator.store.memory import Memory


def build() -> Pool:
    low = lower(load_network("alexnet"), load_chip("dpu_b4096"))
    return build_pool(low, 64.0, True, True)


def forbidden(*_: object) -> Frontier:
    raise AssertionError("a frontier was built although its pack is on disk")


def same(one: Pool, other: Pool) -> None:
    for field in fields(Pool):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert a.tobytes() == b.tobytes(), field.name
    for field in fields(one.stack):
        a, b = getattr(one.stack, field.name), getattr(other.stack, field.name)
        pairs = zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]
        assert all(x.tobytes() == y.tobytes() for x, y in pairs), field.name


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(packs, "WORTH_KEEPING_S", -1.0)
    forgotten(monkeypatch)
    return tmp_path


def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "_recent", Memory(packs.MOST_BYTES))


def test_a_pack_comes_back_bit_by_bit_and_spares_the_search(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build()
    (path,) = kept.glob("*.pack.rooftile")
    low = lower(load_network("alexnet"), load_chip("dpu_b4096"))
    forgotten(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(packs.frontiers, "get", forbidden)
        patch.setattr(packs.frontiers, "get_all", forbidden)
        same(made, build_pool(low, 64.0, True, True))
    size = path.stat().st_size
    assert disk.clear() >= size
    assert not list(kept.glob("*.pack.rooftile"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "bare", "text", "empty"])
def test_a_damaged_pack_counts_as_missing(kept: Path, damage: str) -> None:
    made = build()
    (path,) = kept.glob("*.pack.rooftile")
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[len(data) // 3] ^= 1
        path.write_bytes(data)
    elif damage == "foreign":
        with open(path, "wb") as file:
            np.savez(file, points=np.zeros(3))
    elif damage == "bare":
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
    elif damage == "text":
        path.write_text("a note\n")
    else:
        path.write_bytes(b"")
    same(made, build())


def test_a_pack_under_the_name_of_another_counts_as_missing(kept: Path) -> None:
    made = build()
    (path,) = kept.glob("*.pack.rooftile")
    simulate(load_network("resnet18"), load_chip("dpu_b4096"), gains=False)
    (other,) = {*kept.glob("*.pack.rooftile")} - {path}
    path.write_bytes(other.read_bytes())
    same(made, build())


def test_a_chip_with_more_sram_reads_the_same_pack(kept: Path) -> None:
    network = load_network("alexnet")
    for mib in (8, 64):  # with the same floor
        simulate(network, load_chip("dpu_b4096", set={"sram.capacity_mib": mib}))
    assert len(list(kept.glob("*.pack.rooftile"))) == 1


def some_frontier(rng: np.random.Generator, count: int) -> Frontier:
    rooms = np.sort(rng.integers(1, 9 * count, count)).astype(np.float64)
    bytes_, cycles = rng.integers(1, 50 * count, (2, count)).astype(np.float64)
    return Frontier(rooms + 0.5, bytes_, cycles, rng.integers(0, 10**9, count), rooms)


def equal(one: packs.Rows, other: packs.Rows) -> None:
    for name in ("points", "codes", "footprints", "bounds"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    for name in packs.Marked._fields:
        assert getattr(one.marked, name).tolist() == getattr(other.marked, name).tolist(), name


def test_frontiers_taken_apart_and_joined_are_those_laid_behind_each_other() -> None:
    """Of one point, of about as many as a block has, and of so many that there are more marks than room at first."""
    rng, sizes = np.random.default_rng(3), [1, packs.MARK - 1, packs.MARK, packs.MARK + 1, 3 * packs.MARK + 2, 1, 1200]
    parts = [some_frontier(rng, size) for size in sizes]
    falling = np.arange(1200.0, 0.0, -1.0)  # of which every point matters
    parts[-1] = Frontier(parts[-1].footprint, falling, falling[::-1].copy(), parts[-1].codes, parts[-1].rooms)
    whole = packs.marked(parts)
    assert len(whole.marked.marks) > 4096
    for number, part in enumerate(parts):
        equal(packs.joined([whole.one(number)]), packs.marked([part]))
    for _ in range(4):
        order = rng.permutation(len(parts))[: rng.integers(1, 8)].tolist()
        equal(packs.joined([whole.one(number) for number in order]), packs.marked([parts[number] for number in order]))
    assert whole.points.tolist() == [
        [*row] for part in parts for row in zip(part.rooms, part.bytes_, part.cycles, strict=True)
    ]
    assert whole.codes.tolist() == [code for part in parts for code in part.codes.tolist()]
    assert whole.footprints.tolist() == [size for part in parts for size in part.footprint.tolist()]
    assert whole.bounds.tolist() == np.cumsum([0, *sizes]).tolist()


def test_a_network_of_vector_work_alone_has_an_empty_stack() -> None:
    pack = packs.pack_of((), (), lower(load_network("alexnet"), load_chip("dpu_b4096")).spec, forbidden)
    assert len(pack.points) == 0
    assert len(pack.stack.layer) == 0


def test_what_a_pack_has_in_common_with_the_last_is_taken_from_there(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def token(context: int) -> Pool:
        graph = load_network("smollm2_135m", phase="decode", context=context, layers=1, vocabulary=512)
        return build_pool(lower(graph, load_chip("dpu_b4096"), 2), 64.0, True, True)

    alone = token(40)
    forgotten(monkeypatch)
    disk.clear()
    token(30)
    (first,) = kept.glob("*.pack.rooftile")
    sought: list[int] = []
    own = packs.frontiers.get_all
    monkeypatch.setattr(packs.frontiers, "get_all", lambda *given: (sought.append(len(given[0])), own(*given))[1])
    same(alone, token(40))
    assert 0 < sought[0] < len(np.unique(alone.spans[:, 0]))
    assert list(kept.glob("*.pack.rooftile")) == [first]  # soon built again


def test_the_same_layers_at_another_depth_have_the_rows_of_the_last(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def token(layers: int) -> Pool:
        graph = load_network("smollm2_135m", phase="decode", context=40, layers=layers, vocabulary=512)
        return build_pool(lower(graph, load_chip("dpu_b4096"), 2), 64.0, True, True)

    alone = token(3)
    forgotten(monkeypatch)
    disk.clear()
    made = token(2)
    disk.clear()
    with monkeypatch.context() as patch:
        patch.setattr(packs, "joined", forbidden)
        again = token(3)
    same(alone, again)
    assert again.points is made.points
