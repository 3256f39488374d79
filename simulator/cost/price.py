"""What a chip costs, from its file: area and bill of materials with their ranges, and cost relative to a named chip.

The best estimate and every draw go through the same functions: row 0 of each array is the best estimate, all factors 1.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from simulator.chip.load import chip_digest, load_chip
from simulator.chip.schema import Architecture
from simulator.cost import area, money
from simulator.cost.bill import DRAWS, Floats, Z, bill_of, factors_of, total_of
from simulator.cost.book import cost_book, fit, mac_weight, reticle_mm2
from simulator.cost.die import area_items, check_die, die_of, fabric_mm2, fabric_notes
from simulator.cost.power import covered_mm2, powers
from simulator.cost.quantities import Quantities, quantities_of, silicon, whole_mm2
from simulator.errors import ChipError, OptionError, nearest
from simulator.store.bundled import REFERENCE
from simulator.store.shown import Shown

CALIBRATED = "dedicated accelerators of 54 to 823 mm2 at 28, 16, 14, 12, 10, 7 and 5 nm"
CALIBRATED_NM = (28, 16, 14, 12, 10, 7, 5)
SMALLEST_MM2 = 40.0
"""Below three quarters of the smallest calibration chip nothing was tested."""


@dataclass(frozen=True)
class Band:
    """A figure with the range that holds it with a probability of 90 %."""

    low: float
    best: float | None
    """None where no figure may be called the best."""
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Plain data for JSON."""
        return {"low": self.low, "best": self.best, "high": self.high}


