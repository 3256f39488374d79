"""Small wrong changes: what is drawn, that each is one change of valid Python, and what becomes of it in a toy package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))  # scripts are no package, so that no generic name is ever installed

from mutants import reason_of  # noqa: E402
from mutation import draw, judge  # noqa: E402
from mutation.rooms import ROOMS, Room, room_of  # noqa: E402

sys.path.remove(str(ROOT / "scripts"))

SOURCE = '''"""Not this 1 < 2."""

BYTES, CYCLES, ROWS = range(3)


def least(a: "int | None", b: int = 1) -> "tuple[int, 0]":
    """Nor that: 3 + 4."""
    if not a or (a <= b):  # a < b
        raise ValueError(f"{a + 1} must be below", b + 2)
    a += min(a, -1)
    return a[BYTES] * (b - a) + a


if __name__ == "__main__":
    least(5, 6)
'''


def changed_lines(source: str = SOURCE) -> set[tuple[str, str]]:
    groups = draw.groups_of([source])
    return {
        (mutant.before, mutant.after)
        for edits in draw.Sites(source, groups).places()
        for mutant in (draw.mutant_of("f.py", source, edit) for edit in edits)
        if draw.is_change(source, mutant)
    }


def test_every_change_of_a_file() -> None:
    condition, total = "if not a or (a <= b): # a < b", "return a[BYTES] * (b - a) + a"
    head = 'def least(a: "int | None", b: int = %d) -> "tuple[int, 0]":'
    assert changed_lines() == {
        ("BYTES, CYCLES, ROWS = range(3)", "BYTES, CYCLES, ROWS = range(4)"),
        ("BYTES, CYCLES, ROWS = range(3)", "BYTES, CYCLES, ROWS = range(2)"),
        *[(head % 1, head % other) for other in (0, 2)],
        (condition, "if not a and (a <= b): # a < b"),
        (condition, "if (not a): # a < b"),
        (condition, "if (a <= b): # a < b"),
        (condition, "if a or (a <= b): # a < b"),
        (condition, "if not a or (a < b): # a < b"),
        (condition, "if not a or (a > b): # a < b"),
        *[("a += min(a, -1)", f"a {other}") for other in ("-= min(a, -1)", "= min(a, -1)")],
        *[("a += min(a, -1)", f"a += {other}") for other in ("max(a, -1)", "min(a, 0)", "min(a, -2)")],
        (total, "return a[BYTES] * (b - a) - a"),
        (total, "return (a[BYTES] * (b - a))"),
        (total, "return a"),
        (total, "return a[BYTES] / (b - a) + a"),
        (total, "return a[BYTES] + a"),
        (total, "return (b - a) + a"),
        (total, "return a[CYCLES] * (b - a) + a"),
        (total, "return a[ROWS] * (b - a) + a"),
        (total, "return a[BYTES] * (b + a) + a"),
        (total, "return a[BYTES] * (b) + a"),
    }


def test_a_term_of_a_long_sum_is_dropped_alone() -> None:
    dropped = {after for _, after in changed_lines("x = a + b + c\n") if "-" not in after}
    assert dropped == {"x = (a + b)", "x = a + c", "x = b + c"}


def test_the_check_of_equal_lengths_is_left_alone() -> None:
    assert changed_lines("x = zip(a, b, strict=True)\n") == set()
    assert changed_lines("x = zip(a, b, strict=False)\n") == {
        ("x = zip(a, b, strict=False)", "x = zip(a, b, strict=True)")
    }


def test_places_are_characters_and_lines_stay() -> None:
    source = 'é = "ü é ü", a < b\nx = (\n    é  # + 1\n    + 2\n)\n'
    mutants = draw.draw({"f.py": source}, {}, seed=0, count=9)
    signs = {
        (mutant.line, mutant.old, mutant.edit.new)
        for mutant in mutants
        if mutant.edit.kind in ("comparison", "operator")
    }
    assert signs <= {(1, "<", "<="), (1, "<", ">"), (4, "+", "-")}
    assert {line for line, _, _ in signs} == {1, 4}
    for mutant in mutants:
        if mutant.edit.kind != "dropped term":
            assert mutant.applied(source).count("\n") == source.count("\n")


@pytest.mark.parametrize("seed", [1, 2])
def test_the_model_by_a_seed(seed: int) -> None:
    sources = draw.read(ROOT, ["simulator/kernels/layout.py", "simulator/result/*.py"])
    groups = draw.groups_of(sources.values())
    mutants = draw.draw(sources, groups, seed, 20)
    assert mutants == draw.draw(dict(reversed(sources.items())), groups, seed, 20)
    assert len({(mutant.file, mutant.edit) for mutant in mutants}) == 20
    for mutant in mutants:
        assert ast.dump(ast.parse(mutant.applied(sources[mutant.file]))) != ast.dump(ast.parse(sources[mutant.file]))
        assert sources[mutant.file].split("\n")[mutant.line - 1].strip().startswith(mutant.before.split()[0])


def test_another_seed_draws_others() -> None:
    sources = draw.read(ROOT, ["simulator/result/*.py"])
    assert draw.draw(sources, {}, 1, 20) != draw.draw(sources, {}, 2, 20)


def test_listed_mutants_can_be_made() -> None:
    """An entry whose line is gone, or says something else by now, excuses nothing."""
    rows = yaml.safe_load((ROOT / "scripts" / "data" / "equivalent_mutants.yaml").read_text(encoding="utf-8"))
    sources = draw.read(ROOT, sorted({row["file"] for row in rows}))
    groups = draw.groups_of(draw.read(ROOT, [pattern for room in ROOMS for pattern in room.files]).values())
    could = {
        (file, mutant.before, after)
        for file, source in sources.items()
        for edits in draw.Sites(source, groups).places()
        for mutant in (draw.mutant_of(file, source, edit) for edit in edits)
        for after in (mutant.after, None)
    }
    assert [row for row in rows if (row["file"], row["old"], row.get("new")) not in could] == []
    assert all(row["why"] for row in rows)


def test_any_change_of_a_line_may_be_none() -> None:
    """One that is listed with what it becomes excuses itself; one that is listed without excuses all of its line."""
    source = "x = a + b\ny = a * b\n"
    every = [draw.mutant_of("f.py", source, edit) for edits in draw.Sites(source, {}).places() for edit in edits]
    reasons = {
        ("f.py", "x = a + b", None): "all",
        ("f.py", "y = a * b", "y = a / b"): "this",
        ("g.py", "y = a * b", None): "no",
    }
    found = {(mutant.before, mutant.after): reason_of(mutant, reasons) for mutant in every}
    assert {why for (before, _), why in found.items() if before == "x = a + b"} == {"all"}
    assert [after for (_, after), why in found.items() if why == "this"] == ["y = a / b"]
    assert found["y = a * b", "y = a"] is None


def test_files_and_tests_of_rooms_are_there() -> None:
    for room in ROOMS:
        assert any(room_of(file) == room for file in draw.read(ROOT, room.files)), (
            "all its files are of rooms before it"
        )
        assert all((ROOT / word.split("::")[0]).is_file() for word in room.words(ROOT) if word.startswith("tests"))


RUNNER = """import sys

