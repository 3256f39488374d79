"""The check of the house sees what it is for: here, of names."""

import ast
import runpy
from pathlib import Path

import pytest

HOUSE = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "house.py"))
NINE = "def wide(a, b, c, d, /, e, f, g, *, h, i): ...\n"


def faults(**files):
    trees = {Path(name.replace("__", "/") + ".py"): ast.parse(text) for name, text in files.items()}
    return list(HOUSE["name_faults"](trees))


@pytest.mark.parametrize(
    "text", [NINE, NINE.replace("def", "async def"), f"class One:\n    {NINE.replace('(', '(self, ')}"]
)
def test_a_function_with_many_parameters_is_named(text):
    (line,) = faults(simulator__study__one=text)
    assert line.endswith(": wide: must have at most 8 parameters, got 9")
    assert line.startswith("simulator/study/one.py:")


@pytest.mark.parametrize(
    "text", [NINE.replace(", i", ""), NINE.replace("i)", "**more)"), "wide = f(1, 2, 3, 4, 5, 6, 7, 8, 9)"]
)
def test_eight_and_what_has_no_name_of_its_own_are_none(text):
    assert not faults(workloads__one=text)


def test_options_of_a_command_are_not_counted():
    assert not faults(simulator__cli__one=NINE)


def test_kernels_may_be_as_many_as_there_are():
    most = HOUSE["WIDE_KERNELS"]
    assert not faults(simulator__kernels__one=NINE * most)
    (line,) = faults(simulator__kernels__one=NINE * (most + 1))
    assert line.startswith(f"must have at most {most} kernels with more than 8 parameters, got {most + 1}:\n")
    assert line.count("simulator/kernels/one.py:") == line.count(": wide") == most + 1


def test_columns_by_number_may_be_as_many_as_there_are():
    most = HOUSE["LITERAL_COLUMNS"]
    text = "table[row, 1]\ntable[1]\ntable[row, SIZE]\ntable[1, row]\n"
    assert not faults(simulator__one=text * most)
    (line,) = faults(simulator__one=text * (most + 1))
    assert f"got {most + 1}:" in line
    assert line.endswith("table[row, 1]")


@pytest.mark.parametrize(("kind", "count"), [
    ("tuple[Floats, Ints, npt.NDArray[np.bool_]]", 3), ("tuple[Pool, Ints, Ints, Ints]", 3), ("tuple[Floats, Ints]", 0),
    ("tuple[float, float, float]", 0), ("tuple[Any, ...]", 0),
])  # fmt: skip
def test_arrays_that_go_together_have_names(kind, count):
    found = faults(simulator__one=f"def give() -> {kind}: ...")
    assert [line.rpartition(": ")[2] for line in found] == [
        f"must be a named tuple, got {count} arrays without names"
    ] * (count > 0)
