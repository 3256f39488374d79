"""Plug-ins: chips, networks and readers of a distribution that is installed; whatever is wrong with one is a warning."""

import json
import subprocess
import sys
import time

import pytest
from plugin_dist import NETWORK, install, install_acorn

from simulator import load_chip, load_network
from simulator.cli import complete, main
from simulator.errors import ChipError, NetworkError, PluginWarning
from simulator.store import bundled, plugins


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on sys.path into which distributions go."""
    monkeypatch.delenv("ROOFTILE_NO_CODE", raising=False)
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    plugins.forget()
    yield folder
    plugins.forget()
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_chips_networks_and_readers_of_a_distribution(site, tmp_path, capfd):
    install_acorn(site)
    (tmp_path / "small.acorn").write_text("12")
    assert main(["run", "acornet", "--chip", "acorn_one", "--param", "width=16", "--json", "-"]) == 0
    told = capfd.readouterr()
    run = json.loads(told.out)  # what the plug-in printed is not in it
    assert run["macs"] == 16 * 16 * 9 * 3 * 16
    assert "talks" in told.err
    fast = load_chip("acorn_one-fast")
    assert (fast.clock_mhz, load_chip("Acorn One").clock_mhz) == (1000, load_chip("example_edge").clock_mhz)
    graph = load_network(str(tmp_path / "small.acorn"), width=8)
    assert graph.nodes["conv"]["layer"].macs == 12 * 12 * 9 * 3 * 8
    assert load_network(f"{tmp_path / 'small.acorn'}@20").nodes["conv"]["layer"].macs == 20 * 20 * 9 * 3 * 4


def test_a_file_of_a_plug_in_needs_no_slash(site, tmp_path, monkeypatch):
    install_acorn(site)
    (tmp_path / "small.acorn").write_text("12")
    monkeypatch.chdir(tmp_path)
    assert load_network("small.acorn").graph["name"] == "small"


def test_lists_completions_and_errors_know_them_and_lists_mark_them(site, capsys):
    install_acorn(site)
    assert main(["chips", "--json", "-"]) == 0
    rows = {row["name"]: row["plugin"] for row in json.loads(capsys.readouterr().out)}
    assert rows["acorn_one"] == rows["acorn_one-fast"] == "acorn 1.2"
    assert rows["example_edge"] is None
    assert main(["chips"]) == 0
    assert "Of the plug-in acorn 1.2: acorn_one, acorn_one-fast." in " ".join(capsys.readouterr().out.split())
    assert complete.chips("acorn") == ["acorn_one", "acorn_one-fast"]
    assert complete.networks("acorn") == ["acornet"]
    with pytest.raises(ChipError, match="did you mean 'acorn_one'"):
        load_chip("acorn_onw")
    with pytest.raises(NetworkError, match="did you mean 'acornet'"):
        load_network("acorrnet")
    with pytest.raises(NetworkError, match=r"\.acorn"):
        load_network("./x.unknown")


def test_the_list_of_networks(site, capsys):
    install_acorn(site)
    install(site, {"networks": "oddnet = odd_net:build"}, "odd", odd_net="def build(): return 7\n")
    assert main(["networks", "--json", "-"]) == 0
    told = capsys.readouterr()
    assert {row["name"]: row["plugin"] for row in json.loads(told.out)} == {
        **dict.fromkeys(bundled.networks()),
        "acornet": "acorn 1.2",
    }
    assert "rooftile: warning: plug-in oddnet of odd 1.2: oddnet: " in told.err
    assert main(["networks"]) == 0
    assert "Of the plug-in acorn 1.2: acornet." in " ".join(capsys.readouterr().out.split())


BROKEN = {
    "import": ("raise RuntimeError('of the import')", "cannot be loaded: RuntimeError: of the import"),
    "exit": ("import sys; sys.exit(3)", "cannot be loaded: SystemExit: 3"),
    "missing": ("", "cannot be loaded: AttributeError: module 'odd_missing' has no attribute 'build'"),
    "type": ("build = 7", "must be a function that returns a layer graph, got int"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_network_that_fails_is_a_warning_and_the_rest_goes_on(what, site):
    source, said = BROKEN[what]
    install_acorn(site)
    install(site, {"networks": f"oddnet = odd_{what}:build"}, "odd", **{f"odd_{what}": source})
    assert len(load_network("acornet")) == 2
    with (
        pytest.warns(PluginWarning) as seen,
        pytest.raises(NetworkError, match=r"^network: oddnet: plug-in oddnet of odd 1.2: "),
    ):
        load_network("oddnet")
    assert [str(one.message) for one in seen] == [f"plug-in oddnet of odd 1.2: {said}"]


CHIPS = {
    "number": ("chips = 7", "must be a module, a folder or a list of paths, got int"),
    "relative": ("chips = 'here'", "here: must be an absolute path"),
    "nowhere": ("chips = '/nowhere/at/all'", "/nowhere/at/all: no such file or folder"),
}


@pytest.mark.parametrize("what", CHIPS)
def test_chips_that_fail_are_a_warning(what, site, capsys):
    source, said = CHIPS[what]
    install_acorn(site)
    install(site, {"chips": f"odd = odd_chips_{what}:chips"}, "odd", **{f"odd_chips_{what}": source})
    assert main(["cost", "acorn_one"]) == 0
    assert f"rooftile: warning: plug-in odd of odd 1.2: {said}\n" in capsys.readouterr().err


def test_a_chip_file_with_a_fault_is_a_warning_in_the_list_and_an_error_where_it_is_asked_for(site, capsys):
    install_acorn(site)
    (site / "acorn_chips" / "wrong.yaml").write_text("name: 3\nvariants:\n  - [\n")
    assert main(["chips", "--json", "-"]) == 0
    told = capsys.readouterr()
    assert "warning: plug-in acorn of acorn 1.2: " in told.err
    assert "acorn_one" in told.out
    with pytest.raises(ChipError, match=r"wrong\.yaml"):
        load_chip("wrong")


def test_names_that_are_taken_or_none(site):
    groups = {
        "networks": "resnet50 = odd_names:build\nResNet-50 = odd_names:build\nthe\x1b[31mnet = odd_names:build\n"
        "oaknet = odd_names:build",
        "readers": "onnx = odd_names:read\na.b = odd_names:read\nacorn = odd_names:read",
    }
    install_acorn(site)
    install(site, groups, "odd", odd_names=NETWORK)
    with pytest.warns(PluginWarning) as seen, pytest.raises(NetworkError):
        load_network("x.unknown")
    assert len(load_network("oaknet")) == 2
    assert load_network("resnet50").graph["name"] == "resnet50"
    said = "\n".join(str(one.message) for one in seen)
    assert "plug-in resnet50 of odd 1.2: 'resnet50': the name is taken by a bundled one" in said
    assert "plug-in ResNet-50 of odd 1.2: 'ResNet-50': the name is taken by a bundled one" in said
    assert "\\x1b[31m" in said
    assert "\x1b" not in said
    assert "plug-in onnx of odd 1.2: .onnx: the suffix is taken by a bundled reader" in said
    assert "plug-in a.b of odd 1.2: must be called as a suffix" in said
    assert "plug-in acorn of odd 1.2: .acorn: the suffix is taken by plug-in acorn of acorn 1.2" in said


def test_what_a_plug_in_raises_is_one_line(site, tmp_path, capsys):
    source = "def build(n: int = 1): raise KeyError('of\\nbuild')\ndef read(path): import sys; sys.exit(5)\n"
    install(
        site, {"networks": "oddnet = odd_raises:build", "readers": "odd = odd_raises:read"}, "odd", odd_raises=source
    )
    assert main(["run", "oddnet", "--chip", "example_edge"]) == 2
    said = capsys.readouterr().err
    assert said == "rooftile: oddnet: plug-in oddnet of odd 1.2 raised KeyError: 'of\\nbuild'\n"
    assert main(["run", str(tmp_path / "x.odd"), "--chip", "example_edge"]) == 2
    assert "x.odd: plug-in odd of odd 1.2 raised SystemExit: 5\n" in capsys.readouterr().err
    assert main(["run", "oddnet", "--chip", "example_edge", "--param", "m=1"]) == 2
    assert "oddnet: m: unknown parameter" in capsys.readouterr().err


def test_no_code_forbids_them(site, capsys, monkeypatch):
    install_acorn(site)
    assert main(["run", "acornet", "--chip", "acorn_one", "--no-code"]) == 2
    assert "unknown chip 'acorn_one'" in (said := capsys.readouterr().err)
    assert said.endswith("; plug-ins are not loaded, their code is forbidden\n")
    assert main(["run", "acornet", "--chip", "example_edge", "--no-code"]) == 2
    assert capsys.readouterr().err.endswith("; plug-ins are not loaded, their code is forbidden\n")
    monkeypatch.setenv("ROOFTILE_NO_CODE", "1")
    assert main(["chips", "--json", "-"]) == 0
    assert "acorn" not in capsys.readouterr().out
    assert not any(name.startswith("acorn") for name in sys.modules)


def test_ten_thousand_names(site):
    lines = "\n".join(f"net{number:05} = many_nets:build" for number in range(10_000))
    install(site, {"networks": lines}, "many", many_nets=NETWORK)
    begin = time.monotonic()
    assert len(load_network("net09999")) == 2
    with pytest.raises(NetworkError, match="did you mean 'net0"):
        load_network("net0999")
    assert len(complete.networks("net0123")) == 10
    assert time.monotonic() - begin < 5.0


def test_a_bundled_name_looks_for_no_plug_in():
    code = (
        "import rooftile; rooftile.load_chip('inferx_x1'); rooftile.load_network('resnet50'); "
        "rooftile.load_network('ResNet-50'); from simulator.store import plugins; print(plugins._plugins.cache_info().misses)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "0\n"
