"""What two chips are compared on that nobody knows exactly: prices, yield, areas, bandwidth, energy, the model itself.

Every assumption is a factor around its best estimate with a log-normal range, drawn once for both chips where both depend
on the same thing: a price that is wrong is wrong for both.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.bill import FACTORS, SEED, Z, bill_of, total_of
from simulator.cost.book import cost_book
from simulator.cost.die import Die, check_die, die_of
from simulator.cost.quantities import quantities_of
from simulator.errors import ChipError
from simulator.store.data import read_data

Floats = npt.NDArray[np.float64]

NAMES = {
    "model_a": "error of the model, A",
    "model_b": "error of the model, B",
    "bandwidth": "bandwidth reached",
    "area": "die area, A",
    "reference_area": "die area, B",
    "wafer": "wafer price",
    "defects": "defect density",
    "package": "package price",
    "dram": "DRAM price",
    "test": "test price",
    "board": "board price",
    "mac_energy": "energy of a MAC",
    "static_power": "static power",
}
"""Assumptions in words, in the order in which they are drawn. Those without A or B are shared."""

BOTH = {"model_a": "error of the model, both", "area": "die area, both"}
"""The same where the two chips are alike: one array and one compiler, described by one model, are off together."""

OF_COST = FACTORS
OF_ENERGY = ("mac_energy", "static_power")


@dataclass(frozen=True)
class Assumption:
    """One of them."""

    name: str
    log_sd: float
    """Standard deviation of the logarithm of the factor."""
    best: float | None
    """Best estimate in `unit`, where both chips have the same one."""
    unit: str

    @property
    def low(self) -> float:
        """Factor of the 5th percentile [-]."""

        return math.exp(-Z * self.log_sd)

    @property
    def high(self) -> float:
        """Factor of the 95th percentile [-]."""
        return math.exp(Z * self.log_sd)


def assumptions_of(names: tuple[str, ...], a: Die | None, b: Die | None) -> tuple[Assumption, ...]:
    """The assumptions called `names`, with what they are around. a, b: dies where cost is asked for."""
    money, energy, other = cost_book(), cost_book()["energy"], read_data("uncertainty.yaml")
    sd = {
        "model_a": other["model"]["log_sd"],
        "model_b": other["model"]["log_sd"],
        "bandwidth": other["bandwidth"]["log_sd"],
        "area": money["residuals"]["log_rms_left_out"],
        "reference_area": money["residuals"]["log_rms_left_out"],
        "wafer": money["wafer"]["price"]["log_sd"],
        "defects": money["yield"]["d0"]["log_sd"],
        "package": money["package"]["log_sd"],
        "dram": money["dram"]["usd_per_gb"]["log_sd"],
        "test": money["test"]["log_sd"],
        "board": money["board"]["log_sd"],
        "mac_energy": _spread(energy["mac_pj"]),
        "static_power": _spread(energy["static_mw_mm2"]),
    }
    around: dict[str, tuple[float | None, str]] = {
        "dram": (money["dram"]["usd_per_gb"]["value"], "USD/GB of DDR5"),
        "mac_energy": (energy["mac_pj"]["value"], "pJ at 16 nm"),
        "static_power": (energy["static_mw_mm2"]["value"], "mW/mm2"),
    }
    if a is not None and b is not None:
        if "reference_area" in names:
            around |= {"area": (float(a.mm2), "mm2"), "reference_area": (float(b.mm2), "mm2")}
        if a.q.node == b.q.node:
            around |= {"wafer": (a.q.node.wafer_usd, "USD"), "defects": (a.q.node.d0_cm2, "/cm2")}
    return tuple(Assumption(name, float(sd[name]), *around.get(name, (None, "x"))) for name in NAMES if name in names)


def _spread(entry: Mapping[str, float]) -> float:
    """Standard deviation of a logarithm whose 5th and 95th percentile are `low` and `high`."""
    return math.log(entry["high"] / entry["low"]) / (2.0 * Z)


def draws_of(assumptions: tuple[Assumption, ...], draws: int, seed: int = SEED) -> dict[str, Floats]:
    """Factors of each assumption [-]; entry 0 is the best estimate. Equal arguments give equal draws, on every machine."""
    # Every assumption has its own column of the stream, so that leaving one out does not move the others.
    z = np.random.RandomState(seed).standard_normal((draws, len(NAMES)))
    place = {name: at for at, name in enumerate(NAMES)}
    return {one.name: np.concatenate([[1.0], np.exp(z[:, place[one.name]] * one.log_sd)]) for one in assumptions}


def priced_die(chip: Architecture) -> Die:
    """The die of a chip that has a bill. Raises ChipError for one that has none, or cannot be made."""
    q = quantities_of(chip)
    if q.kind != "accelerator":
        raise ChipError(f"{chip.name}: kind: only an accelerator has a bill, got {q.kind}")
    die = die_of(q)
    check_die(die)
    return die


def bill_usd(die: Die, factors: Mapping[str, Floats], own_area: str, model: str) -> Floats:
    """Bill of a chip for every row of factors [USD]. own_area: `area` for A, `reference_area` for B."""
    count = len(next(iter(factors.values())))
    table = np.stack([factors.get(name, np.ones(count)) for name in FACTORS], axis=1)
    bill, _ = bill_of(die, table, model, own_area)
    return np.broadcast_to(np.asarray(total_of(bill), dtype=np.float64), (count,))
