"""Cycles and feed of one tiling, counted by walking its blocks: slow, obvious, and sharing no code with simulator/.

`walk` goes through the tiles of a layer and, inside a tile, through the blocks of indices that the array takes in one step.
A stay of the stationary operand is a fold: it is loaded, steps stream past, the array fills and drains. Every step notes
what it reads; nothing here is a closed form but the capacity of the accumulators, of which only the number of sets that
they force is known.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from naive import NaiveLayer, cut

WORDS = {
    "groups": "G",
    "batch": "N",
    "out_channels": "K",
    "in_channels": "C",
    "out_height": "P",
    "out_width": "Q",
    "kernel_height": "R",
    "kernel_width": "S",
    "reduction": "CRS",
    "pixels": "PQ",
}
"""What the words of a chip file run through; the last two are flattened."""

Spread = tuple[Mapping[str, int], Mapping[str, int], Mapping[str, int]]
"""How many indices of each word lie side by side on rows, on columns and on arrays."""


@dataclass(frozen=True)
class Array:
    """What the cycles of a tiling depend on; words of chip files, capacities in bytes."""

    rows: int = 1
    columns: int = 1
    count: int = 1
    on_rows: tuple[str, ...] = ()
    on_columns: tuple[str, ...] = ()
    on_count: tuple[str, ...] = ()
    stationary: str = "weights"
    rate: float = 1.0
    accumulators: float = 0.0
    two_sets: bool = False
    systolic: bool = False
    load_cycles: float = 0.0
    bus: float = 0.0
    overhead: float = 0.0
    words: tuple[int, int, int] | None = None
    multicast: bool = True
    link: float = math.inf
    port: float = math.inf
    holds: tuple[str, ...] = ("inputs", "weights", "outputs")
    widening: float = 0.0
    """Cycles for which the array waits until a weight that enters it is widened."""
    most: tuple[tuple[str, int], ...] = ()
    """Of dimensions on the arrays, the most indices side by side."""


@dataclass(frozen=True)
class Widths:
    """Bytes of an input, a weight, an output and an unfinished output."""

    inputs: float = 1.0
    weights: float = 1.0
    outputs: float = 1.0
    partial: float = 4.0


@dataclass
class Work:
    """What a walk counts: folds with their steps, and elements that pass between SRAM and arrays."""

    steps: int = 0
    folds: int = 0
    stretched: float = 0.0
    """Steps of all folds, each at least as long as the set behind it takes to load, where the array holds two sets."""
    layer_steps: int = 0
    """Steps of a fold past which all of the layer streams."""
    reductions: int = 0
    """Steps through the reduction of one output, over all tiles of the input channels."""
    passes_out: int = 0
    """How often partial sums leave the array."""
    channel_tiles: int = 0
    inputs: int = 0
    weights: int = 0
    outputs: int = 0
    largest_outputs: int = 0
    """Outputs of the largest tile."""
    ways: list[tuple[float, float]] = field(default_factory=list)
    """(array cycles, bytes of feed): one pair, or a second one where the accumulators may be left unused."""
    loads: list[float] = field(default_factory=list)
    """Cycles of each of these ways in which sets of the stationary operand come in, hidden or not."""


def chunks(indices: Iterable[object], size: int) -> list[list[object]]:
    """Neighbouring indices in blocks of `size`."""
    every = list(indices)
    return [every[at : at + size] for at in range(0, len(every), size)]


def factor(spread: Spread, word: str) -> int:
    """Indices of a word that one step takes, over rows, columns and arrays."""
    return math.prod(axis.get(word, 1) for axis in spread)


def tiles_of(layer: NaiveLayer, tile: Mapping[str, int]) -> Iterator[dict[str, range]]:
    """The index ranges of every tile, ragged ones included."""
    pieces = [cut(getattr(layer, loop), tile[loop.lower()]) for loop in "GNKCPQ"]
    for piece in itertools.product(*pieces):
        yield dict(zip("GNKCPQ", piece, strict=True))


class Blocks:
    """The blocks of a tile: what one step takes of groups, batch, output channels, reduction and pixels."""

    def __init__(self, layer: NaiveLayer, ranges: Mapping[str, range], spread: Spread, array: Array) -> None:
        flat = {*array.on_rows, *array.on_columns, *array.on_count}
        self.groups = chunks(ranges["G"], factor(spread, "groups"))
        self.items = chunks(ranges["N"], factor(spread, "batch"))
        self.outputs = chunks(ranges["K"], factor(spread, "out_channels"))
        every = {**ranges, "R": range(layer.R), "S": range(layer.S)}
        if "reduction" in flat:
            taps = itertools.product(*(every[loop] for loop in "CRS"))
            self.reduction = chunks(taps, factor(spread, "reduction"))
        else:
            words = ("in_channels", "kernel_height", "kernel_width")
            self.reduction = self.grid([chunks(every[WORDS[word]], factor(spread, word)) for word in words])
        if "pixels" in flat:
            self.pixels = chunks(itertools.product(ranges["P"], ranges["Q"]), factor(spread, "pixels"))
        else:
            words = ("out_height", "out_width")
            self.pixels = self.grid([chunks(ranges[WORDS[word]], factor(spread, word)) for word in words])

    @staticmethod
    def grid(axes: list[list[list[object]]]) -> list[list[object]]:
        """Blocks of several loops together."""
        return [list(itertools.product(*blocks)) for blocks in itertools.product(*axes)]


def channels_of_a_unit(layer: NaiveLayer, spread: Spread, array: Array) -> tuple[int, int]:
    """(output, input) channels that one unit with memory takes in a pass; a unit slides a piece of a kernel row."""
    deep = wide = 1
    if array.words is None:
        return wide, deep
    taps = len(chunks(range(layer.S), factor(spread, "kernel_width")))
    inputs, weights, outputs = array.words
    while (deep + 1) * taps <= min(inputs, weights):
        deep += 1
    while wide < outputs and (wide + 1) * deep * taps <= weights:
        wide += 1
    return wide, deep


def set_load(layer: NaiveLayer, spread: Spread, array: Array, width: float) -> float:
    """Cycles to bring in one set of the stationary operand, at the array's own rate; no set is larger than the layer."""
    if array.stationary == "outputs":
        return 0.0
    if array.bus == 0.0:
        return array.load_cycles
    held = 1
    for word in ("groups", "out_channels", "in_channels", "kernel_height", "kernel_width", "reduction"):
        held *= min(factor(spread, word), math.prod(getattr(layer, loop) for loop in WORDS[word]))
    return held * width / array.bus * array.rate


