"""Inference efficiency: throughput over what it takes, and energy for one inference."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BELOW = {
    "throughput_per_usd": "bill_usd",
    "throughput_per_list_usd": "list_price_usd",
    "throughput_per_tops": "peak_tops",
    "throughput_per_dram": "dram_devices",
    "throughput_per_sram_mib": "sram_mib",
    "throughput_per_w": "power_w",
    "throughput_per_mm2": "area_mm2",
}
"""Each ratio, in the order shown, and what throughput is divided by."""

RATIOS = (*BELOW, "energy_per_inference_j")
"""Names of the ratios, in the order shown."""


def ratios(throughput_per_s: Floats, figures: Mapping[str, Any]) -> dict[str, Floats]:
    """Throughput [1/s] per dollar, TOPS, DRAM device, MiB of SRAM, watt and mm2, and joules for one inference.

    figures: what is divided by, by name, numbers or one entry a chip; a name may be missing. NaN, never infinity, where there
    is nothing to divide by: a chip without DRAM, a cost that cannot be told, a power that is not known. A dollar is one of the
    bill of materials' best estimate.
    """
    out = {name: throughput_per_s / _or_nan(figures.get(below, np.nan)) for name, below in BELOW.items()}
    out["energy_per_inference_j"] = figures.get("power_w", np.nan) / np.where(
        throughput_per_s > 0.0, throughput_per_s, np.nan
    )
    return out


def _or_nan(value: Any) -> Any:
    """What is divided by: NaN instead of nothing."""
    return value or np.nan if isinstance(value, int | float) else np.where(value, value, np.nan)
