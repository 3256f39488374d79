"""Why one chip is slower than another: the difference of two times, by cause. The parts sum to the difference.

Both waterfalls have the same causes, so the difference of the times is the sum of the differences of the causes. That of
the multiplications themselves is split further, into MACs executed, MAC units and clock, by logarithmic means (B. W. Ang,
"Decomposition analysis for policymaking in energy", Energy Policy 32, 2004): exact, and the same from B to A with the signs
turned, whatever the order of the factors.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.errors import ModelError, OptionError, nearest
from simulator.graph.build import Graph
from simulator.graph.load import load_network
from simulator.graph.own import Precision, precision_of
from simulator.result.form import LayerResult, Result
from simulator.run import simulate
from simulator.store.calls import public
from simulator.store.shown import Shown
from simulator.study.subject import changes_of, chip_of
from simulator.vocabulary import PIPELINE, WATERFALL

TIMES = ("period", "latency")
"""What can be explained: the time of a batch in steady state, or that of one batch on an idle chip."""

CAUSES = (*WATERFALL, PIPELINE)
FACTORS = ("macs_executed", "mac_units", "clock")
"""Causes of the difference of `ideal_s`."""


@dataclass(frozen=True)
class Side:
    """One of the two chips and what it does."""

    chip: str
    changes: tuple[str, ...]
    """What was set on it, as KEY=VALUE."""
    time_s: float
    """The time explained, of a whole batch."""
    throughput_per_s: float
    latency_s: float
    utilisation: float
    bound_by: str
    mac_units: int
    macs_per_cycle: float
    """At the precision of the run."""
    clock_hz: float
    peak_tops: float
    sram_bytes: float
    outer_bytes_per_s: float | None
    """Bandwidth of the DRAM, or of the host link of a chip without."""
    dram_devices: int
    dram_bytes: float
    """Traffic of the outer memory, of a whole batch."""
    macs_executed: int

    @property
    def label(self) -> str:
        """Name and changes."""
        return ", ".join((self.chip, *self.changes))


@dataclass(frozen=True)
class Part:
    """One cause."""

    cause: str
    """A key of the waterfall."""
    a_s: float
    b_s: float

    @property
    def difference_s(self) -> float:
        """B - A. [s]"""
        return self.b_s - self.a_s


@dataclass(frozen=True)
class LayerDifference:
    """One layer on both chips; 0 s where a chip has no such layer (it fuses it into another)."""

    name: str
    a_s: float
    b_s: float
    cause: str
    """The key of the waterfall that differs most."""

    @property
    def difference_s(self) -> float:
        """B - A. [s]"""
        return self.b_s - self.a_s


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """The difference between two times of one network."""

    network: str
    batch: int
    precision: str
    of: str
    """One of `TIMES`."""
    a: Side
    b: Side
    parts: tuple[Part, ...]
    """Causes that take time on either chip, in the order of the waterfall."""
    ideal: dict[str, float] | None
    """Seconds of the difference of `ideal_s`, by `FACTORS`; None for a pipeline, whose stages differ in size."""
    layers: tuple[LayerDifference, ...]
    """By latency, the largest difference first; they sum to the difference of the latencies."""
    subject: str
    """The network in words, with the size of its input."""

    @property
    def difference_s(self) -> float:
        """B - A. [s]"""
        return self.b.time_s - self.a.time_s

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data = asdict(self)
        rows: tuple[Part | LayerDifference, ...] = (*self.parts, *self.layers)
        for entry, row in zip((*data["parts"], *data["layers"]), rows, strict=True):
            entry["difference_s"] = row.difference_s
        return {**data, "difference_s": self.difference_s}


@public
def explain(
    network: Graph | str,
    a: Architecture | str,
    b: Architecture | str,
    batch: int = 1,
    precision: Precision | None = None,
    of: str = "period",
    set_a: Settings | None = None,
    set_b: Settings | None = None,
) -> Explanation:
    """Why a network takes longer on one chip than on the other.

    network, batch, precision: as in `simulate`. a, b: architectures, or names or paths of them, which set_a and set_b
    change as `load_chip` does. of: `period`, the time of a batch in steady state, or `latency`.

    Raises OptionError for another `of`, and what `simulate` raises.
    """
    if of not in TIMES:
        raise OptionError(f"of: must be one of {', '.join(TIMES)}, got {of!r}{nearest(str(of), TIMES)}")
    graph = load_network(network) if isinstance(network, str) else network
    precision = precision_of(graph, precision)
    chips = (chip_of(a, set_a, "set_a"), chip_of(b, set_b, "set_b"))
    runs = [simulate(graph, chip, batch, precision, gains=False) for chip in chips]
    sides = [
        _side(chip, run, of, changes_of(given)) for chip, run, given in zip(chips, runs, (set_a, set_b), strict=True)
    ]
    first, second = ((run.waterfall_period if of == "period" else run.waterfall) for run in runs)
    rows = [Part(cause, first.get(cause, 0.0), second.get(cause, 0.0)) for cause in CAUSES]
    parts = tuple(part for part in rows if part.a_s != 0.0 or part.b_s != 0.0)
    found = Explanation(
        runs[0].network,
        batch,
        precision,
        of,
        sides[0],
        sides[1],
        parts,
        _ideal(sides, parts),
        _layers(*runs),
        runs[0].subject,
    )
    _check(found)
    return found


def _side(chip: Architecture, run: Result, of: str, changes: tuple[str, ...]) -> Side:
    """One side of the explanation."""
    return Side(
        chip=run.chip,
        changes=changes,
        time_s=run.batch / run.throughput_per_s if of == "period" else run.latency_s,
        throughput_per_s=run.throughput_per_s,
        latency_s=run.latency_s,
        utilisation=run.utilisation,
        bound_by=run.bound_by,
        mac_units=chip.macs,
        macs_per_cycle=chip.macs * chip.product(run.precision).rate,
        clock_hz=chip.clock_hz,
        peak_tops=run.peak_tops,
        sram_bytes=float(chip.sram.capacity_bytes),
        outer_bytes_per_s=chip.outer_bytes_per_s,
        dram_devices=chip.dram_devices,
        dram_bytes=run.dram_bytes,
        macs_executed=run.macs_executed,
    )


def _ideal(sides: list[Side], parts: tuple[Part, ...]) -> dict[str, float] | None:
    """The difference of `ideal_s` by what makes it up: executed MACs / (MACs a cycle x clock)."""
    part = next((one for one in parts if one.cause == "ideal_s"), None)
    if part is None or min(part.a_s, part.b_s) <= 0.0:
        return None
    a, b = sides
    for side, ideal_s in ((a, part.a_s), (b, part.b_s)):
        if not math.isclose(side.macs_executed / side.macs_per_cycle / side.clock_hz, ideal_s, rel_tol=1e-9):
            return None
    ratio = math.log(part.b_s / part.a_s)
    mean = part.a_s if abs(ratio) < 1e-9 else part.difference_s / ratio
    macs = mean * math.log(b.macs_executed / a.macs_executed)
    clock = mean * math.log(a.clock_hz / b.clock_hz)
    units = part.difference_s - macs - clock if a.macs_per_cycle != b.macs_per_cycle else 0.0
    return dict(zip(FACTORS, (macs, units, clock), strict=True))


def _layers(a: Result, b: Result) -> tuple[LayerDifference, ...]:
    """Layers by name, the largest difference first."""
    sides: tuple[dict[str, LayerResult], ...] = tuple({layer.name: layer for layer in run.layers} for run in (a, b))
    rows = []
    for name in dict.fromkeys((*sides[0], *sides[1])):
        first, second = (side.get(name) for side in sides)
        falls = [{} if layer is None else layer.waterfall for layer in (first, second)]
        cause = max(CAUSES, key=lambda key: abs(falls[1].get(key, 0.0) - falls[0].get(key, 0.0)))
        times = [0.0 if layer is None else layer.latency_s for layer in (first, second)]
        rows.append(LayerDifference(name, times[0], times[1], cause))
    return tuple(sorted(rows, key=lambda row: -abs(row.difference_s)))


def _check(found: Explanation) -> None:
    """Raise ModelError where the parts are not the difference."""
    total = math.fsum(part.difference_s for part in found.parts)
    if abs(total - found.difference_s) > 1e-9 * max(found.a.time_s, found.b.time_s):
        raise ModelError(f"{found.network}: parts of a difference: must sum to {found.difference_s!r}, got {total!r}")
