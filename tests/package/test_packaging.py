"""The wheel: the package with its chips and networks, and nothing else."""

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import simulator

CLONE = Path(__file__).parents[2]
pytestmark = pytest.mark.packaging


def listed(*folders):
    """Files of the clone that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    out = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, check=False)
    if out.returncode != 0:
        pytest.skip("not a clone of the repository")
    return {name for name in out.stdout.splitlines() if (CLONE / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without a network by the build backend itself."""
    folder = tmp_path_factory.mktemp("wheel")
    script = f"import hatchling.build; print(hatchling.build.build_wheel({str(folder)!r}))"
    out = subprocess.run([sys.executable, "-c", script], cwd=CLONE, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    with zipfile.ZipFile(folder / out.stdout.split()[-1]) as archive:
        yield archive


def test_the_wheel_holds_what_the_clone_holds(wheel):
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = {re.sub(r"^(workloads|arch_configs)/", r"simulator/\1/", name) for name in listed("simulator")}
    wanted |= {f"simulator/{name}" for name in listed("workloads", "arch_configs")}
    assert inside == wanted | {"rooftile.py"}


def test_the_wheel_has_one_top_level_name_and_one_command(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"simulator", "rooftile.py", f"rooftile-{simulator.__version__}.dist-info"}
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert wheel.read(entry).decode().split() == ["[console_scripts]", "rooftile", "=", "simulator.__main__:main"]


def test_versions_agree():
    citation = (CLONE / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (CLONE / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1].strip('"') == simulator.__version__
    assert f"## [{simulator.__version__}]" in changelog or "## [Unreleased]" in changelog


def test_pyproject_needs_no_more_than_it_says():
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "MIT"
    names = {re.match(r"[\w-]+", text)[0] for text in project["dependencies"]}
    assert names == {
        "numpy", "numba", "networkx", "pyyaml", "pydantic", "typer", "rich", "cachetools", "platformdirs",
    }  # fmt: skip


def test_the_extra_of_all_holds_every_extra():
    extras = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    everything = extras.pop("all")
    assert everything == [f"rooftile[{','.join(extras)}]"]


def test_the_size_of_the_core_is_that_of_what_it_needs():
    """The limit itself holds where the core is installed alone (`.ci/run`); here, that all it needs is counted, and no extra."""
    spec = importlib.util.spec_from_file_location("size", CLONE / ".ci" / "size.py")
    size = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(size)
    core = size.needed("rooftile")
    if not core:
        pytest.skip("the package is not installed")
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {re.match(r"[\w-]+", text)[0] for text in project["dependencies"]} <= {*core}
    assert "llvmlite" in core  # what a dependency needs counts too
    assert not {"polars", "altair", "onnx", "fastapi"} & {*core}
    assert 20 < size.megabytes(core["numpy"]) < 200
    assert size.MOST_MB == 350


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_and_the_command_is_light():
    heavy = "('numba', 'numpy', 'networkx', 'pydantic', 'yaml', 'rich')"
    code = f"import sys, simulator, simulator.cli.app; print([m for m in {heavy} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_a_function_is_the_same_from_its_file_and_from_the_package():
    assert run("from simulator.run import simulate as a; from simulator import simulate as b; print(a is b)") == (
        "True\n"
    )


def test_public_names():
    assert set(simulator.__all__) <= set(dir(simulator))
    with pytest.raises(AttributeError, match="no attribute 'load_chips'"):
        simulator.load_chips  # noqa: B018
