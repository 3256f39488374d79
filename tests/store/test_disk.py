"""The disk cache: what comes back is what was kept, whatever is wrong with a file it counts as missing, only ours is deleted."""

import importlib
import io
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.cli import main
from simulator.frontier import kept as frontiers
from simulator.frontier.grid.search import Frontier, frontier
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.store import bundled, digest, disk
from simulator.study.asking import asked_of

UNIT = ArraySpec(1, 1, 1, "outputs", (), (), (), double_buffered=False)
PRODUCT = Shape((1, 1, 2, 2, 2, 1, 1, 1), plane=(2, 1))
ARRAYS = {"word": np.arange(3, dtype=np.int8), "wide": np.ones((2, 3)), "none": np.zeros((0, 2))}
SOME, OTHER, THIRD = (disk.name_of("some", number) for number in range(3))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_arrays_come_back_as_kernels_want_them(kept: Path) -> None:
    """Kernels have one version, for arrays that are contiguous, aligned and may be written."""
    assert disk.load(SOME) is None
    assert disk.save(SOME, ARRAYS)
    found = disk.load(SOME)
    assert found is not None
    assert list(found) == list(ARRAYS)
    for key, part in found.items():
        assert (part.dtype, part.shape, part.tobytes()) == (ARRAYS[key].dtype, ARRAYS[key].shape, ARRAYS[key].tobytes())
        assert part.flags.c_contiguous
        assert part.flags.aligned
        assert part.flags.writeable
    assert [path.name for path in kept.iterdir()] == [SOME]


def test_frontiers_come_back_bit_by_bit(kept: Path) -> None:
    name = disk.name_of("frontier", PRODUCT, UNIT)
    wanted = {mask: frontier(PRODUCT, UNIT, mask) for mask in (5, 0)}
    assert frontiers.load(name) == {}
    assert frontiers.save(name, wanted)
    back = frontiers.load(name)
    assert set(back) == {0, 5}
    for mask, one in wanted.items():
        assert bits(back[mask]) == bits(one)
    assert disk.clear() > 0
    assert frontiers.load(name) == {}
    assert disk.clear() == 0


def bits(one: Frontier) -> list[bytes]:
    return [part.tobytes() for part in (one.footprint, one.bytes_, one.cycles, one.codes)]


def test_names_differ_by_kind_and_question_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [("a",), ("b",), ("a", "b"), (PRODUCT, UNIT), (PRODUCT, ArraySpec(2, 1, 1, "outputs", (), (), ()))]
    names = {disk.name_of(kind, *each) for kind in ("frontier", "pack") for each in parts}
    assert len(names) == 10
    monkeypatch.setattr(disk, "model_digest", lambda: "another")
    assert disk.name_of("frontier", "a") not in names


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "foreign", "several", "text", "longer", "empty", "folder", "pipe"]
)
def test_a_damaged_file_counts_as_missing(kept: Path, damage: str) -> None:
    disk.save(SOME, ARRAYS)
    path = kept / SOME
    data = bytearray(path.read_bytes())
    foreign = io.BytesIO()
    if damage == "cut":
        path.write_bytes(data[:-17])
    elif damage == "flipped":
        data[-30] ^= 1
        path.write_bytes(data)
    elif damage in ("foreign", "several"):
        (np.save if damage == "foreign" else np.savez)(foreign, np.arange(12.0))
        path.write_bytes(foreign.getvalue())
    elif damage == "text":
        path.write_text("a note\n")
    elif damage == "longer":
        path.write_bytes(data + b"more")
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        path.mkdir() if damage == "folder" else os.mkfifo(path)
    assert disk.load(SOME) is None
    assert disk.save(SOME, ARRAYS) == (damage != "folder")


def test_whatever_byte_is_damaged_the_file_counts_as_missing(kept: Path) -> None:
    disk.save(SOME, ARRAYS)
    path = kept / SOME
    data = path.read_bytes()
    for at, change in itertools.product(range(len(data)), (1, 0x80, ord("(") ^ ord(")"))):
        path.write_bytes(data[:at] + bytes([data[at] ^ change]) + data[at + 1 :])
        assert disk.load(SOME) is None, at
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        assert disk.load(SOME) is None, size
    path.write_bytes(data)
    assert disk.load(SOME) is not None


def test_a_file_under_the_name_of_another_counts_as_missing(kept: Path) -> None:
    pair = disk.name_of("frontier", 1), disk.name_of("pack", 1)
    for name in (SOME, OTHER, *pair):
        disk.save(name, ARRAYS)
    contents = {name: (kept / name).read_bytes() for name in (SOME, OTHER, *pair)}
    for name, other in itertools.permutations(contents, 2):
        (kept / name).write_bytes(contents[other])
        assert disk.load(name) is None
        (kept / name).write_bytes(contents[name])
        assert disk.load(name) is not None


def test_what_was_used_longest_ago_goes_first(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "TRIM_EVERY", 10**9)
    for age, name in ((300, SOME), (200, OTHER), (100, THIRD)):
        disk.save(name, ARRAYS)
        os.utime(kept / name, (1e9 - age, 1e9 - age))
    disk.load(SOME)  # written first, used last
    monkeypatch.setattr(disk, "most_bytes", lambda: 2 * (kept / SOME).stat().st_size)
    monkeypatch.setattr(disk, "TRIM_EVERY", 1)
    disk.save(THIRD, ARRAYS)
    assert {path.name for path in kept.iterdir()} == {SOME, THIRD}


