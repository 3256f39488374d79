"""Names of the package: functions, modules, and the model's words, each once."""

import subprocess
import sys
from pathlib import Path

import pytest

import simulator

PACKAGE = Path(simulator.__file__).parent
TALK = ("cli", "web")  # files of commands are called as the commands

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
