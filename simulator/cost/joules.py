"""Energy: one function a formula, on numbers or numpy arrays alike. Joules, watts, bytes, mm, nm."""

from typing import Any

import numpy as np

PICO = 1e-12
FEMTO = 1e-15


def scaled_to_node(value: Any, nm: Any, at_nm: float, exponent: float) -> Any:
    """A figure stated at one node, at another: value x (nm / at) ^ exponent, the same unit."""
    return value * np.power(nm / at_nm, exponent)


def mac_j(macs: Any, weight: Any, pj_int8: Any) -> Any:
    """Multiply-accumulates [J]: executed MACs x energy of an INT8 MAC [pJ] x weight of the precision."""
    return macs * weight * pj_int8 * PICO


def bank_kib(capacity_bytes: Any, largest_kib: float) -> Any:
    """Size of one SRAM bank [KiB]: the capacity, up to the largest bank that is built."""
    return np.minimum(capacity_bytes / 1024.0, largest_kib)


def sram_j(total_bytes: Any, pj_byte: Any, kib: Any, at_kib: float, exponent_size: float) -> Any:
    """SRAM access [J]: bytes x energy at the reference size [pJ/byte] x (bank / reference) ^ exponent."""
    return total_bytes * pj_byte * np.power(kib / at_kib, exponent_size) * PICO


def wire_j(total_bytes: Any, distance_mm: Any, fj_bit_mm: Any) -> Any:
    """Moving bytes over the chip [J]: bits x distance [mm] x energy [fJ per bit and mm]."""
    return total_bytes * 8.0 * distance_mm * fj_bit_mm * FEMTO


def link_j(total_bytes: Any, pj_bit: Any) -> Any:
    """Moving bytes to DRAM or over a link [J]: bits x energy of the whole path [pJ/bit]."""
    return total_bytes * 8.0 * pj_bit * PICO


def static_w(other_mm2: Any, sram_mib: Any, mw_mm2: Any, sram_mw_mib: Any) -> Any:
    """Power that is always drawn [W]: SRAM leakage, and clock trees, leakage and idle interfaces of the rest."""
    return (other_mm2 * mw_mm2 + sram_mib * sram_mw_mib) * 1e-3
