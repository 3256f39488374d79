"""The closed forms of footprint and traffic against a walk through the loops, on random small layers."""

import math
import random

import adapter
import naive_brute
import pytest
from naive import INPUTS, NONE, OUTPUTS, WEIGHTS, Machine, NaiveLayer, walk
from profiles import by_night


def random_layer(rng: random.Random) -> NaiveLayer:
    """A small layer of one of the kinds that networks have: dense, depthwise, grouped or plain convolution."""
    kind = rng.choice(["dense", "depthwise", "grouped", "plain", "plain", "plain"])
    top_extent = rng.choice([3, 5, 9])

    def size(least: int = 1) -> int:
        return rng.randint(least, top_extent)

    if kind == "dense":
        return NaiveLayer(N=size(), K=size(), C=size(), G=rng.choice([1, 1, 3]))
    groups = 1 if kind == "plain" else size(2)
    channels = (1, 1) if kind == "depthwise" else (size(), size())
    R, S = rng.randint(1, 5), rng.randint(1, 5)
    dh, dw = rng.randint(1, 3), rng.randint(1, 3)
    top, left = rng.randint(0, dh * (R - 1)), rng.randint(0, dw * (S - 1))
    sh, sw = rng.randint(1, 4), rng.randint(1, 4)
    P, Q = size(), size()
    # The last output row may hang over the edge, or leave rows below it untouched.
    H = max(1, (P - 1) * sh + dh * (R - 1) + 1 - top - rng.randint(-sh + 1, dh * (R - 1)))
    W = max(1, (Q - 1) * sw + dw * (S - 1) + 1 - left - rng.randint(-sw + 1, dw * (S - 1)))
    return NaiveLayer(groups, rng.choice([1, 2, 4]), *channels, P, Q, R, S, sh, sw, dh, dw, top, left, H, W)


def random_machine(rng: random.Random) -> Machine:
    """Widths, buffers, granules and accumulators of a random chip."""
    granules = (rng.randint(0, 64), rng.randint(0, 64), rng.randint(0, 64))
    return Machine(
        in_w=rng.choice([1, 2, 4]),
        wt_w=rng.choice([1, 2, 4]),
        out_w=rng.choice([1, 2, 4]),
        acc_w=rng.choice([1, 2, 4]),
        db=rng.choice([1, 2]),
        granules=granules,
        acc_bytes=rng.choice([0, 0, 16, 64, 4096]),
    )


def random_case(rng: random.Random) -> tuple[NaiveLayer, dict[str, int], str, int, int, Machine]:
    """Arguments of `walk`: at most 500 iterations, so that a case takes milliseconds."""
    layer = random_layer(rng)
    while True:
        tile = {}
        for loop in "GNKCPQ":
            extent = getattr(layer, loop)
            tile[loop.lower()] = rng.choice([extent, rng.randint(1, extent), rng.randint(1, extent)])
        if math.prod(math.ceil(getattr(layer, loop) / tile[loop.lower()]) for loop in "GNKCPQ") <= 500:
            break
    resident = rng.randrange(8) if rng.random() < 0.6 else 0
    streams = [NONE] + [operand for operand in (0, 1, 2) if not resident >> operand & 1]
    order = "".join(rng.sample("NKCPQ", 5))
    return layer, tile, order, rng.choice(streams), resident, random_machine(rng)


# The twin itself, against cases worked by hand.


def test_one_tile_moves_everything_once() -> None:
    layer = NaiveLayer(N=2, K=3, C=4, P=5, Q=5, R=3, S=3, top=1, left=1, H=5, W=5)
    tile = {"g": 1, "n": 2, "k": 3, "c": 4, "p": 5, "q": 5}
    inputs, weights, outputs = 2 * 4 * 25, 3 * 4 * 9, 2 * 3 * 25
    assert walk(layer, tile, "NKCPQ", NONE, 0, Machine(db=2)) == (inputs + weights + outputs,) * 2
    wide = Machine(in_w=2, wt_w=4, out_w=1)
    assert walk(layer, tile, "NKCPQ", NONE, 0, wide) == (2 * inputs + 4 * weights + outputs,) * 2


