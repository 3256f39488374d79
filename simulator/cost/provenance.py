"""Where every coefficient of a chip's cost comes from: name, value, range, confidence and source, as the file has them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from simulator.chip.schema import Architecture
from simulator.cost.book import cost_book, sources_of
from simulator.cost.quantities import Quantities, quantities_of

_NODE_UNITS = {
    "logic_mtr_mm2": "Mtransistors/mm2",
    "bitcell_um2": "um2",
    "wafer_usd": "USD",
    "d0_cm2": "1/cm2",
    "sram_mw_mib": "mW/MiB",
}
"""Figures of a process node, in the order of the data file."""


@dataclass(frozen=True)
class Coefficient:
    """One number of the model."""

    name: str
    value: float
    unit: str
    spread: str
    """Range or standard error, as text; empty where none is known."""
    confidence: str
    """sourced, fitted, derived, corroborated or recalled."""
    sources: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def coefficients(chip: Architecture, sram_kind: str | None = None) -> list[Coefficient]:
    """Every coefficient that the cost of `chip` depends on, area first, then money, then energy.

    Raises ChipError as `quantities`.
    """
    q = quantities_of(chip, sram_kind)
    return [*_node(q), *_fit(), *_parts(q), *_money(q), *_energy(q)]


def _one(name: str, entry: dict[str, Any], unit: str, key: str = "value", confidence: str = "") -> Coefficient:
    """Return one coefficient of an entry of the data file."""
    spread = ""
    if key == "value" and "low" in entry:
        spread = f"{entry['low']:g} to {entry['high']:g}"
    elif key == "value" and "se" in entry:
        spread = f"+-{entry['se']:g}"
    elif "log_sd" in entry:
        spread = f"x/{2.718281828459045 ** entry['log_sd']:.2f}"
    sources = tuple(sources_of(entry)) or (cost_book()["sources"]["calibration"],)
    return Coefficient(name, float(entry[key]), unit, spread, confidence or entry.get("conf", "fitted"), sources)


def _node(q: Quantities) -> Iterator[Coefficient]:
    nodes, aliases = cost_book()["nodes"], cost_book()["node_aliases"]
    entry = nodes.get(q.node.nm)
    if entry is None:  # interpolated, so derived from what both ends name
        ends = [nodes[aliases.get(nm, nm)] for nm in q.node.between]
        named = list(dict.fromkeys(source for end in ends for source in end["source"]))
        entry = {"conf": ["derived"] * len(_NODE_UNITS), "source": named}
    for (key, unit), confidence in zip(_NODE_UNITS.items(), entry["conf"], strict=True):
        figure = {key: getattr(q.node, key), "source": entry["source"]}
        yield _one(f"node {q.node.nm:g} nm: {key}", figure, unit, key, confidence)


def _fit() -> Iterator[Coefficient]:
    units = {"mac_um2": "um2"}
    for name, entry in cost_book()["fit"].items():
        yield _one(f"fit: {name}", entry, units.get(name, "-"))


def _formats(q: Quantities) -> list[str]:
    """Number formats of the MACs, those of pairs too."""
    return list(dict.fromkeys(one for key in q.rates for one in key.split("*")))


def _parts(q: Quantities) -> Iterator[Coefficient]:
    data = cost_book()
    for precision in _formats(q):
        entry = data["mac_weights"][precision]
        if not isinstance(entry["value"], str):  # a text names a fitted coefficient, which is listed already
            yield _one(f"area of a MAC: {precision} over int8", entry, "-")
    if len(q.rates) > 1:
        yield _one("area of a further precision", data["mode_overhead"], "-")
    yield _one(f"area of SRAM: {q.sram_kind} over scratchpad", data["sram_kinds"][q.sram_kind], "-")
    names = [] if q.memory is None else [q.memory.family.interface]
    names += [q.io_interface] if q.io_lanes else []
    for name in names:
        for key, unit in (("analog_mm2", "mm2"), ("ctrl_mtr", "Mtransistors"), ("edge_mm", "mm")):
            yield _one(f"{name}: {key}", data["interfaces"][name], unit, key)


def _money(q: Quantities) -> Iterator[Coefficient]:
    data = cost_book()
    for key, unit in (("diameter_mm", "mm"), ("edge_mm", "mm"), ("scribe_mm", "mm")):
        yield _one(f"wafer: {key}", data["wafer"], unit, key)
    yield _one("yield: alpha", data["yield"]["alpha"], "-")
    yield _one("yield: share of SRAM that is critical", data["yield"]["sram_critical"], "-")
    package = data["package"]
    for size in ("small", "large"):
        for key, unit in (("base_usd", "USD"), ("ball_usd", "USD")):
            yield _one(f"package, {size}: {key}", package[size], unit, key)
    for key in ("base", "dram_device", "io_lane", "per_amp"):
        yield _one(f"balls: {key}", package["balls"], "-", key)
    for key, unit in (("usd", "USD"), ("step_yield", "-"), ("final_yield", "-")):
        yield _one(f"assembly: {key}", package["assembly"], unit, key)
    if q.memory is not None and q.memory.stacked:
        for key, unit in (("wafer_usd", "USD"), ("d0_cm2", "1/cm2"), ("bonding_yield", "-"), ("stack_mm2", "mm2")):
            yield _one(f"interposer: {key}", package["interposer"], unit, key)
    if q.memory is not None:
        yield _one("DRAM: DDR5", data["dram"]["usd_per_gb"], "USD/GB")
        family = data["dram"]["families"][q.memory.family.name]
        # The entry's own confidence and source are those of its energy.
        price = {"price": family["price"], "source": ["general", "trendforce"]}
        yield _one(f"DRAM: {q.memory.family.name} over DDR5", price, "-", "price", "recalled")
    for key, unit in (("final_usd", "USD"), ("system_usd", "USD"), ("share_of_die", "-")):
        yield _one(f"test: {key}", data["test"], unit, key)
    for key, unit in (("usd_per_dram", "USD"), ("usd_per_w", "USD/W")):
        yield _one(f"board: {key}", data["board"], unit, key)


def _energy(q: Quantities) -> Iterator[Coefficient]:
    data = cost_book()["energy"]
    if q.of_gpu:
        yield _one("energy of an int8 MAC with all movement", data["gpu"], "pJ", "mac_pj")
    else:
        yield _one("energy of an int8 MAC at 16 nm", data["mac_pj"], "pJ")
        for precision in _formats(q):
            yield _one(f"energy of a MAC: {precision} over int8", data["mac_weights"], "-", precision)
        yield _one("energy of SRAM, 8 KiB bank at 7 nm", data["sram_pj_byte"], "pJ/byte")
        yield _one("largest SRAM bank", data["sram_bank_kib"], "KiB")
        yield _one("energy of a wire at 14 nm", data["wire_fj_bit_mm"], "fJ/bit/mm")
        yield _one("mean way over the die's side", data["wire_distance"], "-")
    if q.memory is not None:
        family = cost_book()["dram"]["families"][q.memory.family.name]
        yield _one(f"energy of {q.memory.family.name}", family, "pJ/bit", "pj_bit")
    yield _one("energy of the host link", data["host_pj_bit"], "pJ/bit")
    yield _one("static power of all but SRAM", data["static_mw_mm2"], "mW/mm2")
