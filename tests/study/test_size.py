"""Sizing against every design of small spaces, run one by one; mixes; what cannot be reached; units; the command."""

import itertools
import json

import pytest

from simulator import load_chip, load_network, simulate
from simulator.cli import main
from simulator.cost.priced import priced_chip
from simulator.errors import ChipError, OptionError
from simulator.study.asking import last_token
from simulator.study.repeating import deep
from simulator.study.sizing import CLOSE, mix_of, size
from simulator.study.sizing_answer import Targets
from simulator.study.sizing_bounds import Speeds, demands_of, least_s, least_w, most_per_s
from simulator.study.sizing_search import ROUGH
from simulator.study.sizing_space import default_axes, space_of

BASE = "example_edge"
SPACE = {
    "array.columns": [8, 16],
    "sram.capacity_mib": [1, 2, 4],
    "dram.part": ["lpddr4-3200-x32", "lpddr5-5500-x32"],
    "dram.devices": [1, 2],
    "clock_mhz": [400, 800],
}
NETWORKS = {"squeezenet": 3.0, "resnet18": 1.0}


@pytest.fixture(scope="module")
def graphs():
    return {name: load_network(name) for name in NETWORKS}


@pytest.fixture(scope="module")
def every(graphs):
    """(settings, {network: result}) of every design."""
    found = []
    for values in itertools.product(*SPACE.values()):
        settings = dict(zip(SPACE, values, strict=True))
        chip = load_chip(BASE, set=settings)
        found.append((settings, {name: simulate(graph, chip, gains=False) for name, graph in graphs.items()}))
    return found


def meets(run, targets):
    limits = Targets(**targets)
    return (
        (limits.at_least_per_s is None or run.throughput_per_s >= limits.at_least_per_s)
        and (limits.latency_s is None or run.latency_s <= limits.latency_s)
        and (limits.max_power_w is None or run.power_w <= limits.max_power_w)
        and (limits.max_cost_usd is None or run.cost["bill_usd"]["best"] <= limits.max_cost_usd)
    )


@pytest.mark.parametrize(
    "targets",
    [
        {"at_least_per_s": 300},
        {"at_least_per_s": 900},
        {"at_least_per_s": 1200, "max_power_w": 1.4},
        {"latency_s": 1e-3},
        {"at_least_per_s": 1000, "latency_s": 9e-4, "max_cost_usd": 40},
        {"at_least_per_s": 1500, "max_power_w": 2.5, "max_cost_usd": 30},
    ],
)
def test_the_cheapest_of_every_design(graphs, every, targets):
    found = size(graphs["squeezenet"], BASE, **targets, vary=SPACE, bundled=False)
    bills = [runs["squeezenet"].cost["bill_usd"]["best"] for _, runs in every if meets(runs["squeezenet"], targets)]
    assert found.designs == len(every) == 48
    if not bills:
        assert found.winner is None
        assert len(found.failing) == len(targets)
        return
    assert found.winner.bill_usd == min(bills)
    run = simulate(graphs["squeezenet"], load_chip(BASE, set=dict(found.winner.settings)), gains=False)
    assert found.winner.throughput_per_s == run.throughput_per_s
    assert found.winner.bill_usd == run.cost["bill_usd"]["best"]
    assert (found.winner.power_w, found.winner.latency_s) == (pytest.approx(run.power_w, rel=1e-12), run.latency_s)
    assert not found.winner.misses(Targets(**targets))
    order = [design.bill_usd for design in (found.winner, *found.runners_up)]
    assert order == sorted(order)
    assert all(bill in bills for bill in order)
    for one in found.neighbours:
        if one.design is not None and one.design.bill_usd < found.winner.bill_usd:
            assert one.misses


def test_a_mix_is_the_weighted_harmonic_mean(graphs, every):
    found = size(
        {graphs[name]: share for name, share in NETWORKS.items()}, BASE, at_least_per_s=500, vary=SPACE, bundled=False
    )
    bills = []
    for _, runs in every:
        time_s = sum(NETWORKS[name] / 4 / run.throughput_per_s for name, run in runs.items())
        if 1 / time_s >= 500:
            bills.append(runs["squeezenet"].cost["bill_usd"]["best"])
    assert found.winner.bill_usd == min(bills)
    rates = {one.network.partition(" at ")[0]: one.throughput_per_s for one in found.winner.served}
    assert found.winner.throughput_per_s == pytest.approx(1 / (0.75 / rates["squeezenet"] + 0.25 / rates["resnet18"]))
    assert found.winner.latency_s == max(one.latency_s for one in found.winner.served)
    times = {one.network: one.share / one.throughput_per_s for one in found.winner.served}
    power = sum(times[one.network] * one.power_w for one in found.winner.served) / sum(times.values())
    assert found.winner.power_w == pytest.approx(power)