sys.path[:0] = ["", "tests"]
try:
    import test_toy
except Exception:
    sys.exit(2)
try:
    test_toy.test_f()
except AssertionError:
    print("FAILED tests/test_toy.py::test_f - assert 1 == 2")
    sys.exit(1)
"""
"""Speaks as pytest does, and starts in no time."""

TOY = Room("toy", ("toy.py",), ("test_toy.py",))


@pytest.fixture
def toy(tmp_path: Path) -> judge.Tree:
    """A file whose test sees a wrong sum and a loop without end, but not a wrong square."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "toy.py").write_text(
        "def f(n):\n    total = 0\n    while n > 0:\n        total, n = total + n, n - 1\n    return total\n\n\n"
        "def square(n):\n    return n * n\n"
    )
    (tmp_path / "tests" / "test_toy.py").write_text("import toy\n\n\ndef test_f():\n    assert toy.f(3) == 6\n")
    (tmp_path / "left.py").write_text("")
    (tmp_path / "runner").write_text(RUNNER)
    for words in (["init", "-q"], ["add", "toy.py", "tests", "runner"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return judge.copied(tmp_path, tmp_path / "copies")


def test_what_is_tracked_is_copied(toy: judge.Tree) -> None:
    assert sorted(path.name for path in toy.root.iterdir() if path.suffix) == ["toy.py"]


def test_pytest_is_understood(toy: judge.Tree) -> None:
    (toy.root / "toy.py").write_text("def f(n):\n    return 7\n")
    assert toy.run(TOY, None) == (judge.BY_TEST, "tests/test_toy.py::test_f")


def test_fates_in_a_toy_package(toy: judge.Tree) -> None:
    source = (toy.root / "toy.py").read_text()
    toy.command = [sys.executable, "runner"]
    wanted = {
        ("total + n", "total - n"): judge.BY_TEST, ("n > 0", "n <= 0"): judge.BY_TEST,
        ("n - 1", "n + 1"): judge.BY_TIME, ("n * n", "n / n"): judge.SURVIVED,
        ("def square", "def 1square"): judge.BY_CRASH,
    }  # fmt: skip
    mutants = []
    for old, new in wanted:
        begin = source.index(old)
        edit = draw.Edit(begin, begin + len(old), new, "by hand")
        mutants.append(draw.mutant_of("toy.py", source, edit))
    verdicts: list[judge.Verdict] = []
    judge.judge_all([toy], [(mutant, TOY) for mutant in mutants], 2.0, verdicts.append)
    assert {(verdict.mutant.old, verdict.mutant.edit.new): verdict.fate for verdict in verdicts} == wanted
    killed = [verdict.by for verdict in verdicts if verdict.fate == judge.BY_TEST]
    assert killed == ["tests/test_toy.py::test_f"] * 2
    assert (toy.root / "toy.py").read_text() == source