def walk(layer: NaiveLayer, tile: Mapping[str, int], spread: Spread, array: Array, widths: Widths) -> Work:
    """Count one tiling; the order of its tiles does not matter to the array."""
    work = Work()
    load = set_load(layer, spread, array, widths.weights)
    copies_in, copies_wt = copies(spread, array)
    for ranges in tiles_of(layer, tile):
        blocks = Blocks(layer, ranges, spread, array)
        outer, inner = fold_loops(blocks, array)
        for _ in itertools.product(*outer):
            stream = sum(1 for _ in itertools.product(*inner))
            work.folds += 1
            work.steps += stream
            work.stretched += max(stream, load) if array.two_sets else stream
        feed_tile(work, layer, ranges, blocks, array, (copies_in, copies_wt))
        finished = math.prod(len(ranges[loop]) for loop in "GNKPQ")
        work.largest_outputs = max(work.largest_outputs, finished)
    whole = Blocks(layer, {loop: range(getattr(layer, loop)) for loop in "GNKCPQ"}, spread, array)
    work.layer_steps = sum(1 for _ in itertools.product(*fold_loops(whole, array)[1]))
    wide, deep = channels_of_a_unit(layer, spread, array)
    if array.stationary == "rows":
        # Windows that overlap are used again in the array: the plane enters once a pass over the output channels.
        plane = layer.G * layer.N * layer.C * layer.H * layer.W
        for k in cut(layer.K, tile["k"]):
            for _ in chunks(k, wide * factor(spread, "out_channels")):
                work.inputs += plane * copies_in
    every = [
        {"C": c, "G": range(1), "N": range(1), "K": range(1), "P": range(1), "Q": range(1)}
        for c in cut(layer.C, tile["c"])
    ]
    work.channel_tiles = len(every)
    work.reductions = sum(len(Blocks(layer, ranges, spread, array).reduction) for ranges in every)
    work.passes_out = work.reductions
    if array.words is not None:
        rows = len(chunks(range(layer.R), factor(spread, "kernel_height")))
        work.passes_out = sum(len(chunks(r["C"], deep * factor(spread, "in_channels"))) * rows for r in every)
    work.outputs = layer.G * layer.N * layer.K * layer.P * layer.Q
    take_ways(work, load, array, widths)
    return work


def fold_loops(blocks: Blocks, array: Array) -> tuple[tuple[list[list[object]], ...], tuple[list[list[object]], ...]]:
    """(blocks of the loops that change what is stationary, blocks of those that stream past it)."""
    if array.stationary in ("weights", "rows"):
        return (blocks.groups, blocks.outputs, blocks.reduction), (blocks.items, blocks.pixels)
    if array.stationary == "inputs":
        return (blocks.groups, blocks.items, blocks.pixels, blocks.reduction), (blocks.outputs,)
    return (blocks.groups, blocks.items, blocks.pixels, blocks.outputs), (blocks.reduction,)


def copies(spread: Spread, array: Array) -> tuple[int, int]:
    """Copies of inputs and of weights that leave the SRAM: one each, or one for each array that needs them."""
    if array.multicast:
        return 1, 1
    on_count = spread[2]
    pixels = ("batch", "out_height", "out_width", "pixels")
    return on_count.get("out_channels", 1), math.prod(on_count.get(word, 1) for word in pixels)