def test_what_cannot_be_reached_and_how_near_it_is(graphs, every):
    runs = [runs["squeezenet"] for _, runs in every]
    found = size(graphs["squeezenet"], BASE, at_least_per_s=1e5, max_cost_usd=20, vary=SPACE, bundled=False)
    assert found.winner is None
    best = {one.target: one for one in found.failing}
    within = max(run.throughput_per_s for run in runs if run.cost["bill_usd"]["best"] <= 20)
    assert within * (1 - CLOSE) <= best["at_least_per_s"].reached <= within
    assert best["max_cost_usd"].reached is None  # no money buys it in this space
    dear = size(graphs["squeezenet"], BASE, at_least_per_s=1000, max_cost_usd=10, vary=SPACE, bundled=False)
    cost = next(one for one in dear.failing if one.target == "max_cost_usd")
    cheapest = min(run.cost["bill_usd"]["best"] for run in runs if run.throughput_per_s >= 1000)
    assert cost.reached == cheapest


def test_more_power_limits_than_speed(graphs, every):
    """Where a chip limits its own power, more may be slower: designs are then taken one by one."""
    limited = load_chip(BASE, set={"power_limit_w": 30})
    found = size(graphs["squeezenet"], limited, at_least_per_s=900, vary=SPACE, bundled=False)
    runs = [runs["squeezenet"] for _, runs in every]
    assert found.winner.bill_usd <= min(run.cost["bill_usd"]["best"] for run in runs if run.throughput_per_s >= 900) * (
        1 + 1e-9
    )


def test_the_default_space_is_around_the_base():
    chip = load_chip(BASE)
    axes = default_axes(chip)
    assert axes["array.count"] == (1, 2, 4, 8, 16)
    assert chip.clock_mhz == max(axes["clock_mhz"])
    assert chip.dram.part in axes["dram.part"]
    small = {key: axes[key][:2] for key in ("array.count", "feed", "sram.capacity_mib")}
    space = space_of(chip, small, "int8")
    assert space.designs == 8
    for group in space.groups:
        ratio = group.chip.array.macs / chip.array.macs
        assert group.chip.interconnect.bytes_per_cycle in (256 * ratio, 128 * ratio)
        assert group.chip.vector.lanes == 256 * ratio
    lone = default_axes(load_chip("inferx_x1"))
    assert "array.columns" not in lone


def test_a_bundled_chip_may_answer(graphs):
    found = size(graphs["squeezenet"], BASE, at_least_per_s=8000, vary={"array.columns": [16]})
    assert found.winner.bundled
    assert found.bundled >= 3
    run = simulate(graphs["squeezenet"], found.winner.chip, gains=False)
    assert found.winner.throughput_per_s == run.throughput_per_s


