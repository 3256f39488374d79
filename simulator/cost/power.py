"""Energy and power of a chip: what one MAC, one byte and one second cost it, and what a run costs.

Everything a run needs is in a `PowerModel`, made once for a chip, or once for all points of a sweep: every figure in it
may be a number or an array.
"""

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.chip.schema import Architecture
from simulator.cost import joules
from simulator.cost.book import cost_book, fit, of_pair
from simulator.cost.quantities import Number, Quantities, Silicon, quantities_of, silicon, whole_mm2
from simulator.errors import ChipError, nearest
from simulator.units import MIB
from simulator.vocabulary import BITS, FLOATS

GHZ = 1e9

ITEMS = ("mac_j", "sram_j", "interconnect_j", "dram_j", "host_j", "static_j")
"""Parts of the energy of a run, in the order shown; `host_j` is what a chip without DRAM moves over its link."""


@dataclass(frozen=True)
class Energy:
    """Energy of one run (numbers, or arrays of the same length)."""

    items: dict[str, Any]
    """Part -> energy [J]; the keys are ITEMS."""
    static_w: Number
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
    mac_j: dict[str, Any]
    """Precision -> energy of a MAC [J]; of a GPU it follows the clock."""
    sram_byte_j: Number
    """One byte through a port of the SRAM [J]."""
    interconnect_byte_j: Number
    """One byte from SRAM to an array [J]."""
    outer_byte_j: float
    """One byte from or to DRAM, or over the host link of a chip without [J]."""
    has_dram: bool
    static_w: Number
    """Power that is always drawn [W]."""
    peak: dict[str, Number]
    """Parts of the peak power [W]: every MAC busy at its costliest precision, DRAM and links full."""
    limit_w: float | None = None
    """Average power that the chip keeps to with clock and voltage [W]; None: it waits, or has no limit."""
    throttle: float = 1.0
    """Exponent of the excess of power in the time of a run that is held back."""

    @property
    def peak_w(self) -> Number:
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

    def held(self, run: Energy) -> Energy:
        """A run at the full voltage as its limit lets it: what it draws falls with the voltage to what may be drawn."""
        if self.limit_w is None:
            return run
        drawn = run.total_j - run.items["static_j"]
        left = (self.limit_w - self.static_w) * run.time_s
        share = np.divide(left, drawn, out=np.ones(np.shape(drawn)), where=np.less(left, drawn))
        items = {name: value if name == "static_j" else value * share for name, value in run.items.items()}
        return Energy(items, run.static_w, run.time_s)

    def limited_s(
        self, limit_w: float, precision: str, macs_executed: Any, interconnect_bytes: Any, dram_bytes: Any, time_s: Any
    ) -> Any:
        """Least time of a run that may draw `limit_w` on average [s]: its energy / (limit - static power).

        A chip that lowers clock and voltage together draws less energy then: the time without a limit, `time_s`, grows with
        a power of what is too much only. Other arguments as of `energy`; what goes to and from the outer memory passes the
        SRAM ports too. Infinite where the limit is no more than the static power.
        """
        feed = interconnect_bytes
        run = self.energy(precision, macs_executed, feed + dram_bytes, feed, dram_bytes, 0.0)
        left = np.maximum(limit_w - self.static_w, 0.0)
        least = np.divide(
            run.total_j,
            left,
            out=np.full(np.broadcast_shapes(np.shape(run.total_j), np.shape(left)), np.inf),
            where=left > 0.0,
        )
        if self.throttle == 1.0:
            return least
        over = np.where(least > time_s, least / time_s, 1.0)
        return np.where(least > time_s, time_s * over**self.throttle, least)


def power_model(chip: Architecture) -> PowerModel:
    """Energy per MAC and byte, static and peak power of `chip`. Raises ChipError as `quantities`."""
    q = quantities_of(chip)
    parts = silicon(q, fit())
    return powers(q, parts, covered_mm2(q, parts))


def covered_mm2(q: Quantities, parts: Silicon, less_mm2: Number = 0.0) -> Number:
    """Area that wires cross and clocks reach [mm2]: the die; of a GPU or SoC with the middle of the range of its share.

    less_mm2: as of `whole_mm2`.
    """
    if q.kind == "ip":  # a block has no memory interface or link of its own, and no more than is counted
        return parts.macs + parts.sram - less_mm2
    if q.kind in ("gpu", "soc"):
        band = cost_book()["outside"][q.kind]
        return whole_mm2(parts, (band["low"] + band["high"]) / 2, less_mm2)
    return whole_mm2(parts, fit().share, less_mm2)


def without_mm2(q: Quantities, parts: Silicon, mm2: Number, less_mm2: Number) -> Number:
    """A die of `mm2` but for `less_mm2` of its SRAM [mm2]."""
    return mm2 - (covered_mm2(q, parts) - covered_mm2(q, parts, less_mm2))


