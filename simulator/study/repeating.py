"""Equal layers once: what a pass of a deep decoder takes, from passes of two shallow ones that differ by one period of layers.

Each further period takes what the last one took, where weights pass through the chip: the schedule of a layer looks at its
neighbours, not at how many there are. Where some of them stay in the SRAM, depth counts, and all layers are scheduled.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.priced import priced_chip
from simulator.formats import formats_of
from simulator.graph.build import Graph
from simulator.graph.language import Decoder
from simulator.graph.shallow import decoder_in, depths, with_layers
from simulator.kernels.layout import SLACK
from simulator.result.form import Later, LayerResult, Layers, Result
from simulator.result.gains import Waiting, bound_of, bound_within
from simulator.run import simulate

POWER = "power_s"
"""What a power limit adds, in a waterfall."""

_TIMES = ("load_s", "lower_bound_s")
_SUMS = ("macs", "macs_executed", "dram_bytes", "load_bytes", "dram_used_bytes")
_MAPS = ("waterfall", "waterfall_period")


def streams(decoder: Decoder, chip: Architecture, width: float) -> bool:
    """Whether a layer is scheduled alike whatever the depth: its weights are more than the SRAM, or never stay, nor do states.

    width: bytes of a weight.
    """
    layer = decoder.attention_parameters + decoder.feed_forward_parameters(decoder.expert_ffn or decoder.ffn)
    if chip.keeps_states:  # which leave the weights as much less as there are layers
        return False
    return chip.schedule.residency == "none" or layer * width >= chip.sram.capacity_bytes


def repeated(run: Callable[[int], Result], decoder: Decoder, chip: Architecture, width: float) -> Result:
    """The pass of a decoder on a chip. run: the same of one with so many layers. width: bytes of a weight."""
    found = depths(decoder) if streams(decoder, chip, width) else None
    if found is None:
        return run(decoder.layers)
    low, high = (run(layers) for layers in found)
    depth = Depth(decoder.layers, *found)
    deeper = combined(low, high, depth.at, Limit.of(chip), high.batch)

    def bound() -> str:
        found = _bound(low, high, depth, deeper.waterfall_period[POWER], deeper.largest_loss)
        return deeper.bound_by if found is None else found

    gains = Later.given(deeper, "gain_if_infinite")  # a copy would work them out
    return replace(deeper, layers=lambda: _layers(high, depth), bound_by=bound, gain_if_infinite=gains)


def deep(graph: Graph, chip: Architecture, batch: int, precision: str) -> Result:
    """As `simulate`; of a bundled language model equal layers once."""
    decoder = decoder_in(graph)
    if decoder is None:
        return simulate(graph, chip, batch, precision)
    width = formats_of(precision, () if chip.array is None else tuple(chip.array.rate)).weights.width
    return repeated(lambda layers: simulate(with_layers(graph, layers), chip, batch, precision), decoder, chip, width)


@dataclass(frozen=True)
class Depth:
    """Layers of the decoder and of two shallow ones."""

    layers: int
    low: int
    high: int

    def at(self, low: float, high: float) -> float:
        """A figure that each layer adds the same to."""
        return high + (self.layers - self.high) / (self.high - self.low) * (high - low)


@dataclass(frozen=True)
class Limit:
    """What a power limit makes of a pass: see `PowerModel.limited_s`, of which energy and time are taken apart here."""

    left_w: float = math.inf
    """Beside static power; infinite without a limit."""
    throttle: float = 1.0

    @classmethod
    def of(cls, chip: Architecture) -> "Limit":
        """That of a chip."""
        model = priced_chip(chip).power
        if model is None or chip.power_limit_w is None or float(model.static_w) >= chip.power_limit_w:
            return cls()
        return cls(chip.power_limit_w - float(model.static_w), float(model.throttle))

    def least_s(self, found: Result, time_s: float, added_s: float) -> float:
        """Energy that a result would draw at the full voltage, over what may be drawn. [s]

        added_s: of `time_s`, what the limit adds: where it adds something the result draws less than that. A pass that starts
        cold draws what one in steady state does, since its weights pass through.
        """
        if added_s > 0.0:
            return float((time_s / (time_s - added_s) ** (1.0 - self.throttle)) ** (1.0 / self.throttle))
        if found.energy is None or math.isinf(self.left_w):
            return 0.0
        return (found.energy["total_j"] - found.energy["static_j"]) / self.left_w

    def times_s(self, free_s: npt.NDArray[np.float64], least_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Times of passes that take `free_s` without the limit."""
        held = free_s ** (1.0 - self.throttle) * least_s**self.throttle
        return np.where(least_s > free_s, np.maximum(free_s, held), free_s)


