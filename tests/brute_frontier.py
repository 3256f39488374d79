"""Brute force over a small layer on a small array: all tiles, orders, streamed operands and unrollings.

Footprint and bytes come from `naive_brute`, cycles from `twin_cycles`; `counts` is a quick count of what `twin_cycles.walk`
walks, which the tests compare with it. Nothing here comes from simulator/.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import naive_brute
import numpy as np
from naive import Machine, NaiveLayer
from twin_cycles import (
    WORDS,
    Array,
    Spread,
    Widths,
    Work,
    channels_of_a_unit,
    copies,
    factor,
    set_load,
    sums_held,
    take_ways,
)

Points = np.ndarray[tuple[int, int], np.dtype[np.float64]]
OPERANDS = ("inputs", "weights", "outputs")


def axis_choices(words: tuple[str, ...], length: int, extents: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Every way to spread words over an axis, parts of the axis included."""
    limits = [range(1, min(length, extents[word]) + 1) for word in words]
    for factors in itertools.product(*limits):
        if math.prod(factors) <= length:
            yield dict(zip(words, factors, strict=True))


def spreads(layer: NaiveLayer, array: Array) -> Iterator[Spread]:
    """Every unrolling of a layer: all factors on all axes."""
    extents = {word: math.prod(getattr(layer, loop) for loop in loops) for word, loops in WORDS.items()}
    for on_rows in axis_choices(array.on_rows, array.rows, extents):
        for on_columns in axis_choices(array.on_columns, array.columns, extents):
            # Inputs pass all columns of a row of a systolic array: groups side by side need rows of their own.
            if array.systolic and math.prod(on_rows.values()) * on_columns.get("groups", 1) > array.rows:
                continue
            for on_count in axis_choices(array.on_count, array.count, extents):
                if all(on_count.get(word, 1) <= most for word, most in array.most):
                    yield on_rows, on_columns, on_count


def kernel_rows_together(found: list[Spread], layer: NaiveLayer, array: Array) -> list[Spread]:
    """The unrollings that keep kernel rows together: rows of the array take all they can, then columns what is left."""
    if array.stationary != "rows":
        return found
    most_rows = min(layer.R, array.rows) if "kernel_height" in array.on_rows else 1
    left = math.ceil(layer.R / most_rows)
    most_columns = min(left, array.columns) if "kernel_height" in array.on_columns else 1
    word = "kernel_height"
    return [s for s in found if s[0].get(word, 1) == most_rows and s[1].get(word, 1) == most_columns]


@functools.cache
def parts(extent: int, size: int) -> tuple[int, ...]:
    """Sizes of the tiles of one loop."""
    return tuple(min(size, extent - at) for at in range(0, extent, size))


def blocks(extent: int, size: int, each: int, inner: int = 1) -> int:
    """Blocks of `each` indices in all tiles of a loop; inner: flattened indices for each of it."""
    return sum(math.ceil(part * inner / each) for part in parts(extent, size))


def counts(layer: NaiveLayer, tile: Mapping[str, int], spread: Spread, array: Array, widths: Widths) -> Work:
    """What `twin_cycles.walk` counts, axis by axis."""
    u = {word: factor(spread, word) for word in WORDS}
    words = {*array.on_rows, *array.on_columns, *array.on_count}
    groups = blocks(layer.G, tile["g"], u["groups"])
    outputs = [math.ceil(part / u["out_channels"]) for part in parts(layer.K, tile["k"])]
    taps = layer.R * layer.S
    if "reduction" in words:
        reductions = blocks(layer.C, tile["c"], u["reduction"], taps)
    else:
        reductions = blocks(layer.C, tile["c"], u["in_channels"])
        reductions *= math.ceil(layer.R / u["kernel_height"]) * math.ceil(layer.S / u["kernel_width"])
    pixels = []
    for n, p, q in itertools.product(parts(layer.N, tile["n"]), parts(layer.P, tile["p"]), parts(layer.Q, tile["q"])):
        flat = math.ceil(p * q / u["pixels"])
        grid = math.ceil(p / u["out_height"]) * math.ceil(q / u["out_width"])
        pixels.append(math.ceil(n / u["batch"]) * (flat if "pixels" in words else grid))
    load = set_load(layer, spread, array, widths.weights)
    work = Work(channel_tiles=len(parts(layer.C, tile["c"])), reductions=reductions, passes_out=reductions)
    if array.stationary in ("weights", "rows"):
        outer, streams = groups * sum(outputs) * reductions, pixels
    elif array.stationary == "inputs":
        outer, streams = groups * sum(pixels) * reductions, outputs
    else:
        outer, streams = groups * sum(pixels) * sum(outputs), [reductions]
    whole = math.ceil(layer.P * layer.Q / u["pixels"])
    if "pixels" not in words:
        whole = math.ceil(layer.P / u["out_height"]) * math.ceil(layer.Q / u["out_width"])
    work.layer_steps = math.ceil(layer.N / u["batch"]) * whole
    if array.stationary == "inputs":
        work.layer_steps = math.ceil(layer.K / u["out_channels"])
    elif array.stationary == "outputs":
        work.layer_steps = counts_whole(layer, u, words)
    work.folds = outer * (work.channel_tiles if array.stationary == "outputs" else len(streams))
    work.steps = outer * sum(streams)
    work.stretched = outer * sum(max(s, load) if array.two_sets else s for s in streams)
    work.outputs = layer.G * layer.N * layer.K * layer.P * layer.Q
    work.largest_outputs = math.prod(tile[loop] for loop in "gnkpq")
    feed(work, layer, spread, array, (len(outputs), sum(outputs), len(pixels), sum(pixels)), tile)
    take_ways(work, load, array, widths)
    return work


