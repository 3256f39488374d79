"""Random small layers and arrays for the brute force over unrollings; nothing here comes from simulator/."""

import math
import random

from brute_frontier import kernel_rows_together, spreads
from naive import Machine, NaiveLayer
from twin_cycles import Array, Spread

STATIONARY = ("weights", "outputs", "inputs", "rows")
AXES: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    (("reduction",), ("out_channels",), ("groups", "out_channels", "pixels")),
    (("reduction",), ("out_channels", "groups"), ("batch", "pixels")),
    (("in_channels", "kernel_width"), ("out_channels",), ("batch", "out_channels")),
    (("in_channels", "kernel_height"), ("out_channels", "groups"), ("out_height",)),
    (("pixels",), ("out_channels",), ("batch", "groups")),
    (("out_height", "out_width"), ("out_channels",), ("in_channels",)),
    (("groups", "in_channels"), ("out_width",), ()),
]
ROWS: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    (("kernel_height", "in_channels"), ("out_height", "out_channels"), ("out_channels",)),
    (("kernel_height", "out_height", "out_channels"), ("kernel_width", "out_channels"), ("batch",)),
    (("in_channels",), ("kernel_height", "out_height"), ("groups",)),
]
"""Words on rows, columns and arrays; the second list for arrays that keep rows of the kernel."""


def random_layer(rng: random.Random, most_tiles: int) -> NaiveLayer:
    """A layer of any kind, its pads uneven, with at most so many integer tiles."""
    while True:
        kind = rng.choice(["dense", "depthwise", "grouped", "plain", "plain"])
        size = {loop: rng.choice([1, 1, 2, 3, 4, 5, 6]) for loop in "GNKCPQ"}
        if kind in ("dense", "plain"):
            size["G"] = 1
        if kind == "depthwise":
            size["K"] = size["C"] = 1
        if kind == "dense":
            size["P"] = size["Q"] = 1
        if 1 < math.prod(size.values()) <= most_tiles:
            break
    if kind == "dense":
        return NaiveLayer(**size)
    R, S, sh, sw = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 2), rng.randint(1, 2)
    dh, dw = rng.choice([1, 1, 2]), rng.choice([1, 1, 2])
    top, left = rng.randint(0, dh * (R - 1)), rng.randint(0, dw * (S - 1))
    H = max(1, (size["P"] - 1) * sh + dh * (R - 1) + 1 - top - rng.randint(0, dh * (R - 1)))
    W = max(1, (size["Q"] - 1) * sw + dw * (S - 1) + 1 - left - rng.randint(0, dw * (S - 1)))
    return NaiveLayer(**size, R=R, S=S, sh=sh, sw=sw, dh=dh, dw=dw, top=top, left=left, H=H, W=W)


def random_array(rng: random.Random, stationary: str | None = None) -> Array:
    """An array of at most 3 x 3 x 3 units, with every property that the cycles of a tiling depend on."""
    stationary = stationary or rng.choice(STATIONARY)
    axes = rng.choice(ROWS if stationary == "rows" else AXES)
    by_bus = stationary in ("weights", "rows") and rng.random() < 0.2
    words = (
        (rng.randint(1, 6), rng.randint(1, 9), rng.randint(1, 3))
        if stationary == "rows" and rng.random() < 0.5
        else None
    )
    return Array(
        rows=rng.randint(1, 4),
        columns=rng.randint(1, 3),
        count=rng.randint(1, 3),
        on_rows=axes[0],
        on_columns=axes[1],
        on_count=axes[2],
        stationary=stationary,
        rate=rng.choice([1.0, 1.0, 0.5, 2.0]),
        accumulators=0.0 if words else rng.choice([0.0, 0.0, 4.0, 12.0, 40.0, 400.0]),
        two_sets=stationary != "outputs" and rng.random() < 0.4,
        systolic=rng.random() < 0.4,
        load_cycles=0.0 if by_bus else rng.choice([0.0, 2.0, 5.0]),
        bus=rng.choice([1.0, 4.0]) if by_bus else 0.0,
        overhead=rng.choice([0.0, 0.0, 3.0]),
        words=words,
        multicast=rng.random() < 0.6,
        link=rng.choice([math.inf, 1.0, 4.0]),
        port=rng.choice([math.inf, 2.0, 8.0]),
        holds=rng.choice([("inputs", "weights", "outputs")] * 4 + [("inputs", "outputs"), ("inputs", "weights")]),
        widening=rng.choice([0.0, 0.0, 0.0, 0.25, 1.5]),
    )


def random_machine(rng: random.Random) -> Machine:
    """Widths and buffers of a random chip; of a streamed operand one element is in the SRAM."""
    in_w, wt_w, out_w, acc_w = (rng.choice(widths) for widths in ([1, 2], [1, 2], [1, 2], [2, 4]))
    return Machine(in_w, wt_w, out_w, acc_w, db=rng.choice([1, 2]), granules=(in_w, wt_w, max(out_w, acc_w)))


def random_tile(rng: random.Random, layer: NaiveLayer) -> dict[str, int]:
    """Any integer tile."""
    return {loop.lower(): rng.randint(1, getattr(layer, loop)) for loop in "GNKCPQ"}


def random_spread(rng: random.Random, layer: NaiveLayer, array: Array) -> Spread:
    """Any unrolling."""
    return rng.choice(kernel_rows_together(list(spreads(layer, array)), layer, array))
