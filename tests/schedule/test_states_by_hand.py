"""What may be resident when, and what that moves: against sets of tensors, over many small networks."""

import random
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.frontier.grid.search import INPUTS, OUTPUTS, WEIGHTS
from simulator.lower.shape import Shape, touched_bytes
from simulator.schedule import states
from simulator.schedule.resident import uncached


def random_low(rng, steps=6, loops=False):
    """Steps that each write a tensor and read some that are there, two of them perhaps parts of one; some come from outside."""
    outputs = [rng.choice([step + 2, max(2, step + 1)]) if step else 2 for step in range(steps)]
    count = steps + 2
    readers = [set() for _ in range(count)]
    for step in range(steps):
        there = [0, 1, *outputs[:step]]
        for tensor in rng.sample(there, min(len(there), rng.randint(1, 2))):
            readers[tensor].add(step)
        readers[outputs[step]].discard(step)
    names = [""] * steps
    if loops:
        begin = rng.randrange(steps)
        for step in range(begin, min(steps, begin + 3)):
            names[step] = rng.choice(["loop", "loop", "other"])
    rows = [SimpleNamespace(output=output, loop=loop) for output, loop in zip(outputs, names, strict=True)]
    return SimpleNamespace(
        rows=rows, tensor_readers=tuple(tuple(sorted(own)) for own in readers), states=frozenset(rng.choice([(0,), (1,), ()])),
        tensor_producers=tuple(tuple(at for at, of in enumerate(outputs) if of == t) for t in range(count)),
        tensor_bytes=[float(rng.randint(1, 99)) for _ in range(count)], staying=frozenset(),
    )  # fmt: skip


def random_stays(rng, low, life):
    """Tensors that may be resident, up to their last reader or to one before, once they are whole."""
    until = {}
    for tensor, (producers, readers) in enumerate(zip(low.tensor_producers, low.tensor_readers, strict=True)):
        whole = [reader for reader in readers if producers and reader >= max(producers)]
        if whole and max(readers) > min(producers) and rng.random() < 0.9:
            until[tensor] = rng.choice(
                [max(readers), max(readers), *(r for r in whole if low.rows[r].output != tensor)]
            )
    return until


def subsets(of):
    return [frozenset(t for at, t in enumerate(of) if bits >> at & 1) for bits in range(2 ** len(of))]


def moves_by_words(low, until):
    """Of each step (resident before, while it runs, written out after it, resident then)."""
    now, found = {frozenset()}, []
    for step, row in enumerate(low.rows):
        own = set()
        for before in now:
            fresh = row.output in until and min(low.tensor_producers[row.output]) == step
            for held in {before, before | {row.output}} if fresh else {before}:
                done = {t for t in held if max(low.tensor_readers[t]) <= step and max(low.tensor_producers[t]) <= step}
                may = [
                    t for t in held
                    if step in low.tensor_readers[t] and max(low.tensor_producers[t]) <= step < max(low.tensor_readers[t])
                    and t != row.output
                ]  # fmt: skip
                for written in subsets(sorted(may)):
                    if all(t in written for t in may if until[t] == step):
                        own.add((before, held, written, held - done - written))
        found.append(own)
        now = {after for *_, after in own} | {frozenset()}
    return found


def test_moves_are_all_choices_of_what_is_resident():
    rng, count = random.Random(1), 0
    for _ in range(60):
        low = random_low(rng)
        life = states._life(low)
        until = random_stays(rng, low, life)
        drawn, expected = states._build(low, life, until), moves_by_words(low, until)
        before, written = {0: frozenset()}, [frozenset(of) for of in drawn.written]
        assert list(drawn.written.values()) == list(range(len(written)))
        for step, own in enumerate(expected):
            after = {number: state for state, number in drawn.numbers[step].items()}
            assert sorted(after) == list(range(len(after)))
            assert after[0] == frozenset()
            rows = drawn.rows[drawn.first[step] : drawn.first[step + 1]]
            assert all(drawn.held[place][0] == step for *_, place, _ in rows)
            found = [(before[a], drawn.held[place][1], written[gone], after[b]) for a, b, place, gone in rows]
            assert len(found) == len(own)
            assert set(found) == own
            assert states._count(step, [t for t in until if life.born[t] <= step <= until[t]], low, life, until) >= len(
                own
            )
            before = after
            count += len(own)
        assert [set(each) for _, each in drawn.held] == [set(each) for each in drawn.resident]
        assert drawn.first[-1] == len(drawn.rows)
    assert count > 1000