def feed_tile(
    work: Work,
    layer: NaiveLayer,
    ranges: Mapping[str, range],
    blocks: Blocks,
    array: Array,
    each: tuple[int, int],
) -> None:
    """Add the inputs and weights that one tile reads from the SRAM: step by step, or once where they stay in the array."""
    taps = len(ranges["C"]) * layer.R * layer.S
    pixels = len(ranges["P"]) * len(ranges["Q"])
    if array.stationary == "inputs":
        work.inputs += len(ranges["G"]) * len(ranges["N"]) * pixels * taps * each[0]
    if array.stationary in ("weights", "rows"):
        work.weights += len(ranges["G"]) * len(ranges["K"]) * taps * each[1]
    for g, k, n in itertools.product(blocks.groups, blocks.outputs, blocks.items):
        for c, p in itertools.product(blocks.reduction, blocks.pixels):
            held = counted(c, "reduction")
            if array.stationary in ("weights", "outputs"):
                work.inputs += len(g) * len(n) * held * counted(p, "pixels") * each[0]
            if array.stationary in ("inputs", "outputs"):
                work.weights += len(g) * len(k) * held * each[1]


def counted(block: list[object], kind: str) -> int:
    """Indices of a block of the reduction or of pixels, each a tuple over its loops."""
    if not all(isinstance(at, tuple) for at in block):
        raise ValueError(f"{kind}: blocks hold tuples of indices")
    return len(block)


def take_ways(work: Work, load: float, array: Array, widths: Widths) -> None:
    """Note every way to use the accumulators: as they are, and not at all. load: cycles of a set."""
    feed = 0.0
    for word, elements, width in (
        ("inputs", work.inputs, widths.inputs),
        ("weights", work.weights, widths.weights),
        ("outputs", work.outputs, widths.outputs),
    ):
        feed += elements * width if word in array.holds else 0.0
    back = 2.0 * work.outputs * widths.partial if "outputs" in array.holds else 0.0
    unfinished = (work.channel_tiles if array.stationary == "outputs" else work.passes_out) - 1
    ways = [(work.folds, feed + back * unfinished)]
    room = sums_held(array, widths)
    if room > 0.0:
        fits = work.largest_outputs * widths.partial <= room
        kept = feed if fits else feed + back * (work.channel_tiles - 1)
        fills = math.ceil(work.outputs * widths.partial / room)
        if array.stationary in ("inputs", "outputs"):
            ways = [(work.folds, kept)]
        else:
            staying = max(work.folds, fills * work.reductions), kept
            ways = [*ways, staying] if "outputs" in array.holds else [staying]
    work.ways = [(array_cycles(work, load, array, sets), moved) for sets, moved in ways]
    work.loads = [sets * load / array.rate for sets, _ in ways]


def sums_held(array: Array, widths: Widths) -> float:
    """Bytes of partial sums in the array: the accumulators, or where there is no other place at least the sums of a step."""
    sums = 1
    for length, words in (
        (array.rows, array.on_rows),
        (array.columns, array.on_columns),
        (array.count, array.on_count),
    ):
        if {"groups", "batch", "out_channels", "out_height", "out_width", "pixels"} & set(words):
            sums *= length
    least = 0.0 if "outputs" in array.holds else sums * widths.partial
    return max(array.accumulators, least)


def array_cycles(work: Work, load: float, array: Array, sets: int) -> float:
    """Cycles of all folds, of which there are at least `sets`: the array is set anew where accumulators are full; and those for
    which it waits for weights to be widened, whenever one enters."""
    waits = array.widening * work.weights
    skew = array.rows + array.columns - 2.0 if array.systolic else 0.0
    if array.two_sets and array.stationary != "outputs":
        # The first set loads with nothing to hide behind, the last fold hides none: of the two waits the shorter is left.
        once = skew + min(array.load_cycles, work.layer_steps) if array.systolic else 0.0
        once -= 1.0 if array.systolic and array.load_cycles + skew + array.overhead >= 1.0 else 0.0
        return (max(work.stretched, sets * load) + sets * array.overhead + once) / array.rate + waits
    every = load + skew + array.overhead
    # The last cycle of a systolic array counts from zero, as SCALE-Sim reports it.
    base = array.overhead + skew + (array.load_cycles if array.stationary != "outputs" else 0.0)
    once = -1.0 if array.systolic and base >= 1.0 else 0.0
    return (work.steps + sets * every + once) / array.rate + waits


def on_chip(work: Work, array: Array, outer_bytes: float) -> float:
    """On-chip cycles: the longest of array, interconnect and SRAM ports, in the better way to use the accumulators."""
    return min(max(cycles, feed / array.link, (feed + outer_bytes) / array.port) for cycles, feed in work.ways)
