"""Energy and power of a chip: what one MAC, one byte and one second cost it, and what a run costs.

Everything a run needs is in a `PowerModel`, made once for a chip; `energy` takes numbers or numpy arrays.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.chip.schema import Architecture
from simulator.cost import area, joules
from simulator.cost.book import book, fit
from simulator.cost.quantities import Quantities, Silicon, quantities, silicon
from simulator.errors import ChipError, nearest
from simulator.units import MIB

ITEMS = ("mac_j", "sram_j", "interconnect_j", "dram_j", "host_j", "static_j")
"""Parts of the energy of a run, in the order shown; `host_j` is what a chip without DRAM moves over its link."""


@dataclass(frozen=True)
class Energy:
    """Energy of one run (numbers, or arrays of the same length)."""

    items: dict[str, Any]
    """Part -> energy [J]; the keys are ITEMS."""
    static_w: float
    """Power drawn whether the chip computes or not [W]."""
    time_s: Any
    """Time that the run took, or the period in steady state [s]."""

    @property
    def total_j(self) -> Any:
        """All of it [J]."""
        return sum(self.items[name] for name in ITEMS)

    @property
    def average_w(self) -> Any:
        """Average power [W]: energy / time."""
        return self.total_j / self.time_s

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**self.items, "total_j": self.total_j, "static_w": self.static_w, "average_w": self.average_w}


@dataclass(frozen=True)
class PowerModel:
    """What one MAC, one byte and one second cost a chip."""

    name: str
    mac_j: dict[str, float]
    """Precision -> energy of a MAC [J]."""
    sram_byte_j: float
    """One byte between SRAM and its port [J]."""
    interconnect_byte_j: float
    """One byte from SRAM to an array [J]."""
    outer_byte_j: float
    """One byte from or to DRAM, or over the host link of a chip without [J]."""
    has_dram: bool
    static_w: float
    peak: dict[str, float]
    """Parts of the peak power [W]: every MAC busy at its costliest precision, DRAM and links full."""

    @property
    def peak_w(self) -> float:
        """Peak power [W]."""
        return sum(self.peak.values())

    def energy(
        self,
        precision: str,
        macs_executed: Any,
        sram_feed_bytes: Any,
        interconnect_bytes: Any,
        dram_bytes: Any,
        time_s: Any,
    ) -> Energy:
        """Energy of a run.

        Parameters
        ----------
        precision : str
            Of inputs and weights; one that the chip has a rate for.
        macs_executed : number or array
            Multiply-accumulates done [-].
        sram_feed_bytes : number or array
            Bytes through the SRAM ports [bytes].
        interconnect_bytes : number or array
            Bytes between SRAM and arrays [bytes].
        dram_bytes : number or array
            Bytes to and from the outer memory [bytes].
        time_s : number or array
            Time over which static power is drawn [s].

        Raises
        ------
        ChipError
            The chip does not compute in this precision.
        """
        if precision not in self.mac_j:
            raise ChipError(f"{self.name}: array.rate: no {precision}{nearest(precision, self.mac_j)}")
        outer = dram_bytes * self.outer_byte_j
        items = {
            "mac_j": macs_executed * self.mac_j[precision],
            "sram_j": sram_feed_bytes * self.sram_byte_j,
            "interconnect_j": interconnect_bytes * self.interconnect_byte_j,
            "dram_j": outer if self.has_dram else outer * 0.0,
            "host_j": outer * 0.0 if self.has_dram else outer,
            "static_j": self.static_w * time_s,
        }
        return Energy(items, self.static_w, time_s)


def power_model(chip: Architecture, die_mm2: float | None = None) -> PowerModel:
    """Energy per MAC and byte, static and peak power of `chip`.

    `die_mm2` is the area that wires cross and clocks reach [mm2]; by default that of the area model (for a GPU or SoC
    with the middle of the range of its share). Raises ChipError as `quantities`.
    """
    q = quantities(chip)
    data = book()["energy"]
    parts = silicon(q, fit())
    die = die_mm2 if die_mm2 is not None else _area_for_power(q, parts)
    gpu = q.kind == "gpu"
    macs = _mac_energies(q)
    bank = joules.bank_kib(q.sram_bytes, q.bytes_per_cycle, data["sram_port_bytes"]["value"])
    cell = data["sram_pj_byte"]
    at_node = joules.scaled_to_node(cell["value"], float(q.node.nm), cell["at_nm"], cell["exponent_nm"])
    # Half of what passes the ports is read and half written, as a first guess: a write costs a little more.
    sram = (
        joules.sram_j(1.0, at_node, bank, cell["at_kib"], cell["exponent_size"]) * (1.0 + cell["write_over_read"]) / 2
    )
    wire = data["wire_fj_bit_mm"]
    fj = joules.scaled_to_node(wire["value"], float(q.node.nm), wire["at_nm"], wire["exponent"])
    # A GPU's energy of a MAC was fitted with all on-chip movement in it.
    on_chip = 0.0 if gpu else 1.0
    distance = data["wire_distance"]["value"] * float(np.sqrt(die))
    moved = float(joules.wire_j(1.0, distance, fj))
    pj_bit = data["host_pj_bit"]["value"] if q.memory is None else q.memory.family.pj_bit
    if gpu and chip.power_limit_w is not None:
        static = data["gpu"]["static_share"] * chip.power_limit_w
    else:
        sram_mib = q.sram_bytes / MIB
        static = float(joules.static_w(die - parts.sram, sram_mib, data["static_mw_mm2"]["value"], q.node.sram_mw_mib))
    model = PowerModel(
        name=chip.name,
        mac_j=macs,
        sram_byte_j=float(sram) * on_chip,
        interconnect_byte_j=moved * on_chip,
        outer_byte_j=float(joules.link_j(1.0, pj_bit)),
        has_dram=q.memory is not None,
        static_w=static,
        peak={},
    )
    return PowerModel(**{**model.__dict__, "peak": _peak(chip, q, model, data["host_pj_bit"]["value"])})


def _area_for_power(q: Quantities, parts: Silicon) -> float:
    """Area that wires cross and clocks reach [mm2]."""
    coefficients, counted_mm2 = fit(), parts.counted
    if q.kind == "ip":  # a block has no memory interface or link of its own
        return float(area.die_mm2(parts.macs, parts.sram, 0.0, coefficients.share_no_dram))
    if q.kind in ("gpu", "soc"):
        band = book()["outside"][q.kind]
        return float(area.die_mm2(counted_mm2, 0.0, 0.0, (band["low"] + band["high"]) / 2))
    share = coefficients.share_no_dram if q.memory is None else coefficients.share_dram
    return float(area.die_mm2(counted_mm2, 0.0, 0.0, share))


def _mac_energies(q: Quantities) -> dict[str, float]:
    """Energy of a MAC in every precision of the chip [J]."""
    data = book()["energy"]
    entry = data["gpu"] if q.kind == "gpu" else data["mac_pj"]
    pj = entry["mac_pj"] if q.kind == "gpu" else entry["value"]
    exponent = data["mac_pj"]["exponent"]
    at_node = joules.scaled_to_node(pj, float(q.node.nm), entry["at_nm"], exponent)
    out = {}
    for precision in q.rates:
        weight = data["mac_weights"][precision]
        if q.kind == "gpu" and precision in ("fp16", "bf16"):
            weight = entry["float_weight"]
        out[precision] = float(joules.mac_j(1.0, weight, at_node))
    return out


def _peak(chip: Architecture, q: Quantities, model: PowerModel, host_pj_bit: float) -> dict[str, float]:
    """Parts of the peak power [W].

    Arrays are fed at their edges: rows + columns operands a cycle each, or what the ports give if that is less.
    """
    macs = max(rate * model.mac_j[precision] for precision, rate in q.rates.items()) * q.mac_units * q.clock_hz
    edge = 0.0 if chip.array is None else float(chip.array.count * (chip.array.rows + chip.array.columns))
    feed = min(edge, q.bytes_per_cycle) * q.clock_hz
    peak = {"macs_w": macs, "sram_w": feed * model.sram_byte_j, "interconnect_w": feed * model.interconnect_byte_j}
    dram = 0.0 if chip.dram is None else chip.dram.peak_bytes_per_s
    peak["dram_w"] = dram * model.outer_byte_j if model.has_dram else 0.0
    peak["host_w"] = (chip.host_bytes_per_s or 0.0) * float(joules.link_j(1.0, host_pj_bit))
    peak["static_w"] = model.static_w
    return peak


def energy(
    chip: Architecture,
    precision: str,
    macs_executed: Any,
    sram_feed_bytes: Any,
    interconnect_bytes: Any,
    dram_bytes: Any,
    time_s: Any,
) -> Energy:
    """Energy of a run on `chip`; see `PowerModel.energy`, which is the same for a model made once."""
    return power_model(chip).energy(precision, macs_executed, sram_feed_bytes, interconnect_bytes, dram_bytes, time_s)