def test_cuts_are_where_one_tensor_lives_and_no_loop_runs():
    rng, count = random.Random(2), 0
    for _ in range(300):
        low = random_low(rng, loops=True)
        life = states._life(low)
        numbers = [{frozenset({t}): t + 100 for t in rng.sample(range(8), 6)} for _ in low.rows]
        expected = []
        for step in range(len(low.rows) - 1):
            names = {row.loop for row in low.rows} - {""}
            places = [[at for at, row in enumerate(low.rows) if row.loop == name] for name in names]
            in_loop = any(min(own) <= step < max(own) for own in places)
            live = []
            for t, (producers, readers) in enumerate(zip(low.tensor_producers, low.tensor_readers, strict=True)):
                begins = min(producers, default=-1)
                if readers and begins <= step < max(readers) and not (begins < 0 and t in low.states):
                    live.append((t, producers))
            if not in_loop and len(live) == 1 and live[0][1] and max(live[0][1]) <= step:
                expected.append((step + 1, live[0][0], numbers[step].get(frozenset({live[0][0]}), -1)))
        assert states._cuts(low, life, numbers) == tuple(expected)
        count += len(expected)
    assert count > 100


def test_everything_that_lives_is_inside():
    """Inputs until they are read, outputs to the end; constant weights as well where there is no memory at all."""
    rng = random.Random(3)
    for _ in range(40):
        low = random_low(rng)
        for row in low.rows:
            more = {
                "inputs": rng.randrange(-1, 3), "weights": rng.choice([-1, -1, 1]), "values": -1, "reads": (),
                "fixed_bytes": 3.0, "stored_bytes": 0.0, "output_bytes": 5.0, "inner_bytes": rng.choice([0.0, 7.0]),
                "shape": rng.choice([None, "a loop nest"]),
            }  # fmt: skip
            vars(row).update(more)
        low.held_bytes, low.inside, end = 1000.0, rng.choice(["activations", "all"]), len(low.rows)
        found, held = states._all_inside(low, states._life(low)), []
        for step in range(end):
            both = zip(low.tensor_producers, low.tensor_readers, strict=True)
            lives = [min(p, default=-1) <= step <= max(r, default=end) for p, r in both]
            held.append({t for t, yes in enumerate(lives) if yes})
        assert [set(each) for each in found.resident] == held
        masks, beside, _ = uncached(low, states.inside_of(low, list(enumerate(held))))
        for step, row in enumerate(low.rows):
            more = WEIGHTS if low.inside == "all" and row.shape and row.weights < 0 else 0
            assert found.masks[step] == masks[step] | more
            assert found.reserved[step] == row.inner_bytes + 1000.0 + sum(low.tensor_bytes[t] for t in held[step])
        assert found.beside.tolist() == beside.tolist()
        assert found.first.tolist() == list(range(end + 1))
        assert found.source.tolist() == found.target.tolist() == [0] * end
        assert (found.states, found.thinned, found.at_cut, found.thinned_cuts) == (1, 0, ((end, -1, -1),), 0)


def of_cache(row, low):
    """(operands that come through the cache, bytes that miss it, bytes that fill it) of a step, by their words."""

    def part(tensor):
        return low.missed(tensor)

    beside = row.fixed_bytes + sum(size * part(tensor) for tensor, size in row.reads)
    beside += row.stored_bytes + (row.output_bytes - row.stored_bytes) * part(row.output)
    second = 0.0
    if row.shape is not None:
        g, _, k, c, _, _, r, s = row.shape.extents
        second = min(row.shape.weight_width * g * k * c * r * s, low.tensor_bytes[row.weights])
        if row.inputs >= 0:
            beside += min(touched_bytes(row.shape), row.input_bytes) * part(row.inputs)
        if row.weights >= 0:
            beside += second * part(row.weights)
        elif row.shape.steps > 1:
            loop = [other.weight_bytes for other in low.rows if row.loop and other.loop == row.loop] or [
                row.weight_bytes
            ]
            share = max(0.0, 1.0 - low.cached_bytes / sum(loop)) if sum(loop) else 0.0
            beside += row.weight_bytes * (1.0 + (row.shape.steps - 1) * share)
    mask = OUTPUTS if row.shape is None else INPUTS | OUTPUTS
    if row.shape is not None and (row.weights >= 0 or row.shape.steps > 1):
        mask |= WEIGHTS
    touched = (
        row.inner_bytes + row.input_bytes + row.weight_bytes + row.output_bytes + sum(size for _, size in row.reads)
    )
    return mask, beside, min(touched, low.cached_bytes)


