"""Chips side by side on one network: published beside simulated.

Inference efficiency is throughput / cost; where prices are unknown, throughput per TOPS, per DRAM and per MB of SRAM
stand for it. Both the published and the simulated throughput of a chip are divided by the same three numbers: the
published ones where there are any, else those of its file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import prod
from typing import Any, TypeVar

from simulator.chip.library import Entry
from simulator.chip.schema import Architecture
from simulator.cost.priced import priced_chip
from simulator.errors import ChipError, InfeasibleError, NetworkError
from simulator.formats import OWN
from simulator.graph.build import Graph
from simulator.graph.load import load_network
from simulator.graph.subject import name_of, subject_of
from simulator.run import simulate
from simulator.store.shown import Shown
from simulator.study.alike import LARGE_BATCH, SMALL_BATCH, Question, batch_class, is_of, params_of, remarks_of
from simulator.study.sharing import answers
from simulator.units import GIB

LEAST_EFFORT = 0.01
"""Size of a chip that nothing is run on, in what tells how far a comparison is."""

FREE_BATCH_GPU = 128
"""Batch that stands for a free one on a GPU, which it fills."""

Own = TypeVar("Own", bound="Line")


@dataclass(frozen=True)
class Figure:
    """One throughput of one chip."""

    throughput_per_s: float
    batch: int | None
    """None where it is free or not told."""
    precision: str | None
    mode: str
    """As in `published.results`, or `simulated`."""
    source: str | None
    remarks: tuple[str, ...] = ()
    """What makes it unfair to compare."""
    power_w: float | None = None
    """Average in steady state, of a simulated one."""


PER = {
    "peak_tops": "throughput_per_tops",
    "dram_devices": "throughput_per_dram",
    "sram_mb": "throughput_per_sram_mb",
    "bill_usd": "throughput_per_usd",
    "price_usd": "throughput_per_list_usd",
    "power_w": "throughput_per_w",
    "tdp_w": "throughput_per_tdp_w",
    "area_mm2": "throughput_per_mm2",
}
"""What a throughput is divided by, and the name of the quotient. A bill and a list price are two things and have two names; so
are the power that a schedule draws and the design power that somebody publishes."""


@dataclass(frozen=True)
class Line:
    """One chip."""

    chip: str
    title: str
    peak_tops: float | None
    dram_devices: float | None
    """0 without DRAM."""
    sram_mb: float | None
    price_usd: float | None
    """List price."""
    published: dict[str, Figure | None]
    """By class: `batch_1`, `batch_10`."""
    simulated: dict[str, Figure | None]
    remarks: tuple[str, ...] = ()
    """About the chip as a whole."""
    mine: bool = False
    """Whether it comes from a file of the user's."""
    asked: Figure | None = None
    """Simulated at the batch of the question, where it has one."""
    bill_usd: float | None = None
    """Bill of materials, best estimate; None where it cannot be told."""
    area_mm2: float | None = None
    dram_gib: float | None = None
    """Capacity of its DRAM that the bill holds; None where it is not known."""
    tdp_w: float | None = None
    """Published design power."""
    untried: bool = False
    """Whether it was not simulated, since its file alone says that the question leaves it out."""

    @property
    def best_per_s(self) -> float | None:
        """Highest throughput of the line, published ones first [1/s]; None where there is none."""
        for figures in (self.published, self.simulated):
            known = [one.throughput_per_s for one in figures.values() if one is not None]
            if known:
                return max(known)
        return None

    def known(self, figure: Figure | None, what: str) -> float | None:
        """One of PER, of the chip or of one of its figures; None where it is not known."""
        value: float | None = getattr(figure if what == "power_w" else self, what, None)
        return value

    def per(self, figure: Figure | None, what: str) -> float | None:
        """Throughput over one of PER; None where either is unknown or 0."""
        divisor = self.known(figure, what)
        return None if figure is None or not divisor else figure.throughput_per_s / divisor


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Lines ordered by throughput, those without any at the end."""

    network: str
    params: dict[str, Any]
    macs: int
    precision: str
    batch: int | None
    """The large batch of the question; None: of each published figure."""
    lines: tuple[Line, ...]
    subject: str
    """The network in words, with the size of its input."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, the quotients included; None for what is unknown or not there."""
        data = asdict(self)
        for entry, line in zip(data["lines"], self.lines, strict=True):
            shown = [(entry[kind], name, one) for kind in KINDS for name, one in getattr(line, kind).items()]
            for place, name, figure in [*shown, (entry, "asked", line.asked)]:
                if figure is not None:
                    place[name] |= {quotient: line.per(figure, what) for what, quotient in PER.items()}
        return data


