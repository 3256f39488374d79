"""The claim check: its bounds against brute force, Goya, and no figure of the model called impossible."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import THOROUGH

from simulator import load_chip, load_network, simulate
from simulator.chip.library import bundled_entries, entry
from simulator.cli import main
from simulator.errors import ChipError
from simulator.graph.build import NetworkBuilder
from simulator.study.bounds import (
    Demand,
    demand_of,
    least_devices,
    least_sram,
    published_link,
    resources_of,
    weight_need,
)
from simulator.study.claim import CAPACITIES_MIB, first, ideal, judge, standing_of
from simulator.units import GB, MIB

RESNET = load_network("resnet50")


def test_demand_of_resnet50():
    demand = demand_of(RESNET, "int8")
    assert demand.macs == pytest.approx(4.089e9, rel=1e-3)
    assert demand.weight_bytes == pytest.approx(25.5e6, rel=2e-3)
    assert demand_of(RESNET, "fp16").weight_bytes == 2 * demand.weight_bytes
    saved = demand.macs - demand.winograd_macs
    threes = [d["layer"] for _, d in RESNET.nodes(data=True) if d["layer"].kernel_height == 3]
    threes = [layer.macs for layer in threes if layer.kind == "conv" and layer.stride == (1, 1)]
    assert saved == pytest.approx(sum(threes) * (1 - 1 / 2.25))


def test_products_of_activations_are_no_weights():
    bert = load_network("bert_base")
    assert demand_of(bert, "int8").weight_bytes == pytest.approx(85.0e6, rel=5e-3)


@given(
    weights=st.integers(1, 300),
    throughput=st.integers(1, 2000),
    batch=st.integers(1, 16),
    bandwidth=st.integers(1, 5000),
)
def test_the_least_sram_and_dram_against_every_size(weights, throughput, batch, bandwidth):
    demand = Demand(1, 1.0, float(weights))

    def holds(size):
        return throughput * max(0, weights - size) <= batch * bandwidth

    smallest = next(size for size in range(weights + 1) if holds(size))
    assert math.ceil(least_sram(demand, throughput, batch, bandwidth) - 1e-9) == smallest
    for size in (0, weights // 2, weights):
        need = weight_need(demand, throughput, batch, size)
        fewest = next(n for n in range(throughput * weights + 1) if n * bandwidth * batch >= need * batch * (1 - 1e-12))
        assert least_devices(need, bandwidth) == fewest


@given(st.lists(st.integers(0, 50), min_size=0, max_size=20, unique=True).map(sorted), st.integers(0, 60))
def test_first_of_ascending(choices, limit):
    assert first(choices, lambda x: x >= limit) == next((x for x in choices if x >= limit), None)


def test_a_bound_that_rests_on_a_surveys_estimate_is_no_proof():
    verdict = judge(bundled_entries()["goya"], RESNET, 15_000, 10)
    assert verdict.verdict == "doubtful"
    assert [bound.name for bound in verdict.bounds if bound.broken] == ["MACs"]
    assert verdict.bounds[0].needed == pytest.approx(122.7, rel=1e-3)
    assert verdict.bounds[0].unsure == ("peak_tops_int8 (secondary)",)
    assert any("Winograd" in text for text in verdict.remarks)
    assert any("rests on peak_tops_int8 (secondary)" in text for text in verdict.remarks)
    # More than twice what the survey says is too much for any reading of it.
    assert judge(bundled_entries()["goya"], RESNET, 25_000, 10).verdict == "impossible"
    # The maker's own peak is no estimate.
    assert judge(bundled_entries()["tpu_v1"], RESNET, 15_000, 10).verdict == "impossible"


def test_an_audited_result_outranks_a_survey():
    rows = {row.throughput_per_s: row for row in bundled_entries()["goya"].published.results}
    assert standing_of(rows[14447.0]) == "audited"
    assert standing_of(rows[15000.0]) == standing_of(rows[1527.0]) == "claim"
    words = {
        standing: judge(bundled_entries()["goya"], RESNET, 14_447, None, "int8", standing=standing).verdict
        for standing in ("audited", "measured", "claim")
    }
    assert words == {"audited": "possible", "measured": "doubtful", "claim": "doubtful"}
    # It does not outrank what the maker says.
    assert judge(bundled_entries()["tpu_v1"], RESNET, 15_000, 10, standing="audited").verdict == "impossible"


def test_a_measured_figure_within_the_bounds_is_possible():
    """The model is wrong about it, not the measurement."""
    chip = bundled_entries()["edge_tpu"]
    own = simulate(RESNET, chip.architecture, gains=False).throughput_per_s
    measured = [row for row in chip.published.results if row.network == "vgg16"]
    assert [standing_of(row) for row in measured] == ["measured"]
    small = load_network("squeezenet")
    fast = 1.5 * simulate(small, chip.architecture, gains=False).throughput_per_s
    assert judge(chip, small, fast, 1).verdict == "doubtful"
    assert judge(chip, small, fast, 1, standing="measured").verdict == "possible"
    assert judge(chip, RESNET, 0.9 * own, 1).verdict == "possible"


def test_an_unknown_sram_is_a_range():
    # One x32 LPDDR4x against 25.5 MB of weights: 600 a second at batch 1 is 15.3 GB/s if none stays.
    chip = entry("goya")
    verdict = judge(chip, RESNET, 4_000, 1)
    low = verdict.least_sram_bytes / MIB
    assert low == pytest.approx((25.5e6 - 40e9 / 4_000) / MIB, rel=2e-3)
    assert low <= verdict.model_sram_mib < 64
    assert verdict.verdict == "possible"


def test_the_model_is_searched_as_a_scan_would():
    verdict = judge(bundled_entries()["goya"], RESNET, 4_000, 1)
    from simulator.study.claim import ideal  # noqa: PLC0415

    near = [m for m in CAPACITIES_MIB if 8 <= m <= 48]
    scan = next(m for m in near if simulate(RESNET, ideal(100, m, 40e9), gains=False).throughput_per_s >= 4_000)
    assert verdict.model_sram_mib == scan


def test_nothing_the_model_does_is_impossible():
    network = load_network("squeezenet@64")
    for name in ("nvdla_64", "nvdla_2048", "inferx_x1", "dpu_b4096"):
        own = simulate(network, bundled_entries()[name].architecture, gains=False).throughput_per_s
        assert judge(bundled_entries()[name], network, 0.999 * own, 1).verdict == "possible", name
        within = judge(bundled_entries()[name], network, 1.05 * own, 1)
        assert not [b for b in within.bounds if b.broken and "modelled" in b.name], name  # less than the model's error
        assert judge(bundled_entries()[name], network, 1.3 * own, 1).verdict != "possible", name


def test_a_precision_that_a_chip_is_not_known_to_have_is_said():
    borrowed = judge(bundled_entries()["t4"], RESNET, 100, 1, "bf16")
    assert borrowed.remarks[0].startswith("bf16 is not in the chip's file: judged by the published peak")
    assert borrowed.remarks[0].endswith("65.13 TFLOPS")
    assert not judge(bundled_entries()["t4"], RESNET, 100, 1, "fp16").remarks


def test_more_than_the_dram_carries():
    verdict = judge(bundled_entries()["inferx_x1"], RESNET, 1_000, 1)
    assert [b.name for b in verdict.bounds if b.broken and b.strict] == ["DRAM bytes"]
    assert (verdict.verdict, verdict.least_dram) == ("impossible", 2)


def test_weights_that_do_not_fit_a_chip_without_dram():
    verdict = judge(bundled_entries()["edge_tpu"], RESNET, 20, 1)
    assert verdict.verdict == "possible"
    assert "do not fit" in verdict.remarks[0]


def test_a_chip_without_dram_is_bound_by_its_link():
    """VGG-16 on the Edge TPU: 138.3 MB of weights, of which 8 MiB stay, and each image, at 0.4775 GB/s."""
    chip, vgg = bundled_entries()["edge_tpu"], load_network("vgg16")
    most = 0.4775e9 / (138.344e6 - 8 * MIB + 3 * 224 * 224)
    assert most == pytest.approx(3.67, abs=0.01)
    below, above = judge(chip, vgg, 0.99 * most, 1), judge(chip, vgg, 1.01 * most, 1)
    assert not [bound for bound in below.bounds if bound.strict and bound.broken]
    assert [bound.name for bound in above.bounds if bound.strict and bound.broken] == ["link bytes"]
    assert judge(chip, vgg, 100, 1).verdict == "impossible"
    slow = judge(chip, vgg, 3, 1)
    assert (slow.verdict, slow.outer_memory, slow.least_sram_bytes) == ("possible", "host link", 0.0)
    # With more SRAM than that, a schedule is left that does it.
    fast = judge(chip, vgg, 10, 1, verdict_alone=True).least_sram_bytes
    assert fast == pytest.approx(138.344e6 - 0.4775e8 + 3 * 224 * 224, rel=1e-3)


def test_inputs_pass_the_link_of_any_chip():
    """InferX X1 has DRAM and PCIe of four lanes, the faster reading of the two: images of 150,528 bytes."""
    chip, small = bundled_entries()["inferx_x1"], load_network("mobilenet_v2", width=0.25)
    link = 4 * 16e9 / 8 * 0.98462 * 0.91
    assert resources_of(chip, "int8").link_bytes_per_s == pytest.approx(link)
    assert demand_of(small, "int8").input_bytes == demand_of(small, "bf16").input_bytes == 3 * 224 * 224
    most = link / (3 * 224 * 224)
    broken = [
        [bound.name for bound in judge(chip, small, share * most, None).bounds if bound.broken]
        for share in (0.99, 1.01)
    ]
    assert "inputs over the link" not in broken[0]
    assert "inputs over the link" in broken[1]


def test_a_state_in_outer_memory_is_no_input_of_the_link():
    build = NetworkBuilder("decoder")
    query, keys = build.input(64, 1, name="query"), build.input(64, 512, name="keys")
    build.matmul(query, keys, heads=1, transposed=True)
    assert demand_of(build.build(), "int8").input_bytes == 64


def test_states_stay_in_the_sram_of_an_ideal_machine_without_dram():
    """What the model reaches with more SRAM, an ideal machine reaches too; with little more than the states neither does."""
    graph = load_network("smollm2_135m", layers=2, phase="decode", context=4000)
    larger = load_chip("groq_tsp", {"sram.capacity_mib": 512})
    reached = simulate(graph, larger, precision="fp16").throughput_per_s
    found = judge(entry("groq_tsp"), graph, 0.9 * reached, 1, "fp16")
    states = 4001 * 2 * 2 * 3 * 64 * 2
    weights = demand_of(graph, "fp16").weight_bytes
    assert (weights + states) / 2**20 < found.model_sram_mib < 1.3 * (weights + states) / 2**20


@pytest.mark.parametrize(
    ("words", "gb_per_s"),
    [
        ("PCIe Gen3/4 x4", 7.168),
        ("PCIe 3.0 x4/x8", 7.168),
        ("PCIe 3.0 x16 / NVLink2", 14.336),
        ("PCIe Gen3 x4 (GbE in the MLPerf v0.5 board)", 3.584),
        ("PCIe x16", None),
        ("USB", None),
        (None, None),
    ],
)
def test_a_link_told_in_words(words, gb_per_s):
    found = published_link(words)
    assert (found if found is None else found / GB) == (
        gb_per_s if gb_per_s is None else pytest.approx(gb_per_s, rel=1e-3)
    )


def test_a_chip_without_a_peak_cannot_be_judged():
    with pytest.raises(ChipError, match="jetson_nano: int8: no peak is known"):
        judge(bundled_entries()["jetson_nano"], RESNET, 30, 1)


def test_the_command(capsys):
    arguments = ["claim", "goya", "--network", "resnet50", "--throughput", "15000", "--batch", "10"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "doubtful: breaks MACs" in out
    assert all(line.endswith(".") for line in out.split("\n\n")[-1].splitlines())
    assert main([*arguments, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["verdict"] == "doubtful"
    assert data["bounds"][0]["unsure"] == ["peak_tops_int8 (secondary)"]
    assert data["model_sram_mib"] is None  # no size helps
    assert main(["claim", "goya", "--network", "resnet50"]) == 0
    words = capsys.readouterr().out.split()
    assert [words.count(word) for word in ("impossible", "doubtful", "possible")] == [0, 2, 3]
    assert main(["claim", "goya", "--network", "resnet50", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "rooftile-claims-1"
    assert [one["verdict"] for one in data["claims"]].count("doubtful") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["goya", "--network", "resnet50", "--throughput", "fast"],
            "--throughput: must be a rate such as 1000/s (a bare number: /s), got 'fast'",
        ),
        (
            ["goya", "--network", "resnet50", "--throughput", "-1"],
            "--throughput: must be above 0, such as 1000/s, got '-1'",
        ),
        (
            ["goya", "--network", "resnet50", "--throughput", "1", "--precision", "int9"],
            "precision: unknown format 'int9'",
        ),
        (
            ["fsd", "--network", "resnet50"],
            "--throughput: missing; nothing that can be judged is published about fsd on resnet50",
        ),
        (["all", "--network", "resnet50", "--throughput", "1"], "--throughput: must be left out"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(["claim", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("network", ["bert_base", "resnet50_v2@128", "yolov5s@256"])
def test_an_ideal_machine_runs_vector_work_that_does_not_fuse(network):
    """It is at least as fast as the chip, and as its MACs allow where neither DRAM nor SRAM is short."""
    chip = bundled_entries()["inferx_x1"]
    verdict = judge(chip, load_network(network), 20.0, 1)
    machine, own = (
        next(bound.available for bound in verdict.bounds if text in bound.name) for text in ("ideal", "modelled")
    )
    assert machine >= own
    free = ideal(8.0, 1024.0, 1e12)
    result = simulate(network, free, gains=False)
    assert result.latency_s == pytest.approx(2 * result.macs / 8e12, rel=0.05)


def test_no_bound_is_no_size(capsys):
    main(["claim", "t4", "--network", "resnet50", "--throughput", "1000"])
    out = capsys.readouterr().out
    assert "no bound, all weights may stream" in out
    assert "less than 0" not in out


@pytest.mark.parametrize("name", ["t4", "dpu_b4096", "inferx_x1"])
def test_the_verdict_alone_is_that_of_the_whole_answer(name):
    """Between what a chip reaches easily and what its MACs cannot do, at a batch that may run in parts."""
    network, chip = load_network("squeezenet", image_size=96), entry(name)
    seen = set()
    for share in (0.02, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 1.1, 3.0) if THOROUGH else (0.02, 0.6, 0.9, 3.0):
        claimed = share * chip.published.peak_tops_int8 * 1e12 / 2 / demand_of(network, "int8").macs
        whole = judge(chip, network, claimed, 4)
        alone = judge(chip, network, claimed, 4, "int8", ("told",), True)
        assert (alone.verdict, alone.remarks[0]) == (whole.verdict, "told")
        assert [bound.broken for bound in alone.bounds] == [bound.broken for bound in whole.bounds]
        assert (alone.least_sram_bytes, alone.model_sram_mib) == (whole.least_sram_bytes, None)
        seen.add(whole.verdict)
    assert {"possible", "impossible"} <= seen


def test_results_that_ran_otherwise_are_not_judged(capsys):
    assert main(["claim", "l4", "--network", "bert_large"]) == 0
    shown = capsys.readouterr().out
    assert "970" not in shown  # without its padding
    assert "each sequence at its own length" in " ".join(shown.split())


def test_a_sheet_is_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("sheet.csv").write_text(
        "chip,network,batch,precision,throughput_per_s,peak_tops_int8\nmine,ResNet-50,1,int8,500,8\nmine,resnet50,1,int8,5e4,8\n"
        "other,vgg16,1,int8,3,8\n"
    )
    assert main(["claim", "sheet.csv", "--network", "resnet50"]) == 0
    (row,) = capsys.readouterr().out.splitlines()[1:]  # of equal conditions the highest
    assert row.split()[:6] == ["mine", "(sheet.csv)", "50,000", "1", "int8", "impossible"]
    assert main(["claim", "sheet.csv", "--network", "resnet50", "--throughput", "5"]) == 2
    assert "--throughput: must be left out with the 2 chips of sheet.csv" in capsys.readouterr().err
    Path("sheet.csv").write_text("chip,network\n")
    assert main(["claim", "sheet.csv", "--network", "resnet50", "--throughput", "5"]) == 2
    assert "sheet.csv" in capsys.readouterr().err
