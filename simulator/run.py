"""One chip x one graph -> `Result`: the sweep of one point, and its layers."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from simulator.chip.load import load_chip
from simulator.chip.schema import Architecture
from simulator.cost.power import PowerModel
from simulator.cost.priced import priced_chip
from simulator.errors import InfeasibleError
from simulator.frontier.grid.sizes import LONG
from simulator.graph.build import Graph
from simulator.graph.check import check_graph
from simulator.graph.early import is_frozen
from simulator.graph.fuse import fuse_layers
from simulator.graph.language import OWN_EXPERTS
from simulator.graph.load import load_network
from simulator.graph.own import Precision, format_notes, precision_of
from simulator.graph.subject import name_of, subject_of
from simulator.graph.told import told_of
from simulator.lower.rows import Lowered, lower
from simulator.lower.work import Work, work_of
from simulator.result import layers, waterfall
from simulator.result.economics import at_rest, efficiency, limiting, shares, spent
from simulator.result.evidence import band, unmeasured
from simulator.result.form import Result
from simulator.result.gains import Gains, Waiting, bound_of, gains_in_space
from simulator.result.room import has_room, short_of_room, used_bytes
from simulator.result.totals import Totals, limit_of, totals_of
from simulator.schedule.few import infeasible
from simulator.schedule.machines import Machines, machines_of
from simulator.schedule.plan import Plan
from simulator.schedule.plans import Plans
from simulator.schedule.pools import pool_source
from simulator.schedule.program import program_of
from simulator.schedule.segments import LARGEST_PART, is_thinned
from simulator.schedule.solve import solve_alone
from simulator.store.calls import public
from simulator.units import GB

STREAMED = "no DRAM:"
"""How the note begins that says how many weights stream over the host link."""


@public
def simulate(
    network: Graph | str,
    chip: Architecture | str,
    batch: int = 1,
    precision: Precision | None = None,
    gains: bool = True,
) -> Result:
    """Run one network on one chip.

    network: a layer graph, or the name or path of one. chip: an architecture, or the name or path of one. batch: items
    that arrive together. precision: a number format that the chip has a rate for, or one for each role of operands
    (docs/formats.md); that of the network, else int8, unless given. gains: whether `gain_if_infinite` is filled. It is worked
    out when it or `bound_by` is asked for: the network is scheduled once more for each roof.

    Raises NetworkError, ChipError for bad input and InfeasibleError where a layer does not fit the SRAM, or the
    network and its batch the DRAM.
    """
    graph = load_network(network) if isinstance(network, str) else network
    precision = precision_of(graph, precision)
    if not is_frozen(graph):  # what `load_network` gives was checked there
        check_graph(graph, name_of(graph))
    chip = load_chip(chip) if isinstance(chip, str) else chip
    machines, power = machines_of(chip), _limiting(chip)
    if chip.schedule.placement == "space":
        return _in_space(graph, chip, machines, batch, precision, power, gains)
    program = program_of(chip, pool_source(graph, chip, precision, admit=admission(chip, machines)), batch)
    work = program.pool.work
    _check_room(chip, work, machines)  # a pool that was kept, too: other chips have it in common
    plans, (cold, steady) = solve_alone(program, machines, limit_of(chip, work, power))
    if cold is None or steady is None:
        raise infeasible(program.pool, float(machines.capacity_bytes[0]), chip.name)
    low = program.pool.low
    totals = totals_of(chip, work, machines, plans, power)
    columns = layers.in_time(cold, machines, chip.dram is not None, _limited(power, work, totals))
    notes = (*_brought(graph, chip, low), *_notes(chip, (cold, steady), batch, program.split))
    asked = Asked(graph, chip, low, work, machines, precision)
    waiting = Waiting(partial(Gains, chip, machines, program, steady, power))
    saved = Saved(waiting, lambda loss: waiting.gains().bound(loss))
    return _result(asked, plans, totals, columns, saved, gains, notes)


def _in_space(
    graph: Graph,
    chip: Architecture,
    machines: Machines,
    batch: int,
    precision: str,
    power: PowerModel | None,
    gains: bool,
) -> Result:
    """The layers side by side as a pipeline of stages."""
    # Imported here: few chips are placed like this, and the other runs start sooner without.
    from simulator.schedule.space.solve import SpaceProgram, place_alone  # noqa: PLC0415

    low = lower(graph, chip, batch, precision)
    work = work_of(low)
    _check_room(chip, work, machines)
    program = SpaceProgram(low, fuse_layers(graph, chip.vector.fuses), float(chip.vector.lanes))
    plans, (quick, steady) = place_alone(program, machines.row())
    totals = totals_of(chip, work, machines, plans, power)
    columns = layers.in_space(low, quick, chip.dram is not None, _limited(power, work, totals))
    found = cache(partial(gains_in_space, chip, work, machines, steady, totals))
    saved = Saved(found, lambda loss: bound_of(found(), loss))
    notes = (*_brought(graph, chip, low), *steady.notes)
    return _result(Asked(graph, chip, low, work, machines, precision), plans, totals, columns, saved, gains, notes)


def _brought(graph: Graph, chip: Architecture, low: Lowered) -> tuple[str, ...]:
    """What the network brings to be told."""
    rates = chip.array.rate if chip.array else ()
    products = (row.product for row in low.rows if row.product)
    shared = low.shared
    share = "1 layer shares weights of another" if shared == 1 else f"{shared} layers share weights of others"
    alike = (f"approximated: {share}, but scheduled as if each had its own",)
    experts = graph.graph.get("parameters", {}).get("experts") and low.batch > 1
    same = (f"experts: all {low.batch:,} items of a batch meet the same ones; {OWN_EXPERTS}",)
    told = (*graph.graph.get("notes", ()), *format_notes(graph, low.precision, rates, products))
    return (*told, *alike[: shared > 0], *same[: bool(experts)])


def admission(chip: Architecture, machines: Machines) -> Callable[[Lowered], None]:
    """What raises InfeasibleError for a network at a batch for which the outer memory has no room."""
    return lambda low: _check_room(chip, work_of(low), machines)


def _check_room(chip: Architecture, work: Work, machines: Machines) -> None:
    """Raise InfeasibleError where the outer memory has no room for the batch."""
    if machines.room_bytes is not None and chip.dram is not None and not has_room(chip, work, machines)[0]:
        raise InfeasibleError(short_of_room(chip, work, float(machines.room_bytes[0]), chip.dram.devices))


def _limiting(chip: Architecture) -> PowerModel | None:
    """What the work of a chip draws, where there is a limit to it. Raises InfeasibleError where it draws the limit at rest."""
    power = limiting(chip)
    if power is not None and chip.power_limit_w is not None and chip.power_limit_w <= power.static_w:
        raise InfeasibleError(at_rest(chip.name, chip.power_limit_w, float(power.static_w)))
    return power


def _limited(power: PowerModel | None, work: Work, totals: Totals) -> layers.Limited | None:
    """What the power limit adds to a batch on its own, by step."""
    return None if power is None else layers.Limited(float(totals.cold_power_s[0]), partial(shares, power, work))


@dataclass(frozen=True)
class Asked:
    """What ran on what."""

    graph: Graph
    chip: Architecture
    low: Lowered
    work: Work
    machines: Machines
    precision: str


class Saved(NamedTuple):
    """What one would change, worked out when it is asked for: seconds saved without each roof; the bound, given the loss."""

    seconds: Callable[[], dict[str, float]]
    bound: Callable[[str], str]


def _result(
    asked: Asked,
    plans: Plans,
    totals: Totals,
    columns: layers.Columns,
    saved: Saved,
    gains: bool,
    notes: tuple[str, ...],
) -> Result:
    """Row 0 of columns of length 1, and the layers."""
    chip, low, work, machines = asked.chip, asked.low, asked.work, asked.machines
    has_dram, pipeline = chip.dram is not None, columns.pipeline
    cold = waterfall.rows_of(plans.cold.parts, has_dram, totals.wait_s, totals.cold_power_s, pipeline)
    period = waterfall.rows_of(plans.steady.parts, has_dram, totals.host_s, totals.power_s, pipeline)
    loss = waterfall.LOSSES[int(totals.loss[0])]
    wait_s, macs_per_s = totals.wait_s, work.step_units / machines.cycle_s[0]
    known = priced_chip(chip)
    figures: dict[str, Any] = {}
    energy = None
    if known.cost is not None:
        figures = {"bill_usd": known.cost.bill_usd, "area_mm2": known.cost.area_mm2}
        figures = {name: band.best for name, band in figures.items() if band is not None and band.best is not None}
    if known.power is not None:
        run = spent(known.power, work, plans, totals)
        figures["power_w"] = run.average_w
        energy = {part: _first(value) for part, value in run.to_dict().items()}
    ratios: Any = {name: _known(value) for name, value in efficiency(chip, work, totals, {}, figures).items()}
    kinds = told_of(asked.graph).kinds
    least, most = (factor * float(totals.throughput_per_s[0]) for factor in band(chip.is_gpu, kinds))
    first = {name: _first(getattr(totals, name)) for name in _FIRST}
    return Result(
        network=low.network,
        chip=chip.name,
        batch=low.batch,
        precision=low.precision,
        **first,
        throughput_low_per_s=least,
        throughput_high_per_s=most,
        peak_tops=chip.peak_tops(low.product),
        outer_gb_per_s=None if chip.outer_bytes_per_s is None else chip.outer_bytes_per_s / GB,
        dram_used_bytes=used_bytes(chip, work) if has_dram else 0.0,
        dram_capacity_bytes=chip.dram_capacity_bytes,
        macs=work.macs,
        macs_executed=work.macs_executed,
        sram_bytes=columns.most_sram_bytes,
        bound_by=lambda: saved.bound(loss),
        largest_loss=loss,
        waterfall=waterfall.named(cold[0]),
        waterfall_period=waterfall.named(period[0]),
        gain_if_infinite=saved.seconds if gains else {},
        layers=layers.layers_of(low, work, columns, macs_per_s, has_dram, wait_s),
        formats={} if low.formats is None else low.formats.names(),
        cost=None if known.cost is None else known.cost.to_dict(),
        energy=energy,
        power_w=_known(figures.get("power_w", np.nan)),
        notes=(*notes, *_unproven(chip, kinds), *known.notes),
        subject=subject_of(asked.graph),
        **ratios,
    )


_FIRST = (
    "latency_s", "throughput_per_s", "load_s", "utilisation", "effective_utilisation", "dram_bytes", "load_bytes",
    "lower_bound_s",
)  # fmt: skip
"""Figures of a result that are figures of its totals."""


def _unproven(chip: Architecture, kinds: Collection[str]) -> tuple[str, ...]:
    """What of a network no measured row of the chip has."""
    missing = unmeasured(chip.name, kinds)
    return (f"unproven: no measured network of this chip has {', '.join(missing)}",) if missing else ()


def _first(column: Any) -> float:
    """The first entry of a column, or a number."""
    return float(column.item(0) if isinstance(column, np.ndarray) else column)


def _known(column: Any) -> float | None:
    """The same; None where it is not known."""
    found = _first(column)
    return None if math.isnan(found) else found


def _in_parts(plans: tuple[Plan, Plan], batch: int) -> list[str]:
    """That the batch runs in parts, where it does."""
    cold, steady = (
        "" if plan.parts == 1 else f"in {plan.parts:,} equal parts of {batch // plan.parts:,}, one after another"
        for plan in plans
    )
    if not (cold or steady):
        return []
    if cold == steady:
        return [f"the batch runs {cold}: faster than at once"]
    return [f"the batch runs {cold or 'at once'} for the latency, {steady or 'at once'} in steady state"]


def _notes(chip: Architecture, plans: tuple[Plan, Plan], batch: int, parts: bool) -> tuple[str, ...]:
    """What a reader should know of a schedule. parts: the batch may be taken in sub-batches."""
    notes, first = _in_parts(plans, batch), plans[0].pieces[0]
    array = chip.array
    if array is not None and not chip.is_gpu and array.count > 1 and not array.unroll.count:
        notes.append(
            f"array.unroll.count: names no dimension, so that a layer uses one of {array.count:,} arrays; name some, such as"
            " out_channels, pixels"
        )
    if chip.dram is None:
        streamed = float(first.terms.streamed.sum())
        if streamed > 0.0:
            notes.append(
                f"{STREAMED} {streamed / 1e6:,.2f} MB of weights do not fit the SRAM and stream over the host link every batch"
            )
    if first.pool.moves.thinned:
        notes.append(
            f"approximated: {first.pool.moves.thinned} tensors leave the SRAM sooner than they might, or are never there: "
            "there would be too many choices between sets of resident tensors"
        )
    if not chip.is_gpu and first.pool.longest > LONG:
        notes.append(f"approximated: for axes longer than {LONG:,}, not every tile size is tried")
    if not chip.is_gpu and first.pool.has_long:
        notes.append(
            "approximated: of very long products tiles are tried at some of their sizes alone: up to some per cent slower"
        )
    if parts:
        if is_thinned(batch):
            notes.append(f"approximated: sub-batches of more than {LARGEST_PART:,} items are not tried")
        if first.pool.moves.thinned_cuts:
            notes.append(
                f"approximated: parts of the network that take the batch in sub-batches do not begin or end at "
                f"{first.pool.moves.thinned_cuts:,} of the places where they might"
            )
    return tuple(notes)