def test_the_command_prints_writes_and_draws(tmp_path, capsys):
    picture = tmp_path / "z.svg"
    vary = ["--vary", "sram.capacity_mib=1,2", "--vary", "clock_mhz=400,800", "--no-bundled"]
    assert main(["size", "squeezenet", "--at-least", "900/s", *vary, "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "Cheapest" in out
    assert "What binds" in out
    assert "at least 900/s" in picture.read_text()
    mix = ["--network", "squeezenet@128:2", "--network", "resnet18:1"]
    assert main(["size", *mix, "--latency", "1us", *vary, "--json", "-"]) == 2
    data = json.loads(capsys.readouterr().out)
    assert data["winner"] is None
    assert data["failing"][0]["reached"] > 1e-6
    assert data["networks"] == [["squeezenet at 128 x 128", 2 / 3], ["resnet18 at 224 x 224", 1 / 3]]


def test_what_the_space_reaches_of_each_target_alone(graphs, capsys):
    vary = {"sram.capacity_mib": [1, 2], "clock_mhz": [400, 800]}
    wanted = {"at_least_per_s": 1e6, "latency_s": 5e-3, "max_power_w": 1e-3, "max_cost_usd": 1.0}
    found = size(graphs["squeezenet"], BASE, **wanted, vary=vary, bundled=False)
    assert all(one.reached is None for one in found.failing)
    designs = [
        simulate(
            graphs["squeezenet"], load_chip(BASE, set={"sram.capacity_mib": sram, "clock_mhz": clock}), gains=False
        )
        for sram in (1, 2)
        for clock in (400, 800)
    ]
    alone = {one.target: one for one in found.alone}
    assert alone["at_least_per_s"].reached >= 0.99 * max(one.throughput_per_s for one in designs)
    assert alone["latency_s"].reached <= 5e-3
    assert alone["max_cost_usd"].reached == min(one.cost["bill_usd"]["best"] for one in designs)
    assert alone["max_power_w"].reached in [one.power_w for one in designs]
    options = ["--at-least", "1e6/s", "--latency", "5ms", "--max-power", "1mW", "--max-cost", "1", "--no-bundled"]
    options += ["--vary", "sram.capacity_mib=1,2", "--vary", "clock_mhz=400,800"]
    assert main(["size", "squeezenet", *options]) == 2
    out, err = capsys.readouterr()
    assert "What the space reaches of each, if nothing else counts" in out
    assert "latency: 5.000 ms is within reach" in out
    assert "power: without the limit of 0.001 W" in out
    assert err.splitlines()[-1] == "rooftile: size: no chip of the space reaches all targets"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["squeezenet"], "--at-least: missing"),
        (["--at-least", "1"], "NETWORK: missing"),
        (["squeezenet", "--network", "resnet18", "--at-least", "1"], "NETWORK: must be left out"),
        (["squeezenet", "--latency", "5"], "--latency: must have a unit"),
        (["--network", "squeezenet:none", "--at-least", "1"], "share must be a number above 0"),
        (["--network", "squeezenet@x", "--at-least", "1"], "image_size: must be a whole number"),
        (["squeezenet", "--at-least", "1", "--vary", "sram.capasity_mib=1,2"], "did you mean"),
        (["squeezenet", "--at-least", "1", "--vary", "batch=1,2"], "must be a key of the chip"),
        (["squeezenet", "--at-least", "1", "--chip", "nvdla_64"], "only an accelerator has a bill"),
        (["squeezenet", "--at-least", "1", "--chip", "groq_tsp", "--vary", "dram.devices=1,2"], "dram"),
    ],
)
def test_mistakes_are_one_line(options, message, capsys):
    assert main(["size", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "targets", [{"max_cost_usd": 1e6}, {"max_cost_usd": 16}, {"max_power_w": 1.2}, {"max_power_w": 0.001}]
)
def test_most_throughput_for_a_dollar_within_limits(graphs, every, targets):
    """Without a target of speed; compared with every design of the space."""
    found = size(graphs["squeezenet"], BASE, **targets, vary=SPACE, bundled=False)
    runs = [one["squeezenet"] for _, one in every if meets(one["squeezenet"], targets)]
    if not runs:
        assert found.winner is None
        return
    assert found.winner.throughput_per_s / found.winner.bill_usd == max(run.throughput_per_usd for run in runs)
    rest = [one.throughput_per_s / one.bill_usd for one in found.runners_up]
    assert rest == sorted(rest, reverse=True)


def test_calls_that_make_no_sense(graphs):
    with pytest.raises(OptionError, match="must have a target"):
        size(graphs["squeezenet"])
    with pytest.raises(OptionError, match="latency_s: must be a number above 0"):
        size(graphs["squeezenet"], latency_s=-1.0)
    with pytest.raises(OptionError, match="weight must be a number above 0"):
        mix_of({"squeezenet": 0})
    with pytest.raises(OptionError, match="at most 2,000,000 designs"):
        size(
            graphs["squeezenet"],
            at_least_per_s=1,
            vary={"clock_mhz": "1:100:/2000", "sram.capacity_mib": "1:100:/2000"},
        )
    with pytest.raises(ChipError, match="array"):
        size(graphs["squeezenet"], at_least_per_s=1, vary={"array.rows": [10**9]})


TOKENS = ["--prompt", "100", "--output", "30", "--tokens-per-s", "400"]
FEW = ["--param", "layers=2", "--vary", "dram.devices=1,2", "--vary", "clock_mhz=400,800", "--no-bundled"]


def test_the_speed_of_a_user_is_the_time_of_the_last_token(tmp_path, capsys):
    out = tmp_path / "size.json"
    assert main(["size", "smollm2_135m", *TOKENS, *FEW, "--json", str(out)]) == 0
    capsys.readouterr()
    asked = json.loads(out.read_text())
    assert asked["targets"]["latency_s"] == 1 / 400
    shapes = {"layers": 2, "phase": "decode", "context": 128}
    slow = load_network("smollm2_135m", **shapes)
    winner = asked["winner"]
    run = simulate(slow, load_chip("example_edge", set=winner["settings"]), precision="int8")
    assert run.latency_s == winner["latency_s"] <= 1 / 400
    experts = last_token("qwen3_30b_a3b", 100, 30, 6, {})
    assert experts == {"phase": "decode", "context": 128, "sequences": 6}
    assert last_token("smollm2_135m", 1024, 256, 1, {"context": 99}) == {"phase": "decode", "context": 99}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resnet18", "--tokens-per-s", "5"], "--tokens-per-s, --prompt, --output: need a language model"),
        (
            ["smollm2_135m", "--prompt", "5"],
            "--tokens-per-s: must be a number above 0 beside --prompt and --output, got None",
        ),
        (
            ["smollm2_135m", "--tokens-per-s", "5", "--latency", "5ms"],
            "--latency: must be left out with --tokens-per-s",
        ),
        (
            ["smollm2_135m", *TOKENS, "--context", "9"],
            "--context: must be left out with --prompt and --output, which set it",
        ),
    ],
)
def test_a_request_that_makes_no_sense(words, message, capsys):
    assert main(["size", *words]) == 2
    assert message in capsys.readouterr().err


