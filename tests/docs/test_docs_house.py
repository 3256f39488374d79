"""The page about the house names every room, floors in the order of the contract, and nothing that is not there."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]
PACKAGE = CLONE / "simulator"
PAGES = ("docs/house.md", "docs/add.md", "CONTRIBUTING.md")
TEXT = (CLONE / "docs" / "house.md").read_text(encoding="utf-8")
FILES = re.compile(r"`((?:simulator|tests|scripts|docs|workloads|arch_configs|\.ci|\.github)/[\w./*-]*)`")
"""Files and folders as pages name them."""
FORMULA = re.compile(r"^\| [^|`]+ \| `([\w.]+)` \| `(simulator/[\w./]+)` \|$", re.MULTILINE)


def rooms():
    """Folders and files of the package, and folders in its folders, as the page names them."""
    for path in sorted(PACKAGE.rglob("*")):
        inside = path.relative_to(PACKAGE)
        # What a build or the interpreter leaves behind, and the bundled files of a wheel, are no rooms.
        if "__pycache__" in inside.parts or inside.parts[0] in ("workloads", "arch_configs"):
            continue
        holds = path.is_dir() and any(each.suffix in (".py", ".yaml") for each in path.iterdir())
        if holds or (path.suffix == ".py" and path.parent == PACKAGE):
            yield inside.as_posix()


def section(title):
    return TEXT.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_every_room_has_its_line_and_no_other_is_named():
    named = re.findall(r"^\| `([\w./]+)` \|", section("Rooms"), re.MULTILINE)
    assert sorted(named) == sorted(rooms())


def test_the_picture_has_the_floors_of_the_contract():
    with open(CLONE / "pyproject.toml", "rb") as file:
        layers = tomllib.load(file)["tool"]["importlinter"]["contracts"][0]["layers"]
    picture = re.search(r"```text\n(.*?)```", section("Floors"), re.DOTALL)[1]
    shown = [set(re.split(r"\s{3,}", re.split(r"\s{4,}", line)[0])) for line in picture.splitlines()]
    floors = [{name.rsplit(".", 1)[-1] for name in re.findall(r"[\w.]+", layer)} for layer in layers]
    there = {name.split("/")[0].removesuffix(".py") for name in rooms()} | {"workloads"}
    assert shown == [floor & there for floor in floors]


def functions(path):
    """Names of the functions of a file; methods with that of their class."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for each in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef):
                yield each.name if each is node else f"{node.name}.{each.name}"


@pytest.mark.parametrize(("function", "place"), FORMULA.findall(TEXT))
def test_every_formula_stands_where_the_page_says(function, place):
    path = CLONE / place
    paths = sorted(path.glob("*.py")) if path.is_dir() else [path]
    assert [name for each in paths for name in functions(each)].count(function) == 1


def test_the_table_of_formulas_is_read():
    assert len(FORMULA.findall(TEXT)) == section("Where each formula stands").count("\n|") - 2


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page):
    for name in FILES.findall((CLONE / page).read_text(encoding="utf-8")):
        assert list(CLONE.glob(name.rstrip("/"))), f"{page}: {name}"


def test_links_of_what_stands_beside_the_readme():
    for target in re.findall(r"\]\(([^)#\s]+)", (CLONE / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert "://" in target or (CLONE / target).exists(), target
