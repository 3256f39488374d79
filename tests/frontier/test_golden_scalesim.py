"""Closed forms of systolic cycles against figures of the package scalesim, kept in tests/golden."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_script(name: str) -> ModuleType:
    """A file of scripts/ as a module (scripts are no package, so that no generic name is ever installed)."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


script = load_script("scalesim_compare")
golden = script.load_golden()


def test_golden_layers_are_resnet50() -> None:
    assert list(golden) == script.resnet50()
    assert len(golden) == 54
    macs = sum(p.pixels * p.reduction * p.out_channels for p in golden)
    assert macs == pytest.approx(4.09e9, rel=1e-3)
    weights = sum(p.reduction * p.out_channels for p in golden)
    assert weights == pytest.approx(25.5e6, rel=5e-3)


@pytest.mark.parametrize("side", script.SIDES)
@pytest.mark.parametrize("mode", script.MODES)
def test_closed_form_equals_scalesim(mode: str, side: int) -> None:
    key = script.column(mode, side)
    for product, row in golden.items():
        assert script.closed_form(mode, side, side, product) == row[key], (product.name, key)


# Rows of the demand matrices of scalesim 3.0.0 for all folds at once, not fold by fold, on arrays that are not square
# (less one for the index of the last cycle): rows, columns, pixels, reduction, out channels, cycles.
OBLONG = [
    ("outputs", 8, 16, 49, 100, 70, 4270),
    ("outputs", 8, 16, 3136, 64, 64, 134848),
    ("outputs", 32, 4, 1, 2048, 1000, 520500),
    ("outputs", 32, 4, 13, 5, 3, 39),
    ("weights", 8, 16, 49, 100, 70, 5135),
    ("weights", 8, 16, 3136, 64, 64, 101312),
    ("weights", 32, 4, 1, 2048, 1000, 1072000),
    ("weights", 32, 4, 13, 5, 3, 79),
    ("inputs", 8, 16, 49, 100, 70, 5200),
    ("inputs", 8, 16, 3136, 64, 64, 147392),
    ("inputs", 32, 4, 1, 2048, 1000, 68224),
    ("inputs", 32, 4, 13, 5, 3, 276),
]


@pytest.mark.parametrize(("mode", "rows", "columns", "pixels", "reduction", "out_channels", "cycles"), OBLONG)
def test_closed_form_on_oblong_arrays(
    mode: str, rows: int, columns: int, pixels: int, reduction: int, out_channels: int, cycles: int
) -> None:
    product = script.Product("oblong", pixels, reduction, out_channels)
    assert script.closed_form(mode, rows, columns, product) == cycles - 1


def test_layers_dominated_by_the_drain_tell_the_forms_apart() -> None:
    """The published output-stationary time drains for `rows` more cycles a fold; scalesim's code does not."""
    product = next(p for p in golden if p.name == "layer1.0.conv1")
    folds = -(-product.pixels // 128) * -(-product.out_channels // 128)
    published = folds * (product.reduction + 2 * 128 + 128 - 2) - 1
    assert published > 1.4 * golden[product]["outputs_128"]


def test_writing_and_reading_give_the_same_figures(tmp_path: Path) -> None:
    script.write_golden(golden, tmp_path / "again.yaml")
    assert script.load_golden(tmp_path / "again.yaml") == golden
    assert (tmp_path / "again.yaml").read_bytes() == script.GOLDEN.read_bytes()
