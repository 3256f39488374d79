"""Bounds that no schedule breaks: what a claim needs of a chip, and what is known to be there, with how surely it is known.

For T inferences a second in batches of B, m MACs, I bytes of inputs and W bytes of weights each, S bytes of SRAM:
MACs, 2 m T <= peak; outer memory, T max(0, W - S) / B <= bandwidth, since at best S bytes of weights stay for ever and the
others come in once a batch; and inputs, T I <= host link. Without DRAM the link is the outer memory, and both pass it.
"""

import math
import re
from dataclasses import dataclass, field, replace

from simulator.chip.library import Entry
from simulator.chip.parts import host_links
from simulator.formats import OWN, formats_of, held
from simulator.graph.build import Graph
from simulator.graph.own import formats_at
from simulator.lower.rows import lower
from simulator.units import GB, MIB
from simulator.vocabulary import OPERANDS, WEIGHTED

WINOGRAD = 2.25
"""MACs saved by F(2x2, 3x3)."""

UNSURE = ("secondary", "recalled", "low")
"""What a reading is worth that nobody checked with the maker."""

UNSURE_FACTOR = 2.0
"""How far such a fact may be too low. Modelling choice: the peak of Goya is 57 TOPS in one edition of a survey and 100 in
another, and its audited results need 118."""

_PEAKS = {"int8": "peak_tops_int8", "int4": "peak_tops_int4", "fp16": "peak_tflops_fp16", "bf16": "peak_tflops_fp16"}
"""Published fact of the peak in each format."""

INPUT_BITS = 8
"""Most bits that an input must have on a link: it may be widened on the chip."""


@dataclass(frozen=True)
class Demand:
    """What one inference asks of a chip."""

    macs: int
    winograd_macs: float
    """With F(2x2, 3x3) for every 3x3 convolution of stride 1."""
    weight_bytes: float
    input_bytes: float = 0.0
    """From the host."""


@dataclass(frozen=True)
class Resources:
    """What is known about a chip; None where nothing is."""

    peak_tops: float | None
    sram_bytes: float | None
    dram_bytes_per_s: float | None
    """Nominal; 0 without DRAM."""
    dram_devices: float | None
    link_bytes_per_s: float | None = None
    """Of the host link, one direction."""
    unsure: dict[str, str] = field(default_factory=dict)
    """Name of a number above -> the fact it is and what its reading is worth, where it is one of `UNSURE`."""

    @property
    def has_dram(self) -> bool:
        """Whether DRAM is the outer memory, known or not; else the host link is."""
        return self.dram_bytes_per_s != 0

    @property
    def outer_bytes_per_s(self) -> float | None:
        """Bandwidth of the outer memory there is."""
        return self.dram_bytes_per_s if self.has_dram else self.link_bytes_per_s

    def at_most(self) -> "Resources":
        """The same with every unsure number as high as it may be."""
        more = {name: getattr(self, name) * UNSURE_FACTOR for name in self.unsure}
        return replace(self, **more)


@dataclass(frozen=True)
class Bound:
    """One bound: what the claim needs and what there is."""

    name: str
    needed: float
    available: float | None
    unit: str
    strict: bool
    """Whether no schedule at all breaks it; else it is what the model reaches."""
    margin: float = 0.0
    """Share of what there is by which the claim may exceed it, for the model's own error."""
    unsure: tuple[str, ...] = ()
    """Facts that nobody checked, where the bound is broken only if they are right to within `UNSURE_FACTOR`."""

    @property
    def broken(self) -> bool:
        """Whether the claim needs more than there is; unknown resources break nothing."""
        return self.available is not None and self.needed > self.available * (1 + self.margin + 1e-9)