def test_neighbours_share_the_rows_of_the_kernel() -> None:
    # Rows 0-3, 2-5 and 4-5: the second tile brings two new rows, the third none.
    layer = NaiveLayer(P=5, R=3, top=1, H=5, W=1)
    tile = {"g": 1, "n": 1, "k": 1, "c": 1, "p": 2, "q": 1}
    assert walk(layer, tile, "NKCPQ", NONE, 0, Machine()) == (4 + 3 + 2, 5 + 3 + 5)
    # Windows 0-2, 1-4, 3-4 hold 3, 4 and 2 rows; streamed, each comes whole.
    assert walk(layer, tile, "NKCPQ", INPUTS, 0, Machine()) == (1 + 3 + 2, 9 + 3 + 5)


def test_columns_are_treated_as_rows() -> None:
    tall = NaiveLayer(K=2, P=5, Q=2, R=3, sh=2, dh=2, top=1, H=11, W=2)
    wide = NaiveLayer(K=2, P=2, Q=5, S=3, sw=2, dw=2, left=1, H=2, W=11)
    tile = {"g": 1, "n": 1, "k": 1, "c": 1}
    for order, turned in (("NKCPQ", "NKCQP"), ("PQNKC", "QPNKC"), ("QNKCP", "PNKCQ")):
        for size in range(1, 6):
            ours = walk(tall, {**tile, "p": size, "q": 1}, order, NONE, 0, Machine(db=2))
            assert ours == walk(wide, {**tile, "p": 1, "q": size}, turned, NONE, 0, Machine(db=2))


def test_a_channel_loop_inside_breaks_the_sharing() -> None:
    layer = NaiveLayer(C=2, P=4, R=3, H=6, W=1)
    tile = {"g": 1, "n": 1, "k": 1, "c": 1, "p": 2, "q": 1}
    # P outside C: four windows of four rows; three weights for each. One output tile is finished before the next.
    assert walk(layer, tile, "NKPCQ", NONE, 0, Machine(acc_w=4)) == (4 + 3 + 8, 16 + 12 + 4)
    # C outside P: rows are shared, and the outputs leave once unfinished and come back (4 bytes each way).
    assert walk(layer, tile, "NKCPQ", NONE, 0, Machine(acc_w=4)) == (4 + 3 + 8, 12 + 6 + 4 * 4 + 4 * 4 + 4)


def test_untouched_rows_are_not_fetched() -> None:
    layer = NaiveLayer(P=3, Q=1, R=1, sh=3, H=9, W=1)
    tile = {"g": 1, "n": 1, "k": 1, "c": 1, "p": 2, "q": 1}
    assert walk(layer, tile, "NKCPQ", NONE, 0, Machine()) == (2 + 1 + 2, 3 + 1 + 3)


def test_dilated_rows_are_counted_one_by_one() -> None:
    # Rows 0, 2 then 1, 3 then 2, 4: neighbours share none, although row 2 has been there.
    layer = NaiveLayer(P=3, R=2, dh=2, H=5, W=1)
    tile = {"g": 1, "n": 1, "k": 1, "c": 1, "p": 1, "q": 1}
    assert walk(layer, tile, "NKCPQ", NONE, 0, Machine())[1] == 6 + 2 + 3


