"""Equal layers once: what a pass of a deep decoder takes, from passes of two shallow ones that differ by one period of layers.

Each further period takes what the last one took, where weights pass through the chip: the schedule of a layer looks at its
neighbours, not at how many there are. Where some of them stay in the SRAM, depth counts, and all layers are scheduled.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulator.chip.schema import Architecture
from simulator.cost.priced import priced
from simulator.graph.language import Decoder
from simulator.result.form import LayerResult, Layers, Result
from simulator.result.gains import bound_of

EXPERT_LAYERS = 8
"""Layers of a period where there are experts: how many of them are met differs by one from layer to layer."""

POWER = "power_s"
"""What a power limit adds, in a waterfall."""

_TIMES = ("load_s", "lower_bound_s")
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

    width: bytes of a weight.
    """
    layer = decoder.attention_parameters + decoder.feed_forward_parameters(decoder.expert_ffn or decoder.ffn)
    return chip.schedule.residency == "none" or layer * width >= chip.sram.capacity_bytes


def repeated(run: Callable[[int], Result], decoder: Decoder, chip: Architecture, width: float) -> Result:
    """The pass of a decoder on a chip. run: the same of one with so many layers. width: bytes of a weight."""
    found = depths(decoder) if streams(decoder, chip, width) else None
    if found is None:
        return run(decoder.layers)
    low, high = (run(layers) for layers in found)
    held = [one.waterfall_period.get(POWER, 0.0) > 0.0 for one in (low, high)]
    if held[0] != held[1]:
        return run(decoder.layers)  # a power limit sets in between them
    model = priced(chip).power
    deep = _extended(low, high, _Depth(decoder.layers, *found), 1.0 if model is None else float(model.throttle))
    energy_j = deep.energy["total_j"] if deep.energy else 0.0
    if (
        chip.power_limit_w is not None
        and not held[1]
        and energy_j * deep.throughput_per_s > chip.power_limit_w * deep.batch
    ):
        return run(decoder.layers)
    return deep


@dataclass(frozen=True)
class _Depth:
    """Layers of the decoder and of two shallow ones."""

    layers: int
    low: int
    high: int

    def at(self, low: float, high: float) -> float:
        """A figure that each layer adds the same to."""
        return high + (self.layers - self.high) / (self.high - self.low) * (high - low)

    def held(self, low: tuple[float, float], high: tuple[float, float], throttle: float) -> tuple[float, float]:
        """Time with a power limit, and what of it the limit adds, from those of the shallow ones.

        Without the limit time is a sum over layers, and so is the energy, which sets the limit's own time: see
        `PowerModel.limited_s`, of which the two are taken apart here and put together again.
        """
        free = [time - added for time, added in (low, high)]
        whole = self.at(*free)
        if not (low[1] > 0.0 and high[1] > 0.0):
            return whole, 0.0
        least = [
            (pair[0] / base ** (1.0 - throttle)) ** (1.0 / throttle)
            for pair, base in zip((low, high), free, strict=True)
        ]
        time = max(whole, whole ** (1.0 - throttle) * self.at(*least) ** throttle)
        return time, time - whole


def _extended(low: Result, high: Result, depth: _Depth, throttle: float) -> Result:
    """The larger result with its difference from the smaller added for each further period."""
    on = depth.at

    def mapped(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
        return {key: max(0.0, on(first[key], second[key])) for key in second}

    figures: dict[str, Any] = {name: on(getattr(low, name), getattr(high, name)) for name in (*_TIMES, *_SUMS)}
    figures.update({name: round(figures[name]) for name in ("macs", "macs_executed")})
    figures.update({name: mapped(getattr(low, name), getattr(high, name)) for name in _MAPS})
    cold, steady = (
        [(time, fall.get(POWER, 0.0)) for time, fall in pairs]
        for pairs in (
            [(one.latency_s, one.waterfall) for one in (low, high)],
            [(one.batch / one.throughput_per_s, one.waterfall_period) for one in (low, high)],
        )
    )
    figures["latency_s"], cold_power_s = depth.held(cold[0], cold[1], throttle)
    period_s, power_s = depth.held(steady[0], steady[1], throttle)
    figures["waterfall"][POWER], figures["waterfall_period"][POWER] = cold_power_s, power_s
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
        energy = {**mapped(low.energy, high.energy), "static_w": high.energy["static_w"]}
        energy["average_w"] = energy["total_j"] / period_s
        figures["energy"] = energy
        figures["power_w"] = None if high.power_w is None else energy["average_w"]
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
        layers=lambda: _layers(high, depth),
    )


def _layers(high: Result, depth: _Depth) -> Layers:
    """Layers of the larger result, those of its last period as often as there are periods."""
    first, last = depth.low, depth.high
    by_number: dict[int, list[LayerResult]] = {}
    after: list[LayerResult] = []
    before: list[LayerResult] = []
    for layer in high.layers:
        head, _, _ = layer.name.partition("_")
        number = int(head.removeprefix("layer")) if head.startswith("layer") and head[5:].isdigit() else 0
        (by_number.setdefault(number, []) if number else after if by_number else before).append(layer)
    found = list(before)
    for number in range(1, depth.layers + 1):
        like = number if number <= last else first + (number - first - 1) % (last - first) + 1
        for layer in by_number[like]:
            found.append(replace(layer, name=layer.name.replace(f"layer{like}_", f"layer{number}_", 1)))
    return tuple(found + after)