def demand_of(graph: Graph, precision: str, rates: tuple[str, ...] = ()) -> Demand:
    """MACs, weights and inputs of one inference. rates: formats that the array multiplies in, where they are known."""
    macs, saved, weight_bytes, inputs, asked = 0, 0.0, 0.0, 0, formats_of(precision)
    for name, data in graph.nodes(data=True):
        layer = data["layer"]
        macs += layer.macs
        formats = formats_at(layer, asked, rates)
        # The second operand of a `matmul` is no weight: it is made on the way.
        if layer.kind in WEIGHTED and not layer.shares:
            weight_bytes += layer.weight_elements * formats.of(layer.role or "weights", name).bits / 8.0
        window = (layer.kernel_height, layer.kernel_width, layer.stride, layer.transposed)
        if layer.kind == "conv" and window == (3, 3, (1, 1), False):
            saved += layer.macs * (1 - 1 / WINOGRAD)
        # What is only ever a second operand may be a state that lies in the outer memory.
        uses = [edge["operand"] for edge in graph.succ[name].values()]
        inputs += layer.output_elements if layer.kind == "input" and OPERANDS[0] in uses else 0
    bits = min(asked.activations.bits, INPUT_BITS)
    return Demand(macs, macs - saved, weight_bytes, inputs * bits / 8.0)


def rates_of(chip: Entry) -> tuple[str, ...]:
    """Formats that a chip multiplies in: of its array, else those with a published peak."""
    machine = chip.architecture
    if machine is not None and machine.array is not None:
        return tuple(machine.array.rate)
    return tuple(word for word, fact in _PEAKS.items() if getattr(chip.published, fact) is not None)


def _peak_of(chip: Entry, precision: str) -> tuple[float | None, str]:
    """Peak of a chip at a precision [TOPS] and the published fact that it is; empty where it is that of the chip's file."""
    machine, fact = chip.architecture, _PEAKS.get(formats_of(precision, rates_of(chip)).wider, "")
    peak = getattr(chip.published, fact) if fact else None
    if peak is not None:
        return peak, fact
    return (machine.peak_tops(precision) if machine is not None and machine.multiplies(precision) else None), ""


def _own_peak(chip: Entry, graph: Graph) -> tuple[float | None, str]:
    """The same of a network in its own formats: of all its MACs, each in its format. None where one of these is not known.

    Where it is not known how the chip multiplies two formats, MACs count in that of the weights, which is the narrower one: no
    chip is slower for it. Winograd may save the slower of the MACs: then the fastest format counts.
    """
    machine, macs = chip.architecture, dict[str, float]()
    if machine is not None and machine.array is not None:
        for row in lower(graph, machine, 1, OWN).rows:
            if row.product:
                macs[row.product] = macs.get(row.product, 0.0) + row.macs
        # A pair of formats that the array lists is in no publication.
        peaks = {word: (machine.peak_tops(word), "") if "*" in word else _peak_of(chip, word) for word in macs}
    else:
        rates = rates_of(chip)
        for _, data in graph.nodes(data=True):
            if (layer := data["layer"]).is_compute:
                word = held(formats_at(layer, formats_of(OWN), rates).weights, rates).multiplies
                macs[word] = macs.get(word, 0.0) + layer.macs
        peaks = {word: _peak_of(chip, word) for word in macs}
    known = {word: peak for word, (peak, _) in peaks.items() if peak is not None}
    if len(known) < len(macs) or not sum(macs.values()):
        return None, ""
    main = max(macs, key=lambda word: macs[word])
    if machine is not None and machine.array is not None and machine.array.winograd:
        return max(known.values()), peaks[main][1]
    return sum(macs.values()) / sum(macs[word] / known[word] for word in macs), peaks[main][1]


def resources_of(chip: Entry, precision: str, graph: Graph | None = None) -> Resources:
    """What is published about a chip, else what its file says, at a precision. graph: that of which the own formats are meant."""
    known, machine = chip.published, chip.architecture
    peak, fact = _peak_of(chip, precision) if graph is None or precision != OWN else _own_peak(chip, graph)
    facts = {"peak_tops": fact} if fact else {}
    bandwidth, link = chip.dram_gb_per_s, published_link(known.host_interface)
    if known.sram_mb is not None:
        facts["sram_bytes"] = "sram_mb"
    if known.dram_bandwidth_gb_s:
        facts["dram_bytes_per_s"] = "dram_bandwidth_gb_s"
    if link is not None:
        facts["link_bytes_per_s"] = "host_interface"
    elif machine is not None:
        link = machine.host_bytes_per_s
    worth = {name: known.provenance[one].confidence for name, one in facts.items() if one in known.provenance}
    return Resources(
        peak,
        None if chip.sram_mb is None else chip.sram_mb * MIB,  # the larger reading where a source does not tell
        None if bandwidth is None else bandwidth * GB,
        chip.dram_devices,
        link,
        {name: f"{facts[name]} ({word})" for name, word in worth.items() if word in UNSURE},
    )