def combined(low: Result, high: Result, on: Callable[[float, float], float], limit: Limit, batch: int) -> Result:
    """A pass each of whose figures is made of those of two others; all else, its layers too, is of the second.

    on: makes them, the same for each figure that adds up. batch: items of the whole pass.
    """

    def mapped(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
        return {key: max(0.0, on(first[key], second[key])) for key in second}

    figures: dict[str, Any] = {name: on(getattr(low, name), getattr(high, name)) for name in (*_TIMES, *_SUMS)}
    figures.update({name: round(figures[name]) for name in ("macs", "macs_executed")})
    figures.update({name: mapped(getattr(low, name), getattr(high, name)) for name in _MAPS})
    latency_s, cold_s, _ = _limited(
        limit, on, [(one, one.latency_s, one.waterfall.get(POWER, 0.0)) for one in (low, high)]
    )
    period_s, steady_s, least_s = _limited(
        limit,
        on,
        [(one, one.batch / one.throughput_per_s, one.waterfall_period.get(POWER, 0.0)) for one in (low, high)],
    )
    figures["latency_s"] = latency_s
    figures["waterfall"][POWER], figures["waterfall_period"][POWER] = latency_s - cold_s, period_s - steady_s
    rate = batch / period_s
    faster = rate / high.throughput_per_s
    shorter = faster * high.batch / batch
    for name in ("utilisation", "effective_utilisation"):
        done = "macs_executed" if name == "utilisation" else "macs"
        figures[name] = (
            getattr(high, name) * figures[done] / getattr(high, done) * shorter if getattr(high, done) else 0.0
        )
    figures.update(rates_of(high, faster))
    if low.energy is not None and high.energy is not None:
        energy = _energy(low, high, on, limit, least_s, period_s)
        figures["energy"] = energy
        figures["power_w"] = None if high.power_w is None else energy["average_w"]
        if high.power_w is not None and figures["throughput_per_w"] is not None:
            figures["throughput_per_w"] *= high.power_w / figures["power_w"]
    if high.energy_per_inference_j is not None and low.energy_per_inference_j is not None:
        figures["energy_per_inference_j"] = figures["energy"]["total_j"] / batch
    losses = {part: value for part, value in figures["waterfall_period"].items() if part != "ideal_s"}
    worst = max(losses, key=lambda part: losses[part])
    figures["largest_loss"] = loss = worst if losses[worst] > 0.0 else "ideal_s"

    def gains() -> dict[str, float]:
        found = mapped(low.gain_if_infinite, high.gain_if_infinite)
        return {**found, "power": period_s - steady_s} if "power" in found else found

    return replace(
        high,
        **figures,
        batch=batch,
        layers=Later.given(high, "layers"),  # a copy would work them out
        gain_if_infinite=gains,
        bound_by=lambda: bound_of(gains(), loss),
    )


def _bound(low: Result, high: Result, depth: Depth, power_s: float, loss: str) -> str | None:
    """What binds a deep pass, from what each roof of two shallow ones saves at least and at most: few of them are scheduled
    without. power_s: what the power limit adds. None where gains were given as they are.
    """
    waiting = [Later.given(one, "gain_if_infinite") for one in (low, high)]
    if not all(isinstance(one, Waiting) for one in waiting):
        return None
    few, more = (one.gains() for one in waiting)
    most = {roof: max(0.0, depth.at(0.0, saved) / SLACK) for roof, saved in more.most().items()}
    most["power"] = power_s

    def least(roof: str) -> float:
        return power_s if roof == "power" else depth.at(few.most()[roof], more.least(roof)) * SLACK

    def saved(roof: str) -> float:
        return power_s if roof == "power" else max(0.0, depth.at(few.saved(roof), more.saved(roof)))

    return bound_within(most, least, saved, loss)


def _limited(limit: Limit, on: Callable[[float, float], float], pair: Any) -> tuple[float, float, float]:
    """Time of the deep pass, the same without the limit, and the least that its energy allows, from those of two shallow ones."""
    free_s = on(*(time_s - added_s for _, time_s, added_s in pair))
    least_s = on(*(limit.least_s(*one) for one in pair))
    return float(limit.times_s(np.array(free_s), np.array(least_s))), free_s, least_s


def _energy(
    low: Result, high: Result, on: Callable[[float, float], float], limit: Limit, least_s: float, period_s: float
) -> dict[str, float]:
    """Energy of the deep pass: that of the full voltage, of which a limit takes what is above it."""
    free = []
    for one in (low, high):
        was, added_s = one.energy or {}, one.waterfall_period.get(POWER, 0.0)
        drawn = was["total_j"] - was["static_j"]
        least = limit.least_s(one, one.batch / one.throughput_per_s, added_s)
        share = least * limit.left_w / drawn if added_s > 0.0 and drawn else 1.0
        free.append(
            {name: was[name] * share for name in was if name.endswith("_j") and name not in ("static_j", "total_j")}
        )
    items = {name: max(0.0, on(free[0][name], free[1][name])) for name in free[1]}
    share = min(1.0, period_s / least_s) if least_s > 0.0 else 1.0
    items = {name: value * share for name, value in items.items()}
    static_w = (high.energy or {})["static_w"]
    items["static_j"] = static_w * period_s
    total_j = sum(items.values())
    return {**items, "total_j": total_j, "static_w": static_w, "average_w": total_j / period_s}


def rates_of(result: Result, faster: float) -> dict[str, float | None]:
    """The throughput of a result, by itself and over what it takes, at so many times the speed."""
    names = [name for name in result.__dataclass_fields__ if name.startswith("throughput_")]
    values = {name: getattr(result, name) for name in names}
    return {name: None if value is None else value * faster for name, value in values.items()}


def _layers(high: Result, depth: Depth) -> Layers:
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
