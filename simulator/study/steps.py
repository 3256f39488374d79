"""Steps that a chip can take: finite changes of one key that exist, and what the network and the bill make of them.

Each step is one `--set`, so that every figure can be had again with `rooftile run`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.chip.change import changed_chip
from simulator.chip.parts import CUSTOM, dram_parts, host_links
from simulator.chip.schema import Architecture
from simulator.cost.price import chip_cost
from simulator.errors import ChipError, InfeasibleError
from simulator.graph.build import Graph
from simulator.result.form import Later, Result
from simulator.run import simulate

SHARE = 0.1
"""Of MACs, clock and power limit: a step is the whole number nearest to this share, at least 1. [-]"""

MOST_MIB = 1.0
"""Step of the SRAM [MiB]; a quarter of an SRAM of less than four times as much."""

FABRIC = ("interconnect.bytes_per_cycle", "vector.lanes")
"""Keys whose silicon is in the calibrated share of interconnect and control, which knows nothing of widths: what a step of
them costs is the difference of two bottom-up estimates (`rooftile cost --bottom-up`)."""

UNPRICED = ("sram.bytes_per_cycle", "dram.port_bytes_per_cycle")
"""Keys whose cost no estimate holds."""

RESOURCES = {
    "array.count": "MACs: arrays",
    "array.rows": "MACs: rows",
    "array.columns": "MACs: columns",
    "clock_mhz": "clock, MHz",
    "sram.capacity_mib": "SRAM, MiB",
    "sram.bytes_per_cycle": "SRAM ports, bytes a cycle",
    "dram.devices": "DRAM devices",
    "dram.part": "DRAM speed",
    "dram.port_bytes_per_cycle": "DRAM port, bytes a cycle",
    "interconnect.bytes_per_cycle": "interconnect, bytes a cycle",
    "vector.lanes": "vector lanes",
    "host.link": "host link",
    "power_limit_w": "power limit, W",
}
"""Keys that have steps, as people call them."""


Work = Callable[[Architecture], Result]
"""What is run on each chip. Raises InfeasibleError or ChipError where the chip cannot do it."""


@dataclass(frozen=True)
class Lever:
    """One key with the values one step down and one step up; None where there is no such step."""

    key: str
    value: Any
    down: Any
    up: Any

    @property
    def resource(self) -> str:
        """What the key is, with its unit."""
        return RESOURCES[self.key]


@dataclass(frozen=True)
class Outcome:
    """What one network makes of one chip, and what the chip costs; None where it cannot be told."""

    throughput_per_s: float | None
    latency_s: float | None
    bill_usd: float | None
    power_w: float | None
    bound_by: Later[str | None] = Later()  # noqa: RUF009 (a descriptor)
    idle: float | None = None
    """Share of the slots of the array's steps that hold no MAC [-]."""
    reason: str | None = None
    """Why the chip does not run the network."""

    @property
    def throughput_per_usd(self) -> float | None:
        """Throughput over the bill [1/s/USD]."""
        if self.throughput_per_s is None or not self.bill_usd:
            return None
        return self.throughput_per_s / self.bill_usd


def outcome(graph: Graph, chip: Architecture, batch: int, precision: str) -> Outcome:
    """Run a network on a chip; a chip that cannot run it has its reason, none of its figures."""
    return outcome_on(lambda one: simulate(graph, one, batch, precision, gains=False), chip)


def outcome_on(work: Work, chip: Architecture) -> Outcome:
    """Do some work on a chip; a chip that cannot do it has its reason, none of its figures."""
    try:
        run = work(chip)
    except (InfeasibleError, ChipError) as error:
        return Outcome(None, None, None, None, None, reason=str(error).splitlines()[0])
    return outcome_of(run)


def outcome_of(run: Result) -> Outcome:
    """The figures of a run that steps are compared by."""
    bill = (run.cost or {}).get("bill_usd")
    usd = None if bill is None else bill["best"]
    return Outcome(
        run.throughput_per_s, run.latency_s, usd, run.power_w, lambda: run.bound_by, idle_share(run.waterfall_period)
    )


def idle_share(waterfall: Mapping[str, float]) -> float:
    """Share of the slots of an array's steps that hold no MAC [-]: tile edges over edges and multiplications."""
    edges, ideal = waterfall.get("edges_s", 0.0), waterfall.get("ideal_s", 0.0)
    return edges / (edges + ideal) if edges > 0.0 else 0.0


def stepped(chip: Architecture, key: str, value: Any) -> Architecture:
    """The chip with one key changed. Raises ChipError where that is no chip."""
    return changed_chip(chip, {key: value}, f"set {key}={value}")


