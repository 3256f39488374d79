"""Money: one function a formula, on numbers or numpy arrays alike. US dollars, mm2, mm."""

from typing import Any

import numpy as np

YIELD_MODELS = ("negative_binomial", "poisson", "murphy", "seeds")
"""Names that `die_yield` knows, the default first."""

_CM2 = 100.0  # mm2 in a cm2


def dies_per_wafer(area_mm2: Any, diameter_mm: float = 300.0, edge_mm: float = 5.0, scribe_mm: float = 0.2) -> Any:
    """Whole dies on a wafer [-], the usual estimate for square dies.

    pi (d/2 - e)^2 / A' - pi (d - 2 e) / sqrt(2 A'), with A' = (sqrt(A) + scribe)^2; the second term is what
    the rim cuts.
    Source: Feng and Ma, Chiplet Actuary (DAC 2022). Not below one die.
    """
    pitch = np.square(np.sqrt(area_mm2) + scribe_mm)
    usable = diameter_mm - 2.0 * edge_mm
    return np.maximum(np.pi * (usable / 2.0) ** 2 / pitch - np.pi * usable / np.sqrt(2.0 * pitch), 1.0)


def die_yield(critical_mm2: Any, d0_cm2: Any, model: str = "negative_binomial", alpha: float = 3.0) -> Any:
    """Share of dies that work [-].

    `critical_mm2` is the area in which a defect kills, `d0_cm2` the defects per cm2. Models: negative binomial
    (1 + AD/alpha)^-alpha, Poisson exp(-AD), Murphy ((1 - exp(-AD))/AD)^2, Seeds 1/(1 + AD).
    Raises KeyError for another model; the command checks the name.
    """
    defects = critical_mm2 / _CM2 * d0_cm2
    if model == "negative_binomial":
        return np.power(1.0 + defects / alpha, -alpha)
    if model == "poisson":
        return np.exp(-defects)
    if model == "murphy":
        return np.square(-np.expm1(-defects) / np.maximum(defects, 1e-300))
    if model == "seeds":
        return 1.0 / (1.0 + defects)
    raise KeyError(model)


def die_usd(wafer_usd: Any, dies: Any, good_share: Any) -> Any:
    """One working die [USD]: wafer price over working dies."""
    return wafer_usd / (dies * good_share)


def package_balls(memory: Any, io_lanes: Any, amps: Any, base: float, per_lane: float, per_amp: float) -> Any:
    """Balls of the package [-]: base + those of the memory (about 100 a DRAM device) + links + supply current [A]."""
    return base + memory + io_lanes * per_lane + amps * per_amp


def package_size(balls: Any, power_w: Any, small: tuple[float, float], large: tuple[float, float]) -> Any:
    """Place between the small and the large class of substrate [0..1], by balls or by power, whichever says more.

    `small` and `large` are (balls, W) up to which, and from which, a class applies. Straight in between: a cliff would
    make the price of a chip near it jump.
    """
    by_balls = (balls - small[0]) / (large[0] - small[0])
    by_power = (power_w - small[1]) / (large[1] - small[1])
    return np.clip(np.maximum(by_balls, by_power), 0.0, 1.0)


def package_usd(balls: Any, size: Any, small: tuple[float, float], large: tuple[float, float]) -> Any:
    """Substrate and housing [USD]; `small` and `large` are (base, each ball) of the two classes, `size` is between."""
    low, high = small[0] + balls * small[1], large[0] + balls * large[1]
    return low + size * (high - low)


def interposer_usd(area_mm2: Any, wafer_usd: float, d0_cm2: float, alpha: float, ubump_usd_mm2: float) -> Any:
    """Silicon interposer of `area_mm2` with its micro-bumps [USD]; a passive wafer with a yield of its own."""
    good = die_yield(area_mm2, d0_cm2, "negative_binomial", alpha)
    return die_usd(wafer_usd, dies_per_wafer(area_mm2), good) + area_mm2 * ubump_usd_mm2


def dram_usd(gib: Any, usd_per_gb: Any, family_price: Any) -> Any:
    """Memory devices [USD]: capacity [GiB, sold as GB] x price of DDR5 x price of the family over DDR5."""
    return gib * usd_per_gb * family_price


def test_usd(die: Any, final_usd: float, system_usd: float, share_of_die: float) -> Any:
    """Test [USD]: final and system test + wafer test as a share of the die."""
    return final_usd + system_usd + share_of_die * die


def assembly_loss_usd(parts: Any, step_yield: Any, final_yield: Any) -> Any:
    """What chips that fail after assembly cost the ones that work [USD]: parts x (1/(yields) - 1)."""
    return parts * (1.0 / (step_yield * final_yield) - 1.0)


def board_usd(dram_devices: Any, power_w: Any, usd_per_dram: Any, usd_per_w: Any) -> Any:
    """Placing the memory and converting the power on the board [USD]."""
    return dram_devices * usd_per_dram + power_w * usd_per_w