def test_what_misses_the_cache_of_a_gpu():
    rng, seen = random.Random(4), set()
    for _ in range(300):
        rows = []
        for _ in range(3):
            steps = rng.choice([1, 1, 2])
            extents = (steps * rng.randint(1, 2), *(rng.randint(1, 3) for _ in range(7)))
            rows.append(SimpleNamespace(
                fixed_bytes=rng.choice([0.0, 3.0]), reads=[(rng.randrange(4), rng.choice([2.0, 5.0]))] * rng.randrange(3),
                output=rng.randrange(4), output_bytes=rng.randint(4, 9), stored_bytes=rng.choice([0.0, 2.0]),
                inputs=rng.randrange(-1, 4), input_bytes=rng.choice([1.0, 40.0]), weights=rng.choice([-1, -1, 2]),
                weight_bytes=rng.choice([0.0, 6.0, 20.0]), inner_bytes=rng.choice([0.0, 7.0]), loop=rng.choice(["", "a"]),
                shape=rng.choice([None, Shape(extents, plane=(9, 9), steps=steps, weight_width=rng.choice([0.5, 2.0]))]),
            ))  # fmt: skip
        missed = [rng.choice([0.0, 0.25, 1.0]) for _ in range(4)]
        low = SimpleNamespace(
            rows=rows, cached_bytes=rng.choice([10.0, 30.0, 500.0]), tensor_bytes=[9.0, 5.0, rng.choice([4.0, 99.0]), 1.0],
            missed=missed.__getitem__,
        )  # fmt: skip
        for row in rows:
            mask, beside, room = of_cache(row, low)
            assert states._cached(row, low) == (mask, pytest.approx(beside))
            assert states._in_cache(row, low) == room
            seen.add((mask, row.shape is not None and row.shape.steps, room == low.cached_bytes))
    assert states._second_bytes(SimpleNamespace(shape=None, weights=2), low) == low.tensor_bytes[2]
    assert len(seen) > 7


@pytest.mark.parametrize("cached", [0.0, 30.0])
def test_every_move_has_the_bytes_of_its_step_and_of_what_it_writes(cached):
    """But for state, which was written at once."""
    rng = random.Random(5)
    for _ in range(20):
        low = random_low(rng)
        for row in low.rows:
            vars(row).update(
                inputs=rng.randrange(-1, 3), weights=-1, values=-1, reads=((0, 4.0),), fixed_bytes=3.0, stored_bytes=2.0,
                output_bytes=5.0, inner_bytes=rng.choice([0.0, 7.0]), shape=None, input_bytes=1.0, weight_bytes=0.0,
            )  # fmt: skip
        low.cached_bytes, low.inside, low.missed = cached, "nothing", lambda tensor: 0.5
        low.stored_bytes = lambda tensor, low=low: 2.0 * len(low.tensor_producers[tensor])
        states._outlines.clear()
        found = states.moves(low)
        drawn = states._build(low, states._life(low), states.stays(low, states._life(low))[0])
        written = list(drawn.written)
        for at, (source, target, place, gone) in enumerate(drawn.rows):
            step, held = drawn.held[place]
            row = low.rows[step]
            if cached:
                mask, beside, reserved = of_cache(row, low)
            else:
                (mask,), (beside,), (tensors,) = uncached(low, states.inside_of(low, [(step, held)]))
                reserved = row.inner_bytes + tensors
            beside += sum(low.tensor_bytes[t] - low.stored_bytes(t) for t in written[gone])
            assert (found.source[at], found.target[at], found.masks[at], found.reserved[at]) == (
                source,
                target,
                mask,
                reserved,
            )
            assert found.beside[at] == pytest.approx(beside)
            assert set(found.resident[at]) == held
        assert found.first.tolist() == drawn.first
        assert found.states == max(map(len, drawn.numbers))
        assert np.all(np.diff(found.first) > 0)
        assert (found.at_cut[-1], found.thinned, found.thinned_cuts) == ((len(low.rows), -1, -1), 0, 0)
        nothing = states.moves(low, optimal=False)
        assert {*nothing.source, *nothing.target} == {0}
        assert not any(nothing.resident)
    states._outlines.clear()