def step_usd(
    chip: Architecture, other: Architecture, key: str, usd: float | None, other_usd: float | None
) -> float | None:
    """What a step from `chip` to `other` adds to the bill [USD], from the bills of both; None where nobody can tell.

    key: what the step changes; see FABRIC and UNPRICED.
    """
    if usd is None or other_usd is None or key in UNPRICED:
        return None
    if key not in FABRIC:
        return other_usd - usd
    try:
        bills = [chip_cost(one, draws=0, bottom_up=True).bill_usd for one in (chip, other)]
    except ChipError:
        return None
    best = [None if bill is None else bill.best for bill in bills]
    return None if best[0] is None or best[1] is None else best[1] - best[0]


def levers(chip: Architecture) -> list[Lever]:
    """Every key of a chip that has steps, MACs first.

    MACs by rows, columns and arrays, the clock and a power limit by about a tenth; SRAM by 1 MiB; DRAM by one device and by
    the next part of its kind and width; widths by a factor of two; the host link by the next number of lanes.
    """
    found = _arrays(chip)
    clock = float(chip.clock_mhz)
    found.append(Lever("clock_mhz", short(clock), short(clock * (1 - SHARE)), short(clock * (1 + SHARE))))
    size = float(chip.sram.capacity_mib)
    step = min(MOST_MIB, size / 4)
    found.append(Lever("sram.capacity_mib", short(size), short(size - step), short(size + step)))
    if chip.dram is not None:
        devices = chip.dram.devices
        found.append(Lever("dram.devices", devices, devices - 1 if devices > 1 else None, devices + 1))
        slower, faster = neighbours(chip.dram.part)
        if slower or faster:
            found.append(Lever("dram.part", chip.dram.part, slower, faster))
        if chip.dram.port_bytes_per_cycle is not None:
            found.append(_doubled("dram.port_bytes_per_cycle", chip.dram.port_bytes_per_cycle))
    found.append(_doubled("interconnect.bytes_per_cycle", chip.interconnect.bytes_per_cycle))
    found.append(_doubled("sram.bytes_per_cycle", chip.sram.bytes_per_cycle))
    found.append(_doubled("vector.lanes", chip.vector.lanes))
    if chip.power_limit_w is not None:
        limit = float(chip.power_limit_w)
        found.append(Lever("power_limit_w", short(limit), short(limit * (1 - SHARE)), short(limit * (1 + SHARE))))
    if chip.host is not None:
        slower, faster = links(chip.host.link)
        if slower or faster:
            found.append(Lever("host.link", chip.host.link, slower, faster))
    return found


def _arrays(chip: Architecture) -> list[Lever]:
    """Rows, columns and number of arrays, where work can be spread over them; 1 is left alone, it has no tenth."""
    if chip.array is None:
        return []
    found = []
    for name in ("count", "rows", "columns"):
        value = getattr(chip.array, name)
        spread = name == "count" if chip.array.kind == "sm" else bool(getattr(chip.array.unroll, name))
        if value > 1 and spread:
            step = max(1, round(SHARE * value))
            found.append(Lever(f"array.{name}", value, value - step, value + step))
    return found


def neighbours(part: str) -> tuple[str | None, str | None]:
    """(next slower, next faster) memory part of the same kind and width; None where there is none."""
    if part == CUSTOM:
        return None, None
    known = dram_parts()
    own = known[part]
    kin = [
        one for one in known.values() if memory_kind(one.name) == memory_kind(part) and one.width_bits == own.width_bits
    ]
    slower = [one for one in kin if one.bytes_per_s < own.bytes_per_s]
    faster = [one for one in kin if one.bytes_per_s > own.bytes_per_s]
    return (
        max(slower, key=lambda one: one.bytes_per_s).name if slower else None,
        min(faster, key=lambda one: one.bytes_per_s).name if faster else None,
    )


def memory_kind(part: str) -> str:
    """`lpddr`, `ddr`, `gddr` or `hbm`: what a part is whatever its generation."""
    return part.split("-", maxsplit=1)[0].rstrip("xe").rstrip("0123456789")


def links(link: str) -> tuple[str | None, str | None]:
    """(next narrower, next wider) host link of the same generation; None where there is none."""
    own = link.rpartition("-x")[0]
    kin = [name for name in host_links() if own and name.rpartition("-x")[0] == own]
    if link not in kin:
        return None, None
    order = sorted(kin, key=lambda name: host_links()[name].bytes_per_s)
    at = order.index(link)
    return order[at - 1] if at else None, order[at + 1] if at + 1 < len(order) else None


def _doubled(key: str, value: float) -> Lever:
    """A width with its half and its double; a half that is no whole number is no width."""
    half = value / 2
    down = int(half) if half >= 1 and half == int(half) else None
    double = 2 * value
    return Lever(key, short(value), down, short(double))


def short(value: float) -> float | int:
    """Twelve digits, and no point where there is none to make: 1.1 x 800 as 880."""
    value = float(f"{value:.12g}")
    return int(value) if value.is_integer() else value
