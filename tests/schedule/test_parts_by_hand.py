"""Parts of searches by hand: which chips are left, what is tried of a batch, what bounds, and what a schedule in parts says."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from two_layers import C, U, two_layers

from simulator.kernels.layout import Machine
from simulator.kernels.schedule_sums import CAUSES, Records
from simulator.schedule import best, few, keep, many_prefetch, many_segments, records, segments, solve
from simulator.schedule import pool as pool_module
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Plan
from simulator.schedule.plans import Plans, Sums


def chips(count, byte_s=1e-4):
    return Machines(np.full(count, 60 * U), np.full(count, 1e-6), np.full(count, byte_s), np.zeros(count), "network")


def test_chips_with_a_memory_without_a_limit_are_left_with_those_beside(monkeypatch):
    """And all of a size where labels could not tell its choices apart, or where there are fewer than a few."""
    pool, machines = two_layers(), chips(many_prefetch.FEWEST)
    count = len(machines)
    assert many_prefetch.solve_ahead(pool, machines, True)[1].tolist() == []
    assert many_prefetch.solve_ahead(pool, machines.part(slice(1, count)), True)[1].tolist() == list(range(count - 1))
    machines.byte_s[2] = 0.0
    plans, left = many_prefetch.solve_ahead(pool, machines, True)
    assert left.tolist() == list(range(count))
    assert not plans.fits.any()
    runs = many_prefetch._runs_of(pool, machines.capacity_bytes[:1], True, None)
    _, listing = many_prefetch._list(pool, runs)
    most = max(int(own[-1] - own[0]) for own in listing.begins)
    for codes, expected in ((most + 1, []), (most, list(range(count)))):
        monkeypatch.setattr(many_prefetch, "MOST_CODES", codes)
        assert many_prefetch.solve_ahead(pool, chips(count), True)[1].tolist() == expected


def test_sizes_of_parts_at_the_largest():
    assert [segments.half_of(batch) for batch in (2 * 4096, 2 * 4097, 4 * 4097, 8 * 4095, 7)] == [4096, 0, 0, 4095, 0]
    assert segments.divisors(48) == [24, 16, 12, 8, 6, 4, 3, 2, 1]
    assert segments.divisors(51) == [3, 1]
    assert segments.divisors(32) == [16, 8, 4, 2, 1]
    assert segments.divisors(16) == [8, 4, 2, 1]


@pytest.mark.parametrize("kept", [[0.0, 8 * U], [2 * U, 0.0]])
def test_weights_of_one_layer_are_enough_to_hold(kept):
    pools = {size: two_layers() for size in (2, 1)}
    found = segments.Segments(pools, 2, 60 * U, np.array(kept), True, 0.25)
    assert found.modes.tolist() == [[0, 0, 1], [1, 0, 2], [1, 1, 2]]
    none = segments.Segments(pools, 2, 60 * U, np.array([2 * U, 8 * U]), True, 0.25)
    assert none.modes.tolist() == [[0, 0, 1], [1, 0, 2]]


def test_a_segment_has_room_for_the_tensors_at_its_ends(monkeypatch):
    """Those of the whole batch, but for what one run has of them, where they are resident; and for the weights that it holds."""
    monkeypatch.setattr(segments, "with_times", lambda piece: piece)
    rng = random.Random(1)
    for _ in range(100):
        sizes, steps, cuts = [4, 2, 1], 6, np.array([[0, 0], [2, 0], [3, 0], [6, 0]])
        pools = [SimpleNamespace(cuts=np.array([[0.0, 0.0, rng.randint(1, 9)] for _ in cuts])) for _ in sizes]
        stay = np.array([[float(rng.randint(1, 50)) for _ in cuts] for _ in cuts])
        weights = np.array([float(rng.randint(1, 9)) for _ in range(steps)])
        fake = SimpleNamespace(
            sizes=sizes, batch=4, pools=pools, cuts=cuts, streamed=weights, stay=lambda stay=stay: stay,
            _terms=lambda pool, machine, held: few.Terms(held, None, None, machine, None),
        )  # fmt: skip
        fake.around = lambda place, fake=fake: segments.Segments.around(fake, place)
        chosen = [[rng.randrange(3), i, i + 1, rng.randrange(2), rng.randrange(2), rng.randrange(2)] for i in range(3)]
        paths = np.arange(3 * steps).reshape(1, steps, 3)
        ways = SimpleNamespace(chosen=np.array([[*chosen[::-1], [9] * 6]]), pieces=[3], paths=paths)
        plan = segments.Segments.plan(fake, Machine(1e3, 1.0, 1.0, 1.0, 0.0), ways)
        for piece, (place, i, j, entry, leave, held) in zip(plan.pieces, chosen, strict=True):
            runs = 4 // sizes[place]
            ends = [pools[place].cuts[at, 2] * (runs - 1) for at, yes in ((i, entry), (j, leave)) if yes]
            begin, end = cuts[[i, j], 0]
            assert (piece.pool, piece.start, piece.repeats, piece.around_bytes) == (
                pools[place],
                begin,
                runs,
                sum(ends),
            )
            assert piece.terms.machine.capacity_bytes == 1e3 - sum(ends) - (stay[i, j] if held else 0.0)
            assert piece.terms.kept == held
            assert piece.path.tolist() == paths[0, begin:end, segments.kernels.PATH_MOVE :].tolist()
            assert len(piece.step_s) == end - begin
            assert (piece.load_bytes is None) if not held else piece.load_bytes.tolist() == weights[begin:end].tolist()


def test_rooms_of_another_sram_are_known_but_for_what_it_had_itself():
    """The last room of an SRAM is all of it, which is none of the list."""
    pool = two_layers()
    first = keep._floors(pool, 20 * U)
    first.least[:] = np.arange(2.0 * len(first.least)).reshape(-1, 2)
    first.least[1, 1] = np.nan  # not known as a whole
    known = keep._floors(pool, 40 * U)
    listed = len(first.rooms) - 1
    assert (known.more_cycles, known.more_bytes) == (0.0, 0.0)
    assert known.rooms[:listed].tolist() == first.rooms[:listed].tolist()
    assert (first.rooms[-1], known.rooms[-1]) == (20 * U, 40 * U)
    assert np.isnan(known.least[[1, *range(listed, len(known.least))]]).all()
    some = [0, *range(2, listed)]
    assert known.least[some].tolist() == first.least[some].tolist()
    smaller = keep._floors(pool, 10 * U)
    own = len(smaller.rooms) - 1
    assert np.isnan(smaller.least[own]).all()
    assert smaller.least[2:own].tolist() == first.least[2:own].tolist()


def test_layers_that_need_more_than_there_is_are_named():
    """Each by its smallest tiling, and what is reserved with it; three, and how many more there are. Vector work has none."""

    def error(needs, capacity=100.0, states=0.0):
        pool = SimpleNamespace(
            low=SimpleNamespace(
                inside="nothing",
                rows=[SimpleNamespace(name=f"layer {at}") for at in range(len(needs))],
            ),
            work=SimpleNamespace(staying_bytes=states), steps=np.zeros((len(needs), 2)),
            moves=SimpleNamespace(first=np.cumsum([0, *map(len, needs)]), reserved=[]),
            spans=[], points=[],
        )  # fmt: skip
        for own in needs:
            for need in own:
                pool.moves.reserved.append(1.0 if need is not None else 5.0)
                pool.spans.append([0] * 12)
                if need is not None:
                    pool.spans[-1][few.SPAN_LO], pool.spans[-1][few.SPAN_HI] = len(pool.points), len(pool.points) + 1
                    pool.points.append([float(need)] * 9)
        pool.spans, pool.points = np.array(pool.spans), np.array(pool.points).reshape(-1, 9)
        return str(few.infeasible(pool, capacity, "chip")).splitlines()

    assert error([[99], [None], [300, 100], [99, 500]]) == [
        "chip: sram.capacity_mib: layer 'layer 2' needs at least 101 bytes of SRAM for its smallest tiling, got 100"
    ]
    assert error([[99], [None, 300]]) == ["chip: sram.capacity_mib: no schedule fits the SRAM"]
    assert error([[49], [50]], states=50.0) == [
        "chip: sram.capacity_mib: layer 'layer 1' needs at least 51 bytes of SRAM for its smallest tiling, beside 50 of states, "
        "which have no other place, got 100"
    ]
    assert len(error([[100]] * 4)) == 4
    for count in (5, 6):
        lines = error([[100]] * count)
        assert ["'layer 0'" in lines[0], "'layer 2'" in lines[2], len(lines)] == [True, True, 4]
        assert lines[3] == f"chip: sram.capacity_mib: and {count - 3} more layers do not fit"


def sums(times):
    """Schedules of these times that move 3 bytes each."""
    count = len(times)
    return Sums(np.array(times), np.full(count, 3.0), np.zeros(count), np.zeros(count), np.zeros((CAUSES, count)))


def test_parts_are_tried_where_one_batch_or_many_may_be_faster(monkeypatch):
    """Where the slower of the two is slower than what parts take at least; the limit counts, too."""
    asked = []

    def at_once(program, machines, stop):
        asked.append((program.batch, machines.capacity_bytes.tolist()))
        count = len(machines)
        if program.batch == 4:
            return Plans(sums([9.0, 2.0, 2.0, 2.0]), sums([2.0, 9.0, 2.0, 2.0]))
        return Plans(sums([1.5] * count), sums([1.5] * count))

    monkeypatch.setattr(solve, "_at_once", at_once)
    monkeypatch.setattr(solve, "least_in_parts", lambda program, size, machines: np.array([2.5, 2.5, 2.5, 2.0]))
    program = SimpleNamespace(
        batch=4, parts=lambda limited: [2], at=lambda size: SimpleNamespace(batch=size),
        left=lambda machines: replace(machines, capacity_bytes=machines.capacity_bytes - 9.0),
    )  # fmt: skip
    machines = Machines(np.arange(4.0) + 9.0, *(np.ones(4) for _ in range(3)), "none")
    found = solve.solve_program(program, machines)
    assert asked == [(4, [0, 1, 2, 3]), (2, [0, 1])]
    assert (found.cold.time_s.tolist(), found.steady.time_s.tolist()) == ([3.0, 2.0, 2.0, 2.0], [2.0, 3.0, 2.0, 2.0])
    assert found.cold.outer_bytes.tolist() == [6.0, 3.0, 3.0, 3.0]
    asked.clear()
    solve.solve_program(program, machines, limited=lambda own: np.full(len(own.time_s), 2.1))
    assert asked[1:] == [(2, [0, 1, 3])]


def test_vector_work_has_a_record_of_nothing(monkeypatch):
    """The last, which its row -1 finds; steps of all pieces in order."""

    def fill(pool, points, steps, records):
        records[:] = points
        records[1] = steps

    monkeypatch.setattr("simulator.schedule.plan.fill_records", fill)
    pieces = [
        SimpleNamespace(
            pool=None, points=np.array(points), start=start, path=points, vector=np.array(points) + 10.0, repeats=start + 1,
            outer_bytes=lambda points=points: np.array(points) + 20.0, total_s=np.array(points) + 30.0,
        )
        for start, points in ((0, [4, -1, 6]), (3, [-1, 8]))
    ]  # fmt: skip
    records, steps = Plan(tuple(pieces)).steps
    assert {tuple(column) for at, column in enumerate(records) if at != 1} == {(4.0, 6.0, 8.0, 0.0)}
    assert records[1].tolist() == [0.0, 2.0, 4.0, 0.0]
    every = [4, -1, 6, -1, 8]
    columns = (
        [0, -1, 1, -1, 2],
        [10.0 + at for at in every],
        [1, 1, 1, 4, 4],
        [20 + at for at in every],
        [30 + at for at in every],
    )
    assert [column[:, 0].tolist() for column in steps] == [list(column) for column in columns]


def test_cycles_of_no_room_at_all_are_infinite():
    """No bound in a room is below what the room itself has."""
    pool = two_layers()
    assert keep.least(pool, 4 * U) == (np.inf, np.inf)
    assert keep.least(pool, 5 * U) == (80 * C, 10 * U)
    assert keep.floor_of(pool, 4 * U, 5 * U) == (80 * C, 10 * U + 6 * U)
    assert keep.floor_of(pool, 99 * U, 5 * U) == (80 * C, 10 * U)


def test_a_schedule_in_segments_that_is_known_must_beat_each_limit_anew():
    """It is sought once it is known to be below a limit, and then never again."""
    asked = []

    def sought(machines, limits_s):
        asked.append(float(limits_s[0]))
        return SimpleNamespace(pieces=[int(limits_s[0] > 5.0)], time_s=[5.0])

    room = object.__new__(best.InRoom)
    room._segments = SimpleNamespace(solve=sought, plan=lambda row, ways: "plan")
    room._machines, room._ways, room.least_s = SimpleNamespace(row=lambda: None), None, 3.0
    assert (room.time_s(2.0), room.time_s(3.0), room.plan(3.0), asked) == (np.inf, np.inf, None, [])
    assert (room.time_s(4.0), room.least_s) == (np.inf, 4.0)
    assert (room.time_s(4.0), asked) == (np.inf, [4.0])
    assert (room.plan(6.0), room.time_s(6.0), room.time_s(5.0), asked) == ("plan", 5.0, np.inf, [4.0, 6.0])
    assert (room.plan(5.0), room.plan(5.5)) == (None, "plan")


def test_limits_are_no_larger_than_what_segments_take():
    """What promises most first, while it promises to be better; each so often as its batch is in the whole."""
    asked = []

    def in_room(name, least_s, time_s):
        def took(limit_s):
            asked.append((name, limit_s))
            return time_s if time_s < limit_s else np.inf

        return SimpleNamespace(least_s=least_s, time_s=took)

    parts = {
        4: [in_room("a", 9.0, 12.0), in_room("b", 11.5, 11.6)],
        2: [in_room("c", 5.0, 5.5), in_room("d", 6.0, 6.5)],
    }
    slack = solve.SLACK
    assert best._sharpened(4, parts, (20.0, 10.5)) == (11.0 / slack, 10.5)
    assert asked == [("a", 20.0), ("c", 6.0)]
    assert best._sharpened(4, parts, (7.0, 8.0)) == (7.0, 8.0)
    assert asked[2:] == []


def test_what_is_known_of_a_pool_without_a_roof_is_its_own(monkeypatch):
    """None of its points is taken to be that of a pool beside; what it takes on a roof is kept on disk if it has a name there."""
    pool = replace(two_layers(), fixed=2, pack="some")
    bare = pool_module.without(pool, None, True)
    assert (bare.fixed, bare.pack, bare.memo, bare.rescored, bare.above) == (0, "", {}, False, None)
    assert bare.steps[:, 1].tolist() == [0.0] * len(pool.steps)
    kept = []
    monkeypatch.setattr(records, "WORTH_KEEPING_S", -1.0)
    monkeypatch.setattr(records.disk, "save", lambda name, _: kept.append(name))
    monkeypatch.setattr(records.disk, "load", lambda name: None)
    for word, count in (("", 0), ("of a pack", 1)):
        records.roofs_of(replace(two_layers(), pack=word))
        assert len(kept) == count


def test_steps_of_the_ways_of_many_chips():
    """Each in the pool of its sub-batch: what it takes once and in all runs, and the record of its tiling, or of nothing."""
    rng, seen = np.random.default_rng(3), set()
    for _ in range(40):
        count, steps, phi = 3, 4, 0.25
        pools = [
            SimpleNamespace(
                steps=rng.integers(1, 9, (steps, 2)).astype(float), points=rng.integers(1, 9, (5, 3)).astype(float),
                costs=rng.integers(0, 9, (6, 4)).astype(float), weights=np.array([1.0, 0.0, 6.0, 8.0]),
            )
            for _ in range(2)
        ]  # fmt: skip
        for at, pool in enumerate(pools):
            pool.memo = {
                "records": Records(*(np.append(rng.integers(1, 99, 5) + 100.0 * at, 0.0) for _ in Records._fields))
            }
        kept = np.array([1.0, 0.0, rng.choice([0.0, 3.0]), 2.0])
        modes = np.array([[0, 0, 1], [1, 0, 2], [1, 1, 2]])
        own = SimpleNamespace(pools=pools, modes=modes, kept=kept, streamed=pools[0].weights - kept, phi=phi)
        paths = np.stack([rng.integers(0, high, (count, steps)) for high in (3, 6, 6)], axis=2)
        paths[:, :, 2] -= 1  # the first is vector work
        chips = Machines(*(rng.integers(1, 9, count).astype(float) for _ in range(4)), "layer")
        records, found = many_segments._steps(own, chips, SimpleNamespace(paths=paths))
        for chip in range(count):
            for step, (mode, move, point) in enumerate(paths[chip].tolist()):
                place, held, repeats = modes[mode]
                pool, vector = pools[place], pools[place].steps[step, 1]
                cycles, tiles = (
                    (max(vector, pool.points[point, 2]), pool.points[point, 1]) if point >= 0 else (vector, 0.0)
                )
                stays = (
                    0.0 if held or kept[step] >= pools[0].weights[step] > 0.0 else kept[step]
                )  # whole ones are no traffic
                once = max(0.0, tiles + pool.costs[move, 1] - stays)
                on_chip, outer = cycles * chips.cycle_s[chip], once * chips.byte_s[chip]
                step_s = max(on_chip, outer) + phi * min(on_chip, outer) + chips.overhead_s[chip]
                load = own.streamed[step] if held else 0.0
                assert found.vector[step, chip] == vector
                assert (found[2][step, chip], found[3][step, chip]) == (repeats, once * repeats + load)
                assert found.times[step, chip] == pytest.approx(step_s * repeats + load * chips.byte_s[chip])
                row = found.rows[step, chip]
                assert (row < 0) == (point < 0)
                for mine, of in zip(records, pool.memo["records"], strict=True):
                    assert mine[row] == (of[point] if point >= 0 else 0.0)
                seen.add((int(held), point < 0, stays > 0.0))
    assert len(seen) == 6


def one_size(count, batch, rooms):
    """A search among chips of one SRAM size, with rooms and whole batches of which all is known."""
    found = object.__new__(many_segments._OneSize)
    found._machines, found._batch, found._known = chips(count), batch, np.full(count, np.inf)
    found._wholes, found._rooms = {}, rooms
    return found


def test_the_best_of_whole_batches_and_of_segments(monkeypatch):
    """In the order in which one chip tries them, whole batches first to be faster, segments also with fewer bytes as fast; a chip
    on which repeated batches may be faster by the order of sums alone is hard."""
    rng, seen, monkey = random.Random(4), set(), monkeypatch.setattr
    monkey(many_segments, "_sums", lambda room, machines, ways: ways.sums)
    for _ in range(150):
        batch, count = rng.choice([2, 4, 6, 12]), 5
        order, rooms, wholes = many_segments.in_order(batch), {}, {}
        for kind, size in order:
            many = sums([rng.choice([6.0, 6.0 * (1 - 4e-13), 7.0, 8.0, np.inf]) for _ in range(count)])
            many.outer_bytes[:] = [rng.choice([3.0, 4.0, 5.0]) for _ in range(count)]
            many.kept_bytes[:] = 10 * size + (kind == "whole")
            if kind == "whole":
                wholes[size] = many
                continue
            of = rooms[size] = []
            for number in range(rng.randint(0, 2)):
                at = np.array(sorted(rng.sample(range(count), rng.randint(1, count))))
                own = many.take(at)
                own.kept_bytes[:] += 100 * (number + 1)
                own.outer_bytes[:] = [rng.choice([3.0, 4.0, 5.0]) for _ in at]
                made = SimpleNamespace(sums=own, time_s=own.time_s / (batch // size) * rng.choice([1.0, 1 - 1e-15]))
                made.take = lambda some, made=made: SimpleNamespace(sums=made.sums.take(some), time_s=made.time_s[some])
                of.append(SimpleNamespace(times=batch // size, ways=[(at, made)]))
        search = one_size(count, batch, rooms)
        known = np.array([rng.choice([6.0, 6.5, 9.0]) for _ in range(count)])
        monkey(search, "_seek", lambda search=search, known=known: setattr(search, "_known", known), raising=False)
        monkey(search, "_whole_batches", lambda size, wholes=wholes: wholes[size], raising=False)
        found, hard = search.solve()
        for chip in range(count):
            best, is_hard = (np.inf, np.inf, np.nan), False
            for kind, size in order:
                times = batch // size
                if kind == "whole":
                    own = wholes[size]
                    time_s, moved, kept = own.time_s[chip], own.outer_bytes[chip], own.kept_bytes[chip]
                    if times in (3, 6, 12):
                        is_hard |= time_s < known[chip]
                    elif times > 1:
                        is_hard |= best[0] * (1 - 1e-12) < time_s < best[0]
                    best = (time_s, moved, kept) if time_s < best[0] else best
                    continue
                for room in rooms[size]:
                    ((at, ways),) = room.ways
                    if chip in at:
                        place = at.tolist().index(chip)
                        own = (ways.sums.time_s[place], ways.sums.outer_bytes[place], ways.sums.kept_bytes[place])
                        if ways.time_s[place] * times < best[0] and own[:2] < best[:2]:
                            best = own
            assert hard[chip] == is_hard
            assert found.time_s[chip] == best[0]
            assert np.isinf(best[0]) or (found.outer_bytes[chip], found.kept_bytes[chip]) == best[1:]
            seen.add((batch, is_hard, np.isnan(best[2]) or int(best[2]) // 100))
    assert len(seen) > 12


def test_segments_are_sought_where_they_may_be_the_best():
    """Each room for the chips that it may be faster on than what is known; what is slower than the best is let go."""
    rng, asked = random.Random(5), []

    def in_room(times, least, real):
        def took(machines, limits_s):
            at = (machines.overhead_s).astype(int)
            asked.append(len(at))
            own = np.where(real[at] / times < limits_s, real[at] / times, np.inf)
            return ways_of(own)

        def ways_of(own):
            return SimpleNamespace(pieces=np.isfinite(own) * 1, time_s=own, take=lambda some: ways_of(own[some]))

        return many_segments._Room(SimpleNamespace(solve=took), times, least, [])

    for _ in range(100):
        count, rooms = 4, {}
        reals = {
            size: [np.array([rng.choice([4.0, 6.0, 8.0, 9.0]) for _ in range(count)]) for _ in range(2)]
            for size in (8, 4, 2)
        }
        for size, own in reals.items():
            rooms[size] = [in_room(8 // size, real * rng.choice([0.5, 0.9, 1.0]), real) for real in own]
        search = one_size(count, 8, rooms)
        search._machines.overhead_s[:] = np.arange(count)
        search._seek()
        best = np.min([real for own in reals.values() for real in own], axis=0)
        assert search._known.tolist() == (best / solve.SLACK).tolist()
        for size, own in reals.items():
            for room, real in zip(rooms[size], own, strict=True):
                kept = {
                    chip: time_s
                    for at, ways in room.ways
                    for chip, time_s in zip(at.tolist(), ways.time_s, strict=True)
                }
                assert kept.items() <= {chip: real[chip] / (8 // size) for chip in range(count)}.items()
                assert all(real[chip] == best[chip] for chip in kept)
        for chip in range(count):
            assert any(chip in at for own in rooms.values() for room in own for at, _ in room.ways)
    assert min(asked) < 4
