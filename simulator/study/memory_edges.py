"""Where SRAM begins and ends to buy throughput, and what another DRAM is worth in SRAM: exact, by halving.

More SRAM is never slower, so that a search by halves ends on one byte.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from simulator.study.memory_bench import MOST_BYTES, SAME, Bench, Ints, Ladder, Truths, least_sram, least_true
from simulator.units import MIB

Floats = npt.NDArray[np.float64]

NEAR = 0.99
"""Share of the highest throughput that is called nearly all of it."""

CLOSE = 2e-4
"""Relative exactness of searches for other numbers of devices than the chip's own; those of its own go to the byte."""


@dataclass(frozen=True)
class Threshold:
    """Where SRAM begins and ends to buy throughput with one number of DRAM devices [MiB]."""

    dram_devices: int
    most_per_s: float
    """Throughput with all the SRAM one could wish for."""
    needs_mib: float
    """With less, the network does not run (or no chip has so little: 0.001 MiB)."""
    nearly_mib: float
    """Least SRAM with 99 % of the highest throughput."""
    nothing_above_mib: float
    """Least SRAM with all of it: more buys nothing."""


@dataclass(frozen=True)
class Exchange:
    """What more DRAM is worth in SRAM, at the chip's own SRAM."""

    dram_devices: int
    more_devices: int
    gain: float
    """Throughput with more devices over that with fewer, less 1."""
    worth_mib: float | None
    """SRAM to add for the same gain; None where no SRAM brings it."""
    dram_usd: float | None
    """What the bill grows by with the devices: their price, memory interfaces on the die, balls, what the larger die loses."""
    sram_usd: float | None
    """What it grows by with the SRAM."""
    money_mib: float | None
    """SRAM that as many dollars as the devices cost would buy."""

    @property
    def cheaper(self) -> str | None:
        """`DRAM` or `SRAM`, whichever brings the gain for less; `neither` without a gain; None where it cannot be told."""
        if self.gain <= 1.0 - SAME:
            return "neither"
        if self.dram_usd is None or (self.worth_mib is not None and self.sram_usd is None):
            return None
        return "SRAM" if self.sram_usd is not None and self.sram_usd < self.dram_usd else "DRAM"


def or_none(value: float) -> float | None:
    """A number, or None where there is none."""
    return None if math.isnan(value) else float(value)


def thresholds_of(bench: Bench, ladder: Ladder, counts: Sequence[int]) -> tuple[Threshold, ...]:
    """Where SRAM begins and ends to buy throughput, for each number of devices; to the byte for the chip's own."""
    own = bench.chip.dram_devices
    known: dict[int, list[int | None]] = {}
    least = ladder.rates[own][ladder.rates[own] > 0.0][0]
    for group, within in (([own], 0.0), ([each for each in counts if each != own], CLOSE)):
        wanted = [(each, share * ladder.most(each)) for each in group for share in (NEAR, 1.0)]
        sizes = least_sram(bench, ladder, [each for each, _ in wanted], [target for _, target in wanted], within)
        known |= {each: sizes[2 * at : 2 * at + 2] for at, each in enumerate(group)}
    needs = least_sram(bench, ladder, [own], [1e-9 * least])[0] or 0  # whatever runs at all is faster
    return tuple(
        Threshold(each, ladder.most(each), needs / MIB, (known[each][0] or 0) / MIB, (known[each][1] or 0) / MIB)
        for each in counts
    )  # fmt: skip


def exchanges_of(bench: Bench, ladder: Ladder, counts: Sequence[int]) -> tuple[Exchange, ...]:
    """What more devices are worth in SRAM at the chip's own SRAM."""
    own = int(bench.chip.sram.capacity_bytes)
    at = int(np.searchsorted(ladder.sizes, own))
    pairs = [(a, b) for a, b in pairwise(counts) if ladder.rates[a][at] > 0.0]
    if not pairs:
        return ()
    fewer, more = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    targets = [float(ladder.rates[b][at]) for _, b in pairs]
    sizes = least_sram(bench, ladder, [a for a, _ in pairs], targets, CLOSE / 10.0)
    here = np.full(len(pairs), own, dtype=np.int64)
    there = np.array([own if size is None else max(size, own) for size in sizes], dtype=np.int64)
    before, with_dram, with_sram = bench.bills(here, fewer), bench.bills(here, more), bench.bills(there, fewer)
    money = _money_bytes(bench, here, fewer, with_dram)
    return tuple(
        Exchange(
            a, b, targets[n] / float(ladder.rates[a][at]) - 1.0, None if sizes[n] is None else float(there[n] - own) / MIB,
            or_none(with_dram[n] - before[n]), None if sizes[n] is None else or_none(with_sram[n] - before[n]),
            or_none(money[n] / MIB),
        )
        for n, (a, b) in enumerate(pairs)
    )  # fmt: skip


