"""The frontier of a layer against every tiling: all integer tiles, all 120 loop orders, all hold masks."""

import math
import random
from itertools import product

import adapter
import pytest
from naive import Machine, NaiveLayer, walk
from naive_brute import ORDERS, brute_frontier, every_tile, non_dominated
from profiles import by_night
from test_tiling_twin import random_layer, random_machine

CASES = [
    NaiveLayer(K=6, C=6, N=6),
    NaiveLayer(G=3, K=4, C=3, N=2),
    NaiveLayer(K=4, C=4, P=4, Q=3, R=3, S=3, top=1, left=1, H=4, W=3),
    NaiveLayer(K=3, C=3, P=5, Q=4, R=3, S=3, sh=2, sw=2, top=1, left=1, H=9, W=7),
    NaiveLayer(N=2, K=4, C=2, P=3, Q=3, R=1, S=1, sh=2, sw=2, H=5, W=5),
    NaiveLayer(G=4, N=2, P=5, Q=5, R=3, S=3, top=1, left=1, H=5, W=5),
    NaiveLayer(G=2, K=2, C=2, P=4, Q=4, R=3, S=3, top=1, left=1, H=4, W=4),
    NaiveLayer(K=2, C=3, P=5, Q=4, R=3, S=2, dh=2, dw=3, top=2, left=1, H=5, W=5),
    NaiveLayer(K=2, C=2, P=6, Q=2, R=7, S=1, sh=2, top=3, H=12, W=2),
    NaiveLayer(N=3, K=3, C=2, P=6, Q=1, R=1, S=5, left=2, H=6, W=1),
]
"""Dense, grouped dense, 3 x 3, strided, 1 x 1 strided, depthwise, grouped, dilated, wide and asymmetric kernels."""

MACHINES = [
    Machine(),
    Machine(db=2, granules=(4, 4, 4)),
    Machine(in_w=2, wt_w=1, out_w=2, acc_w=4, db=2, granules=(8, 2, 8), acc_bytes=16),
]


def test_the_points_that_nothing_beats() -> None:
    points = [(3, 5), (1, 9), (3, 4), (4, 4), (2, 9), (1, 9)]
    assert non_dominated(points) == [(1, 9), (3, 4)]
    assert non_dominated([(1, 2, 3), (1, 3, 2), (1, 3, 3), (2, 1, 9)]) == [(1, 2, 3), (1, 3, 2), (2, 1, 9)]


def test_brute_force_walks_every_tiling() -> None:
    layer, machine = NaiveLayer(N=2, C=2, P=2, R=2, H=3), Machine(db=2)
    for resident in range(8):
        walked = [
            walk(layer, tile, order, stream, resident, machine)
            for tile in every_tile(layer)
            for order in ORDERS
            for stream in (-1, 0, 1, 2)
            if stream < 0 or not resident >> stream & 1
        ]
        allowed = [point for point in walked if point[0] < math.inf]
        assert brute_frontier(layer, resident, machine) == non_dominated(allowed)


def test_a_product_by_hand() -> None:
    # 2 x 2 by 2 x 2. With one element of each, every product reads two and every output is written once: 8 + 8 + 4.
    # All weights (4), a row of outputs (2) and one input at a time (1) are enough to move everything once.
    layer = NaiveLayer(N=2, K=2, C=2)
    points = brute_frontier(layer, 0, Machine(acc_w=1))
    assert points[0] == (3, 8 + 8 + 4)
    assert points[-1] == (4 + 2 + 1, 4 + 4 + 4)


def test_cycles_are_a_third_axis() -> None:
    layer = NaiveLayer(K=3)
    flat = brute_frontier(layer, 0, Machine())
    deep = brute_frontier(layer, 0, Machine(), cycles=lambda tile: math.ceil(3 / tile["k"]))
    assert {point[:2] for point in deep} >= set(flat)
    assert min(point[2] for point in deep) == 1


PAIRS = [*product(range(len(CASES)), range(len(MACHINES)))]
BY_DAY = [pair for pair in PAIRS if sum(pair) % len(MACHINES) == 0]
"""Every layer on one machine, every machine with a third of the layers; random ones have a test of theirs."""


@pytest.mark.parametrize("pair", by_night(PAIRS, BY_DAY), ids=[f"{CASES[at]}-{number}" for at, number in PAIRS])
def test_brute_force_finds_the_same_frontier(pair: tuple[int, int]) -> None:
    layer, machine = CASES[pair[0]], MACHINES[pair[1]]
    for resident in range(8):
        assert adapter.frontier(layer, resident, machine) == brute_frontier(layer, resident, machine), resident


@pytest.mark.parametrize("seed", range(8))
def test_brute_force_on_random_layers(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(12):
        layer, machine, resident = random_layer(rng), random_machine(rng), rng.randrange(8)
        if math.prod(getattr(layer, loop) for loop in "GNKCPQ") <= 200:
            assert adapter.frontier(layer, resident, machine) == brute_frontier(layer, resident, machine)


@pytest.mark.kernel
@pytest.mark.parametrize("resident", [0, 2, 5])
def test_brute_force_on_tiny_layers(resident: int) -> None:
    for layer in (
        NaiveLayer(N=3, K=3, C=2),
        NaiveLayer(K=2, C=2, P=3, R=3, top=1, H=3),
        NaiveLayer(G=2, P=2, Q=2, S=2),
    ):
        machine = Machine(db=2, granules=(2, 1, 4))
        assert adapter.frontier(layer, resident, machine) == brute_frontier(layer, resident, machine)
