"""Does A still beat B when prices, efficiencies and the model itself are off? In how many draws, and what turns it?"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from simulator.chip.change import changed_chip
from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.cost.bill import SEED
from simulator.cost.die import Die
from simulator.cost.money import YIELD_MODELS
from simulator.errors import ChipError, OptionError, argument, nearest
from simulator.graph.build import Graph
from simulator.graph.load import load_network
from simulator.graph.own import Precision, precision_of
from simulator.progress import each
from simulator.run import simulate
from simulator.store.calls import public, usual
from simulator.store.shown import Shown
from simulator.study.assumptions import (
    BOTH,
    NAMES,
    OF_COST,
    OF_ENERGY,
    Assumption,
    assumptions_of,
    bill_usd,
    draws_of,
    priced_die,
)
from simulator.study.subject import changes_of, chip_of

Floats = npt.NDArray[np.float64]

DRAWS = 10_000
MOST_DRAWS, MOST_SEED = 1_000_000, 2**32 - 1

FIGURES = {
    "throughput_per_usd": ("throughput per dollar", "1/s/USD", True),
    "throughput_per_s": ("throughput", "1/s", True),
    "throughput_per_w": ("throughput per watt", "1/s/W", True),
    "latency_s": ("latency", "s", False),
    "bill_usd": ("bill", "USD", False),
}
"""What may be compared: in words, unit, whether more is better."""

SHORT = {"throughput": "throughput_per_s", "latency": "latency_s", "cost": "bill_usd"}

WIDEST = 6.0
"""Standard deviations up to which the point where the order turns is looked for: nothing is drawn beyond."""

_NODES = 33  # bandwidths at which schedules are solved; periods in between go straight in 1 / bandwidth
_BINS = 60
_STEPS = 481  # of the search for the turning point


@dataclass(frozen=True)
class Side:
    """One of the two chips."""

    chip: str
    changes: tuple[str, ...]
    best: float
    """The figure by the best estimates, in its unit."""
    low: float
    """5th percentile of the draws."""
    high: float
    """95th percentile."""


@dataclass(frozen=True)
class Influence:
    """What one assumption does to the comparison, the others at their best."""

    name: str
    words: str
    best: float | None
    """Best estimate in `unit`; None where the two chips have none in common, and factors tell."""
    unit: str
    low: float
    """Factor of the 5th percentile [-]."""
    high: float
    """Factor of the 95th [-]."""
    ratio_low: float
    """A over B (for a time or a cost B over A, so that above 1 A is better) at the low factor [-]."""
    ratio_high: float
    turns_at: float | None
    """Factor at which the order turns, the nearest to 1; None where none within six standard deviations does."""
    turns_within: bool
    """Whether it turns between the low and the high factor."""
    share: float
    """Of the spread of the draws: its squared rank correlation with the ratio, over the sum of all [-]."""


@dataclass(frozen=True, repr=False)
class Uncertainty(Shown):
    """The answer."""

    network: str
    by: str
    batch: int
    precision: str
    draws: int
    seed: int
    a: Side
    b: Side
    a_beats_b: int
    """Draws in which A is better."""
    b_beats_a: int
    ratio: float
    """A over B (turned round for a time or a cost: above 1 A is better) by the best estimates [-]."""
    ratio_low: float
    ratio_high: float
    influences: tuple[Influence, ...]
    """Those that move the ratio most first."""
    histogram: dict[str, list[float]]
    """`edges` of the ratio in equal steps of its logarithm, `count` of draws between them."""
    notes: tuple[str, ...] = field(default=())

    @property
    def share(self) -> float:
        """Share of the draws in which A is better [-]."""
        return self.a_beats_b / self.draws

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "share": self.share}


@dataclass(frozen=True)
class _Curve:
    """One chip on the network: what the figures are made of, over the factor of its bandwidth."""

    chip: Architecture
    inverse: Floats
    """1 / factor, rising."""
    period_s: Floats
    latency_s: Floats
    batch: int
    energy_j: dict[str, float]
    """By part, of a batch; empty where unknown."""
    static_w: float

    def at(self, values: Floats, factors: Mapping[str, Floats]) -> Floats:
        """A time over the draws of the bandwidth, between the solved ones straight in 1 / bandwidth."""
        if "bandwidth" not in factors:
            return np.full(len(next(iter(factors.values()))), values[self.inverse == 1.0][0])
        return np.interp(1.0 / factors["bandwidth"], self.inverse, values)


class Sides(TypedDict, total=False):
    """What is changed of the two chips, and who hears of them."""

    set_a: Settings | None
    """Changes of `a`, where it is given by name."""
    set_b: Settings | None
    """The same of `b`."""
    tell: Callable[[str], None]
    """Called with the chip that is being simulated."""


@usual(set_a=None, set_b=None, tell=lambda _: None)
@public
def uncertainty(
    network: Graph | str,
    a: Architecture | str,
    b: Architecture | str,
    batch: int = 1,
    precision: Precision | None = None,
    by: str = "throughput_per_usd",
    draws: int = DRAWS,
    seed: int = SEED,
    **more: Unpack[Sides],
) -> Uncertainty:
    """In how many draws of what is uncertain A beats B, and which assumption turns it.

    Parameters
    ----------
    network, batch, precision
        As in `simulate`.
    a, b
        Two chips, by name, path or as Architecture.
    by
        One of FIGURES, or a word of SHORT.
    draws, seed
        How many draws, and which stream: equal seeds give equal answers.
    more
        What of `Sides` is given.

    Raises
    ------
    OptionError
        An unknown figure, or a number of draws that cannot be.
    ChipError, NetworkError, InfeasibleError
        As `simulate`, and for a chip without a bill where one is needed.
    """
    figure = SHORT.get(by, by)
    if figure not in FIGURES:
        raise OptionError(f"unknown figure {by!r}{nearest(by, [*FIGURES, *SHORT])}", key="by")
    if isinstance(draws, bool) or not 100 <= draws <= MOST_DRAWS:
        raise OptionError(key="draws", must=f"be from 100 to {MOST_DRAWS:,}", got=draws)
    if isinstance(seed, bool) or not 0 <= seed <= MOST_SEED:
        raise OptionError(key="seed", must=f"be from 0 to {MOST_SEED:,}", got=seed)
    graph = load_network(network) if isinstance(network, str) else network
    precision = precision_of(graph, precision)
    chips = chip_of(a, more["set_a"], "set_a"), chip_of(b, more["set_b"], "set_b")
    dies = tuple(_die(chip, figure) for chip in chips)
    alike = _alike(*chips)
    names = _names_of(figure, chips, alike)
    own = (("model_a", "area"), ("model_a", "area") if alike else ("model_b", "reference_area"))
    assumed = assumptions_of(names, *dies)
    factors = draws_of(assumed, draws, seed)
    span = [factors["bandwidth"].min(), factors["bandwidth"].max()] if "bandwidth" in factors else [1.0, 1.0]
    bandwidth = next((one for one in assumed if one.name == "bandwidth"), None)
    if bandwidth is not None:
        wide = float(np.exp(WIDEST * bandwidth.log_sd))
        span = [min(span[0], 1.0 / wide), max(span[1], wide)]
    curves = []
    for chip in each(chips):
        more["tell"](chip.name)
        curves.append(_curve(graph, chip, batch, precision, span))

    def sides(rows: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        first, second = (
            _figure(figure, curve, die, rows, *its) for curve, die, its in zip(curves, dies, own, strict=True)
        )
        return first, second

    of_a, of_b = sides(factors)
    larger_wins = FIGURES[figure][2]
    log_ratio = _log_ratio(of_a, of_b, larger_wins)
    drawn = log_ratio[1:]
    words = {**NAMES, **(BOTH if alike else {})}
    influences = _influences(assumed, words, factors, log_ratio, lambda rows: _log_ratio(*sides(rows), larger_wins))
    low, high = np.quantile(drawn, (0.05, 0.95))
    width = max(float(np.ptp(drawn)), 1e-9) / _BINS  # 1, where the two are equal, is the edge of a bin
    edges = width * np.arange(np.floor(drawn.min() / width), np.floor(drawn.max() / width) + 2)
    counts, _ = np.histogram(drawn, bins=edges)
    labels = changes_of(more["set_a"]), changes_of(more["set_b"])
    return Uncertainty(
        network=str(graph.graph.get("name", "network")),
        by=figure,
        batch=batch,
        precision=precision,
        draws=draws,
        seed=seed,
        a=_side(chips[0], labels[0], of_a),
        b=_side(chips[1], labels[1], of_b),
        a_beats_b=int((drawn > 0.0).sum()),
        b_beats_a=int((drawn < 0.0).sum()),
        ratio=float(np.exp(log_ratio[0])),
        ratio_low=float(np.exp(low)),
        ratio_high=float(np.exp(high)),
        influences=influences,
        histogram={"edges": np.exp(edges).tolist(), "count": counts.astype(float).tolist()},
        notes=_notes(chips, figure),
    )


def _log_ratio(of_a: Floats, of_b: Floats, more: bool) -> Floats:
    return np.asarray(np.log(of_a / of_b) * (1.0 if more else -1.0))


def _die(chip: Architecture, figure: str) -> Die | None:
    """The die where the figure has a cost in it."""
    if figure not in ("throughput_per_usd", "bill_usd"):
        return None
    try:
        return priced_die(chip)
    except ChipError as error:
        raise ChipError(f"{error}; {argument('by')} throughput_per_s compares without cost") from None


def _alike(a: Architecture, b: Architecture) -> bool:
    """Whether the two are one design: the same array, vector unit, compiler and process, so that a model errs equally."""
    return (a.array, a.vector, a.schedule, a.process_nm) == (b.array, b.vector, b.schedule, b.process_nm)


def _names_of(figure: str, chips: tuple[Architecture, ...], alike: bool) -> tuple[str, ...]:
    """Assumptions that a figure depends on."""
    names: tuple[str, ...] = ()
    if figure != "bill_usd":
        names = ("model_a", "model_b")
        # The host link of a chip without DRAM has a line code, and no access pattern.
        if any(chip.dram is not None for chip in chips):
            names += ("bandwidth",)
    if figure in ("throughput_per_usd", "bill_usd"):
        names += OF_COST
    if figure == "throughput_per_w":
        names += OF_ENERGY
    twice = ("model_b", "reference_area") if alike else ()
    return tuple(name for name in NAMES if name in names and name not in twice)


def _curve(graph: Graph, chip: Architecture, batch: int, precision: str, span: list[float]) -> _Curve:
    """Schedules of a chip at `_NODES` bandwidths over the span of factors, 1 among them."""
    best = simulate(graph, chip, batch, precision, gains=False)
    energy = dict(best.energy or {})
    static_w = float(energy.get("static_w", 0.0))
    items = {name: value for name, value in energy.items() if name.endswith("_j") and name != "total_j"}
    if chip.dram is None or span[0] == span[1]:
        one = np.array([batch / best.throughput_per_s])
        return _Curve(chip, np.ones(1), one, np.array([best.latency_s]), batch, items, static_w)
    dram = chip.dram
    factors = np.unique(np.append(np.geomspace(span[0], span[1], _NODES), 1.0))[::-1]
    rows = []
    for factor in factors.tolist():
        if factor == 1.0:
            rows.append((batch / best.throughput_per_s, best.latency_s))
            continue
        changes: dict[str, Any] = {"dram.measured_efficiency": min(1.0, max(0.01, dram.efficiency * factor))}
        if dram.port_bytes_per_cycle is not None:
            changes["dram.port_bytes_per_cycle"] = dram.port_bytes_per_cycle * factor
        found = simulate(graph, changed_chip(chip, changes), batch, precision, gains=False)
        rows.append((batch / found.throughput_per_s, found.latency_s))
    period_s, latency_s = np.array(rows).T.copy()
    return _Curve(chip, 1.0 / factors, period_s, latency_s, batch, items, static_w)


def _figure(
    figure: str, curve: _Curve, die: Die | None, factors: Mapping[str, Floats], own_model: str, own_area: str
) -> Floats:
    """The figure of one chip for every row of factors."""
    count = len(next(iter(factors.values())))
    if die is not None:
        usd = bill_usd(die, factors, own_area, YIELD_MODELS[0])
        if figure == "bill_usd":
            return usd
    faster = factors[own_model]
    if figure == "latency_s":
        return curve.at(curve.latency_s, factors) / faster
    period_s = curve.at(curve.period_s, factors) / faster
    rate = curve.batch / period_s
    if figure == "throughput_per_usd":
        return rate / usd
    if figure == "throughput_per_w":
        joules = np.zeros(count)
        for name, value in curve.energy_j.items():
            if name == "static_j":
                joules = joules + curve.static_w * factors["static_power"] * period_s
            else:
                joules = joules + value * (factors["mac_energy"] if name == "mac_j" else 1.0)
        return curve.batch / joules
    return rate


def _influences(
    assumed: tuple[Assumption, ...],
    words: Mapping[str, str],
    factors: Mapping[str, Floats],
    log_ratio: Floats,
    ratio_of: Callable[[Mapping[str, Floats]], Floats],
) -> tuple[Influence, ...]:
    """What each assumption does alone, the largest swing first."""
    z = np.linspace(-WIDEST, WIDEST, _STEPS)
    ranks = _ranks(log_ratio[1:])
    squares = {one.name: _squared(_ranks(factors[one.name][1:]), ranks) for one in assumed}
    if np.ptp(log_ratio) < 1e-12:  # nothing moves it: ranks of equal numbers say nothing
        squares = dict.fromkeys(squares, 0.0)
    whole = sum(squares.values()) or 1.0
    found = []
    for one in assumed:
        line = np.exp(z * one.log_sd)
        alone = {name: np.ones(_STEPS + 2) for name in factors}
        alone[one.name] = np.concatenate([line, [one.low, one.high]])
        ratios = ratio_of(alone)
        at = _turn(z, ratios[:_STEPS])
        turns = None if at is None else float(np.exp(at * one.log_sd))
        found.append(
            Influence(
                one.name, words[one.name], one.best, one.unit, one.low, one.high,
                float(np.exp(ratios[-2])), float(np.exp(ratios[-1])),
                turns, turns is not None and one.low <= turns <= one.high, float(squares[one.name] / whole),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda row: (-abs(np.log(row.ratio_high / row.ratio_low)), row.name)))


def _turn(z: Floats, ratios: Floats) -> float | None:
    """Where a curve crosses zero nearest to the middle; None where it does not."""
    crossing = np.flatnonzero(np.signbit(ratios[1:]) != np.signbit(ratios[:-1]))
    if not len(crossing):
        return None
    low, high = ratios[crossing], ratios[crossing + 1]
    at = z[crossing] + (z[1] - z[0]) * low / (low - high)
    return float(at[np.abs(at).argmin()])


def _ranks(values: Floats) -> Floats:
    """Rank of each value, from 0, less their mean."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks - (len(values) - 1) / 2.0


def _squared(one: Floats, other: Floats) -> float:
    """Squared correlation of two rows of ranks (Spearman's)."""
    return float(one @ other / (one @ one)) ** 2


def _side(chip: Architecture, changes: tuple[str, ...], values: Floats) -> Side:
    low, high = np.quantile(values[1:], (0.05, 0.95))
    return Side(chip.name, changes, float(values[0]), float(low), float(high))


def _notes(chips: tuple[Architecture, ...], figure: str) -> tuple[str, ...]:
    """What was held fixed that a reader may not expect."""
    if figure == "bill_usd":
        return ()
    without = dict.fromkeys(chip.name for chip in chips if chip.dram is None)
    return tuple(f"{name}: no DRAM: the bandwidth of its host link is not drawn" for name in without)
