"""Inference efficiency: throughput over what it takes, and energy for one inference."""

from collections.abc import Mapping

from simulator.cost.price import Cost
from simulator.units import MIB

RATIOS = (
    "throughput_per_usd",
    "throughput_per_tops",
    "throughput_per_dram",
    "throughput_per_sram_mib",
    "throughput_per_w",
    "throughput_per_mm2",
    "energy_per_inference_j",
)
"""Names of the ratios, in the order shown."""


def efficiency(
    throughput_per_s: float,
    peak_tops: float,
    sram_bytes: float,
    dram_devices: int,
    cost: Cost | None,
    power_w: float | None,
) -> dict[str, float | None]:
    """Throughput [1/s] per dollar, TOPS, DRAM device, MiB of SRAM, watt and mm2, and joules for one inference.

    None, never infinity, where there is nothing to divide by: a chip without DRAM, a cost that cannot be told, a power
    that is not known. A dollar is one of the bill of materials' best estimate.
    """
    bill = None if cost is None or cost.bill_usd is None else cost.bill_usd.best
    mm2 = None if cost is None else cost.area_mm2.best
    below: Mapping[str, float | None] = {
        "throughput_per_usd": bill,
        "throughput_per_tops": peak_tops,
        "throughput_per_dram": float(dram_devices),
        "throughput_per_sram_mib": sram_bytes / MIB,
        "throughput_per_w": power_w,
        "throughput_per_mm2": mm2,
    }
    out = {name: throughput_per_s / value if value else None for name, value in below.items()}
    out["energy_per_inference_j"] = power_w / throughput_per_s if power_w is not None and throughput_per_s else None
    return out
