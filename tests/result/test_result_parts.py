"""What each step takes of a batch: its share in the energy, the bytes that are fed of it, and what its rows say."""

import dataclasses

import numpy as np
import pytest
from space_example import lowered, placed

from simulator import load_chip, simulate
from simulator.cost.power import power_model
from simulator.graph.build import NetworkBuilder
from simulator.kernels.schedule_sums import Records, Steps
from simulator.lower.rows import lower
from simulator.lower.work import work_of
from simulator.result import totals
from simulator.result.economics import charged_steps, shares
from simulator.result.layers import Limited, _bound, in_space
from simulator.schedule.machines import Machines


def network():
    net = NetworkBuilder("three")
    x = net.conv(net.input(2, 8, 8), 4, 3, padding=1, bias=False)
    x = net.conv(x, 8, 1, bias=False)
    net.dense(x.flat(), 6, bias=False)
    return net.build()


@pytest.mark.parametrize("has_dram", [True, False])
def test_a_step_takes_its_share_of_what_all_draw(has_dram):
    """What goes to and from the outer memory passes the ports of the SRAM too; what is fed passes them and the interconnect."""
    chip = load_chip("example_edge", set={} if has_dram else {"dram": None})
    work, power = work_of(lower(network(), chip, 2)), power_model(chip)
    mac_j, port_j, feed_j, outer_j = (float(power.energy("int8", *one, 0.0).total_j) for one in np.eye(4))
    assert min(mac_j, port_j, feed_j, outer_j) > 0.0
    feed, outer = np.array([0.0, 3e6, 1e5]), np.array([2e5, 0.0, 4e5])
    own = work.charged * mac_j + (feed + outer) * port_j + feed * feed_j + outer * outer_j
    found = shares(power, work, feed, outer)
    assert found == pytest.approx(own / own.sum(), rel=1e-12)
    assert found.sum() == pytest.approx(1.0, rel=1e-12)


def test_macs_of_another_format_are_charged_by_what_they_cost():
    chip = load_chip("inferx_x1")
    low = lower(network(), chip, 1, "weights={dense1:bf16,all:int8},activations=int8")
    work, power = work_of(low), power_model(chip)
    assert work.products == ("int8", "bf16")
    more = power.mac_j["bf16"] / power.mac_j["int8"]
    assert charged_steps(power, work) == pytest.approx(work.charged * [1.0, 1.0, more])
    assert more != 1.0
    plain = work_of(lower(network(), chip, 1, "int8"))
    assert charged_steps(power, plain).tolist() == plain.charged.tolist()


def test_macs_of_a_batch_are_charged_by_format():
    chip = load_chip("inferx_x1")
    power = power_model(chip)
    mixed, plain = (
        work_of(lower(network(), chip, 2, precision))
        for precision in ("weights={dense1:bf16,all:int8},activations=int8", "int8")
    )
    assert totals.charged(power, plain) == plain.macs_charged == pytest.approx(plain.charged.sum())
    assert totals.charged(power, mixed) == pytest.approx(charged_steps(power, mixed).sum())
    assert totals.charged(power, mixed) != mixed.macs_charged


def test_layers_side_by_side():
    """Two contexts of a batch of three, under a limit that adds a second, shared by what is fed and moved of each step."""
    graph, said = network(), {}
    plan = placed(graph, 3, capacity_bytes=1700.0, byte_s=1e-9)
    low, _ = lowered(graph, 3)

    def by_bytes(fed, outer):
        said.update(fed=fed.tolist(), outer=outer.tolist())
        return np.array([0.5, 0.25, 0.25])

    found = in_space(low, plan, True, Limited(2.0, by_bytes))
    pixels = 3 * 64
    assert said["fed"] == [
        2 * 4 * 9 + pixels * 2 + pixels * 4, 4 * 8 + pixels * 4 + pixels * 8, 6 * 512 + pixels * 8 + 3 * 6
    ]  # fmt: skip
    assert said["outer"] == plan.outer_bytes.tolist()
    assert found.slower_s.tolist() == [1.0, 0.5, 0.5]
    assert found.time_s - found.slower_s == pytest.approx(plan.latency_parts.sum(axis=0))
    assert (found.time_s > found.slower_s).all()
    own = found.details()
    assert own.cycles.tolist() == [3 * cycles for context in plan.contexts for cycles in context.cycles]
    assert len(plan.contexts) > 1
    assert [stage.get("context") for stage in own.tilings] == [
        at + 1 for at, context in enumerate(plan.contexts) for _ in context.cycles
    ]
    assert [stage["arrays"] for stage in own.tilings] == [own for context in plan.contexts for own in context.arrays]
    sizes = [
        sum(own)
        for context in plan.contexts
        for own in zip(context.weight_bytes, context.line_bytes, context.skip_bytes, strict=True)
    ]
    assert own.sram_bytes.tolist() == sizes
    assert found.most_sram_bytes == max(context.sram_bytes for context in plan.contexts)
    bound = [context.bound_by for context in plan.contexts for _ in context.cycles]
    for has_dram, word in ((True, "dram"), (False, "host")):
        other = in_space(low, plan, has_dram, None)
        assert other.details().bound == [word if roof == "outer" else roof for roof in bound]
        assert other.slower_s.tolist() == [0.0, 0.0, 0.0]
    one = dataclasses.replace(plan, contexts=plan.contexts[:1])
    assert all("context" not in stage for stage in in_space(low, one, True, None).details().tilings)


def test_layers_say_which_tensors_stay():
    """Between layers, by the layer that makes them; nothing of layers side by side, and the way over the host link last."""
    pixels = 2 * 64
    in_time = simulate(network(), load_chip("example_edge"), 2)
    assert [layer.resident for layer in in_time.layers[:3]] == [
        {"conv1": pixels * 4}, {"conv1": pixels * 4, "conv2": pixels * 8}, {"conv2": pixels * 8}
    ]  # fmt: skip
    side_by_side = simulate(network(), load_chip("example_edge", set={"schedule.placement": "space"}), 2)
    assert [layer.resident for layer in side_by_side.layers[:3]] == [{}] * 3
    for result in (in_time, side_by_side):
        assert [layer.name for layer in result.layers[:3]] == ["conv1", "conv2", "dense1"]
        assert [layer.macs for layer in result.layers[:3]] == [pixels * 72, pixels * 32, 2 * 512 * 6]


def test_what_binds_a_step_is_told_of_one_run_of_it():
    """On-chip 6 s, 4 s without the array; the memory 1.5 or 2.5 s a run, the overhead 1 s. Of more runs it is the same."""
    columns = {name: np.array([0.0, 0.0]) for name in Records._fields}
    columns |= {"array": np.array([6.0, 0.0]), "link": np.array([4.0, 0.0]), "ports": np.array([1.0, 0.0])}
    machines = Machines(*(np.array([each]) for each in (1e9, 1.0, 1.0, 1.0)), "none")
    for moved, bound in ((1.5, "array"), (2.5, "dram")):
        for runs in (1.0, 2.0, 8.0):
            made = (np.array([0]), np.array([0.5]), np.array([runs]), np.array([runs * moved]), np.array([runs]))
            steps = Steps(*(each[:, None] for each in made))
            assert _bound(Records(**columns), steps, machines, True, np.zeros(1)) == [bound]
            assert _bound(Records(**columns), steps, machines, True, np.full(1, 5.0 * runs)) == ["power"]