def powers(q: Quantities, parts: Silicon, mm2: Number) -> PowerModel:
    """The same from quantities, the area of their parts, and the area of the die [mm2]."""
    data = cost_book()["energy"]
    gpu = q.of_gpu
    # A GPU's energy of a MAC was fitted with all on-chip movement in it.
    on_chip = 0.0 if gpu else 1.0
    sram_byte_j = on_chip * _sram_byte_j(q)
    wire = data["wire_fj_bit_mm"]
    fj = float(joules.scaled_to_node(wire["value"], float(q.node.nm), wire["at_nm"], wire["exponent"]))
    moved = on_chip * joules.wire_j(1.0, data["wire_distance"]["value"] * np.sqrt(mm2), fj)
    host_byte_j = float(joules.link_j(1.0, data["host_pj_bit"]["value"]))
    outer_byte_j = host_byte_j if q.memory is None else float(joules.link_j(1.0, q.memory.family.pj_bit))
    held = gpu and q.power_limit_w is not None
    mw_mm2 = data["gpu"]["static_mw_mm2"] if held else data["static_mw_mm2"]["value"]
    static = joules.static_w(without_mm2(q, parts, mm2, parts.sram), q.sram_bytes / MIB, mw_mm2, q.node.sram_mw_mib)
    if held:
        static = static + _stacks(q) * data["gpu"]["static_w_stack"]
    macs = _mac_energies(q)
    costliest = functools.reduce(np.maximum, (rate * macs[precision] for precision, rate in q.rates.items()))
    # Arrays are fed at their edges, rows + columns operands a cycle, or what the ports give if that is less.
    feed = np.minimum(q.arrays * (q.rows + q.columns), q.sram_bytes_per_cycle) * q.clock_hz
    dram = 0.0 if q.memory is None else q.memory.devices * q.memory.bytes_per_s_each
    peak = {
        "macs_w": costliest * q.mac_units * q.clock_hz,
        "sram_w": feed * sram_byte_j,
        "interconnect_w": feed * moved,
        "dram_w": dram * outer_byte_j,
        "host_w": q.host_bytes_per_s * host_byte_j,
        "static_w": static,
    }
    model = PowerModel(q.name, macs, sram_byte_j, moved, outer_byte_j, q.memory is not None, static, peak)
    if not gpu:
        return model
    return replace(model, limit_w=q.power_limit_w, throttle=1.0 / (1.0 + data["gpu"]["clock_exponent"]))


def _stacks(q: Quantities) -> Number:
    """Stacks of memory beside the die, each of which idles at a power of its own."""
    return q.memory.devices if q.memory is not None and q.memory.stacked else 0.0


def _sram_byte_j(q: Quantities) -> Number:
    """One byte through a port of the SRAM [J]."""
    data = cost_book()["energy"]
    cell = data["sram_pj_byte"]
    bank = joules.bank_kib(q.sram_bytes, data["sram_bank_kib"]["value"])
    at_node = float(joules.scaled_to_node(cell["value"], float(q.node.nm), cell["at_nm"], cell["exponent_nm"]))
    # As many bytes are written as read, as a first guess; a write costs a little more.
    either = (1.0 + cell["write_over_read"]) / 2.0
    return joules.sram_j(1.0, at_node, bank, cell["at_kib"], cell["exponent_size"]) * either


def _mac_energies(q: Quantities) -> dict[str, Any]:
    """Energy of a MAC in every precision of the chip [J]."""
    data = cost_book()["energy"]
    entry = data["gpu"] if q.of_gpu else data["mac_pj"]
    pj = entry["mac_pj"] if q.of_gpu else entry["value"]
    nm, slower = float(q.node.nm), float(entry["slower_below_nm"]) if q.of_gpu else 0.0
    at_node = joules.scaled_to_node(pj, max(nm, slower), entry["at_nm"], entry["exponent"])
    if nm < slower:
        at_node = joules.scaled_to_node(at_node, nm, slower, entry["exponent_below"])
    if q.of_gpu:  # a faster clock needs a higher voltage; operands from the shared memory pass no registers
        at_node = at_node * np.power(q.clock_hz / (entry["at_ghz"] * GHZ), entry["clock_exponent"])
        at_node = at_node * (entry["async_products"] if q.async_products else 1.0)
    weights: dict[str, float] = {}
    for precision in dict.fromkeys(one for key in q.rates for one in key.split("*")):
        weights[precision] = data["mac_weights"][precision]
        if q.of_gpu and precision in FLOATS:
            # Only FP16 was fitted: others keep their ratio to it, BF16 is the same pipe, none is below an integer of its width.
            over_fp16 = 1.0 if precision == "bf16" else weights[precision] / data["mac_weights"]["fp16"]
            integer = data["mac_weights"]["int4" if BITS[precision] < BITS["int8"] else "int8"]
            weights[precision] = max(integer, entry["float_weight"] * over_fp16)
    own = {key: of_pair(*(weights[one] for one in key.split("*"))) if "*" in key else weights[key] for key in q.rates}
    return {key: joules.mac_j(1.0, weight, at_node) for key, weight in own.items()}


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
