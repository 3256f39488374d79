"""The NVDLA sheet repeated from its rules agrees with the copy of its figures."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load_script() -> ModuleType:
    """scripts/nvdla_sheet.py as a module (scripts are no package, so that no generic name is ever installed)."""
    path = Path(__file__).resolve().parents[2] / "scripts" / "nvdla_sheet.py"
    spec = importlib.util.spec_from_file_location("nvdla_sheet", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["nvdla_sheet"] = module
    spec.loader.exec_module(module)
    return module


sheet = load_script()
tolerance = sheet.load()["tolerance"]


@pytest.mark.parametrize(("network", "rows"), [("resnet50", 54), ("alexnet", 11)])
def test_every_layer_equals_the_sheet(network: str, rows: int) -> None:
    own, theirs = sheet.figures(network), sheet.printed(network)
    assert list(own) == list(theirs)
    assert len(own) == rows
    for name, row in own.items():
        assert row.mac_cycles == theirs[name].mac_cycles, name
        assert row.dram_kb == pytest.approx(theirs[name].dram_kb, abs=tolerance["dram_kb"]), name
        assert row.layer_cycles == theirs[name].layer_cycles, name


def test_totals_equal_the_sheet() -> None:
    totals = sheet.load()["resnet50"]["totals"]
    cycles = sum(row.layer_cycles for row in sheet.figures().values())
    assert cycles == totals["total_cycles"]
    assert sheet.frames_per_s() == pytest.approx(totals["fps"], abs=5e-4)
    alexnet = sheet.load()["alexnet"]["totals"]["fps"]
    assert sheet.frames_per_s("alexnet") == pytest.approx(alexnet, abs=0.01)


def test_network_utilisation_equals_the_sheet() -> None:
    """The sheet's network MAC utilisation: the network's MACs (no Winograd) over cycles x MAC units."""
    table = sheet.load()["resnet50"]
    macs = sum(row[table["columns"].index("macs")] for row in table["rows"])
    used = macs / (table["totals"]["total_cycles"] * sheet.SHEET.macs)
    assert used == pytest.approx(table["totals"]["network_mac_utilisation"], abs=1e-6)


@pytest.mark.parametrize(("sizing", "text"), sheet.sizings())
def test_seven_sizings_print_as_in_the_primer(sizing: tuple[float, ...], text: str) -> None:
    decimals = len(text.partition(".")[2])
    assert f"{sheet.frames_per_s(sizing=sizing):.{decimals}f}" == text


def test_a_winograd_layer_by_hand() -> None:
    """Res3a_branch2b: 128 to 128 channels, 28 x 28, 3 x 3: MACs / 2.25, weights x 16 / 9."""
    row = sheet.figures()["Res3a_branch2b"]
    assert row.mac_cycles == 28 * 28 * 128 * 128 * 9 / 2.25 / 2048
    assert row.dram_kb == (128 * 128 * 9 * 16 / 9 + 2 * 28 * 28 * 128) / 1024


def test_odd_rules_bite_where_the_page_says() -> None:
    odd = sheet.odd_rules()
    assert sum(not rules for rules in odd.values()) == 40
    assert [name for name, rules in odd.items() if "refetch" in rules] == ["Res3a_branch1"]
    assert odd["Conv1"] == ("out_channels_128", "in_channels_16", "unfolding")
    assert "wrong_shape" in odd["Res2a_branch2a"]
    strided = {f"Res{stage}a_branch{branch}" for stage in (3, 4, 5) for branch in ("1", "2a")}
    assert {name for name, rules in odd.items() if "unfolding" in rules} == strided | {"Conv1"}
    small = sheet.odd_rules(sizing=sheet.Sizing(macs=32, buffer_kb=128, dram_gb_per_s=0.5))
    assert sum("refetch" in rules for rules in small.values()) == 17


def test_more_buffer_bandwidth_or_macs_is_never_slower() -> None:
    base = sheet.Sizing(macs=64, buffer_kb=128, dram_gb_per_s=1)
    slowest = sheet.frames_per_s(sizing=base)
    for better in (base._replace(macs=128), base._replace(buffer_kb=256), base._replace(dram_gb_per_s=2)):
        assert sheet.frames_per_s(sizing=better) >= slowest