@dataclass(frozen=True, repr=False)
class Cost(Shown):
    """What one chip costs."""

    chip: str
    kind: str
    process_nm: float
    status: str
    """Whether the calibration covers the chip, in words."""
    calibrated: bool
    area_mm2: Band
    published_mm2: float | None
    """Die that the chip's file publishes [mm2]; None where it does not."""
    area_items: dict[str, float]
    """Part of the die -> best estimate [mm2]; without interconnect and control where the model does not cover them."""
    bill_usd: Band | None
    """Parts, assembly and test of the chip and its memory; None where no money can be told."""
    bill_items: dict[str, Band]
    relative_cost: Band | None
    """Bill over that of the reference chip [-]."""
    reference: str
    peak_power_w: float
    peak_items: dict[str, float]
    details: dict[str, float]
    """Figures on the way: dies per wafer, yield, balls, and the like."""
    notes: tuple[str, ...] = field(default=())

    @property
    def contradicted(self) -> bool:
        """Whether the published die lies outside of the range: the model is wrong about this chip."""
        return self.published_mm2 is not None and not self.area_mm2.low <= self.published_mm2 <= self.area_mm2.high

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, in a fixed order."""
        return {
            "chip": self.chip,
            "kind": self.kind,
            "process_nm": self.process_nm,
            "status": self.status,
            "calibrated": self.calibrated,
            "area_mm2": self.area_mm2.to_dict(),
            "published_mm2": self.published_mm2,
            "contradicted": self.contradicted,
            "area_items_mm2": dict(self.area_items),
            "bill_usd": None if self.bill_usd is None else self.bill_usd.to_dict(),
            "bill_items_usd": {name: band.to_dict() for name, band in self.bill_items.items()},
            "relative_cost": None if self.relative_cost is None else self.relative_cost.to_dict(),
            "reference": self.reference,
            "peak_power_w": self.peak_power_w,
            "peak_items_w": dict(self.peak_items),
            "details": dict(self.details),
            "notes": list(self.notes),
        }


def chip_cost(
    chip: Architecture,
    reference: Architecture | None = None,
    *,
    draws: int = DRAWS,
    yield_model: str = money.YIELD_MODELS[0],
    bottom_up: bool = False,
    sram_kind: str | None = None,
) -> Cost:
    """What `chip` costs.

    Parameters
    ----------
    chip : Architecture
        A chip file; `process_nm` and `array` must be there.
    reference : Architecture, optional
        Chip that `relative_cost` compares with; the bundled InferX X1 by default.
    draws : int
        Random draws for the bands of money; 0 takes first-order propagation instead, which costs no time in a sweep.
    yield_model : str
        One of `money.YIELD_MODELS`.
    bottom_up : bool
        Estimate interconnect and control from vector lanes, ports and arrays, not from the calibrated share.
    sram_kind : str, optional
        One of `quantities.SRAM_KINDS`, where it is not what `sram.managed` suggests.

    Raises
    ------
    ChipError
        Missing or unknown process node, no array, a die above the reticle limit, or memory interfaces that do not fit
        the edge of the die.
    OptionError
        An unknown yield model.
    """
    if yield_model not in money.YIELD_MODELS:
        raise OptionError(f"yield_model: unknown model {yield_model!r}{nearest(yield_model, money.YIELD_MODELS)}")
    q = quantities_of(chip, sram_kind)
    if q.kind != "accelerator":
        return _outside(chip, q)
    die = die_of(q, bottom_up)
    check_die(die, bottom_up)
    factors = factors_of(draws)
    bill, details = bill_of(die, factors, yield_model, "area")
    inside = all(nm in CALIBRATED_NM for nm in q.node.between or (q.node.nm,)) and bool(die.mm2 >= SMALLEST_MM2)
    total = total_of(bill)
    name, other = _reference_total(chip, reference, (draws, yield_model, bottom_up))
    mm2, peak = float(die.mm2), {part: float(watts) for part, watts in die.power.peak.items()}
    # A chip beside itself is exactly as dear as itself, whatever the draws say.
    relative = total / total if other is None else total / other
    return Cost(
        chip=chip.name,
        kind=q.kind,
        process_nm=float(chip.process_nm or 0.0),
        status=("inside the calibration" if inside else "extrapolated beyond the calibration") + f": {CALIBRATED}",
        calibrated=inside,
        area_mm2=_area_band(mm2),
        published_mm2=chip.published_die_mm2,
        area_items=area_items(die),
        bill_usd=_band(total, draws),
        bill_items={name: _band(values, draws) for name, values in bill.items()},
        relative_cost=_band(relative, draws),
        reference=name,
        peak_power_w=float(die.power.peak_w),
        peak_items=peak,
        details={**details, "interconnect_control_bottom_up_mm2": float(fabric_mm2(q, die.parts))},
        notes=(*q.notes, *(fabric_notes(die) if bottom_up else ())),
    )


def _reference_total(
    chip: Architecture, reference: Architecture | None, how: tuple[int, str, bool]
) -> tuple[str, Floats | None]:
    """(name of the reference chip, its total over the rows of factors; None where it is the chip itself)."""
    if reference is None:
        name, digest, total = default_reference(*how)
    else:
        name, digest, total = reference.name, chip_digest(reference), _priced(reference, *how)
    return name, None if digest == chip_digest(chip) else total


@cache
def default_reference(draws: int, model: str, bottom_up: bool) -> tuple[str, str, Floats]:
    """Name, digest and total of the bundled reference chip; the total over the rows of factors, row 0 the best."""
    reference = load_chip(REFERENCE)
    return reference.name, chip_digest(reference), _priced(reference, draws, model, bottom_up)


def _priced(reference: Architecture, draws: int, model: str, bottom_up: bool) -> Floats:
    """Total of a reference chip over the rows of factors, with an area error of its own [USD]."""
    q = quantities_of(reference)
    if q.kind != "accelerator":
        raise ChipError(f"{reference.name}: kind: a reference must be an accelerator, got {q.kind}")
    die = die_of(q, bottom_up)
    check_die(die, bottom_up)
    bill, _ = bill_of(die, factors_of(draws), model, "reference_area")
    total: Floats = total_of(bill)
    return total


def _band(values: Floats, draws: int) -> Band:
    """Range of a figure: percentiles of the draws, or first-order propagation."""
    best = float(values[0])
    if draws:
        low, high = (float(v) for v in np.quantile(values[1:], (0.05, 0.95)))
        return Band(min(low, best), best, max(high, best))
    moves = np.log(values[1:] / best)
    factor = float(np.exp(Z * np.sqrt(np.square(moves).sum())))
    return Band(best / factor, best, best * factor)


def _area_band(mm2: float) -> Band:
    """Range of a die area, from the errors of chips left out of the fit [mm2]; no die is above the reticle limit."""
    factor = float(np.exp(Z * cost_book()["residuals"]["log_rms_left_out"]))
    return Band(mm2 / factor, mm2, min(mm2 * factor, reticle_mm2()))


def _outside(chip: Architecture, q: Quantities) -> Cost:
    """A GPU, a part of an SoC or a block of IP: what can be told, and nothing more."""
    parts = silicon(q, fit())
    if q.kind == "ip":
        band = _ip_band(q)
        status = "a block of IP: cell area as the NVDLA sizings have it; no die, so no bill"
        items = {"block": band.best or 0.0}
    else:
        share = cost_book()["outside"][q.kind]
        low, high = (float(whole_mm2(parts, share[end])) for end in ("low", "high"))
        band = Band(low, None, high)
        status = f"outside calibration: no {'GPU' if q.kind == 'gpu' else 'SoC'} is among the calibration chips"
        items = {"macs": parts.macs, "sram": parts.sram, "dram_interfaces": parts.dram, "links": parts.io}
    model = powers(q, parts, covered_mm2(q, parts))
    return Cost(
        chip=chip.name,
        kind=q.kind,
        process_nm=float(chip.process_nm or 0.0),
        status=status,
        calibrated=False,
        area_mm2=band,
        published_mm2=None if q.kind == "ip" else chip.published_die_mm2,  # of the chip around the block
        area_items={name: float(mm2) for name, mm2 in items.items()},
        bill_usd=None,
        bill_items={},
        relative_cost=None,
        reference=default_reference(0, money.YIELD_MODELS[0], False)[0],
        peak_power_w=float(model.peak_w),
        peak_items={part: float(watts) for part, watts in model.peak.items()},
        details={},
        notes=q.notes,
    )


def block_mm2(q: Quantities) -> Any:
    """Area of a block of IP [mm2]: a number, or a column where `q` has columns."""
    data, coefficients = cost_book(), fit()
    form, fitted_at = _ip_form(q), data["nodes"][_ip_nm(q)]
    # Logic and memory away from the two nodes of the fit, by the scales of the model.
    exponent = coefficients.density_exponent
    scale = float(area.logic_scale(q.node.logic_mtr_mm2, exponent))
    logic = scale / float(area.logic_scale(fitted_at["logic_mtr_mm2"], exponent))
    cells = q.node.bitcell_um2 / fitted_at["bitcell_um2"]
    weights = {precision: mac_weight(precision, coefficients) for precision in q.rates}
    units = q.mac_units * area.unit_weight(q.rates, weights, data["mode_overhead"]["value"])
    return area.ip_mm2(
        units,
        q.sram_bytes,
        form["fixed_mm2"] * logic,
        form["um2_per_mac"] * logic,
        form["mm2_per_mib"] * cells,
    )


def _ip_band(q: Quantities) -> Band:
    """Area of a block of IP [mm2], with twice the worst error of the NVDLA sizings as its range."""
    mm2, factor = float(block_mm2(q)), 1.0 + 2.0 * _ip_form(q)["max_error"]
    return Band(mm2 / factor, mm2, mm2 * factor)


def _ip_nm(q: Quantities) -> int:
    """The node of the fit whose sizings stand for a block."""
    return 28 if q.node.nm >= 28 else 16


def _ip_form(q: Quantities) -> Any:
    """What was fitted on the NVDLA sizings of that node."""
    return cost_book()["ip_blocks"][_ip_nm(q)]
