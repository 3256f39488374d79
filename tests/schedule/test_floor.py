"""Frontiers with a floor: the answers are those of all tilings, and what would need more SRAM than there is, is looked at."""

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.run import simulate
from simulator.schedule import best as bests
from simulator.schedule.machines import machines_of
from simulator.schedule.pools import MOST_FLOOR, floor_of, pool_source
from simulator.schedule.program import program_of
from simulator.schedule.solve import solve_alone

FLOORS = [16.0, 1024.0, 4096.0, 2.0**30]


def network():
    """Convolutions of which some have large tensors, some large weights."""
    net = NetworkBuilder("chain")
    x = net.conv(net.input(3, 24, 24), 32, 3, padding=1, bias=False)
    y = net.conv(x, 16, 1, bias=False)
    x = net.add(x, net.conv(y, 32, 3, padding=1, bias=False))
    x = net.conv(x, 24, 3, stride=4, bias=False)
    net.dense(x.flat(), 300, bias=False)
    return net.build()


def answers(graph, chip, batch, floor):
    program = program_of(chip, pool_source(graph, chip, "int8", floor=floor), batch)
    plans, schedules = solve_alone(program, machines_of(chip))
    sums = [np.ravel(column).tolist() for kind in (plans.cold, plans.steady) for column in vars(kind).values()]
    return sums, [None if plan is None else plan.footprints.tolist() for plan in schedules], schedules


KINDS = [
    {"schedule.overlap": overlap, "schedule.residency": residency, "schedule.sub_batches": parts}
    for overlap in ("none", "layer", "network")
    for residency, parts in (("none", False), ("optimal", False), ("optimal", True))
]


@pytest.mark.parametrize("kib", [3, 24, 400])
@pytest.mark.parametrize("keys", KINDS)
def test_the_answers_are_those_of_all_tilings(kib, keys):
    graph, batch = network(), 4 if keys["schedule.sub_batches"] else 1
    chip = load_chip("example_edge", set={"sram.capacity_mib": kib / 1024, **keys})
    *expected, _ = answers(graph, chip, batch, NO_FLOOR)
    for floor in FLOORS:
        *found, schedules = answers(graph, chip, batch, floor)
        assert found == expected, floor
        assert all(plan is None or plan.fits(chip.sram.capacity_bytes) for plan in schedules)


def test_a_schedule_that_needs_more_than_there_is_is_sought_again(monkeypatch):
    graph, chip = network(), load_chip("example_edge", set={"sram.capacity_mib": 24 / 1024})
    asked = []
    own = bests._best

    def counted(machines, batch, pool_of, *rest):
        asked.append(pool_of(batch).floor)
        return own(machines, batch, pool_of, *rest)

    monkeypatch.setattr(bests, "_best", counted)
    answers(graph, chip, 1, NO_FLOOR)
    assert set(asked) == {NO_FLOOR}
    asked.clear()
    _, _, schedules = answers(graph, chip, 1, 2.0**30)  # every tiling is offered in every room
    assert asked == [2.0**30, NO_FLOOR]
    for plan in schedules:
        assert not plan.fits(float(plan.footprints.max()) - 1.0)
        assert plan.fits(float(plan.footprints.max()))


def test_the_floor_of_a_chip():
    edge = load_chip("example_edge")
    assert floor_of(edge) <= edge.sram.capacity_bytes / 64 < 2 * floor_of(edge)
    assert floor_of(load_chip("tpu_v4i")) == MOST_FLOOR
    assert floor_of(load_chip("h100")) == NO_FLOOR


def test_a_gain_is_no_more_than_with_all_tilings(monkeypatch):
    """Fewer tilings are kept, so a roof may save less; never more, since what does not fit is looked at."""
    graph, chip = network(), load_chip("example_edge", set={"sram.capacity_mib": 24 / 1024})
    few = simulate(graph, chip).gain_if_infinite
    monkeypatch.setattr("simulator.schedule.pools.floor_of", lambda _chip: NO_FLOOR)
    every = simulate(graph, chip).gain_if_infinite
    assert few.keys() == every.keys()
    for roof, gain in few.items():
        assert 0.0 <= gain <= every[roof] * (1 + 1e-9), roof
