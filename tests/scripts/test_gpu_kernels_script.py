"""Matrix products of GPUs as they were measured: the model's medians hold, and beat a roofline."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from simulator import load_chip, simulate
from simulator.graph.build import NetworkBuilder
from simulator.units import GPU_KERNEL_FLOOR_US

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "data" / "gpu_kernels_sample.csv"


def load_script() -> ModuleType:
    """The script as a module (scripts are no package)."""
    spec = importlib.util.spec_from_file_location("gpu_kernels", ROOT / "scripts" / "gpu_kernels.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script()


def test_the_sample_names_its_source_and_licence():
    head = SAMPLE.read_text(encoding="utf-8").splitlines()
    assert "aiconfigurator-core 0.12.0" in head[1]
    assert "Apache License 2.0" in head[1]
    assert len(script.read(SAMPLE)) == 300


def test_medians_hold():
    found = script.errors(script.read(SAMPLE))
    most = {
        ("a100_sxm", "bfloat16"): 0.11, ("h100_sxm", "bfloat16"): 0.08, ("h100_sxm", "fp8"): 0.06,
        ("l40s", "bfloat16"): 0.10, ("l40s", "fp8"): 0.12,
    }  # fmt: skip
    assert {key[:2] for key in found} == set(most)
    for (board, dtype), limit in most.items():
        count, median, _, _, roofline = found[board, dtype, "all"]
        assert count >= 40
        assert median < limit, (board, dtype)
        assert median < roofline
    assert abs(found["h100_sxm", "bfloat16", "above"][3]) < 0.08  # neither too slow nor too fast


def test_what_a_row_moves_and_takes_at_least():
    row = script.Row("h100_sxm", "fp8", 100, 200, 300, 1e-3)
    assert script.moved_bytes(row) == 100 * 300 + 200 * 300 + 2 * 100 * 200
    assert row.band == "m <= 1,024"
    chip = script.board("h100_sxm")
    assert script.roofline_s(row, chip) == pytest.approx(script.moved_bytes(row) / (5 * 665.6e9))
    large = script.Row("h100_sxm", "bfloat16", 8192, 8192, 8192, 1e-3)
    assert script.roofline_s(large, load_chip("h100")) == pytest.approx(2 * 8192**3 / 989.4e12, rel=1e-3)


def test_a_product_alone_is_that_of_a_run():
    net = NetworkBuilder("product")
    net.dense(net.input(1024, 300, 1), 2000, bias=False)
    graph = net.build()
    for board, name in (("h100_sxm", "h100"), ("l40s", "l40s")):
        run = simulate(graph, load_chip(name, set={"overhead_us": GPU_KERNEL_FLOOR_US}), 1, "bf16", gains=False)
        row = script.Row(board, "bfloat16", 300, 2000, 1024, 1.0)
        assert script.model_s(row, script.board(board)) == pytest.approx(run.latency_s, rel=1e-12)


def test_weights_of_fewer_bits_move_fewer_bytes_and_launch_later():
    wide, eight, four = (
        script.Row("a100_sxm", dtype, 8, 8192, 8192, 1e-3) for dtype in ("bfloat16", "int8_wo", "int4_wo")
    )
    assert script.moved_bytes(wide) - script.moved_bytes(eight) == 8192 * 8192
    assert script.moved_bytes(eight) - script.moved_bytes(four) == 8192 * 8192 / 2
    times = [script.model_s(row, script.board("a100_sxm")) for row in (wide, eight, four)]
    assert times[0] > 1.3 * times[1] > 1.3 * times[2]
    least = [
        script.model_s(script.Row("a100_sxm", dtype, 1, 64, 64, 1.0), script.board("a100_sxm"))
        for dtype in script.FORMATS
        if "fp8" not in dtype
    ]
    assert least[1] - least[0] == pytest.approx(7e-6, rel=0.01)  # launches alone


def test_rows_that_were_warm_in_the_cache_are_not_counted():
    row = script.Row("l40s", "bfloat16", 1, 4096, 4096, 1e-5)  # 33.6 MB in 10 us, at 864 GB/s
    assert script.errors([row]) == {}


def test_it_prints_a_line_for_each_band(capsys, monkeypatch):
    monkeypatch.setattr(script, "read", lambda _: [script.Row("h100_sxm", "bfloat16", 64, 4096, 4096, 2e-5)])
    monkeypatch.setattr(sys, "argv", ["gpu_kernels.py", "rows.csv"])
    assert script.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["h100_sxm", "bfloat16", "all"], ["h100_sxm", "bfloat16", "m"]]
