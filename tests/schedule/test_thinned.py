"""Where a network has too many moves, they are thinned: work is bounded, nothing gets infeasible, and it is said."""

import itertools
import random
import time
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import adapter
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_schedule import brute_schedule
from test_residency_brute import random_problem

from simulator import load_chip, load_network
from simulator.chip.change import changed_chip
from simulator.chip.schema import Architecture
from simulator.graph.build import Graph, NetworkBuilder
from simulator.lower.rows import lower
from simulator.run import simulate
from simulator.schedule import states
from simulator.schedule.states import MOST_MOVES, MOST_OF_ALL, moves

CHIP = "example_edge"


def all_to_all(layers: int) -> Graph:
    """Each layer reads all before it."""
    net = NetworkBuilder("all to all")
    outputs = [net.input(8, 7, 7)]
    for _ in range(layers):
        outputs.append(net.conv(net.concat(*outputs) if len(outputs) > 1 else outputs[0], 8, 1))
    return net.build()


def side_by_side(branches: int) -> Graph:
    """Many layers read the input, one reads them all."""
    net = NetworkBuilder("side by side")
    image = net.input(8, 7, 7)
    net.conv(net.concat(*(net.conv(image, 8, 1) for _ in range(branches))), 8, 1)
    return net.build()


@st.composite
def tangles(draw: st.DrawFn) -> Graph:
    """Layers that each read some of those before."""
    net = NetworkBuilder("tangle")
    outputs = [net.input(draw(st.sampled_from([2, 4, 8])), 4, 4)]
    for _ in range(draw(st.integers(1, 12))):
        read = draw(st.lists(st.sampled_from(range(len(outputs))), min_size=1, max_size=6, unique=True))
        joined = net.concat(*(outputs[at] for at in read)) if len(read) > 1 else outputs[read[0]]
        outputs.append(net.conv(joined, draw(st.sampled_from([2, 4, 8])), 1))
    return net.build()


def with_residency(word: str, **changes: object) -> Architecture:
    return changed_chip(load_chip(CHIP), {"schedule.residency": word, **changes})


@pytest.mark.parametrize("graph", [all_to_all(20), all_to_all(100), side_by_side(300)], ids=["20", "100", "branches"])
def test_any_graph_has_bounded_moves(graph: Graph) -> None:
    found = moves(lower(graph, load_chip(CHIP)))
    assert max(found.first[1:] - found.first[:-1]) <= MOST_MOVES
    assert len(found.source) <= MOST_OF_ALL
    assert found.thinned > 0


@pytest.mark.parametrize("graph", [all_to_all(100), side_by_side(300)], ids=["all to all", "side by side"])
def test_a_dense_graph_is_soon_answered_no_slower_than_with_nothing_resident_and_says_so(graph: Graph) -> None:
    begin = time.perf_counter()
    found = simulate(graph, CHIP, gains=False)
    assert time.perf_counter() - begin < 60.0  # 2 s on a machine with nothing else to do; without a bound, for ever
    nothing = simulate(graph, with_residency("none"), gains=False)
    assert found.latency_s <= nothing.latency_s * (1.0 + 1e-12)
    assert found.dram_bytes < nothing.dram_bytes
    assert found.notes[0].startswith("approximated: ")
    assert not nothing.notes


def test_what_is_not_thinned_says_nothing() -> None:
    assert not any("approximated" in note for note in simulate(all_to_all(4), CHIP, gains=False).notes)


def test_the_networks_with_the_most_moves_are_not_thinned() -> None:
    most, of_all = 0, 0
    for network, chip in (("yolov8x_seg", "example_edge"), ("yolo11x", "tpu_v1"), ("yolov7", "tpu_v1")):
        found = moves(lower(load_network(network), load_chip(chip)))
        assert found.thinned == 0
        most, of_all = max(most, *(found.first[1:] - found.first[:-1])), max(of_all, len(found.source))
    assert (most, of_all) == (768, 31_708)


@given(tangles(), st.sampled_from([4, 6, 12, 48, 200]))
@settings(deadline=None)
def test_thinned_moves_are_counted_before_they_are_made(graph: Graph, most: int) -> None:
    low = lower(graph, load_chip(CHIP))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(states, "MOST_MOVES", most)
        found = moves(low)
        each = found.first[1:] - found.first[:-1]
        assert max(each) <= most
        life = states._life(low)
        until, _ = states.stays(low, life)
        assert states._thin(low, life, until, 10**9) == (until, len(found.source))
        # The same for any batch: numbers of states are compared between them.
        again = moves(lower(graph, load_chip(CHIP), 3))
    for name in ("first", "source", "target", "masks"):
        assert (getattr(found, name) == getattr(again, name)).all()
    assert found.at_cut == again.at_cut
    # Nothing resident is a choice of every step.
    for begin, end in itertools.pairwise(found.first.tolist()):
        assert any(found.source[at] == found.target[at] == 0 and not found.resident[at] for at in range(begin, end))


@pytest.mark.parametrize("seed", range(8))
def test_thinned_choices_are_never_better_than_all_nor_worse_than_none(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    worse = 0
    for _ in range(30):
        problem = random_problem(rng)
        monkeypatch.setattr(states, "MOST_MOVES", 1)
        nothing = adapter.schedule(problem)
        monkeypatch.setattr(states, "MOST_MOVES", 4)
        some = adapter.schedule(problem)
        monkeypatch.setattr(states, "MOST_MOVES", MOST_MOVES)
        assert brute_schedule(problem) <= some <= nothing, problem
        worse += some > brute_schedule(problem)
    assert worse < 30


def test_the_tensor_with_the_fewest_reads_for_its_stay_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tensor 0 is read at steps 1 and 5, tensor 1 at 2, 2 at 3 and so on: of 0 and the fresh one at step 2, 0 leaves after 1.
    net = NetworkBuilder("skip")
    first = x = net.conv(net.input(4, 4, 4), 4, 1)
    for _ in range(4):
        x = net.conv(x, 4, 1)
    net.conv(net.concat(x, first), 4, 1)
    monkeypatch.setattr(states, "MOST_MOVES", 4)
    low = lower(net.build(), with_residency("optimal", **{"vector.fuses": []}))
    until, thinned = states.stays(low, states._life(low))
    assert thinned == 1
    assert until == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}