def _money_bytes(bench: Bench, sram_bytes: Ints, devices: Ints, bills: Floats) -> Floats:
    """SRAM that each chip can add for its bill to become `bills`; NaN where that cannot be told. [B]"""
    known = np.isfinite(bills) & np.isfinite(bench.bills(sram_bytes, devices))
    found = np.full(len(bills), np.nan)
    at = np.flatnonzero(known)
    if not len(at):
        return found

    def dearer(searches: Ints, sizes: Ints) -> Truths:
        costs = bench.bills(sizes, devices[at[searches]])
        return np.asarray(~(costs <= bills[at[searches]]))  # a chip that cannot be made is too dear

    over = np.full(len(at), MOST_BYTES, dtype=np.int64)
    found[at] = least_true(dearer, sram_bytes[at], over, CLOSE / 10.0) - sram_bytes[at]
    return np.asarray(np.maximum(found, 0.0))


def frontier_of(
    bench: Bench, ladder: Ladder, thresholds: Sequence[Threshold], sizes: Sequence[float], counts: Sequence[int]
) -> tuple[dict[str, float | None], ...]:
    """At every point of the map: SRAM that one more step of DRAM is worth, and SRAM that its dollars buy."""
    pairs = [(size, a, b) for a, b in pairwise(counts) for size in sizes]
    if not pairs:
        return ()
    here = np.array([int(size * MIB) for size, _, _ in pairs], dtype=np.int64)
    fewer, more = (np.array([pair[at] for pair in pairs], dtype=np.int64) for at in (1, 2))
    money = _money_bytes(bench, here, fewer, bench.bills(here, more))
    curves = {one.dram_devices: _curve(ladder, one) for one in thresholds}
    rows: list[dict[str, float | None]] = []
    for (size, a, b), own, bought in zip(pairs, here.tolist(), money.tolist(), strict=True):
        at = int(np.searchsorted(ladder.sizes, own))
        target = float(ladder.rates[b][at])
        worth = None
        if target > ladder.rates[a][at] / SAME > 0.0:
            worth = between(*curves[a], target)
        rows.append({
            "sram_mib": size, "dram_devices": a, "more_devices": b, "money_mib": or_none(bought / MIB),
            "worth_mib": None if worth is None else (worth - own) / MIB,
        })  # fmt: skip
    return tuple(rows)


def _curve(ladder: Ladder, ends: Threshold) -> tuple[Floats, Floats]:
    """(sizes, throughputs) that are known with one number of devices: the ladder's, and where it flattens."""
    more = ((ends.nearly_mib * MIB, NEAR * ends.most_per_s), (ends.nothing_above_mib * MIB, ends.most_per_s))
    sizes = np.concatenate([ladder.sizes.astype(np.float64), [size for size, _ in more]])
    rates = np.concatenate([ladder.rates[ends.dram_devices], [rate for _, rate in more]])
    order = np.argsort(sizes, kind="stable")
    return sizes[order], np.maximum.accumulate(rates[order])


def between(sizes: Floats, rates: Floats, target: float) -> float | None:
    """Size at which the rate reaches `target`, between the sizes that were run in proportion to their logarithms. [B]"""
    reached = np.flatnonzero(rates >= target * SAME)
    if not len(reached):
        return None
    at = int(reached[0])
    if at == 0 or rates[at - 1] <= 0.0:
        return float(sizes[at])
    part = (target - rates[at - 1]) / (rates[at] - rates[at - 1])
    return float(sizes[at - 1] * (sizes[at] / sizes[at - 1]) ** min(1.0, float(part)))
