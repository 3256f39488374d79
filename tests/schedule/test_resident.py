"""Masks and bytes of many choices at once, against each choice on its own."""

import random
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.frontier.grid.search import INPUTS, OUTPUTS, VALUES, WEIGHTS
from simulator.schedule.resident import inside_of, uncached


def random_row(rng: random.Random) -> SimpleNamespace:
    """Tensors 0 to 8, -1 none; what differs in bytes differs in its last digits."""
    reads = [(rng.randrange(9), rng.randrange(1, 9) + 0.25) for _ in range(rng.randrange(4))]
    return SimpleNamespace(
        output=rng.randrange(9), inputs=rng.randrange(-1, 9), weights=rng.choice([-1, rng.randrange(9)]),
        values=rng.choice([-1, rng.randrange(9)]), reads=reads, fixed_bytes=rng.randrange(9) * 10.0,
        stored_bytes=rng.choice([0.0, 100.0]), output_bytes=rng.randrange(1, 9) * 1e3, inner_bytes=rng.choice([0.0, 0.0, 5e4]),
        shape=rng.choice([None, "a loop nest"]),
    )  # fmt: skip


UNSTORED = 7e6
"""Of every output that becomes part of a state, what does not."""


def one(row: SimpleNamespace, chosen: set[int], low: SimpleNamespace) -> tuple[int, float, float]:
    """(mask, bytes beside the tiles, bytes of whole tensors) of a choice, by its words."""
    is_tiled = row.shape is not None and row.inner_bytes == 0.0
    held = chosen | low.staying
    mask, beside = 0, row.fixed_bytes + sum(size for tensor, size in row.reads if tensor not in held)
    if row.output in held:
        leaves = low.inside == "nothing" and not low.tensor_readers[row.output]
        beside += (UNSTORED if leaves else 0.0) if row.output in low.staying else row.stored_bytes
        mask |= OUTPUTS
    elif not is_tiled:
        beside += row.output_bytes
    if is_tiled:
        operands = {INPUTS: row.inputs, WEIGHTS: row.weights, VALUES: row.values}
        mask |= sum(bit for bit, tensor in operands.items() if tensor in held)
    return INPUTS | OUTPUTS if row.inner_bytes else mask, beside, sum(low.tensor_bytes[tensor] for tensor in chosen)


def low_of(rows: list[SimpleNamespace], rng: random.Random) -> SimpleNamespace:
    readers = [rng.choice([(), (0,)]) for _ in range(9)]
    return SimpleNamespace(
        rows=rows, tensor_bytes=[rng.randrange(1, 99) * 1e6 for _ in range(9)], tensor_readers=readers,
        leaving_bytes=lambda tensor: 0.0 if readers[tensor] else UNSTORED,
        staying=frozenset(rng.sample(range(9), rng.choice([0, 0, 2, 5]))), inside=rng.choice(["nothing", "all"]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_choices_together_are_what_each_is(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        rows = [random_row(rng) for _ in range(rng.randrange(1, 5))]
        low = low_of(rows, rng)
        choices = sorted({*range(9)} - low.staying)
        held = [
            (rng.randrange(len(rows)), rng.sample(choices, min(len(choices), rng.randrange(5))))
            for _ in range(rng.randrange(1, 12))
        ]
        inside = inside_of(low, held)
        assert inside.step.tolist() == [step for step, _ in held]
        assert [{*each} - {-1} for each in inside.held.tolist()] == [set(each) for _, each in held]
        assert inside.read.shape[1] == max(len(row.reads) for row in rows)
        found = np.array(uncached(low, inside)).T
        assert found.tolist() == [list(map(float, one(rows[step], set(each), low))) for step, each in held]


def test_no_choices() -> None:
    low = low_of([random_row(random.Random(0))], random.Random(0))
    inside = inside_of(low, [(0, ())])
    assert inside.held.shape == (1, 0)
    assert uncached(low, inside).tensors.tolist() == [0.0]
    assert [len(each) for each in inside_of(low, [])] == [0] * 5
