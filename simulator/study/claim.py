"""Can a claimed throughput be true? Bounds that no schedule breaks, then what an ideal machine does in the model.

A claim that breaks a bound (`simulator/study/bounds.py`) is impossible, by direct multiplication: fast convolution needs fewer
MACs. It is doubtful where the bound rests on a fact that nobody checked, and would hold with twice of it. A claim within the
bounds that an ideal machine of these resources (every MAC busy, all transfers hidden, exact residency and tiling) or the chip's
own model does not reach is doubtful too, but not one that was measured; and what was audited outranks an unchecked fact.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError

from simulator.chip.faults import explain
from simulator.chip.library import Entry
from simulator.chip.published import Row
from simulator.chip.schema import Architecture
from simulator.errors import ChipError, InfeasibleError
from simulator.formats import OWN, USUAL, formats_of, in_words
from simulator.graph.build import Graph
from simulator.graph.own import Precision, format_notes, formats_at, precision_of
from simulator.graph.subject import name_of, subject_of
from simulator.lower.rows import lower
from simulator.run import simulate
from simulator.store.shown import Shown
from simulator.study.bounds import (
    UNSURE_FACTOR,
    Bound,
    Demand,
    Resources,
    demand_of,
    for_weights,
    least_devices,
    least_sram,
    rates_of,
    resources_of,
    strict_bounds,
    weight_need,
)
from simulator.units import GB, MIB

CAPACITIES_MIB = tuple(2.0 ** (k / 4) for k in range(-20, 49))
"""SRAM sizes that the model tries, 1/32 MiB to 4 GiB [MiB]."""

MOST_DEVICES = 64
"""Most DRAMs that the model tries."""

MOST_BYTES_PER_S = 1e15
"""Most bandwidth of DRAM that a chip file may have [bytes/s]."""

MODEL_ERROR = 0.27
"""90th percentile of the error of all measured figures (the validation's): a claim above a chip's own model by less
than this says nothing against the claim."""

AUDITED = ("single_stream", "offline", "server")
"""How MLPerf measures."""

TOLD = ("claim", "model", "vendor_sheet")
"""How a figure comes about that nobody measured, or not in the open."""


@dataclass(frozen=True, repr=False)
class Verdict(Shown):
    """The answer about one claim."""

    chip: str
    network: str
    batch: int | None
    """None where it is free: weights then cost nothing."""
    precision: str
    throughput_per_s: float
    verdict: str
    """`possible`, `doubtful` or `impossible`."""
    bounds: tuple[Bound, ...]
    outer_memory: str
    """What brings the weights that do not stay: `DRAM`, or `host link` without."""
    least_sram_bytes: float | None
    """With less, no schedule reaches the claim at the known bandwidth of the outer memory; None where that is unknown."""
    model_sram_mib: float | None
    """Least of `CAPACITIES_MIB` at which an ideal machine reaches it; infinite where none does, None where unknown."""
    least_dram: int | None
    """With fewer DRAMs of the same kind, no schedule reaches the claim at the known SRAM."""
    model_dram: int | None
    """Fewest DRAMs with which an ideal machine reaches it."""
    remarks: tuple[str, ...]
    subject: str
    """The network in words, with the size of its input."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data = asdict(self)
        for entry, bound in zip(data["bounds"], self.bounds, strict=True):
            entry["broken"] = bound.broken
        return data


def ideal(
    peak_tops: float, sram_mib: float, dram_bytes_per_s: float, winograd: bool = False, sub_batches: bool = True,
    keeps_states: bool = False,
) -> Architecture:  # fmt: skip
    """A machine of given resources and no losses: every MAC busy in every layer, nothing but MACs and DRAM takes time.

    keeps_states: states, and then all activations too, stay in the SRAM.
    """
    # MACs a cycle of its one unit: as few as a clock of at most 50 GHz allows, so that the vectors of a unit beside it, which
    # does sixteen operations a MAC and so takes next to no time, fit any SRAM.
    rate = 2.0 ** max(0, math.ceil(math.log2(peak_tops * 1e12 / 2 / 50e9)))
    data = {
        "schema": 1,
        "name": "ideal machine",
        "clock_mhz": peak_tops * 1e12 / 2 / rate / 1e6,
        "array": {
            "rows": 1, "columns": 1, "stationary": "outputs", "unroll": {}, "rate": {"int8": rate},
            "winograd": winograd, "winograd_expands_weights": False,
        },
        "sram": {"capacity_mib": sram_mib, "bytes_per_cycle": 2.0**30},
        "dram": {
            "part": "custom", "devices": 1, "gb_per_s_per_device": dram_bytes_per_s / GB, "measured_efficiency": 1.0,
            "read_only": keeps_states,
        },
        "interconnect": {"bytes_per_cycle": 2.0**30},
        "vector": {"lanes": 16 * int(rate), "fuses": ("relu", "add", "pool", "concat")},
        "schedule": {"residency": "optimal", "overlap": "network", "sub_batches": sub_batches},
    }  # fmt: skip
    try:
        return Architecture.model_validate(data)
    except ValidationError as error:  # resources beyond those that a chip file may have
        raise ChipError(explain(error, Architecture, {}, "an ideal machine of these resources")) from None


@dataclass(frozen=True)
class _Case:
    """What stays the same while SRAM and DRAM are varied."""

    graph: Graph
    batch: int
    precision: str
    peak_tops: float
    winograd: bool
    width: float
    """Bytes of the narrowest operand, weights or activations."""
    keeps_states: bool
    """Whether states may stay in the SRAM, since there is no DRAM; it counts where the network has some."""


def reached(case: _Case, sram_mib: float, bandwidth: float, enough: float = math.inf) -> float:
    """Throughput of an ideal machine [1/s], or as much as is `enough`; 0 where a layer does not fit its SRAM.

    Its bytes are counted at int8; other widths, the narrowest of several, scale what there is. Parts of a batch only make it
    faster, and take longest to search: not where it is fast enough without.
    """
    found, width = 0.0, case.width
    splits = (False, True) if enough < math.inf and case.batch > 1 else (True,)
    for keeps_states, sub_batches in product((True, False) if case.keeps_states else (False,), splits):
        machine = ideal(case.peak_tops, sram_mib / width, bandwidth / width, case.winograd, sub_batches, keeps_states)
        with suppress(InfeasibleError):
            found = max(found, simulate(case.graph, machine, case.batch, USUAL, gains=False).throughput_per_s)
        if found >= enough:
            return found
    return found


def standing_of(row: Row) -> str:
    """What a published figure is worth: `audited` (MLPerf's own log), `measured` by the maker, or a `claim`."""
    if row.confidence != "primary" or row.mode is None or row.mode in TOLD:
        return "claim"
    return "audited" if row.mode in AUDITED else "measured"


def judge(
    chip: Entry, graph: Graph, throughput_per_s: float, batch: int | None, precision: Precision | None = None,
    remarks: Sequence[str] = (), verdict_alone: bool = False, standing: str = "claim",
) -> Verdict:  # fmt: skip
    """Judge one claim; see the head of this file.

    batch: None where it is free. remarks: of the claim, put first. verdict_alone: leave out with how little SRAM and DRAM the
    claim would hold in the model, and what an ideal machine reaches beyond it. standing: as `standing_of` gives it. precision:
    that of the network, else int8, unless given. Raises ChipError where not even the peak is known.
    """
    precision, rates = precision_of(graph, precision), rates_of(chip)
    there, demand = resources_of(chip, precision, graph), demand_of(graph, precision, rates)
    if there.peak_tops is None:
        raise ChipError(f"{chip.name}: {in_words(precision)}: no peak is known, so nothing can be judged")
    machine = chip.architecture
    winograd = machine is not None and machine.array is not None and machine.array.winograd
    rate = float(batch) if batch is not None else math.inf
    bounds = strict_bounds(demand, there, throughput_per_s, rate, winograd)
    remarks = [*remarks, *_borrowed(chip, precision, there.peak_tops), *_own_notes(chip, graph, precision, rates)]
    if not there.has_dram and there.sram_bytes is not None and demand.weight_bytes > there.sram_bytes:
        remarks.append("without DRAM its weights do not fit: they come over the host link in every batch")
    width = _narrowest(graph, precision, rates)
    keeps = not there.has_dram and any(data["layer"].origin for _, data in graph.nodes(data=True))
    case = None if batch is None else _Case(graph, batch, precision, there.peak_tops, winograd, width, keeps)
    if case is not None:
        bounds += _modelled(chip, case, there, throughput_per_s, verdict_alone)
    if bounds[0].broken and not winograd and throughput_per_s * demand.winograd_macs * 2 / 1e12 <= there.peak_tops:
        remarks.append("only fast convolution could reach it: Winograd in every 3x3 layer saves enough MACs")
    verdict, reasons = _verdict(bounds, standing)
    return Verdict(
        chip.name, name_of(graph), batch, precision, throughput_per_s, verdict, tuple(bounds),
        "DRAM" if there.has_dram else "host link",
        *_least(None if verdict_alone else case, there, demand, throughput_per_s, rate), (*remarks, *reasons), subject_of(graph),
    )  # fmt: skip


def _verdict(bounds: Sequence[Bound], standing: str) -> tuple[str, list[str]]:
    """The word, and why it is not what broken bounds alone would say."""
    broken = [bound for bound in bounds if bound.broken]
    unsure = [bound for bound in broken if bound.unsure]
    reasons = [
        f"{bound.name}: rests on {' and '.join(bound.unsure)}, and would hold with {UNSURE_FACTOR:g} times as much"
        for bound in unsure
    ]
    if any(bound.strict and not bound.unsure for bound in broken):
        return "impossible", reasons
    if broken and (standing == "audited" or (standing == "measured" and not unsure)):
        what = "audited result" if standing == "audited" else "measured figure"
        against = "an unchecked fact" if unsure else "the model"
        return "possible", [*reasons, f"a{'n' if standing == 'audited' else ''} {what} outranks {against}"]
    return ("doubtful" if broken else "possible"), reasons


def _borrowed(chip: Entry, precision: str, peak_tops: float) -> list[str]:
    """Say so where a 16-bit precision that the chip is not known to have is judged by the published peak of the other."""
    if precision not in ("fp16", "bf16") or chip.published.peak_tflops_fp16 is None:
        return []
    array = None if chip.architecture is None else chip.architecture.array
    rates = () if array is None else array.rate
    if precision in rates or any(row.precision == precision for row in chip.published.results):
        return []
    return [
        f"{precision} is not in the chip's file: judged by the published peak of its 16-bit floating point, {peak_tops:g} TFLOPS"
    ]


def _narrowest(graph: Graph, precision: str, rates: tuple[str, ...]) -> float:
    """Bytes of the narrowest operand of any product."""
    asked = formats_of(precision)
    layers = (data["layer"] for _, data in graph.nodes(data=True))
    found = {formats_at(layer, asked, rates) for layer in layers if layer.is_compute} or {asked}
    return min(min(one.weights.width, one.activations.width) for one in found)


def _own_notes(chip: Entry, graph: Graph, precision: str, rates: tuple[str, ...]) -> tuple[str, ...]:
    """What a reader should know of formats that the network brings."""
    machine = chip.architecture
    if precision != OWN or machine is None or machine.array is None:
        return ()
    return format_notes(
        graph, precision, rates, (row.product for row in lower(graph, machine, 1, OWN).rows if row.product)
    )


def _modelled(
    chip: Entry, case: _Case, there: Resources, throughput_per_s: float, verdict_alone: bool
) -> list[Bound]:  # fmt: skip
    """What the ideal machine, and the chip as its file describes it, reach."""
    found: list[Bound] = []
    if there.sram_bytes and there.outer_bytes_per_s:
        enough = throughput_per_s if verdict_alone else math.inf
        best = reached(case, there.sram_bytes / MIB, there.outer_bytes_per_s, enough)
        found.append(Bound("an ideal machine of these resources", throughput_per_s, best, "inferences/s", False))
    machine = chip.architecture
    if machine is not None and (case.precision == OWN or machine.multiplies(case.precision)):
        own = simulate(case.graph, machine, batch=case.batch, precision=case.precision, gains=False).throughput_per_s
        found.append(Bound("the chip as modelled", throughput_per_s, own, "inferences/s", False, MODEL_ERROR))
    return found


def _least(
    case: _Case | None, there: Resources, demand: Demand, throughput_per_s: float, batch: float
) -> tuple[float | None, float | None, int | None, int | None]:
    """Least SRAM and fewest DRAMs, by the strict bound and in the model."""
    bandwidth, sram = there.outer_bytes_per_s, there.sram_bytes
    strict_sram: float | None = None
    model_sram: float | None = None
    strict_dram: int | None = None
    model_dram: int | None = None
    left = for_weights(demand, there, throughput_per_s)
    if left is not None:
        strict_sram = least_sram(demand, throughput_per_s, batch, left)
    if bandwidth and case is not None:
        mib = first(CAPACITIES_MIB, lambda mib: reached(case, mib, bandwidth, throughput_per_s) >= throughput_per_s)
        model_sram = math.inf if mib is None else mib
    if bandwidth and there.has_dram and there.dram_devices and sram is not None:
        each = bandwidth / there.dram_devices
        strict_dram = least_devices(weight_need(demand, throughput_per_s, batch, sram), each)
        if case is not None and sram:
            model_dram = first(
                range(1, MOST_DEVICES + 1),
                lambda n: reached(case, sram / MIB, min(n * each, MOST_BYTES_PER_S), throughput_per_s) >= throughput_per_s,
            )  # fmt: skip
    return strict_sram, model_sram, strict_dram, model_dram


def first(choices: Sequence[Any], holds: Callable[[Any], bool]) -> Any:
    """The first of ascending choices for which a monotone condition holds; None if it never does."""
    low, high = 0, len(choices)
    while low < high:
        middle = (low + high) // 2
        if holds(choices[middle]):
            high = middle
        else:
            low = middle + 1
    return choices[low] if low < len(choices) else None
