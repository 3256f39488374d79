"""The die of a chip that the calibration covers: its area, and the checks that it can be made."""

from dataclasses import dataclass

from simulator.chip.schema import Architecture
from simulator.cost import area
from simulator.cost.book import book, fit, interfaces
from simulator.cost.power import power_model
from simulator.cost.quantities import Quantities, Silicon, silicon
from simulator.errors import ChipError


@dataclass(frozen=True)
class Die:
    """A die that the calibration covers: its parts, its area, and what its package must carry."""

    q: Quantities
    parts: Silicon
    share: float
    mm2: float
    peak_w: float


def die_of(chip: Architecture, q: Quantities, bottom_up: bool = False) -> Die:
    """Area of the die and the checks that it can be made."""
    coefficients = fit()
    parts = silicon(q, coefficients)
    share = coefficients.share_no_dram if q.memory is None else coefficients.share_dram
    if bottom_up:
        share = 1.0 - parts.counted / (parts.counted + fabric_mm2(chip, parts))
    mm2 = float(area.die_mm2(parts.macs, parts.sram, parts.dram + parts.io, share))
    reticle = book()["reticle"]
    limit = area.reticle_mm2(reticle["width_mm"], reticle["height_mm"])
    if mm2 > limit:
        raise ChipError(
            f"{chip.name}: die: must be at most the reticle limit of {limit:,.0f} mm2"
            f" ({reticle['width_mm']} x {reticle['height_mm']} mm), got {mm2:,.0f} mm2"
        )
    _check_edge(chip, q, parts, share, mm2)
    return Die(q, parts, share, mm2, power_model(chip, mm2).peak_w)


def _check_edge(chip: Architecture, q: Quantities, parts: Silicon, share: float, mm2: float) -> None:
    """Refuse a die whose DRAM interfaces need more edge than it has, and say how many devices fit."""
    if q.memory is None:
        return
    usable = book()["beachfront"]["usable_share"]
    links = q.io_lanes * interfaces()[q.io_interface].edge_mm
    each = interfaces()[q.memory.family.interface].edge_mm * q.memory.channels / q.memory.devices
    have = area.usable_edge_mm(mm2, usable)
    if q.memory.devices * each + links <= have:
        return
    one = parts.dram / q.memory.devices
    rest = parts.counted - parts.dram

    def fits(devices: int) -> bool:
        die = area.die_mm2(rest, 0.0, devices * one, share)
        return bool(devices * each + links <= area.usable_edge_mm(die, usable))

    most = max((n for n in range(int(q.memory.devices)) if fits(n)), default=0)
    raise ChipError(
        f"{chip.name}: dram.devices: must be at most {most}: interfaces of {q.memory.devices:g} need"
        f" {q.memory.devices * each + links:.0f} mm of die edge, {mm2:.0f} mm2 has {have:.0f} mm"
    )


def fabric_mm2(chip: Architecture, parts: Silicon) -> float:
    """Interconnect, control and whitespace of a chip from below [mm2].

    One router for each array, as wide as its part of the interconnect; the vector lanes; one control block for each
    array; and the whitespace of placement. An estimate to set beside the calibrated share, not to replace it.
    """
    data = book()["fabric"]
    count = 1 if chip.array is None else chip.array.count
    bits = chip.interconnect.bytes_per_cycle * 8.0 / count
    coefficients = tuple(data[key]["value"] for key in ("router_mm2_256b", "lane_um2", "control_mm2_core"))
    built = area.fabric_mm2(count, bits, chip.vector.lanes, count, coefficients, parts.scale)
    share = data["whitespace_share"]["value"]
    return float((parts.counted + built) / (1.0 - share) - parts.counted)


def fabric_notes(die: Die) -> tuple[str, ...]:
    """Say so where the estimate from below and the calibrated share differ by more than two times."""
    coefficients = fit()
    share = coefficients.share_no_dram if die.q.memory is None else coefficients.share_dram
    usual = die.parts.counted * share / (1.0 - share)
    below = die.mm2 - die.parts.counted
    if usual <= 2.0 * below and below <= 2.0 * usual:
        return ()
    return (
        f"interconnect and control: {below:,.1f} mm2 from vector lanes, ports and arrays, {usual:,.1f} mm2 by the"
        " calibrated share: more than two times apart",
    )


def area_items(die: Die) -> dict[str, float]:
    """Parts of a die [mm2]; they sum to it."""
    p = die.parts
    rest = die.mm2 - p.counted
    return {"macs": p.macs, "sram": p.sram, "dram_interfaces": p.dram, "links": p.io, "interconnect_control": rest}
