"""From schedules to figures, as columns with one entry a chip: times, rates, shares, bytes, the largest loss."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.power import PowerModel
from simulator.lower.work import Work
from simulator.result import waterfall
from simulator.result.laws import check, fractions
from simulator.result.room import has_room
from simulator.schedule.machines import Machines
from simulator.schedule.plans import Plans, Sums
from simulator.units import CACHE_SHARE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Totals:
    """Figures of chips, one entry a chip; of no meaning where `runs` is false."""

    runs: Truths
    latency_s: Floats
    period_s: Floats
    """Of a batch in steady state."""
    throughput_per_s: Floats
    utilisation: Floats
    effective_utilisation: Floats
    dram_bytes: Floats
    load_bytes: Floats
    load_s: Floats
    lower_bound_s: Floats
    """No schedule of the chip is faster, whatever its compiler does, for the latency nor in steady state."""
    loss: Ints
    """Place in `waterfall.LOSSES` of what costs most in steady state."""
    wait_s: Any
    """What the host adds to a batch on its own."""
    host_s: Floats
    """What the host link adds in steady state."""
    cold_power_s: Floats
    """What the power limit adds to a batch on its own."""
    power_s: Floats
    """What the power limit adds in steady state."""


def totals_of(chip: Architecture, work: Work, machines: Machines, plans: Plans, power: PowerModel | None) -> Totals:
    """The figures of chips that differ in the numbers of `machines`. power: of the chips, where there is a limit.

    Raises ModelError where a law is broken.
    """
    has_dram, link_s = chip.dram is not None, link_time(chip, work)
    wait_s, runs = link_s + chip.call_s, plans.fits & has_room(chip, work, machines)
    if power is not None and chip.power_limit_w is not None:
        runs = runs & np.broadcast_to(power.static_w < chip.power_limit_w, runs.shape)
    limited = limit_of(chip, work, power)
    cold_s, busy_s = plans.cold.time_s + wait_s, np.maximum(plans.steady.time_s, link_s)
    latency_s, period_s, power_s, cold_power_s = cold_s, busy_s, *np.zeros((2, len(runs)))
    with np.errstate(invalid="ignore"):  # what does not run takes for ever
        host_s = busy_s - plans.steady.time_s
        if limited is not None:
            latency_s, period_s = np.maximum(cold_s, limited(plans.cold)), np.maximum(busy_s, limited(plans.steady))
            power_s, cold_power_s = period_s - busy_s, latency_s - cold_s
    macs_per_s = work.units / machines.cycle_s
    compute_s = work.macs_executed / macs_per_s
    compulsory_s = (work.compulsory_bytes - plans.steady.kept_bytes) * machines.byte_s
    least_s = work.least_outer_bytes(holding_bytes(chip, machines)) * machines.byte_s
    check(work.network, plans, runs, compute_s, compulsory_s)
    slots = np.where(runs, period_s, np.inf) * macs_per_s
    return Totals(
        runs=runs,
        latency_s=latency_s,
        period_s=period_s,
        throughput_per_s=work.batch / period_s,
        utilisation=fractions(np.asarray(work.macs_executed, dtype=np.float64), slots, work.network),
        effective_utilisation=work.macs / slots,
        dram_bytes=plans.cold.outer_bytes,
        load_bytes=plans.steady.kept_bytes,
        load_s=plans.steady.kept_bytes * machines.byte_s,
        lower_bound_s=np.maximum(compute_s, least_s),
        loss=waterfall.losses(plans.steady.parts, has_dram, host_s, power_s),
        wait_s=wait_s,
        host_s=host_s,
        cold_power_s=cold_power_s,
        power_s=power_s,
    )


def holding_bytes(chip: Architecture, machines: Machines) -> Floats:
    """SRAM that may hold weights from one batch to the next, one entry a chip: all of it, of a cache too, or none. [B]"""
    share = CACHE_SHARE if chip.sram.managed == "cache" else 1.0
    return machines.capacity_bytes / share if "weights" in chip.sram.holds else np.zeros(len(machines))


def link_time(chip: Architecture, work: Work) -> Any:
    """Time of a batch's inputs and outputs on the host link beside a DRAM; 0 without either. [s]"""
    rate = chip.host_bytes_per_s if chip.dram is not None else None
    return work.input_output_bytes / rate if rate else 0.0


def limit_of(chip: Architecture, work: Work, power: PowerModel | None) -> Callable[[Sums], Floats] | None:
    """What gives the least times of schedules under the power limit; None without one."""
    return None if power is None else partial(_least_time, chip, work, power)


def _least_time(chip: Architecture, work: Work, power: PowerModel, sums: Sums) -> Floats:
    """Least time of a batch under the power limit, one entry a chip; 0 without one, or where nothing runs. [s]"""
    if chip.power_limit_w is None:
        return np.zeros(len(sums.time_s))
    runs = np.isfinite(sums.time_s) & np.broadcast_to(power.static_w < chip.power_limit_w, sums.time_s.shape)
    spent = charged(power, work), sums.feed_bytes, sums.outer_bytes
    with np.errstate(invalid="ignore"):  # what does not run takes for ever
        limited = power.limited_s(chip.power_limit_w, work.products[0], *spent, sums.time_s)
    return np.where(runs, limited, 0.0)


def charged(power: PowerModel, work: Work) -> Any:
    """MACs of a batch as their energy is counted, those of other formats by what they cost over one of the main one."""
    if len(work.products) == 1:
        return work.macs_charged
    macs = [work.charged[work.product == at].sum(axis=0) for at in range(len(work.products))]
    return sum(own * each for own, each in zip(macs, over_main(power, work), strict=True))


def over_main(power: PowerModel, work: Work) -> list[Any]:
    """Energy of a MAC in each of a network's formats over that in its main one. [-]"""
    return [power.mac_j[key] / power.mac_j[work.products[0]] for key in work.products]