def published_link(words: str | None) -> float | None:
    """Bandwidth of a link told in words, such as "PCIe Gen3/4 x4" [bytes/s]; the larger where two are told, None for others."""
    found = re.search(r"PCIe (?:Gen ?)?(\d)(?:\.0)?(?:/(\d))? x(\d+)(?:/x(\d+))?", words or "")
    if found is None:
        return None
    generation, lanes = (max(int(found[at]), int(found[at + 1] or 0)) for at in (1, 3))
    link = host_links().get(f"pcie{generation}-x{lanes}")
    return None if link is None else link.bytes_per_s


def strict_bounds(
    demand: Demand, there: Resources, throughput_per_s: float, batch: float, winograd: bool
) -> list[Bound]:  # fmt: skip
    """The bounds that no schedule breaks; a broken one names the unsure facts that it rests on."""
    facts = {
        "MACs": ("peak_tops",),
        "DRAM bytes": ("sram_bytes", "dram_bytes_per_s"),
        "link bytes": ("sram_bytes", "link_bytes_per_s"),
        "inputs over the link": ("link_bytes_per_s",),
    }
    found = _strict(demand, there, throughput_per_s, batch, winograd)
    holding = {
        one.name for one in _strict(demand, there.at_most(), throughput_per_s, batch, winograd) if not one.broken
    }
    return [
        replace(one, unsure=tuple(there.unsure[name] for name in facts[one.name] if name in there.unsure))
        if one.broken and one.name in holding
        else one
        for one in found
    ]


def _strict(demand: Demand, there: Resources, throughput_per_s: float, batch: float, winograd: bool) -> list[Bound]:
    """The same for numbers that are taken as they are."""

    def in_gb(value: float | None) -> float | None:
        return None if value is None else value / GB

    macs = demand.winograd_macs if winograd else float(demand.macs)
    found = [Bound("MACs", throughput_per_s * macs * 2 / 1e12, there.peak_tops, "TOPS", True)]
    inputs = throughput_per_s * demand.input_bytes
    if there.has_dram:
        if there.sram_bytes is not None:
            need = weight_need(demand, throughput_per_s, batch, there.sram_bytes)
            found.append(Bound("DRAM bytes", need / GB, in_gb(there.dram_bytes_per_s), "GB/s", True))
        if there.link_bytes_per_s is not None:
            found.append(Bound("inputs over the link", inputs / GB, in_gb(there.link_bytes_per_s), "GB/s", True))
        return found
    # The SRAM that nobody publishes may hold all weights.
    sram = math.inf if there.sram_bytes is None else there.sram_bytes
    need = inputs + weight_need(demand, throughput_per_s, batch, sram)
    return [*found, Bound("link bytes", need / GB, in_gb(there.link_bytes_per_s), "GB/s", True)]


def weight_need(demand: Demand, throughput_per_s: float, batch: float, sram_bytes: float) -> float:
    """Bytes a second from the outer memory that no schedule avoids: weights that cannot stay, once a batch. [B/s]"""
    return throughput_per_s * max(0.0, demand.weight_bytes - sram_bytes) / batch


def least_sram(demand: Demand, throughput_per_s: float, batch: float, bytes_per_s: float) -> float:
    """Least SRAM at which `weight_need` is within what the outer memory has for weights. [B]"""
    return max(0.0, demand.weight_bytes - batch * bytes_per_s / throughput_per_s)


def for_weights(demand: Demand, there: Resources, throughput_per_s: float) -> float | None:
    """What the outer memory has left for weights [B/s]; None where it is unknown. Inputs share only a link with them."""
    outer = there.outer_bytes_per_s
    if outer is None or there.has_dram:
        return outer
    return max(0.0, outer - throughput_per_s * demand.input_bytes)


def least_devices(need_bytes_per_s: float, device_bytes_per_s: float) -> int:
    """Fewest devices that carry a need."""
    return math.ceil(need_bytes_per_s / device_bytes_per_s * (1 - 1e-12))
