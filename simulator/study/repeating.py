"""Equal layers once: what a pass of a deep decoder takes, from passes of two shallow ones that differ by one period of layers.

Each further period takes what the last one took, where weights pass through the chip: the schedule of a layer looks at its
neighbours, not at how many there are. Where some of them stay in the SRAM, depth counts, and all layers are scheduled.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulator.chip.schema import Architecture
from simulator.graph.language import Decoder
from simulator.result.form import LayerResult, Layers, Result
from simulator.result.gains import bound_of

EXPERT_LAYERS = 8
"""Layers of a period where there are experts: how many of them are met differs by one from layer to layer."""

_TIMES = ("latency_s", "load_s", "lower_bound_s")
_SUMS = ("macs", "macs_executed", "dram_bytes", "load_bytes", "dram_used_bytes")
_MAPS = ("waterfall", "waterfall_period")


def depths(decoder: Decoder) -> tuple[int, int] | None:
    """Layers of the two shallow decoders; None where all of them are no more."""
    period = decoder.global_every or 1
    if decoder.experts:
        period = math.lcm(period, EXPERT_LAYERS)
    first = decoder.dense_first + (decoder.layers - decoder.dense_first) % period or period
    if first <= decoder.dense_first:
        first += period
    return (first, first + period) if first + period < decoder.layers else None


def streams(decoder: Decoder, chip: Architecture, width: float) -> bool:
    """Whether the weights of a layer pass through the chip whatever the depth: they are more than its SRAM, or never stay.

    width: bytes of a number.
    """
    layer = decoder.attention_parameters + decoder.feed_forward_parameters(decoder.expert_ffn or decoder.ffn)
    return chip.schedule.residency == "none" or layer * width >= chip.sram.capacity_bytes


def repeated(run: Callable[[int], Result], decoder: Decoder, chip: Architecture, width: float) -> Result:
    """The pass of a decoder on a chip. run: the same of one with so many layers. width: bytes of a number."""
    found = depths(decoder) if streams(decoder, chip, width) else None
    if found is None:
        return run(decoder.layers)
    low, high = (run(layers) for layers in found)
    times = (decoder.layers - found[1]) / (found[1] - found[0])
    deep = _extended(low, high, times, found, decoder.layers)
    period_s = deep.batch / deep.throughput_per_s
    energy_j = sum(deep.energy.values()) if deep.energy else 0.0
    limited = low.waterfall_period.get("power_s") or high.waterfall_period.get("power_s")
    if chip.power_limit_w is not None and (limited or energy_j > chip.power_limit_w * period_s):
        return run(decoder.layers)  # what a power limit costs is no sum over layers
    return deep


def _extended(low: Result, high: Result, times: float, depths: tuple[int, int], layers: int) -> Result:
    """The larger result with its difference from the smaller added so many times."""

    def on(first: float, second: float) -> float:
        return second + times * (second - first)

    def mapped(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
        return {key: max(0.0, on(first[key], second[key])) for key in second}

    figures: dict[str, Any] = {name: on(getattr(low, name), getattr(high, name)) for name in (*_TIMES, *_SUMS)}
    figures.update({name: round(figures[name]) for name in ("macs", "macs_executed")})
    figures.update({name: mapped(getattr(low, name), getattr(high, name)) for name in _MAPS})
    period_s = on(low.batch / low.throughput_per_s, high.batch / high.throughput_per_s)
    rate = high.batch / period_s
    faster = rate / high.throughput_per_s
    for name in ("utilisation", "effective_utilisation"):
        done = "macs_executed" if name == "utilisation" else "macs"
        figures[name] = (
            getattr(high, name) * figures[done] / getattr(high, done) * faster if getattr(high, done) else 0.0
        )
    for name in [name for name in high.__dataclass_fields__ if name.startswith("throughput_")]:
        value = getattr(high, name)
        figures[name] = None if value is None else value * faster
    if low.energy is not None and high.energy is not None:
        energy = mapped(low.energy, high.energy)
        figures["energy"] = energy
        figures["power_w"] = None if high.power_w is None else sum(energy.values()) / period_s
        if high.power_w is not None and figures["throughput_per_w"] is not None:
            figures["throughput_per_w"] *= high.power_w / figures["power_w"]
    if high.energy_per_inference_j is not None and low.energy_per_inference_j is not None:
        figures["energy_per_inference_j"] = on(low.energy_per_inference_j, high.energy_per_inference_j)
    losses = {part: value for part, value in figures["waterfall_period"].items() if part != "ideal_s"}
    worst = max(losses, key=lambda part: losses[part])
    figures["largest_loss"] = worst if losses[worst] > 0.0 else "ideal_s"

    def gains() -> dict[str, float]:
        return mapped(low.gain_if_infinite, high.gain_if_infinite)

    return replace(
        high,
        **figures,
        gain_if_infinite=gains,
        bound_by=lambda: bound_of(gains(), figures["largest_loss"]),
        layers=lambda: _layers(high, depths, layers),
    )


def _layers(high: Result, depths: tuple[int, int], layers: int) -> Layers:
    """Layers of the larger result, those of its last period as often as there are periods."""
    first, last = depths
    by_number: dict[int, list[LayerResult]] = {}
    after: list[LayerResult] = []
    before: list[LayerResult] = []
    for layer in high.layers:
        head, _, _ = layer.name.partition("_")
        number = int(head.removeprefix("layer")) if head.startswith("layer") and head[5:].isdigit() else 0
        (by_number.setdefault(number, []) if number else after if by_number else before).append(layer)
    found = list(before)
    for number in range(1, layers + 1):
        like = number if number <= last else first + (number - first - 1) % (last - first) + 1
        for layer in by_number[like]:
            found.append(replace(layer, name=layer.name.replace(f"layer{like}_", f"layer{number}_", 1)))
    return tuple(found + after)
