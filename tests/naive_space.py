"""A pipeline of stages run event by event, row by row, with buffers that fill up: no formula of the model, no code shared.

A stage does its units of work one after another. It begins a unit when every row that the unit reads is in its buffers.
When the unit is done, the rows that no later unit of the item reads go, and if the unit ends a row of outputs, that row
moves into the buffer of every reader; until all have room, the stage stands still. Times are exact fractions.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise


@dataclass
class Input:
    """One input of a stage: who makes it, how many rows an item has, which rows each unit reads, how many rows fit."""

    producer: int
    rows: int
    reads: list[set[int]]
    room: float = float("inf")


@dataclass
class Stage:
    """`ends[u]`: whether unit u ends a row of outputs. A source has no inputs."""

    item_s: Fraction
    inputs: list[Input]
    ends: list[bool]


def window_reads(units, rows, kernel, stride, dilation, pad):
    """Rows under the window of each output row, the padding left out."""
    return [{r for t in range(kernel) if 0 <= (r := u * stride - pad + t * dilation) < rows} for u in range(units)]


def even_reads(units, rows):
    """Rows that overlap the unit when rows and units divide the image evenly."""
    return [{r for r in range(rows) if r * units < (u + 1) * rows and (r + 1) * units > u * rows} for u in range(units)]


@dataclass
class _Run:
    """Where a stage is: the unit under way and when it ends, and whether its finished row still waits for room.

    buffers: (item, row) in each buffer; oldest: the first row that each buffer may still be asked for.
    """

    buffers: list[list[tuple[int, int]]]
    oldest: list[tuple[int, int]]
    unit: int = 0
    item: int = 0
    until: Fraction | None = None
    holding: bool = False


def _drop(stage, run):
    """Let go of all rows that no later unit reads."""
    for i, got in enumerate(stage.inputs):
        later = set().union(*got.reads[run.unit + 1 :])
        run.oldest[i] = (run.item, min(later)) if later else (run.item + 1, 0)
        run.buffers[i] = [row for row in run.buffers[i] if row >= run.oldest[i]]


def _deliver(stages, runs, at, made):
    """Try to move the finished row of stage `at` to all its readers; False while one has no room."""
    waiting = []
    for stage, run in zip(stages, runs, strict=True):
        for i, got in enumerate(stage.inputs):
            row = divmod(made[at], got.rows)
            if got.producer == at and row >= run.oldest[i]:  # else nobody reads it any more
                waiting.append((run.buffers[i], row, got.room))
    if any(len(buffer) >= room for buffer, _, room in waiting):
        return False
    for buffer, row, _ in waiting:
        buffer.append(row)
    made[at] += 1
    return True


def _ready(stage, run):
    return all(
        all((run.item, row) in buffer for row in got.reads[run.unit])
        for buffer, got in zip(run.buffers, stage.inputs, strict=True)
    )


def simulate(stages, items):
    """Times at which each stage ends each item: finish[stage][item]. None where the pipeline locks up."""
    runs = [_Run([[] for _ in s.inputs], [(0, 0) for _ in s.inputs]) for s in stages]
    made = [0] * len(stages)
    finish = [[] for _ in stages]
    now = Fraction(0)
    while any(len(done) < items for done in finish):
        moved = True
        while moved:  # all that can happen at this instant: rows go before rows come
            moved = False
            for stage, run in zip(stages, runs, strict=True):
                if run.until is not None and run.until <= now:
                    _drop(stage, run)
                    run.until, run.holding, moved = None, stage.ends[run.unit], True
                    if not run.holding:
                        run.item, run.unit = _next(stage, run)
            for at, (stage, run) in enumerate(zip(stages, runs, strict=True)):
                if run.holding and _deliver(stages, runs, at, made):
                    if run.unit == len(stage.ends) - 1:
                        finish[at].append(now)
                    run.item, run.unit = _next(stage, run)
                    run.holding, moved = False, True
            for at, (stage, run) in enumerate(zip(stages, runs, strict=True)):
                if run.until is None and not run.holding and len(finish[at]) < items and _ready(stage, run):
                    run.until, moved = now + stage.item_s / len(stage.ends), True
        ahead = [run.until for run in runs if run.until is not None]
        if not ahead:
            return finish if all(len(done) >= items for done in finish) else None
        now = min(ahead)
    return finish


def _next(stage, run):
    return (run.item + 1, 0) if run.unit == len(stage.ends) - 1 else (run.item, run.unit + 1)


def waiting_rows(stages):
    """Most rows in each buffer when every stage takes one period for an item and begins as soon as it need never wait.

    Sources begin as late as their readers allow. Counted instant by instant over a few items; rows go before rows come.
    """
    start = [Fraction(0)] * len(stages)
    lag = {}
    for j, stage in enumerate(stages):
        for i, got in enumerate(stage.inputs):
            late = [
                Fraction(max(read) + 1, got.rows) - Fraction(u, len(got.reads))
                for u, read in enumerate(got.reads)
                if read
            ]
            lag[j, i] = max([Fraction(0), *late])
            start[j] = max(start[j], start[got.producer] + lag[j, i])
    for p, stage in enumerate(stages):
        readers = [start[j] - lag[j, i] for j, i in lag if stages[j].inputs[i].producer == p]
        if not stage.inputs and readers:
            start[p] = min(readers)
    return {(j, i): _most(stages[j].inputs[i], start[stages[j].inputs[i].producer], start[j]) for j, i in lag}


def _most(got, begin, reader):
    units, items = len(got.reads), 6
    events = [(begin + item + Fraction(row + 1, got.rows), 1, 1) for item in range(items) for row in range(got.rows)]
    gone = 0
    for unit in range(units):
        later = set().union(*got.reads[unit + 1 :])
        keep = got.rows if unit == units - 1 else min(later, default=got.rows)
        events += [(reader + item + Fraction(unit + 1, units), 0, gone - keep) for item in range(items)]
        gone = keep
    count = most = 0
    for when, _, change in sorted(events):
        count += change
        if when < items + begin:  # later no more rows come
            most = max(most, count)
    return max(1, most)


def one_by_one(curves, count):
    """Array assignment by the rule: one array each, then one more to the slowest stage, until that no longer helps it.

    curves[j][a]: cycles of stage j on a arrays. Returns the cycles of the slowest stage, or None where arrays are missing.
    """
    arrays = [1] * len(curves)
    if len(curves) > count:
        return None
    while True:
        times = [curve[a] for curve, a in zip(curves, arrays, strict=True)]
        at = times.index(max(times))
        more = next((a for a in range(arrays[at] + 1, len(curves[at])) if curves[at][a] < times[at]), None)
        if more is None or sum(arrays) - arrays[at] + more > count:
            return max(times)
        arrays[at] = more


def best_split(curves, count):
    """Least cycles of the slowest stage over every way to share the arrays."""
    best = None
    for cuts in combinations(range(1, count + 1), len(curves)):
        arrays = [b - a for a, b in zip((0, *cuts), cuts, strict=False)]
        slowest = max(curve[a] for curve, a in zip(curves, arrays, strict=True))
        best = slowest if best is None else min(best, slowest)
    return best


def best_cuts(cost, steps):
    """Least sum over every way to cut the steps into runs; cost(first, last) is None where a run does not fit."""
    best = None
    for n in range(steps):
        for cuts in combinations(range(1, steps), n):
            ends = (0, *cuts, steps)
            parts = [cost(a, b - 1) for a, b in pairwise(ends)]
            if None not in parts:
                best = sum(parts) if best is None else min(best, sum(parts))
    return best