@pytest.fixture
def chain():
    """Five steps. Tensor 0 comes from outside and is read by steps 0 and 3, 1 from step 0 by 1 and 4, 2 from step 1 by 2, 3 from
    steps 2 and 3 in parts by 4, and 4 from step 4 by nobody."""
    low = SimpleNamespace(
        tensor_bytes=(10.0, 6.0, 6.0, 8.0, 1.0), tensor_readers=((0, 3), (1, 4), (2,), (4,), ()),
        tensor_producers=((), (0,), (1,), (2, 3), (4,)), rows=[SimpleNamespace(output=t) for t in (1, 2, 3, 3, 4)],
    )  # fmt: skip
    return low, states._life(low)


def test_lives_of_tensors(chain):
    _, life = chain
    assert (life.born, life.done, life.last) == ((-1, 0, 1, 2, 4), (-1, 0, 1, 3, 4), (3, 4, 2, 4, -1))
    assert states._born_at(range(5), life) == {-1: [0], 0: [1], 1: [2], 2: [3], 4: [4]}


def test_what_may_leave_after_a_step(chain):
    """What was read there, is whole and is read again."""
    low, life = chain
    may = {(t, step) for t in range(5) for step in range(5) if states._may_leave(t, step, low, life)}
    assert may == {(0, 0), (1, 1)}


def test_choices_of_a_step(chain):
    """A tensor that lives is there or not; one that was read may be there and then leave, if it would stay."""
    low, life = chain
    until = {0: 3, 1: 4, 2: 2, 3: 4}
    assert [states._count(step, [0, 1], low, life, until) for step in range(5)] == [6, 6, 4, 4, 4]
    assert states._count(0, [0, 1], low, life, {**until, 0: 0}) == 4
    assert states._count(2, [], low, life, until) == 1


def test_what_a_stay_is_worth(chain):
    """Reads still to come for each step of it, and one more if it is never written; then bytes; then age."""
    low, life = chain
    until = {0: 3, 1: 4, 2: 2, 3: 4}
    assert states._worth(0, low, life, until, 0) == (Fraction(2 + 1, 4), 10.0, 0)
    assert states._worth(1, low, life, until, 0) == (Fraction(1 + 1, 3), 10.0, 0)
    assert states._worth(0, low, life, {0: 0}, 0) == (Fraction(1, 1), 10.0, 0)
    assert states._worth(1, low, life, until, 1) == (Fraction(2 + 1, 4), 6.0, -1)
    assert states._worth(2, low, life, until, 1) == (Fraction(1 + 1, 3), 6.0, -1)
    assert states._worth(2, low, life, until, 2) == (Fraction(2, 1), 6.0, -2)


def test_stays_are_cut_short_where_a_step_has_too_many_choices(chain):
    low, life = chain
    whole = {1: 4, 2: 2, 3: 4}
    assert states._thin(low, life, whole, 99) == (whole, 2 + 6 + 8 + 4 + 4)
    # At step 1 tensor 1 is worth 3 transfers in 4 steps: it leaves after its reader there. Tensor 2 is worth 2 in 2.
    assert states._thin(low, life, whole, 4) == ({1: 1, 2: 2, 3: 4}, 2 + 4 + 4 + 2 + 2)
    # Then both are worth one a step: the younger, of as many bytes, is never there.
    assert states._thin(low, life, whole, 3) == ({1: 1, 3: 4}, 2 + 2 + 2 + 2 + 2)
    assert states._thin(low, life, whole, 1) == ({}, 5)


def test_a_tensor_that_leaves_goes_after_the_reader_before():
    """Tensor 0 is read by steps 1, 2 and 6: at step 3 there are four tensors, and to wait for the last is worth least."""
    low = SimpleNamespace(
        tensor_bytes=(9.0,) * 7, tensor_readers=((1, 2, 6), (3,), (5,), (5,), (5,), (6,), ()),
        tensor_producers=tuple((step,) for step in range(7)), rows=[SimpleNamespace(output=t) for t in range(7)],
    )  # fmt: skip
    until, total = states._thin(low, states._life(low), {0: 6, 1: 3, 2: 5, 3: 5, 4: 5, 5: 6}, 12)
    assert until == {0: 2, 1: 3, 2: 5, 3: 5, 4: 5}  # at step 5, 5 is worth one transfer a step, the three others two
    assert total == 2 + 3 * 2 + 3 * 4 + 8 + 8 + 8 + 1


@pytest.mark.parametrize(("network", "params"), [("yolov8n", {}), ("gemma3_1b", {"phase": "decode", "layers": 2})])
def test_moves_of_other_sizes_are_those_that_are_laid_out_anew(network: str, params: dict[str, Any]) -> None:
    graph, chip = load_network(network, **params), load_chip("hailo10h")
    lows = [lower(graph, chip, batch, precision) for batch, precision in ((1, "int8"), (3, "w4a8"))]
    states._outlines.clear()
    found = [moves(low) for low in lows]
    assert len(states._outlines) == 1
    for low, one in zip(lows, found, strict=True):
        states._outlines.clear()
        other = vars(moves(low))
        assert all(np.array_equal(value, other[name]) for name, value in vars(one).items() if name != "resident")
        assert one.resident == other["resident"]