def test_streamed_outputs_come_and_go_every_time() -> None:
    layer = NaiveLayer(K=2, C=3)
    tile = {"g": 1, "n": 1, "k": 2, "c": 1, "p": 1, "q": 1}
    machine = Machine(acc_w=4, db=2, granules=(1, 1, 7))
    # Held, the tile of two outputs stays: written once. Streamed, it leaves three times and comes back twice.
    assert walk(layer, tile, "NKCPQ", NONE, 0, machine) == (2 + 4 + 8, 3 + 6 + 2)
    assert walk(layer, tile, "NKCPQ", OUTPUTS, 0, machine) == (2 + 4 + 14, 3 + 6 + 2 * (4 * 4) + 2)
    assert walk(layer, tile, "NKCPQ", NONE, 0, Machine(acc_bytes=8))[0] == 1 + 2


def test_streamed_weights_pass_for_every_pixel_tile() -> None:
    layer = NaiveLayer(N=2, K=3, C=1, P=2, H=2, W=1)
    tile = {"g": 1, "n": 1, "k": 3, "c": 1, "p": 1, "q": 1}
    assert walk(layer, tile, "KCNPQ", NONE, 0, Machine())[1] == 4 + 3 + 12
    assert walk(layer, tile, "KCNPQ", WEIGHTS, 0, Machine(granules=(9, 5, 9))) == (1 + 5 + 3, 4 + 12 + 12)


def test_groups_bring_operands_of_their_own() -> None:
    layer = NaiveLayer(G=3, P=2, Q=2, R=2, S=2, H=3, W=3)
    tile = {"g": 1, "n": 1, "k": 1, "c": 1, "p": 2, "q": 2}
    assert walk(layer, tile, "NKCPQ", NONE, 0, Machine(db=2)) == (2 * (9 + 4 + 4), 3 * (9 + 4 + 4))
    # Two groups at a time, the last tile has one.
    assert walk(layer, {**tile, "g": 2}, "NKCPQ", NONE, 0, Machine(db=2)) == (2 * 2 * (9 + 4 + 4), 3 * (9 + 4 + 4))


def test_resident_operands_cost_nothing_but_partial_sums() -> None:
    layer = NaiveLayer(K=2, C=2)
    tile = {"g": 1, "n": 1, "k": 1, "c": 1, "p": 1, "q": 1}
    assert walk(layer, tile, "NKCPQ", NONE, 7, Machine(acc_w=4, db=2)) == (4, 0)
    assert walk(layer, tile, "NKCPQ", NONE, 4, Machine(acc_w=4, db=2)) == (2 * 1 + 2 * 1 + 4, 4 + 4)
    # Without partial sums resident outputs need no room beside the tensor itself.
    assert walk(layer, {**tile, "c": 2}, "NKCPQ", NONE, 4, Machine(db=2)) == (2 + 2 * 2, 2 + 4)
    # With C outside K each output tile would have to leave unfinished.
    assert walk(layer, tile, "NCKPQ", NONE, 7, Machine()) == (math.inf, math.inf)
    with pytest.raises(ValueError, match="cannot be streamed"):
        walk(layer, tile, "NKCPQ", OUTPUTS, 4, Machine())


@pytest.mark.parametrize("seed", range(4))
def test_the_quick_count_equals_the_walk(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(100):
        layer, tile, order, stream, resident, machine = random_case(rng)
        quick = list(naive_brute.tilings(layer, tile, resident, machine, (order,), (stream,)))
        slow = walk(layer, tile, order, stream, resident, machine)
        assert [point[2:] for point in quick] == ([slow] if slow[0] < math.inf else [])


# The core against the twin.


@pytest.mark.parametrize("seed", by_night(range(12), range(4)))
def test_closed_forms_equal_the_walk(seed: int) -> None:
    rng = random.Random(1000 + seed)
    for _ in range(500):
        case = random_case(rng)
        assert adapter.tile_cost(*case) == walk(*case), case


@pytest.mark.kernel
def test_closed_forms_equal_the_walk_on_tiny_layers() -> None:
    rng = random.Random(1)
    done = 0
    while done < 60:
        case = random_case(rng)
        if max(getattr(case[0], loop) for loop in "GNKCPQRS") <= 4:
            assert adapter.tile_cost(*case) == walk(*case), case
            done += 1
