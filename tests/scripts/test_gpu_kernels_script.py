"""Kernels of GPUs as they were measured: the model's medians hold, and beat a roofline."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from simulator import load_chip, simulate
from simulator.graph.build import NetworkBuilder
from simulator.schedule.machines import machines_of
from simulator.study import kernel_rows
from simulator.units import GPU_KERNEL_FLOOR_US

ROOT = Path(__file__).resolve().parents[2]


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
    head = kernel_rows.SAMPLE.read_text(encoding="utf-8").splitlines()
    assert "aiconfigurator-core 0.12.0" in head[1]
    assert "Apache License 2.0" in head[1]
    assert len(kernel_rows.read(kernel_rows.SAMPLE)) == 506


@pytest.fixture(scope="module")
def found():
    return script.errors(kernel_rows.read(kernel_rows.SAMPLE))


def test_medians_hold(found):
    most = {
        ("a100_sxm", "product", "bfloat16"): 0.11, ("h100_sxm", "product", "bfloat16"): 0.08,
        ("h100_sxm", "product", "fp8"): 0.06, ("l40s", "product", "bfloat16"): 0.10, ("l40s", "product", "fp8"): 0.14,
        ("a100_sxm", "prefill", "bfloat16"): 0.09, ("h100_sxm", "prefill", "bfloat16"): 0.08,
        ("a100_sxm", "decode", "bfloat16"): 0.20, ("h100_sxm", "decode", "bfloat16"): 0.10,
        ("l40s", "decode", "bfloat16"): 0.30, ("l40s", "prefill", "bfloat16"): 0.12, ("a100_sxm", "experts", "bfloat16"): 0.15,
        ("h100_sxm", "experts", "bfloat16"): 0.12, ("h100_sxm", "experts", "fp8"): 0.12,
        ("l40s", "experts", "bfloat16"): 0.12, ("l40s", "experts", "fp8"): 0.12,
    }  # fmt: skip
    assert {key[:3] for key in found} == {*most}
    for key, limit in most.items():
        count, median, _, _, roofline = found[*key, "all"]
        assert count >= 8
        assert median < limit, key
        assert median < roofline
    assert abs(found["h100_sxm", "product", "bfloat16", "above"][3]) < 0.08  # neither too slow nor too fast


def test_short_prompts_beat_a_roofline_and_long_ones_are_right(found):
    """The kernel before short ones is a matter of the library; an L40S has another."""
    short, long = (found["l40s", "prefill", "bfloat16", band] for band in ("<= 512", "above"))
    assert short[1] < 0.5 * short[4]
    assert long[1] < 0.10


@pytest.mark.parametrize(("board", "cycles", "each"), [("a100_sxm", 15_000, 3.5 * 12), ("l40s", 6_000, 4.0 * 4)])
def test_what_a_library_does_before_the_prompts(board, cycles, each, monkeypatch):
    """Of 8 heads of queries and 2 of keys and of values on an A100; of keys and values alone on an L40S."""
    row = kernel_rows.Attention(board, "bfloat16", False, 3, 64, 8, 2, 1e-3)
    machine = machines_of(kernel_rows.board(board)).row()
    with_it = row.model_s(kernel_rows.board(board))
    monkeypatch.setitem(kernel_rows.BEFORE_ON, board, kernel_rows.Before(0, 0.0, 0.0))
    before_s = cycles * machine.cycle_s + each * 128 * 3 * 64 * machine.byte_s
    assert with_it - row.model_s(kernel_rows.board(board)) == pytest.approx(before_s, rel=1e-9)


def test_what_a_row_moves_and_takes_at_least():
    row = kernel_rows.Product("h100_sxm", "fp8", 100, 200, 300, 1e-3)
    assert row.moved_bytes == 100 * 300 + 200 * 300 + 2 * 100 * 200
    assert row.band == "m <= 1,024"
    chip = kernel_rows.board("h100_sxm")
    assert kernel_rows.roofline_s(row, chip) == pytest.approx(row.moved_bytes / (5 * 665.6e9))
    large = kernel_rows.Product("h100_sxm", "bfloat16", 8192, 8192, 8192, 1e-3)
    assert kernel_rows.roofline_s(large, load_chip("h100")) == pytest.approx(2 * 8192**3 / 989.4e12, rel=1e-3)


def test_what_attention_sees_and_moves():
    prompt = kernel_rows.Attention("a100_sxm", "bfloat16", False, 2, 130, 8, 2, 1e-3)
    # 64 queries see 64 keys, 64 see 128, two see all 130: whole tiles; of the products only what is seen counts.
    assert prompt.keys == -(-(64 * 64 + 64 * 128 + 2 * 130) // 130)
    assert prompt.macs == 2 * 8 * 256 * sum(range(1, 131))
    assert prompt.moved_bytes == 2 * 2 * 128 * 130 * (2 * 8 + 2 * 2)
    token = kernel_rows.Attention("a100_sxm", "bfloat16", True, 2, 130, 8, 2, 1e-3)
    assert token.keys == 130
    assert token.moved_bytes == 2 * 2 * 128 * (2 * 8 + 130 * 2 * 2)
    assert token.counted
    assert not kernel_rows.Attention("a100_sxm", "bfloat16", True, 1, 64, 34, 2, 1e-3).counted


def test_tokens_of_experts():
    def loads(tokens, routing, active=2, experts=8):
        return kernel_rows.Experts("h100_sxm", "fp8", tokens, 64, 64, active, experts, routing, 1.0).loads.tolist()

    assert loads(3, "balanced") == [1] * 6
    assert loads(10, "balanced") == [2, 3, 2, 3, 2, 3, 2, 3]
    assert sum(loads(1, "power_law_1.2", active=8, experts=256)) == 8  # none is lost
    assert len(loads(48, "power_law_1.01", active=8, experts=256)) == pytest.approx(
        190, rel=0.06
    )  # as the bytes measured say
    assert len(loads(16, "power_law_1.01", active=8, experts=128)) == pytest.approx(66, rel=0.06)
    uneven = loads(512, "power_law_1.2", experts=64)
    assert sum(uneven) == pytest.approx(1024, rel=0.02)
    assert max(uneven) > 8 * min(uneven)
    row = kernel_rows.Experts("h100_sxm", "fp8", 3, 64, 32, 2, 8, "balanced", 1.0)
    assert row.moved_bytes == 6 * 3 * 64 * 32 + 4 * 6 * 64
    assert row.macs == 6 * 3 * 64 * 32


def test_a_product_alone_is_that_of_a_run():
    net = NetworkBuilder("product")
    net.dense(net.input(1024, 300, 1), 2000, bias=False)
    graph = net.build()
    for board, name in (("h100_sxm", "h100"), ("l40s", "l40s")):
        run = simulate(graph, load_chip(name, set={"overhead_us": GPU_KERNEL_FLOOR_US}), 1, "bf16", gains=False)
        row = kernel_rows.Product(board, "bfloat16", 300, 2000, 1024, 1.0)
        assert row.model_s(kernel_rows.board(board)) == pytest.approx(run.latency_s, rel=1e-12)


def test_weights_of_fewer_bits_move_fewer_bytes_and_launch_later():
    wide, eight, four = (
        kernel_rows.Product("a100_sxm", dtype, 8, 8192, 8192, 1e-3) for dtype in ("bfloat16", "int8_wo", "int4_wo")
    )
    assert wide.moved_bytes - eight.moved_bytes == 8192 * 8192
    assert eight.moved_bytes - four.moved_bytes == 8192 * 8192 / 2
    times = [row.model_s(kernel_rows.board("a100_sxm")) for row in (wide, eight, four)]
    assert times[0] > 1.3 * times[1] > 1.3 * times[2]
    least = [
        kernel_rows.Product("a100_sxm", dtype, 1, 64, 64, 1.0).model_s(kernel_rows.board("a100_sxm"))
        for dtype in kernel_rows.FORMATS
        if "fp8" not in dtype
    ]
    assert least[1] - least[0] == pytest.approx(7e-6, rel=0.01)  # launches alone


def test_rows_that_were_warm_in_the_cache_are_not_counted():
    row = kernel_rows.Product("l40s", "bfloat16", 1, 4096, 4096, 1e-5)  # 33.6 MB in 10 us, at 864 GB/s
    assert script.errors([row]) == {}


def test_it_prints_a_line_for_each_band(capsys, monkeypatch):
    monkeypatch.setattr(script, "read", lambda _: [kernel_rows.Product("h100_sxm", "bfloat16", 64, 4096, 4096, 2e-5)])
    monkeypatch.setattr(sys, "argv", ["gpu_kernels.py", "rows.csv"])
    assert script.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["h100_sxm", "product", "bfloat16", "all"], ["h100_sxm", "product", "bfloat16", "m"],
    ]  # fmt: skip
