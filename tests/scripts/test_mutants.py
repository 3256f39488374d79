"""Small wrong changes: what is drawn, that each is one change of valid Python, and what becomes of it in a toy package."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))  # scripts are no package, so that no generic name is ever installed

from mutants import reason_of  # noqa: E402
from mutation import draw, judge, reach  # noqa: E402
from mutation.rooms import ROOMS, room_of, words  # noqa: E402

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
    for compiled in (False, True):
        named = [word.split("::")[0] for word in words(ROOT, compiled) if word != "--deselect"]
        assert all((ROOT / name).is_file() for name in named)
    kernels = {path.name for path in (ROOT / "simulator" / "kernels").glob("*.py")}
    mine = {name for name in kernels if room_of(f"simulator/kernels/{name}")}
    assert kernels - mine == {"__init__.py", "jit.py", "warm.py"}


TOY = {
    "toy.py": """
TWO = 2


def f(n):
    total = 0
    while n > 0:
        total, n = (
            total + n,
            n - 1,
        )
    return total


def square(n):
    return n * n


def unseen(n):
    return n / 1


class Pair:
    def double(self, n):
        return TWO * n
""",
    "tests/test_slow.py": "import toy\n\n\ndef test_f():\n    for _ in range(9999):\n        assert toy.f(3) == 6\n",
    "tests/test_toy.py": """
import toy
from toy import f


def test_f():
    assert f(3) == 6


def test_rest():
    assert toy.square(1) == 1
    assert toy.Pair().double(3) == 6
""",
}
"""The tests see a wrong sum, a loop without end and a wrong constant, but not a wrong square."""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[judge.Judge]:
    folder = tmp_path_factory.mktemp("toy")
    for name, text in TOY.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "left.py").write_text("")
    for args in (["init", "-q"], ["add", "toy.py", "tests"]):
        subprocess.run(["git", *args], cwd=folder, check=True)
    made = judge.Judge(judge.copied(folder, folder / "copies"), ["tests"], compiled=True, most_s=30.0)
    try:
        made.learn({"toy.py": TOY["toy.py"]}, folder / "kept")
        yield made
    finally:
        made.stop()


def test_what_is_tracked_is_copied(toy: judge.Judge) -> None:
    assert sorted(path.name for path in toy.tree.iterdir() if path.name[0] not in "._") == ["tests", "toy.py"]


def test_the_lines_of_a_statement() -> None:
    source = TOY["toy.py"]
    assert [(line, reach.lines_of(source, line)) for line in (2, 5, 6, 7, 8, 10, 12, 24, 25)] == [
        (2, None), (5, None), (6, range(6, 7)), (7, range(7, 8)), (8, range(8, 12)), (10, range(8, 12)), (12, range(12, 13)),
        (24, None), (25, range(25, 26)),
    ]  # fmt: skip


def test_quick_tests_come_first_and_others_only_while_there_is_time(toy: judge.Judge) -> None:
    quick, slow, rest = "tests/test_toy.py::test_f", "tests/test_slow.py::test_f", "tests/test_toy.py::test_rest"
    assert toy.reach.tests("toy.py", 10, 30.0) == [quick, slow]
    assert toy.reach.tests("toy.py", 10, toy.reach.seconds[quick]) == [quick]
    assert toy.reach.tests("toy.py", 10, 0.0) == [quick], "never none"
    assert toy.reach.tests("toy.py", 16, 30.0) == [rest]
    assert set(toy.reach.tests("toy.py", 2, 30.0)) == {quick, slow, rest}


def test_only_tests_that_changed_run_again(toy: judge.Judge) -> None:
    asked: list[str] = []

    def learnt(text: str) -> reach.Reach:
        def told(tests: list[str]) -> dict[str, object]:
            asked.extend(tests)
            return {"failed": "", "seconds": dict.fromkeys(tests, 1.0), "lines": {}}

        found = reach.Reach(toy.tree, {"toy.py": text}, toy.reach.kept)
        found.learn(toy.workers[0].tests, told)
        return found

    again = learnt(TOY["toy.py"])
    assert (again.seconds, again.lines, asked) == (toy.reach.seconds, toy.reach.lines, [])
    path = toy.reach.kept / "tests.test_slow.py.json"
    before = path.read_text()
    path.write_text(before.replace(json.loads(before)["stamps"]["tests/test_slow.py"], "another"))
    learnt(TOY["toy.py"])
    assert asked == ["tests/test_slow.py::test_f"]
    path.write_text(before)
    learnt("TWO = 1 + 1\n")
    assert sorted(asked[1:]) == sorted(toy.workers[0].tests)


def test_tests_must_pass_as_they_are(toy: judge.Judge, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="must pass without a change, got tests/test_toy"):
        reach.Reach(toy.tree, {}, tmp_path).learn(["tests/test_toy.py::test_f"], lambda tests: {"failed": tests[0]})


def test_fates_in_a_toy_package(toy: judge.Judge) -> None:
    source, quick = TOY["toy.py"], "tests/test_toy.py::test_f"
    wanted = {
        ("total + n", "total - n"): (judge.BY_TEST, quick), ("n > 0", "n <= 0"): (judge.BY_TEST, quick),
        ("n - 1", "n + 1"): (judge.BY_TIME, "exit -24"), ("n * n", "n / n"): (judge.SURVIVED, ""),
        ("TWO * n", "TWO + n"): (judge.BY_TEST, "tests/test_toy.py::test_rest"),
        ("n / 1", "n * 1"): (judge.SURVIVED, "no test runs it"),
        ("n * n", "__import__('os')._exit(3)"): (judge.BY_CRASH, "exit 3"),
        ("def square", "def squared"): (judge.BY_TEST, "tests/test_toy.py::test_rest"),
    }  # fmt: skip
    toy.start_s = 1
    for (old, new), fate in wanted.items():
        begin = source.index(old)
        verdict = toy.judge(draw.mutant_of("toy.py", source, draw.Edit(begin, begin + len(old), new, "by hand")))
        assert verdict[1:3] == fate, (old, new)
    assert (toy.tree / "toy.py").read_text() == source
