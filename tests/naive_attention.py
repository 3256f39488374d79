"""Attention tile by tile: what is fetched, what is held and how long it takes. Shares no code with simulator/."""

import itertools
from collections.abc import Mapping

from naive_array import tile_steps


def pieces(extent: int, size: int) -> list[tuple[int, int]]:
    """First index and length of every piece."""
    return [(at, min(size, extent - at)) for at in range(0, extent, size)]


def cost(
    sizes: tuple[int, int, int, int, int],
    tile: tuple[int, int, int],
    chip: Mapping[str, float],
    unrolls: tuple[Mapping[str, int], Mapping[str, int]],
    resident: frozenset[str],
) -> tuple[float, float, float]:
    """(SRAM bytes, outer-memory bytes, cycles) of one tile.

    sizes: heads, queries, keys, depth, context. chip: `width`, `sum_width`, `accumulators` [B], `lanes`, `softmax`
    (operations a score), `buffers` 1 or 2, `lane_macs` and `peak` (multiplications a cycle of lanes, 0: none, and of the array).
    unrolls: of the two products. resident: of queries, keys, values, outputs.
    """
    heads, queries, keys, depth, context = sizes
    walk = itertools.product(pieces(heads, tile[0]), pieces(queries, tile[1]), pieces(keys, tile[2]))
    here: dict[str, object] = {}
    fetched = dict.fromkeys(("queries", "keys", "values", "outputs"), 0)
    steps = operations = scored = products = 0
    largest = 0
    order = list(walk)
    for (head, hs), (query, qs), (key, ks) in order:
        wanted = {"queries": ((head, query), hs * qs * depth), "keys": ((head, key), hs * ks * depth)}
        wanted |= {"values": ((head, key), hs * ks * context), "outputs": ((head, query), hs * qs * context)}
        for name, (place, size) in wanted.items():
            if here.get(name) != place:
                fetched[name] += size
                here[name] = place
        rest = {"N": 1, "Q": 1, "R": 1, "S": 1}
        steps += tile_steps({"G": hs, "K": ks, "C": depth, "P": qs, **rest}, unrolls[0])
        steps += tile_steps({"G": hs, "K": context, "C": ks, "P": qs, **rest}, unrolls[1])
        scored += hs * qs * ks
        products += hs * qs * ks * (depth + context)
        largest = max(largest, hs * qs * ks)
        operations += hs * qs * context if key > 0 else 0
    softmax = scored * chip["softmax"] / (len(order) if chip["buffers"] == 2 else 1)
    fetched["values"] -= heads * keys * context  # the first pass is read beside the tiles
    moved = chip["width"] * sum(size for name, size in fetched.items() if name not in resident)
    cycles = steps + (softmax + operations) / chip["lanes"]
    if chip["lane_macs"]:  # lanes that multiply have nobody who works beside them
        busy = (scored * chip["softmax"] + operations) / chip["lanes"]
        cycles = min(cycles, products / min(chip["lane_macs"], chip["peak"]) + busy)
    return room(sizes, tile, chip, resident), moved, cycles


def room(
    sizes: tuple[int, int, int, int, int],
    tile: tuple[int, int, int],
    chip: Mapping[str, float],
    resident: frozenset[str],
) -> float:
    """SRAM bytes: what follows while a tile is worked on is there twice."""
    heads, queries, keys, depth, context = sizes
    h, q, k = tile
    rows_change = q < queries or h < heads
    keys_change = rows_change or k < keys
    one = chip["width"]
    held = {
        "queries": (one * h * q * depth, rows_change),
        "keys": (one * h * k * depth, keys_change),
        "values": (one * h * k * context, keys_change),
        "outputs": (one * h * q * context, rows_change),
        "scores": (one * h * q * k, keys_change),
    }
    total = sum(
        size * (chip["buffers"] if twice else 1) for name, (size, twice) in held.items() if name not in resident
    )
    if k < keys:  # unfinished sums, and the largest score and the sum of each query
        sums = chip["sum_width"] * h * q * context
        total += (0 if sums <= chip["accumulators"] else sums) + 2 * chip["sum_width"] * h * q
    return total
