"""Large batches and long networks: which sub-batches and segments are tried, that there are few, and that it is said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import load_chip
from simulator.graph.build import Graph, NetworkBuilder
from simulator.lower.rows import lower
from simulator.run import simulate
from simulator.schedule import states
from simulator.schedule.best import halves
from simulator.schedule.many_segments import in_order
from simulator.schedule.pools import MOST_IN_HAND, pool_source
from simulator.schedule.segments import LARGEST_PART, MOST_SMALL, _unbeaten, divisors, half_of, is_thinned
from simulator.schedule.states import MOST_CUTS, moves

CHIP = "inferx_x1"


def chain(layers: int) -> Graph:
    """Layers in a row, whose tensors grow and shrink."""
    net = NetworkBuilder("chain")
    x = net.input(4, 2, 2)
    for at in range(layers):
        x = net.conv(x, 4 + at * 7 % 5, 1)
    return net.build()


def small() -> Graph:
    net = NetworkBuilder("small")
    net.dense(net.global_pool(net.conv(net.input(3, 4, 4), 4, 3, padding=1)), 4)
    return net.build()


@given(st.integers(2, 10**9))
def test_few_sizes_are_tried_of_any_batch(batch: int) -> None:
    sizes = divisors(batch)
    assert len(sizes) < MOST_IN_HAND
    assert sizes == sorted({*sizes}, reverse=True)
    assert all(batch % size == 0 and (size <= MOST_SMALL or batch // size & (batch // size - 1) == 0) for size in sizes)
    assert max(sizes) <= LARGEST_PART
    # All that the half tries the batch tries, too: two of its batches are among the choices.
    if half := half_of(batch):
        assert {half, *divisors(half)} <= {*sizes}
        assert halves(batch) == [batch, *halves(half)]
        assert {("whole", size) for _, size in in_order(half)} <= {*in_order(batch)}
    assert is_thinned(batch) == (batch % 2 == 0 and batch // 2 > LARGEST_PART)


@given(st.integers(2, LARGEST_PART * 2))
def test_up_to_twice_the_largest_all_halves_are_tried(batch: int) -> None:
    found = {size for size in range(1, min(batch, 17)) if batch % size == 0}
    half = batch
    while half % 2 == 0:
        half //= 2
        found.add(half)
    assert divisors(batch) == sorted(found, reverse=True)


def test_sizes_of_large_batches_by_hand() -> None:
    assert divisors(8192)[:3] == [4096, 2048, 1024]
    assert divisors(16384)[:3] == [4096, 2048, 1024]
    assert divisors(1_000_000) == [16, 10, 8, 5, 4, 2, 1]  # its halves are 500,000 to 15,625
    assert halves(16384)[:3] == [16384, 4096, 2048]
    assert halves(10**9) == [10**9]


def test_what_is_left_out_is_said() -> None:
    said = "approximated: sub-batches of more than 4,096 items are not tried"
    assert said in simulate(small(), CHIP, batch=16384, gains=False).notes
    assert said not in simulate(small(), CHIP, batch=8192, gains=False).notes


def test_a_large_batch_is_no_slower_than_its_largest_parts_one_after_another() -> None:
    whole = simulate(small(), CHIP, batch=16384, gains=False)
    part = simulate(small(), CHIP, batch=4096, gains=False)
    assert 1.0 / whole.throughput_per_s <= 1.0 / part.throughput_per_s * (1.0 + 1e-9)


def test_a_caller_has_few_pools_in_hand() -> None:
    pools = pool_source(small(), load_chip(CHIP), "int8")  # not frozen, so kept nowhere else
    first = pools(1)
    assert pools(1) is first
    for batch in range(2, MOST_IN_HAND + 1):
        pools(batch)
    assert pools(1) is first
    for batch in range(2, MOST_IN_HAND + 2):
        pools(batch)
    assert pools(1) is not first


def test_a_long_network_has_few_cuts_the_smallest_tensors_among_neighbours() -> None:
    low = lower(chain(900), load_chip(CHIP))
    found = moves(low)
    assert len(found.at_cut) == MOST_CUTS
    assert found.thinned_cuts == 899 - (MOST_CUTS - 1)
    assert found.at_cut[-1] == (900, -1, -1)
    steps = [cut[0] for cut in found.at_cut]
    assert steps == sorted({*steps})
    assert max(np.diff(steps)) < 8
    kept = np.mean([low.tensor_bytes[tensor] for _, tensor, _ in found.at_cut[:-1]])
    assert kept < 0.8 * np.mean(low.tensor_bytes)


def test_a_network_of_the_usual_length_has_all_its_cuts() -> None:
    found = moves(lower(chain(100), load_chip(CHIP)))
    assert (len(found.at_cut), found.thinned_cuts) == (100, 0)


def test_fewer_cuts_are_never_faster_and_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain(24)
    before = simulate(graph, CHIP, batch=8, gains=False)
    monkeypatch.setattr(states, "MOST_CUTS", 4)
    after = simulate(graph.copy(), CHIP, batch=8, gains=False)
    assert after.latency_s >= before.latency_s * (1.0 - 1e-12)
    assert any("do not begin or end at 20 of the places" in note for note in after.notes)
    assert not any("approximated" in note for note in before.notes)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 5)), max_size=40))
def test_choices_that_another_of_the_step_beats_are_left_out(rows: list[tuple[int, int, int]]) -> None:
    found = _unbeaten(np.array(rows, dtype=np.float64).reshape(-1, 3), 4)
    for step in range(4):
        own = {(cycles, moved) for at, cycles, moved in rows if at == step}
        best = {(c, m) for c, m in own if not any(o != (c, m) and o[0] <= c and o[1] <= m for o in own)}
        listed = found.amounts[found.begins[step] : found.begins[step + 1], :2].tolist()
        assert [tuple(row) for row in listed] == sorted(best)