def test_bounds_are_below_every_run(graphs, every):
    for settings, runs in every:
        chip = load_chip(BASE, set=settings)
        power = priced_chip(chip).power
        for name, run in runs.items():
            demands = demands_of([(graphs[name], 1.0)], chip, 1, "int8")
            speeds = Speeds.of(chip, "int8")
            assert 0.0 < least_s(demands[0], speeds) <= run.latency_s
            assert most_per_s(demands, speeds) >= run.throughput_per_s
            joules = power.mac_j["int8"], power.outer_byte_j
            limits = Targets(latency_s=run.latency_s)
            least = least_w(demands, limits, power.static_w, joules, chip.sram.capacity_bytes)
            assert power.static_w < least <= run.power_w


def test_what_cannot_hold_a_model_is_left_out_before_any_schedule():
    large = load_network("llama3_70b", **last_token("llama3_70b", 1024, 64, 1, {}))
    vary = {"sram.capacity_mib": [2, 4], "dram.devices": [1, 2]}
    found = size(large, bundled=False, vary=vary, latency_s=0.02, max_power_w=30.0)
    assert (found.winner, found.tested) == (None, 0)
    slow = load_network("smollm2_135m", **last_token("smollm2_135m", 64, 8, 1, {}))
    found = size(slow, bundled=False, vary=vary, at_least_per_s=1e6)  # more than its bytes can come in
    assert found.winner is None


def test_equal_layers_are_worked_out_once():
    small = load_network("smollm2_135m", phase="decode", context=64, hidden=1152, ffn=6144, layers=8, vocabulary=2000)
    chip = load_chip(BASE, set={"sram.capacity_mib": 1})
    once, all_of = deep(small, chip, 1, "int8"), simulate(small, chip)
    assert once.latency_s == pytest.approx(all_of.latency_s, rel=ROUGH / 2)
    assert once.power_w == pytest.approx(all_of.power_w, rel=ROUGH / 2)
    assert deep(load_network("squeezenet"), chip, 1, "int8").latency_s == simulate("squeezenet", chip).latency_s


def test_the_nearest_is_looked_for_beside_the_bound():
    """Of a language model memory binds: whatever else a design has, few schedules tell how fast the money can be."""
    model = load_network("smollm2_135m", **last_token("smollm2_135m", 64, 8, 1, {"layers": 4}))
    vary = {
        "array.count": [1, 2],
        "sram.capacity_mib": [0.5, 1, 2, 4],
        "dram.devices": [1, 2, 4, 8],
        "clock_mhz": [400, 800],
    }
    found = size(model, BASE, bundled=False, vary=vary, latency_s=1e-4, max_cost_usd=40)
    assert found.winner is None
    best = {one.target: one for one in found.failing}
    assert best["latency_s"].design.bill_usd <= 40
    runs = [
        simulate(model, load_chip(BASE, set=dict(zip(vary, values, strict=True))))
        for values in itertools.product(*vary.values())
    ]
    least_s = min(run.latency_s for run in runs if run.cost and run.cost["bill_usd"]["best"] <= 40)
    assert least_s <= best["latency_s"].reached <= 1.011 * least_s
    assert found.tested < len(runs) / 3
