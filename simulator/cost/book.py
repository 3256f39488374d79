"""The coefficients of cost and energy as typed records, read once from `simulator/data/silicon_cost.yaml`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from simulator.errors import ChipError
from simulator.store.data import read_data
from simulator.store.plain import kept


@dataclass(frozen=True, slots=True)
class Node:
    """One process node."""

    nm: float
    logic_mtr_mm2: float
    """Logic density [million transistors per mm2]."""
    bitcell_um2: float
    """Area of a six-transistor SRAM cell [um2]."""
    wafer_usd: float
    """Price of a processed 300 mm wafer [USD]."""
    d0_cm2: float
    """Defects that kill a die [1/cm2]."""
    sram_mw_mib: float
    """Leakage of SRAM [mW per MiB]."""
    core_v: float
    """Supply [V]."""
    between: tuple[int, ...] = ()
    """The known nodes that it is interpolated between; none for a known one."""


@dataclass(frozen=True, slots=True)
class Interface:
    """PHY and controller of one memory channel, or one lane of a link."""

    analog_mm2: float
    """Part that does not shrink [mm2]."""
    ctrl_mtr: float
    """Logic part [million transistors]."""
    edge_mm: float
    """Length of die edge it takes [mm]."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients of the area model that are fitted on published dies."""

    mac_um2: float
    """INT8 MAC at 16 nm in an array of the reference size [um2]."""
    float_weight: float
    """BF16 or FP16 MAC over INT8 MAC [-]."""
    sram_efficiency: float
    """Bit-cell area over delivered SRAM area [-]."""
    density_exponent: float
    """Logic area goes with density to minus this [-]."""
    share: float
    """Share of interconnect and control in a die far below the reticle limit [-]."""


@dataclass(frozen=True, slots=True)
class Family:
    """One family of memory parts."""

    name: str
    interface: str
    """Name of its PHY and controller."""
    bits: int
    """Data bits that one interface serves."""
    price: float
    """Price of a GB over one of DDR5 [-]."""
    pj_bit: float
    """Energy of the whole path, device to controller [pJ/bit]."""
    balls: float = 100.0
    """Of the chip's package for one device on the board."""


@cache
def cost_book() -> dict[str, Any]:
    """The whole file as plain data, read once: it must not be changed."""
    name = "silicon_cost.yaml"
    found: dict[str, Any] = kept("data", name, lambda: read_data(name))  # its contents count in the digest of the model
    return found


def node(process_nm: float | None, where: str = "chip") -> Node:
    """The process node of a chip; one between two that have coefficients is interpolated.

    `process_nm` as in a chip file [nm]; `where` begins the message. Raises ChipError when it is missing, or smaller or
    larger than all nodes that have coefficients.
    """
    nodes, aliases = cost_book()["nodes"], cost_book()["node_aliases"]
    known = sorted([*nodes, *aliases])
    if process_nm is None:
        raise ChipError(f"{where}: process_nm: missing; a cost needs {known[0]} to {known[-1]} nm")
    if not known[0] <= process_nm <= known[-1]:
        raise ChipError(f"{where}: process_nm: must be {known[0]} to {known[-1]} nm for a cost, got {process_nm:g}")
    name = aliases.get(process_nm, process_nm)
    if name in nodes:
        return Node(nm=float(name), between=(), **_figures(name))
    small = max(nm for nm in known if nm < process_nm)
    large = min(nm for nm in known if nm > process_nm)
    way = math.log(process_nm / small) / math.log(large / small)
    ends = _figures(aliases.get(small, small)), _figures(aliases.get(large, large))
    figures = {key: value * (ends[1][key] / value) ** way for key, value in ends[0].items()}
    return Node(nm=float(process_nm), between=(large, small), **figures)


def _figures(name: int) -> dict[str, float]:
    """Coefficients of a known node."""
    entry = {key: value for key, value in cost_book()["nodes"][name].items() if key not in ("conf", "source")}
    return {**entry, "core_v": cost_book()["package"]["core_v"][name]}


@cache
def fit() -> Fit:
    """The fitted coefficients in use."""
    return Fit(**{name: entry["value"] for name, entry in cost_book()["fit"].items()})


def reticle_mm2() -> float:
    """Largest die that a scanner exposes [mm2]."""
    reticle = cost_book()["reticle"]
    return float(reticle["width_mm"] * reticle["height_mm"])


@cache
def interfaces() -> dict[str, Interface]:
    """PHYs, controllers and lanes by name."""
    keys = ("analog_mm2", "ctrl_mtr", "edge_mm")
    return {name: Interface(**{key: entry[key] for key in keys}) for name, entry in cost_book()["interfaces"].items()}


@cache
def families() -> dict[str, Family]:
    """Families of memory parts by name."""
    keys = ("interface", "bits", "price", "pj_bit", "balls")
    usual = {"balls": cost_book()["package"]["balls"]["dram_device"]}
    return {
        name: Family(name=name, **{key: {**usual, **entry}[key] for key in keys})
        for name, entry in cost_book()["dram"]["families"].items()
    }


def mac_weight(precision: str, fitted: Fit) -> float:
    """Area of a MAC of this precision over that of an INT8 MAC [-]; of a pair of them, see `of_pair`."""
    if "*" in precision:
        return of_pair(*(mac_weight(one, fitted) for one in precision.split("*")))
    value = cost_book()["mac_weights"][precision]["value"]
    return float(getattr(fitted, value)) if isinstance(value, str) else float(value)


def of_pair(weights: float, inputs: float) -> float:
    """Area or energy of a multiplier of two formats, from those of each by itself: their geometric mean.

    A multiplier has as many cells as one width times the other. Modelling choice: what a float adds is shared in the same way.
    """
    return math.sqrt(weights * inputs)


def sources_of(entry: Mapping[str, Any]) -> list[str]:
    """Texts of the sources that an entry names; a text that is no key stands for itself."""
    named = entry.get("source", [])
    texts = cost_book()["sources"]
    return [texts.get(key, key) for key in ([named] if isinstance(named, str) else named)]
