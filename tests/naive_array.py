"""Steps and cycles of MAC arrays, counted one by one: shares no code with simulator/."""

import itertools
from collections.abc import Iterator, Mapping

DIMENSIONS = {
    "groups": "G",
    "batch": "N",
    "out_channels": "K",
    "in_channels": "C",
    "out_height": "P",
    "out_width": "Q",
    "kernel_height": "R",
    "kernel_width": "S",
}
FLATTENED = {"reduction": "CRS", "pixels": "PQ"}


def blocks(extents: Mapping[str, int], loops: str, unroll: int) -> set[int]:
    """The blocks of `unroll` neighbouring indices that cover these loops, flattened with the last loop innermost."""
    every = itertools.product(*(range(extents[loop]) for loop in loops))
    return {place // unroll for place, _ in enumerate(every)}


def tile_steps(extents: Mapping[str, int], unroll: Mapping[str, int]) -> int:
    """Steps for one tile: each step does one block of every unrolled dimension and one index of every other.

    `extents` are those of the tile (G N K C P Q R S); `unroll` maps the words of chip files, `reduction` and `pixels`
    included, to how many indices the array takes at once. A dimension may be in one word only.
    """
    left = set("GNKCPQRS")
    factors = []
    for word, factor in unroll.items():
        loops = FLATTENED.get(word) or DIMENSIONS[word]
        if not left.issuperset(loops):
            raise ValueError(f"{word}: a dimension is unrolled twice")
        left -= set(loops)
        factors.append(blocks(extents, loops, factor))
    factors += [blocks(extents, loop, 1) for loop in sorted(left)]
    return sum(1 for _ in itertools.product(*factors))


def tiles(extents: Mapping[str, int], sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Extents of every tile of a layer, ragged ones included; the kernel is never cut."""
    loops = "GNKCPQ"
    pieces = [
        [
            min(start + sizes[loop.lower()], extents[loop]) - start
            for start in range(0, extents[loop], sizes[loop.lower()])
        ]
        for loop in loops
    ]
    for piece in itertools.product(*pieces):
        yield {**dict(zip(loops, piece, strict=True)), "R": extents["R"], "S": extents["S"]}


def layer_steps(extents: Mapping[str, int], sizes: Mapping[str, int], unroll: Mapping[str, int]) -> int:
    """Steps of a layer: its tiles run one after another."""
    return sum(tile_steps(tile, unroll) for tile in tiles(extents, sizes))


def output_stationary_fold(rows: int, columns: int, reduction: int, drained: bool) -> int:
    """Cycles of one block of outputs: operands enter skewed; drained, one row of outputs then leaves per cycle."""
    at = {r + c + t for r in range(rows) for c in range(columns) for t in range(reduction)}
    return max(at) + 1 + (rows if drained else 0)


def stationary_fold(rows: int, columns: int, passes: int) -> int:
    """Cycles of one block of stationary weights (or inputs): a row is loaded per cycle, then `passes` vectors pass."""
    loaded = max(range(rows)) + 1
    at = {loaded + r + c + m for r in range(rows) for c in range(columns) for m in range(passes)}
    return max(at) + 1


def systolic_cycles(stationary: str, pixels: int, out_channels: int, reduction: int, rows: int, columns: int) -> int:
    """Cycles of a matrix product, fold after fold without overlap; edge folds cost as much as full ones.

    Outputs stationary: pixels on the rows, output channels on the columns, no drain of its own (as SCALE-Sim 3.0.0
    counts). Weights: reduction on the rows, output channels on the columns. Inputs: reduction on the rows, pixels on
    the columns.
    """
    down, across, passes = {
        "outputs": (pixels, out_channels, reduction),
        "weights": (reduction, out_channels, pixels),
        "inputs": (reduction, pixels, out_channels),
    }[stationary]
    fold = (
        output_stationary_fold(rows, columns, passes, drained=False)
        if stationary == "outputs"
        else stationary_fold(rows, columns, passes)
    )
    return sum(fold for _ in range(0, down, rows) for _ in range(0, across, columns))