def counts_whole(layer: NaiveLayer, u: Mapping[str, int], words: set[str]) -> int:
    """Steps through the whole reduction of one output."""
    if "reduction" in words:
        return math.ceil(layer.C * layer.R * layer.S / u["reduction"])
    axes = (("in_channels", layer.C), ("kernel_height", layer.R), ("kernel_width", layer.S))
    return math.prod(math.ceil(extent / u[word]) for word, extent in axes)


def feed(
    work: Work, layer: NaiveLayer, spread: Spread, array: Array, passes: tuple[int, ...], tile: Mapping[str, int]
) -> None:
    """Inputs and weights that pass between SRAM and arrays; passes: tiles and steps of K, tiles and steps of pixels."""
    tiles_k, steps_k, tiles_p, steps_p = passes
    copies_in, copies_wt = copies(spread, array)
    each = layer.G * layer.C * layer.R * layer.S
    wide, deep = channels_of_a_unit(layer, spread, array)
    plane = layer.G * layer.C * layer.H * layer.W if array.stationary == "rows" else each * layer.P * layer.Q
    if array.words is not None:
        steps_k = blocks(layer.K, tile["k"], wide * factor(spread, "out_channels"))
        rows = math.ceil(layer.R / factor(spread, "kernel_height"))
        work.passes_out = blocks(layer.C, tile["c"], deep * factor(spread, "in_channels")) * rows
    work.inputs = plane * layer.N * copies_in * (tiles_k if array.stationary == "inputs" else steps_k)
    work.weights = each * layer.K * copies_wt * (tiles_p if array.stationary in ("weights", "rows") else steps_p)


def room_and_bytes(
    layer: NaiveLayer, tile: dict[str, int], resident: int, machine: Machine, holds: tuple[str, ...]
) -> Points:
    """(footprint, bytes) of the best orders and streamed operands of one tile; an operand that is not held has no room."""
    machine = replace(machine, sums_in_sram="outputs" in holds)
    ways_of_tile = [point[2:] for point in naive_brute.tilings(layer, tile, resident, machine)]
    if set(holds) != set(OPERANDS):
        w = [int(word in holds) for word in OPERANDS]
        small = replace(
            machine, in_w=machine.in_w * w[0], wt_w=machine.wt_w * w[1], out_w=machine.out_w * w[2],
            granules=tuple(g * on for g, on in zip(machine.granules, w, strict=True)),  # type: ignore[arg-type]
        )  # fmt: skip
        room = [point[2] for point in naive_brute.tilings(layer, tile, resident, small)]
        ways_of_tile = [(f, point[1]) for f, point in zip(room, ways_of_tile, strict=True)]
    return non_dominated(np.array(sorted(set(ways_of_tile))).reshape(-1, 2))


def non_dominated(points: Points) -> Points:
    """The rows that no other equals or beats in every column, sorted; figures equal to nine digits count as equal."""
    if not len(points):
        return points
    scale = 10.0 ** (9 - np.ceil(np.log10(np.maximum(np.abs(points), 1e-9))))
    ordered = np.unique(np.round(points * scale) / scale, axis=0)
    kept = np.empty_like(ordered)
    count = 0
    for row in ordered:
        if not (kept[:count] <= row).all(axis=1).any():
            kept[count] = row
            count += 1
    return kept[:count]


def brute_frontier(layer: NaiveLayer, array: Array, resident: int, machine: Machine) -> Points:
    """Every (footprint, bytes, on-chip cycles) that no tiling with any unrolling beats, sorted."""
    widths = Widths(machine.in_w, machine.wt_w, machine.out_w, machine.acc_w)
    machine = replace(machine, acc_bytes=int(sums_held(array, widths)))
    # What an unrolling costs depends on its factors and copies alone.
    every = kernel_rows_together(list(spreads(layer, array)), layer, array)
    distinct = {(tuple(factor(s, word) for word in WORDS), copies(s, array)): s for s in every}
    found = []
    for tile in naive_brute.every_tile(layer):
        if array.stationary == "rows" and tile["q"] < layer.Q:
            continue  # a unit slides along a whole row
        held = room_and_bytes(layer, tile, resident, machine, array.holds)
        choices = {way for spread in distinct.values() for way in counts(layer, tile, spread, array, widths).ways}
        best = non_dominated(np.array(sorted(choices)).reshape(-1, 2))
        # No inner loop: every pair of a way to hold the operands and a way to run the array.
        pairs = np.concatenate([np.repeat(held, len(best), axis=0), np.tile(best, (len(held), 1))], axis=1)
        cycles = np.maximum(pairs[:, 2], np.maximum(pairs[:, 3] / array.link, (pairs[:, 3] + pairs[:, 1]) / array.port))
        found.append(non_dominated(np.column_stack([pairs[:, :2], cycles])))
    return non_dominated(np.concatenate(found))
