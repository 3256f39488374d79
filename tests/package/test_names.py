"""Names of the package: functions, modules, and the model's words, each once."""

import ast
import functools
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import simulator
from simulator import vocabulary
from simulator.chip import array, schema
from simulator.cli.faults import explain, option
from simulator.errors import ChipError, OptionError, argument

PACKAGE = Path(simulator.__file__).parent
TALK = ("cli", "web")  # files of commands are called as the commands
FACES = (*TALK, "report")

ORDERS = """
import importlib, sys, types
import simulator

def modules():
    rooms = [name.rpartition(".")[0] for name in simulator._HOMES.values()]
    for name in [*rooms, *simulator._HOMES.values()]:
        importlib.import_module(name)

def names():
    for name in simulator.__all__:
        exec(f"from simulator import {name}", globals())
        assert not isinstance(globals()[name], types.ModuleType), name
        assert globals()[name] is getattr(simulator, name), name

for turn in sys.argv[1:]:
    globals()[turn]()
"""


@pytest.mark.parametrize("order", [("modules", "names"), ("names", "modules", "names")])
def test_a_public_name_is_never_a_module(order):
    subprocess.run([sys.executable, "-c", ORDERS, *order], check=True)


def test_no_module_is_called_as_a_public_name():
    """At any depth, so that `from simulator.study import lint` cannot be either."""
    rooms = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.suffix == ".py" or path.is_dir()]
    called = {path.stem for path in rooms if path.parts[0] not in TALK}
    assert not called & set(simulator.__all__)


ALIKE = {
    (vocabulary.ROOFS, "chip/load.py"): "keys of a chip file",
    (vocabulary.ROOFS, "study/claim.py"): "keys of a chip file",
    (vocabulary.ROOFS, "schedule/space/place.py"): "what a stage waits for",
    (vocabulary.VECTOR_KINDS, "study/claim.py"): "what one chip fuses",
    (vocabulary.PRECISIONS, "study/bounds.py"): "which published peak is of which",
    (vocabulary.OPERANDS, "frontier/grid/candidates.py"): "the places of operands in a kernel's columns",
    (vocabulary.OPERANDS, "frontier/grid/points.py"): "the places of operands in a kernel's columns",
    (vocabulary.PRECISIONS, "graph/readers/ir.py"): "types of elements as model files name them",
    (vocabulary.PRECISIONS, "graph/readers/quantised.py"): "types of elements as model files name them",
    (vocabulary.VECTOR_KINDS, "graph/readers/emit_vector.py"): "which operators of model files are of which kind",
}
"""Where three words of a table stand together and are no second table."""


@functools.cache
def nodes():
    """{file: all nodes of its syntax} of the package."""
    files = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
    return {name: [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))] for name, path in files.items()}


@functools.cache
def literals():
    """(file, line, texts) of every tuple, list, set and dict written out in the package that has three texts or more."""
    found = []
    for name, own in nodes().items():
        for node in own:
            if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
                entries = node.keys if isinstance(node, ast.Dict) else node.elts
                texts = {entry.value for entry in entries if isinstance(entry, ast.Constant)}
                if len(texts) >= 3:
                    found.append((name, node.lineno, texts))
    return found


@pytest.mark.parametrize("table", [
    vocabulary.PRECISIONS, vocabulary.OPERANDS, vocabulary.VECTOR_KINDS, tuple(vocabulary.COMPUTE), vocabulary.ROOFS,
    vocabulary.WATERFALL,
])  # fmt: skip
def test_no_other_file_lists_the_words_of_a_table(table):
    apart = {"vocabulary.py", *(name for of, name in ALIKE if of == table)}
    found = [f"{name}:{line}" for name, line, texts in literals() if name not in apart and len(texts & {*table}) >= 3]
    assert not found


def test_tables_of_the_vocabulary_agree():
    assert set(vocabulary.CAUSES) == {*vocabulary.WATERFALL, vocabulary.PIPELINE}
    assert set(vocabulary.ROOF_NAMES) == set(vocabulary.ROOFS)
    assert vocabulary.ON_CHIP == ("array", "interconnect", "sram")
    assert {*vocabulary.FUSED} - {"attention"} < {*vocabulary.VECTOR_KINDS}
    assert {*vocabulary.OPERANDS} < {*vocabulary.STATIONARY}


@pytest.mark.parametrize(("kind", "table"), [
    (array.Precision, vocabulary.PRECISIONS), (array.Rated, (*vocabulary.PRECISIONS, *vocabulary.PAIRS)),
    (array.Stationary, vocabulary.STATIONARY),
    (schema.Operand, vocabulary.OPERANDS), (schema.Operation, vocabulary.OWN_OPERATIONS), (schema.Fused, vocabulary.FUSED),
])  # fmt: skip
def test_types_of_a_chip_file_are_the_tables(kind, table):
    assert get_args(kind) == table


def fault(**parts):
    return OptionError(**parts)


@pytest.mark.parametrize(("error", "plain", "typed"), [
    (fault(key="draws", must="be 100", got=5), "draws: must be 100, got 5", "--draws: must be 100, got 5"),
    (fault(key="max_power", must="be 1", got="x"), "max_power: must be 1, got 'x'", "--max-power: must be 1, got 'x'"),
    (fault(key="most", given="cost=2", text="unknown"), "most cost=2: unknown", "--max cost=2: unknown"),
    (fault(key="out", text="a\nb", place="plan:3"), "plan:3: out: a\nplan:3: out: b", "plan:3: --out: a\nplan:3: --out: b"),
    (fault(text=f"damaged; {argument('repair')} helps"), "damaged; repair helps", "damaged; --repair helps"),
    (ChipError(f"{argument('set', 'a=1')}: a: unknown key"), "set a=1: a: unknown key", "--set a=1: a: unknown key"),
    (OptionError("batch: must be 1"), "batch: must be 1", "batch: must be 1"),
])  # fmt: skip
def test_each_face_names_an_argument_in_its_own_way(error, plain, typed):
    assert str(error) == plain
    assert error.told(option) == typed
    assert explain(error) == (typed.splitlines(), 2)
    again = pickle.loads(pickle.dumps(error))  # as it comes back from a worker
    assert (str(again), again.told(option), type(again)) == (plain, typed, type(error))
    assert (again.key, again.must, again.got, again.place) == (error.key, error.must, error.got, error.place)


def test_only_the_faces_speak_of_options():
    found = []
    for name, own in nodes().items():
        if name.partition("/")[0] in FACES:
            continue
        told = {id(node.value) for node in own if isinstance(node, ast.Expr)}  # docstrings
        texts = [node for node in own if isinstance(node, ast.Constant) and id(node) not in told]
        found += [f"{name}:{one.lineno}" for one in texts if re.search(r"(?<![\w-])--[a-z]", str(one.value))]
    assert not found