KINDS = ("published", "simulated")
"""Where a figure comes from."""

CLASSES = {"batch_1": "batch 1", "batch_10": "batch 10+"}
"""The two classes, as JSON and people call them."""


def compare_entries(
    chips: Iterable[Entry],
    question: Question,
    run: bool = True,
    tell: Callable[[str], None] = lambda _: None,
    graph: Graph | None = None,
    wanted: Callable[[Line], bool] = lambda _: True,
) -> Comparison:
    """Set chips beside each other.

    run: simulate the chips that have an array. tell: called with the name of each chip that is being simulated. graph: the
    network of the question, where it is read already. wanted: whether a chip is simulated, by what is known without. Raises
    NetworkError for an unknown network, parameter or precision.
    """
    if graph is None:
        graph = load_network(question.network, **question.params)
    macs = sum(data["layer"].macs for _, data in graph.nodes(data=True))
    lines = []
    known = [(chip, chip_line(chip, Line, _published(chip, question, params_of(graph), macs))) for chip in chips]
    runs = [(chip, line, run and chip.architecture is not None and wanted(line)) for chip, line in known]
    sizes = {id(chip): effort(chip) if tried else LEAST_EFFORT for chip, _, tried in runs}
    runs.sort(key=lambda one: -sizes[id(one[0])])  # what takes long comes first: the time left falls
    asked = [(chip, line.published["batch_10"]) for chip, line, tried in runs if tried]
    ran = iter(answers(
        partial(_simulated, graph, question), asked, lambda one: sizes[id(one[0])], lambda one: tell(one[0].name)
    ))  # fmt: skip
    for chip, line, tried in runs:
        simulated: dict[str, Figure | None] = dict.fromkeys(CLASSES)
        asked_at: Figure | None = None
        remarks: list[str] = []
        untried = run and chip.architecture is not None and not tried
        if tried:
            simulated, asked_at, remarks = next(ran)
        if untried:
            remarks.append("not simulated: its file alone leaves it out of this ranking")
        if chip.counts_bus:
            remarks.append("DRAM counted from its bus, 32 bits each")
        if chip.published.peak_tops_int8 is None and chip.published.peak_tflops_fp16 is not None:
            remarks.append("no INT8 peak: TOPS are those of 16 bits")
        if chip.published.peak_tops_sparse is not None:
            remarks.append(_sparse(chip))
        lines.append(replace(line, simulated=simulated, remarks=tuple(remarks), asked=asked_at, untried=untried))
    ordered = sorted(lines, key=lambda line: (-(line.best_per_s or 0.0), line.chip))
    params = dict(graph.graph["parameters"])
    how = (params, macs, question.precision, question.batch, tuple(ordered), subject_of(graph))
    return Comparison(name_of(graph), *how)


def effort(chip: Entry) -> float:
    """About how long a chip takes to simulate, in any unit: it grows with the ways in which its arrays may be unrolled.

    Measured on ResNet-18 from an empty cache: GPUs 0.2 to 0.4 s, grids 0.6 to 15 s.
    """
    array = None if chip.architecture is None else chip.architecture.array
    if array is None or chip.architecture is None or chip.architecture.is_gpu:
        return 0.5
    return float(prod(max(1, len(words)) for words in (array.unroll.rows, array.unroll.columns, array.unroll.count)))


def chip_line(
    chip: Entry,
    form: type[Own],
    published: dict[str, Figure | None] | None = None,
    simulated: dict[str, Figure | None] | None = None,
    remarks: tuple[str, ...] = (),
    **more: Any,
) -> Own:
    """One chip with what is known of it as a whole. form: Line, or one with `more` beside."""
    bill_usd, area_mm2, dram_gib = _built(chip)
    nothing: dict[str, Figure | None] = dict.fromkeys(CLASSES)
    return form(
        chip.name, chip.title, chip.peak_tops, chip.dram_devices, chip.sram_mb, chip.published.list_price_usd,
        published or nothing, simulated or nothing, remarks, chip.is_file, bill_usd=bill_usd, area_mm2=area_mm2,
        dram_gib=dram_gib, tdp_w=chip.published.tdp_w, **more,
    )  # fmt: skip


