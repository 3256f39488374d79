"""A command imports networkx in part; a network of somebody's that needs the rest finds it, whichever way it is asked for."""

import subprocess
import sys

import pytest

ASKED = {
    "an attribute": "nx.is_directed_acyclic_graph(mine); found = nx.ancestors(mine, 2)",
    "a part": "found = nx.algorithms.dag.ancestors(mine, 2)",
    "an import of a part": "import networkx.algorithms.dag as dag; found = dag.ancestors(mine, 2)",
    "an import of a name": "from networkx.algorithms import ancestors; found = ancestors(mine, 2)",
    "a generator": "from networkx.generators import path_graph; found = nx.ancestors(path_graph(3, nx.DiGraph), 2)",
    "all": "from networkx import *; found = ancestors(mine, 2)",
}
PROGRAM = """
import sys
from simulator.cli.early import settle
settle()
settle()
import networkx as nx
assert "networkx.algorithms" not in sys.modules
assert nx.__spec__.loader is nx.__loader__ and nx.__spec__.loader.__class__.__module__ != "simulator.cli.early"
assert not any(type(each).__module__ == "simulator.cli.early" for each in sys.meta_path)
mine = nx.DiGraph([(0, 1), (1, 2)])
{asked}
assert found == {{0, 1}}
try:
    nx.no_such_name
except AttributeError:
    pass
else:
    raise SystemExit("a name that is none")
print(*sorted(name for name in vars(nx) if not name.startswith("__")))
print(nx.__getattr__.__module__ if hasattr(nx, "__getattr__") else "networkx")
"""


def said(program: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_networkx_in_part_becomes_the_whole(asked: str) -> None:
    whole = said("import networkx as nx\nprint(*sorted(name for name in vars(nx) if not name.startswith('__')))")[0]
    names, whose = said(PROGRAM.format(asked=asked))
    assert set(whole.split()) <= set(names.split())
    assert whose == "networkx"  # nothing of ours is left
