"""The capacity of the outer memory is a limit: what needs how much, what fits, and what is said where it does not."""

import random
from types import SimpleNamespace

import pytest

from simulator.chip.load import load_chip
from simulator.errors import InfeasibleError
from simulator.graph.build import Graph, NetworkBuilder
from simulator.lower.room import Room, live_bytes, room_of, staying_bytes, unstored_bytes
from simulator.lower.rows import lower
from simulator.result.room import short_of_room
from simulator.run import simulate
from simulator.sweeps.run import sweep
from simulator.units import GIB, MIB


def cached(rows: int = 2048, table_rows: int = 0) -> Graph:
    """A dense layer of 16 MiB at 8 bits, a cache of 1 MiB an item at 2048 rows, and a key that becomes a part of it."""
    net = NetworkBuilder("cached")
    word = net.input(1, name="word")
    x = net.embedding(word, 512, table_rows=table_rows)
    cache = net.state(512, rows, name="cache")
    net.output(net.dense(x, 512, bias=False, name="key"), origin="state", into=cache)
    loose = net.dense(x, 32768, bias=False, name="wide")
    net.output(loose, origin="state")
    net.matmul(x, cache, heads=4, transposed=True, name="scores")
    return net.build()


def test_room_by_hand() -> None:
    room = room_of(lower(cached(table_rows=1000), load_chip("nvdla_512"), 3))
    assert room.weights == 512 * 512 + 512 * 32768 + 1000 * 512
    assert room.states == 3 * (512 * 2048 + 32768)  # the key lies in the cache, the wide one has room of its own
    assert room.ends == 3 * (1 + 4 * 2048)
    assert room.activations == 3 * 512
    assert room.needed(in_parts=False) == room.weights + room.states + room.ends + room.activations
    assert room.needed(in_parts=True) == room.weights + room.states + room.ends + 512


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize("capacity", [1 * MIB, 17 * MIB, 21 * MIB, 100 * MIB])
def test_the_largest_batch_fits_and_one_more_does_not(capacity: int, in_parts: bool) -> None:
    chip, graph = load_chip("nvdla_512"), cached()
    largest = room_of(lower(graph, chip, 4)).largest_batch(capacity, in_parts)
    if largest:
        assert room_of(lower(graph, chip, largest)).needed(in_parts) <= capacity
    assert room_of(lower(graph, chip, largest + 1)).needed(in_parts) > capacity


def test_weights_beyond_the_memory_are_one_line() -> None:
    net = NetworkBuilder("large")
    x = net.input(32768)
    for _ in range(8):
        x = net.dense(x, 32768, bias=False)
    with pytest.raises(InfeasibleError) as caught:
        simulate(net.build(), "jetson_nano", precision="fp16")
    assert str(caught.value) == (
        "Nvidia Jetson Nano: dram.capacity_gib: large at batch 1 needs 16 GiB of DRAM (weights 16), got 4 GiB; no batch "
        "fits; 9 such devices would do, there are 2"
    )


def test_the_batch_that_is_named_runs_and_the_next_does_not() -> None:
    chip = load_chip("nvdla_512", set={"dram.capacity_gib": 24 / 1024})
    with pytest.raises(InfeasibleError, match="the largest batch that fits is 7; ") as caught:
        simulate(cached(), chip, 32)
    assert (
        "cached at batch 32 needs 49.52 MiB of DRAM (weights 16.25, states 33, inputs and outputs 0.25), got 24 MiB"
        in str(caught.value)
    )
    assert simulate(cached(), chip, 7).throughput_per_s > 0.0
    with pytest.raises(InfeasibleError):
        simulate(cached(), chip, 8)


def test_a_result_says_how_full_the_memory_is() -> None:
    chip = load_chip("rk3568")
    found = simulate(cached(), chip, 2)
    assert found.dram_used_bytes == room_of(lower(cached(), chip, 2)).needed(in_parts=False)
    assert found.dram_capacity_bytes == 2 * GIB


def test_memory_that_is_not_known_and_no_memory_set_no_limit() -> None:
    custom = load_chip("nvdla_512", set={"dram.part": "custom", "dram.gb_per_s_per_device": 17.0})
    found = simulate(cached(2**16), custom, 64)
    assert (found.dram_capacity_bytes, found.dram_used_bytes > 2 * GIB) == (None, True)
    none = simulate(cached(), "edge_tpu")
    assert (none.dram_capacity_bytes, none.dram_used_bytes) == (0, 0.0)


def test_points_without_room_are_infeasible_and_say_why() -> None:
    table = sweep(cached(), "nvdla_512", {"dram.capacity_gib": "0.01,0.02,0.03", "batch": "1,8"})
    for row in table.rows(named=True):
        chip = load_chip("nvdla_512", set={"dram.capacity_gib": row["dram.capacity_gib"]})
        if row["status"] != "infeasible":
            assert row["throughput_per_s"] == simulate(cached(), chip, row["batch"]).throughput_per_s
            continue
        assert row["throughput_per_s"] is None
        with pytest.raises(InfeasibleError) as caught:
            simulate(cached(), chip, row["batch"])
        assert row["reason"] == str(caught.value)
    assert table["status"].to_list().count("infeasible") == 3