def _sparse(chip: Entry) -> str:
    """What to say of a peak that counts zeros."""
    sparse = f"{chip.published.peak_tops_sparse:g} TOPS are advertised counting zeros"
    return sparse if chip.published.peak_tops_int8 is not None else f"no dense TOPS published; {sparse}"


def _large_batch(chip: Entry, question: Question, beside: Figure | None) -> int:
    """The large batch to simulate beside a published figure: its own, or one that is like a free one."""
    if question.batch is not None and question.batch >= LARGE_BATCH:
        return question.batch
    if beside is not None and beside.batch is not None:
        return beside.batch
    return FREE_BATCH_GPU if chip.architecture is not None and chip.architecture.is_gpu else LARGE_BATCH


def _built(chip: Entry) -> tuple[float | None, float | None, float | None]:
    """Bill [USD], area [mm2] and capacity of the DRAM [GiB] of a chip, each None where it cannot be told."""
    if chip.architecture is None:
        return None, None, None
    cost, capacity = priced_chip(chip.architecture).cost, chip.architecture.dram_capacity_bytes
    bill = None if cost is None or cost.bill_usd is None else cost.bill_usd.best
    return bill, None if cost is None else cost.area_mm2.best, None if capacity is None else capacity / GIB


def precision_on(chip: Architecture, precision: str) -> str:
    """The format in which a chip with an array is compared: the one asked for, else its first."""
    if chip.array is None or precision == OWN or chip.multiplies(precision):
        return precision
    return next(iter(chip.array.rate))


def _simulated(
    graph: Graph, question: Question, of: tuple[Entry, Figure | None]
) -> tuple[dict[str, Figure | None], Figure | None, list[str]]:
    """Both classes as the model has them, the batch asked for, and why one is missing. of: a chip, its published large class."""
    chip, beside = of
    found: dict[str, Figure | None] = dict.fromkeys(CLASSES)
    machine = chip.architecture
    if machine is None or machine.array is None:
        return found, None, []
    precision = precision_on(machine, question.precision)
    unfair = () if precision == question.precision else (f"{precision}, not {question.precision}",)
    batches = dict(zip(CLASSES, (SMALL_BATCH, _large_batch(chip, question, beside)), strict=True))
    runs: dict[int, Figure] = {}
    try:
        for batch in dict.fromkeys([*batches.values(), *([] if question.batch is None else [question.batch])]):
            result = simulate(graph, machine, batch=batch, precision=precision, gains=False)
            runs[batch] = Figure(
                result.throughput_per_s, batch, precision, "simulated", None, unfair, result.power_w
            )  # fmt: skip
    except (InfeasibleError, ChipError, NetworkError) as error:
        reason = [f"cannot run it: {str(error).splitlines()[0]}"]
    else:
        reason = []
    found = {name: runs.get(batch) for name, batch in batches.items()}
    return found, None if question.batch is None else runs.get(question.batch), reason


def _published(
    chip: Entry, question: Question, params: Mapping[str, Any], macs: int
) -> dict[str, Figure | None]:  # fmt: skip
    """The fairest published figure of each class; of equally fair ones the highest that was measured."""
    found: dict[str, Figure | None] = {}
    for name in CLASSES:
        rows = [row for row in chip.published.results if batch_class(row) == name]
        judged = [(remarks_of(chip, row, question, params, macs), row) for row in rows if is_of(row, question)]
        if not judged:
            found[name] = None
            continue
        unfair, row = min(judged, key=lambda pair: (len(pair[0]), pair[1].mode == "claim", -pair[1].throughput_per_s))
        source = chip.published.sources.get(row.source or "", row.source)
        found[name] = Figure(
            row.throughput_per_s, row.batch, row.precision, row.mode or "claim", source, tuple(unfair)
        )  # fmt: skip
    return found
