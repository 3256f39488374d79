"""The report of a run: what it says, and that it fits the page."""

import doctest
import io

import pytest
from report_example import CHIP, example, parts
from rich.console import Console

from simulator.report import layers
from simulator.report.layers import short_tiling
from simulator.report.run_charts import _waterfall
from simulator.report.tables import run_report
from simulator.vocabulary import CAUSES


def render(result, width=120, **options):
    file = io.StringIO()
    console = Console(file=file, width=width, markup=False, highlight=False, emoji=False)
    console.print(run_report(result, CHIP, width=width, **options))
    return file.getvalue()


def row(text, label):
    return next(line for line in text.splitlines() if line.startswith(label)).split()


def test_head_names_the_resources():
    head = render(example()).splitlines()[:2]
    assert head[0].rstrip() == (
        "twolayers on Hand-made [chip]: 125.0 per second at batch 1 in int8, 37.5 % of the peak, bound by DRAM."
    )
    assert head[1].rstrip() == "peak 7.64 TOPS: 4,096 MAC units at 933 MHz; 8 MiB SRAM; 1 DRAM, 12.8 GB/s"


def test_what_rounding_left_is_no_row():
    left = example(waterfall=parts(ideal_s=4e-3, dram_s=1e-19), waterfall_period=parts(ideal_s=4e-3, dram_s=1e-19))
    causes = [row["part"] for row in _waterfall(left)["data"]["values"]]
    assert causes == [CAUSES["ideal_s"]]
    assert CAUSES["dram_s"] not in render(left, width=80)


def test_waterfall_skips_zero_rows_and_adds_up_to_the_peak():
    text = render(example())
    assert row(text, "waiting for DRAM")[3:7] == ["4.000", "50.0", "%", "3.82"]
    assert row(text, "multiplying")[-5:-1] == ["3.000", "37.5", "%", "2.87"]
    assert row(text, "total")[:5] == ["total", "8.000", "100.0", "%", "7.64"]
    assert "interconnect" not in text


def test_a_narrow_page_folds_names_and_cuts_no_figure():
    text = render(example(waterfall_period=parts(ideal_s=3e-3, dram_s=1e-3), throughput_per_s=250.0), width=60)
    assert "…" not in text
    assert row(text, "total")[1:6] == ["8.000", "4.000", "100.0", "%", "7.64"]
    assert "█" not in text


def test_gains_are_sorted_and_zero_gains_left_out():
    text = render(example())
    gains = text[text.index("If one of these") :].splitlines()
    assert gains[1].split() == ["ms", "saved", "share", "ms", "left"]
    assert gains[2].split() == ["DRAM", "2.500", "31.2", "%", "5.500"]
    assert gains[3].split() == ["SRAM", "ports", "0.100", "1.2", "%", "7.900"]
    assert "MAC array" not in text


def test_steady_state_has_its_own_column_only_when_it_differs():
    assert "steady" not in render(example())
    pipelined = example(throughput_per_s=250.0, waterfall_period=parts(ideal_s=3e-3, dram_s=1e-3))
    text = render(pipelined, width=80)
    assert "share and TOPS in steady state" in text
    assert row(text, "waiting for DRAM")[3:8] == ["4.000", "1.000", "25.0", "%", "1.91"]
    assert row(text, "idle units")[-5:] == ["1.000", "0.000", "0.0", "%", "0.00"]
    assert row(text, "total")[1:3] == ["8.000", "4.000"]


def test_winograd_and_load_are_told_when_there():
    text = render(example(effective_utilisation=0.6, load_bytes=25.5e6, load_s=1.5e-3, notes=("One thing.",)))
    assert "60.0 % counting what Winograd saves" in text
    assert "25.50 MB in 1.500 ms" in text
    assert text.rstrip().endswith("Note: One thing.")


@pytest.mark.parametrize("width", [80, 100, 120])
def test_nothing_is_cut(width):
    text = render(example(), width=width, layers=True)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "layer1.0.conv1" in text
    assert row(text, "layer1.0.add")[1] == "add"


def test_tilings_are_shown_where_there_is_room():
    assert "k64 c256 p14 q14 | CKNPQ | K32 CRS64 PQ2 | ~W" in render(example(), width=120, layers=True)
    narrow = render(example(), width=80, layers=True)
    assert "CKNPQ" not in narrow
    assert "--json" in narrow


def test_short_tiling():
    assert doctest.testmod(layers).attempted == 3
    assert doctest.testmod(layers).failed == 0
    assert short_tiling({}) == ""
    assert short_tiling({"tile": {"k": 2}, "order": "CKNPQ", "streamed": "nothing", "unrolling": {}}) == "k2 | CKNPQ"


def test_ascii_bars():
    assert "█" not in render(example(), ascii_only=True)
    assert "##########" in render(example(), ascii_only=True)
