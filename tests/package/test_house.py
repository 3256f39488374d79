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


def circles(**files):
    trees = {Path(name.replace("__", "/") + ".py"): ast.parse(text) for name, text in files.items()}
    return list(HOUSE["room_faults"](trees))


def test_rooms_import_each_other_in_no_circle():
    web = "import simulator\nfrom simulator.study.one import ask\nfrom simulator import __version__\n"
    study = "import simulator.chip\nimport workloads.resnet\nfrom simulator import run\n"
    assert not circles(
        simulator__cli__one="from simulator.web import page", simulator__web__two=web, simulator__study__one=study
    )
    for back in ("import simulator.cli.one", "from simulator.cli.one import chip", "from simulator import cli"):
        (line,) = circles(simulator__cli__one="from simulator.web import page", simulator__web__two=back)
        assert line.startswith("simulator: rooms import in a circle: ")
        assert {*line.rpartition(": ")[2].split(" -> ")} == {"cli", "web"}


def house(folder, floors, rooms):
    """A package in a folder with so many floors and rooms."""
    layers = ", ".join(f'"simulator.room{at}"' for at in range(floors))
    (folder / "pyproject.toml").write_text(f"[[tool.importlinter.contracts]]\nlayers = [{layers}]\n", encoding="utf-8")
    for name in ("__init__", "__main__", *(f"room{at}" for at in range(rooms))):
        (folder / "simulator").mkdir(exist_ok=True)
        (folder / "simulator" / f"{name}.py").touch()


@pytest.mark.parametrize(("floors", "rooms", "told"), [
    (14, 14, []), (15, 15, ["simulator: must have at most 14 floors, got 15"]),
    (13, 14, ["pyproject.toml: importlinter: must place simulator.room13 on a floor"]),
])  # fmt: skip
def test_floors_are_few_and_every_room_is_on_one(floors, rooms, told, tmp_path, monkeypatch):
    house(tmp_path, floors, rooms)
    monkeypatch.chdir(tmp_path)
    assert list(HOUSE["floor_faults"]()) == told


def test_rooms_are_few(tmp_path, monkeypatch):
    house(tmp_path, 14, 23)
    monkeypatch.chdir(tmp_path)
    assert list(HOUSE["floor_faults"]())[-1] == "simulator: must have at most 22 rooms, got 23"


def test_no_function_has_the_name_of_its_file():
    check = HOUSE["own_name_faults"]
    texts = {"walk.py": "def walk(): ...\nclass Walk:\n    def walk(self): ...\n", "stride.py": "class stride: ...\n"}
    found = list(check({Path("simulator") / name: ast.parse(text) for name, text in texts.items()}))
    assert [line.partition(": ")[0] for line in found] == ["simulator/walk.py:1", "simulator/stride.py:1"]
    assert not list(check({Path("simulator/walk.py"): ast.parse("def walk_all(): ...\n")}))
