"""Power and inference efficiency of chips, as columns with one entry a chip."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.efficiency import ratios
from simulator.cost.power import Energy, PowerModel
from simulator.cost.priced import power_of
from simulator.lower.work import Work
from simulator.result.totals import Totals, charged, over_main
from simulator.schedule.machines import capacities, clocks
from simulator.schedule.plans import Plans
from simulator.units import MIB, peak_tops

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, npt.NDArray[Any]]


def limiting(chip: Architecture, columns: Columns | None = None) -> PowerModel | None:
    """What the work of chips draws, where they may draw so much only; None without a limit.

    Raises ChipError where it cannot be told.
    """
    return None if chip.power_limit_w is None else power_of(chip, columns)


def at_rest(name: str, limit_w: float, static_w: float) -> str:
    """The line that says of a power limit that nothing is left of it for work."""
    return f"{name}: power_limit_w: must be above the {static_w:.3g} W that the chip draws at rest, got {limit_w:g}"


def spent(power: PowerModel, work: Work, plans: Plans, totals: Totals) -> Energy:
    """Energy of a batch in steady state; what goes to and from the outer memory passes the SRAM ports too."""
    feed, outer = plans.steady.feed_bytes, plans.steady.outer_bytes
    return power.held(power.energy(work.products[0], charged(power, work), feed + outer, feed, outer, totals.period_s))


def shares(power: PowerModel, work: Work, feed_bytes: Floats, outer_bytes: Floats) -> Floats:
    """Share of each step in the energy of a batch, in all 1; from columns with one entry a step."""
    macs = charged_steps(power, work)
    own = power.energy(work.products[0], macs, feed_bytes + outer_bytes, feed_bytes, outer_bytes, 0.0).total_j
    return np.asarray(own / own.sum())


def charged_steps(power: PowerModel, work: Work) -> Floats:
    """MACs of each step as their energy is counted, those of other formats by what they cost over one of the main one."""
    if len(work.products) == 1:
        return work.charged
    main = np.array([float(np.ravel(each)[0]) for each in over_main(power, work)])
    return np.asarray(work.charged * main[work.product])


def efficiency(
    chip: Architecture, work: Work, totals: Totals, columns: Columns, figures: Mapping[str, Any]
) -> dict[str, Floats]:
    """Ratios of throughput to what it takes (`cost.efficiency.ratios`). figures: bill, area and power, where they are known."""
    count, given = len(totals.runs), dict(figures)
    given["peak_tops"] = peak_tops(1.0, work.units, clocks(chip, columns, count))  # type: ignore[arg-type]
    given["sram_mib"] = capacities(chip, columns, count) / MIB
    given["list_price_usd"] = np.nan if chip.list_price_usd is None else chip.list_price_usd
    given["dram_devices"] = columns.get("dram.devices", np.full(count, chip.dram_devices)) if chip.dram else 0.0
    return ratios(totals.throughput_per_s, given)