def test_a_file_that_may_not_be_marked_is_read_all_the_same(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.save(SOME, ARRAYS)
    os.utime(kept / SOME, (1e9, 1e9))

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    assert disk.load(SOME) is not None


def test_clear_deletes_our_own_files_alone(kept: Path) -> None:
    disk.save(SOME, ARRAYS)
    draft = f".rooftile-0123456789ab.{OTHER}"
    others = [
        "notes.tmp",
        "tmpab12cd.tmp",
        ".rooftile-0123456789ab.result.json",
        "data.rooftile",
        "x.frontier.rooftile",
    ]
    for name in (draft, *others):
        (kept / name).write_text("text")
    assert disk.clear() == sum(len(text) for text in ["text"]) + len(disk._encoded(SOME, ARRAYS))
    assert {path.name for path in kept.iterdir()} == set(others)


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(blocked / "kept"))
    assert not disk.save(SOME, ARRAYS)
    assert disk.load(SOME) is None
    assert disk.clear() == 0


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the system names the folder")
def test_the_folder_is_the_users_where_none_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROOFTILE_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in disk.folder().parents
    assert disk.folder().name == "rooftile"
    # A home that nobody knows: nothing is kept, and no folder of an odd name is made here.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert not disk.save(SOME, ARRAYS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "counts"), [
    ("simulate.py", True), ("data/dram.yaml", True), ("sweeps/run.py", True), ("new/deep/er.py", True),
    ("cli/run.py", False), ("report/page.py", False), ("web/page.py", False), ("workloads/resnet.py", False),
    ("arch_configs/some.yaml", False), ("data/notes.txt", False),
])  # fmt: skip
def test_the_digest_is_of_what_answers_depend_on(tmp_path: Path, name: str, counts: bool) -> None:
    (tmp_path / "simulate.py").write_text("first")
    before = digest.digest_of(tmp_path)
    assert len(before) == 40
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("second")
    assert (digest.digest_of(tmp_path) != before) == counts


@pytest.mark.parametrize("module", ["serving_chips", "llm_validation"])
def test_what_is_kept_of_language_models_is_of_the_networks_that_there_are(module, tmp_path, monkeypatch):
    """Whose builders are no part of the digest of the model."""
    found, names = importlib.import_module(f"simulator.study.{module}"), []
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(found.disk, "save", lambda name, _: names.append(name))
    asked = asked_of("smollm2_135m", load_chip("a100"), (16, 2, 1), None, {"layers": 2})
    for text in ("one", "one", "other"):
        monkeypatch.setattr(found, "networks_digest", lambda text=text: text)
        if module == "serving_chips":
            found._figures(asked)
        else:
            found._Work(asked).of("decode", 1, 16)
    kept = [name for name in names if ".served" in name or ".languages" in name]
    assert len(kept) == 3
    assert kept[0] == kept[1] != kept[2]


def test_the_digest_of_the_networks_is_of_contents_and_names(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "folder", lambda name: tmp_path / name)
    of = digest.networks_digest.__wrapped__
    (tmp_path / "workloads").mkdir()
    one, seen = tmp_path / "workloads" / "one.py", []
    for text in ("a", "b"):
        one.write_text(text)
        seen += [of(), of()]
    one.rename(one.with_name("two.py"))
    (tmp_path / "workloads" / "notes.txt").write_text("none of it")
    assert [seen.index(each) for each in seen] == [0, 0, 2, 2]
    assert of() not in seen


def test_the_digest_is_of_contents_and_names(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("text")
    before = digest.digest_of(tmp_path)
    os.utime(tmp_path / "one.py", (1e9, 1e9))
    assert digest.digest_of(tmp_path) == before
    (tmp_path / "one.py").rename(tmp_path / "other.py")
    assert digest.digest_of(tmp_path) != before


def test_how_much_is_kept_is_said_and_can_be_set(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("ROOFTILE_CACHE_MIB", "7")
    disk.save(disk.name_of("test", 1), {"x": np.zeros(2**18)})
    assert disk.most_bytes() == 7 * 2**20
    assert 2.0 * 2**20 < disk.size() < 2.01 * 2**20
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"2.0 MiB of at most 7 MiB (2**20 bytes) in {tmp_path}\n"
    disk.save(disk.name_of("test", 2), {"x": np.zeros(2**17)})
    monkeypatch.setenv("ROOFTILE_CACHE_MIB", "2")
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"1.0 MiB of at most 2 MiB (2**20 bytes) in {tmp_path}\n"  # not 3.0
    monkeypatch.setenv("ROOFTILE_CACHE_MIB", "much")
    assert disk.most_bytes() == disk.USUAL_MIB * 2**20
    disk.save(disk.name_of("test", 1), {"x": np.zeros(2**17)})
    assert main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == "Freed 2.0 MiB (2**20 bytes)\n"
    assert disk.size() == 0
