"""Area: one function a formula, on numbers or numpy arrays alike. Areas in mm2, lengths in mm.

Powers and roots are numpy's, never Python's: both differ in the last bit, and one chip must equal a sweep of many.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulator.units import MIB

REFERENCE_MTR_MM2 = 28.9
"""Logic density at 16 nm [million transistors per mm2], where the area of a MAC is stated."""


def logic_scale(logic_mtr_mm2: Any, density_exponent: Any, reference_mtr_mm2: float = REFERENCE_MTR_MM2) -> Any:
    """Logic area at a node over that at the reference node [-]: (reference density / density) ^ exponent.

    Below 1, the exponent says that shipped chips shrink less than their transistors (fitted, see `scripts`).
    """
    return np.power(reference_mtr_mm2 / logic_mtr_mm2, density_exponent)


def unit_weight(rates: Mapping[str, float], weights: Mapping[str, float], mode_overhead: float = 0.10) -> float:
    """Area of one multi-precision MAC unit over an INT8 MAC [-].

    (1 + overhead x (modes - 1)) x the largest of rate x weight: the widest mode sets the multiplier, every further mode
    adds multiplexers. `rates` are MACs per unit and cycle; `weights` areas over an INT8 MAC.
    """
    modes = [rate * weights[precision] for precision, rate in rates.items()]
    return (1.0 + mode_overhead * (len(modes) - 1)) * max(modes)


def mac_mm2(units: Any, weight: Any, mac_um2: Any, scale: Any) -> Any:
    """MAC arrays [mm2]: units x weight x area of an INT8 MAC [um2] x logic scale."""
    return units * weight * mac_um2 * 1e-6 * scale


def sram_mm2(capacity_bytes: Any, bitcell_um2: Any, efficiency: Any, kind_factor: Any = 1.0) -> Any:
    """On-chip memory [mm2]: bits x cell [um2] / efficiency x factor of its kind (scratchpad 1, cache more)."""
    return capacity_bytes * 8.0 * bitcell_um2 * 1e-6 / efficiency * kind_factor


def interface_mm2(analog_mm2: Any, ctrl_mtr: Any, scale: Any, scale_7nm: Any, density_7nm: float = 96.3) -> Any:
    """PHY and controller [mm2]: an analog part that does not shrink, and logic of `ctrl_mtr` million transistors.

    The controller is stated at 7 nm (density there in million transistors per mm2) and scaled as logic.
    """
    return analog_mm2 + ctrl_mtr / density_7nm * scale / scale_7nm


def die_mm2(counted: Any, share: Any, most_mm2: float = np.inf) -> Any:
    """Whole die [mm2]: what is counted, and the share of interconnect and control, which gives way near the largest die.

    Far below `most_mm2`, counted / (1 - share) = d. Near it a designer has less room: d / (1 + (d / most)^4)^(1/4), and never
    less than what is counted. It grows with whatever is counted, and has no classes of chips.
    """
    free = counted / (1.0 - share)
    square = np.square(free / most_mm2)
    return np.maximum(counted, free / np.sqrt(np.sqrt(1.0 + square * square)))


def fabric_mm2(routers: Any, router_bits: Any, lanes: Any, cores: Any, coefficients: Any, scale: Any) -> Any:
    """Interconnect and control from below [mm2]: routers by width, vector lanes, and one control block for each core.

    `coefficients` is (mm2 of a 256-bit router, um2 of a vector lane, mm2 of control for a core) at 16 nm.
    """
    router_mm2, lane_um2, core_mm2 = coefficients
    return (routers * router_bits / 256.0 * router_mm2 + lanes * lane_um2 * 1e-6 + cores * core_mm2) * scale


def ip_mm2(units: Any, capacity_bytes: Any, fixed_mm2: Any, um2_per_mac: Any, mm2_per_mib: Any) -> Any:
    """Area of a block of IP [mm2]: fixed part + MACs + memory, the form that fits the NVDLA sizings."""
    return fixed_mm2 + units * um2_per_mac * 1e-6 + capacity_bytes / MIB * mm2_per_mib


def usable_edge_mm(area_mm2: Any, usable_share: float) -> Any:
    """Die edge that PHYs may take [mm]: four sides of a square die, less corners and supply."""
    return 4.0 * np.sqrt(area_mm2) * usable_share
