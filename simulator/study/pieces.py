"""A pass over prompts that a runtime takes in pieces of so many tokens: what all of them take together.

A piece attends to all tokens before it, so what it takes grows evenly from the first to the last; all weights are read for each.
"""

from collections.abc import Callable
from dataclasses import replace

from simulator.chip.schema import Architecture
from simulator.result.form import LayerResult, Layers, Result
from simulator.study.repeating import Limit, combined

Pieces = Callable[[int, int, int], Result]
"""A pass over so many new tokens of so many sequences, behind so many tokens."""


def in_pieces(run: Pieces, chip: Architecture, lengths: tuple[int, int, int], piece: int, batch: int) -> Result:
    """A pass over prompts, those of several sequences together where they fit a piece.

    lengths: sequences, new tokens of each, tokens before them. piece: tokens of a pass. batch: items of the whole.
    """
    sequences, tokens, context = lengths
    together = max(1, min(sequences, piece // tokens))
    times = sequences / together
    full, rest = divmod(tokens, piece)
    if not full:
        found = run(together, tokens, context)
        return found if times == 1 else _sum(chip, found, found, (0.0, times), batch)
    first = run(together, piece, context)
    last = run(together, piece, context + (full - 1) * piece) if full > 1 else first
    found = first if full == times == 1 else _sum(chip, first, last, (times * full / 2, times * full / 2), batch)
    if rest:
        found = _sum(chip, found, run(together, rest, context + full * piece), (1.0, times), batch)
    return found


def _sum(chip: Architecture, one: Result, other: Result, times: tuple[float, float], batch: int) -> Result:
    """Two passes, each so many times."""

    def on(first: float, second: float) -> float:
        return times[0] * first + times[1] * second

    def layers() -> Layers:
        mine = {layer.name: layer for layer in one.layers}
        theirs = {layer.name for layer in other.layers}
        both = [_layer(mine.get(layer.name), layer, on) for layer in other.layers]
        return tuple(both + [_layer(layer, None, on) for name, layer in mine.items() if name not in theirs])

    found = combined(one, other, on, Limit.of(chip), batch)
    return replace(found, layers=layers)


def _layer(one: LayerResult | None, other: LayerResult | None, on: Callable[[float, float], float]) -> LayerResult:
    """A layer of both passes, or of one of them."""
    named = other or one
    if named is None:
        raise ValueError("a layer must be of one of two passes")

    def of(value: Callable[[LayerResult], float]) -> float:
        return on(value(one) if one else 0.0, value(other) if other else 0.0)

    latency_s = of(lambda layer: layer.latency_s)
    busy_s = of(lambda layer: layer.utilisation * layer.latency_s)
    return replace(
        named,
        macs=round(of(lambda layer: layer.macs)),
        cycles=of(lambda layer: layer.cycles),
        latency_s=latency_s,
        utilisation=busy_s / latency_s if latency_s else 0.0,
        dram_bytes=of(lambda layer: layer.dram_bytes),
        waterfall={part: of(lambda layer, part=part: layer.waterfall[part]) for part in named.waterfall},  # type: ignore[misc]
    )