def test_more_devices_have_more_room() -> None:
    table = sweep(cached(2**18), "rk3568", {"dram.devices": "1,2,4,8"}, batch=40)
    ok = [status != "infeasible" for status in table["status"].to_list()]
    assert ok == [False, False, True, True]
    assert table["reason"].to_list()[1].endswith("; 3 such devices would do, there are 2")


def test_room_of_other_batches_by_hand() -> None:
    room = Room(batch=2, weights=100.0, states=20.0, ends=6.0, activations=8.0)
    assert room.times(3) == Room(batch=6, weights=100.0, states=60.0, ends=18.0, activations=24.0)
    assert room.largest_batch(151.0, in_parts=False) == 3  # 17 bytes an item
    assert room.largest_batch(150.0, in_parts=False) == 2
    assert room.largest_batch(143.0, in_parts=True) == 3  # 13 an item, and 4 once
    assert room.largest_batch(142.0, in_parts=True) == 2
    assert room.largest_batch(90.0, in_parts=False) == 0
    assert Room(batch=2, weights=100.0, states=1.0, ends=0.0, activations=0.0).largest_batch(104.0, in_parts=False) == 8


def test_constants_alone_fit_at_any_batch_or_at_none() -> None:
    room = Room(batch=2, weights=100.0, states=0.0, ends=0.0, activations=0.0)
    assert (room.largest_batch(100.0, in_parts=False), room.largest_batch(99.0, in_parts=False)) == (2, 0)


def test_read_only_memory_holds_constants_alone() -> None:
    net = NetworkBuilder("small")
    net.dense(net.dense(net.input(8), 16, bias=False), 4, bias=False)
    low = lower(net.build(), load_chip("example_mcu"), 3)
    assert room_of(low) == Room(3, 8 * 16 + 16 * 4, states=0.0, ends=0.0, activations=0.0)


def test_a_tensor_lives_from_its_first_writer_to_its_last_reader() -> None:
    """The first is read by the second step and by the fourth, in bytes of two items; what goes to the host lives nowhere."""
    net = NetworkBuilder("long")
    first = net.dense(net.input(8), 6, bias=False)
    third = net.dense(net.dense(first, 4, bias=False), 6, bias=False)
    net.dense(net.add(third, first), 3, bias=False)
    low = lower(net.build(), load_chip("nvdla_512", set={"vector.fuses": []}), 2)
    assert live_bytes(low).tolist() == [2 * 6, 2 * (6 + 4), 2 * (6 + 4 + 6), 2 * (6 + 6 + 6), 2 * 6]


def test_what_lives_at_each_step_of_random_networks() -> None:
    """Of tensors with several writers and readers, some of them state in part, which has room of its own."""
    rng, steps = random.Random(3), 5
    for _ in range(40):
        written, read = ([sorted(rng.sample(range(steps), rng.randint(0, 3))) for _ in range(4)] for _ in range(2))
        stored = [float(rng.choice([0, 0, 1, 2])) for _ in range(steps)]
        sizes = [float(rng.randint(10, 20)) for _ in written]
        low = SimpleNamespace(
            rows=[SimpleNamespace(own_weight_bytes=3.0, table_bytes=4.0, stored_apart_bytes=own / 2) for own in stored],
            tensor_producers=written, tensor_readers=read, tensor_bytes=sizes, states={1, 3}, inside="nothing", batch=6,
            input_output_bytes=8.0, staying=rng.choice([set(), {1, 3}, {0, 1, 3}]),
            unstored_bytes=lambda tensor, of=written, own=stored, sizes=sizes: (
                sizes[tensor] - sum(own[step] for step in of[tensor])
            ),
        )  # fmt: skip

        def lives(step: int, of: tuple[int, ...], to: tuple[int, ...]) -> bool:
            return any(p <= step for p in of) and any(r >= step for r in to)

        for but_state in (False, True):
            state = [
                sum(stored[step] for step in of) * (but_state or at in low.staying) for at, of in enumerate(written)
            ]
            expected = [
                sum(size - own for size, own, *of in zip(sizes, state, written, read, strict=True) if lives(step, *of))
                for step in range(steps)
            ]
            assert live_bytes(low, *([True] if but_state else [])).tolist() == expected
        states = sizes[1] + sizes[3] + sum(stored) / 2
        assert room_of(low) == Room(6, steps * 7.0, states, 8.0, max(expected))
        assert staying_bytes(low) == (states if low.staying else 0.0)
        partly = [at for at in low.staying if written[at]]
        rest = [
            sum(low.unstored_bytes(at) for at in partly if lives(step, written[at], read[at])) for step in range(steps)
        ]
        assert unstored_bytes(low).tolist() == rest


def test_parts_of_what_is_needed_are_named_from_a_thousandth_on() -> None:
    for states, said in ((1.0, "weights 952.7, states 0.9537"), (0.5, "weights 953.2")):
        room = Room(2, (1000.0 - states) * 1e6, states * 1e6, 0.0, 0.0)
        work = SimpleNamespace(room=room, network="net", batch=2)
        line = short_of_room(load_chip("nvdla_512"), work, 4e8, 2)
        assert line.endswith(
            f"net at batch 2 needs 953.7 MiB of DRAM ({said}), got 381.5 MiB; no batch fits; 5 such devices would do, "
            "there are 2"
        )
