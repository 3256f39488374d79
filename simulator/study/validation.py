"""Published figures against the model: signed errors, their summary, and two baselines the model must beat.

Every result in a chip file whose chip has an array and whose network is bundled is compared, and the single figures of
`simulator/data/validation.yaml`. Nothing is fitted here. What cannot be compared is listed with the reason.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import median
from typing import Any, NamedTuple

from simulator.chip.library import Entry
from simulator.chip.load import load_chip
from simulator.chip.published import Row
from simulator.chip.schema import Architecture
from simulator.errors import InputError
from simulator.formats import formats_of
from simulator.graph.build import Graph, NetworkBuilder
from simulator.graph.load import load_network
from simulator.result.form import Result
from simulator.run import simulate
from simulator.store.bundled import networks
from simulator.store.memory import Memory, one_each
from simulator.store.shown import Shown
from simulator.study.compare import FREE_BATCH_GPU
from simulator.study.sharing import answers
from simulator.study.standing import BLIND, CHANGED, FITTED, standing_of
from simulator.study.validation_data import book
from simulator.vocabulary import WEIGHTED

FREE_BATCH = 8
"""Batch at which a result with a free batch is simulated where the chip is no GPU: large enough to share weights."""

THROUGHPUT = "throughput"

MOST_GRAPHS = 64
"""Networks in memory."""

_graphs: Memory[str, Graph] = Memory(MOST_GRAPHS, one_each)
"""Those of the last rows: many rows of many chips are of one network, and what was derived from it goes with it."""

UNSEEN = "measured, nothing fitted or changed"
"""Group of the rows on whose chips no constant was fitted and no fact was changed after they were known."""


SHARES = {"array_active": "ideal_s", "weight_shift": "weight_loading_s", "weight_stall": "dram_s"}
"""Counters of a chip that are shares of its time, and the part of the waterfall that each should be."""


@dataclass(frozen=True)
class Point:
    """One figure."""

    group: str
    chip: str
    network: str
    batch: int
    precision: str
    quantity: str
    """`throughput` [1/s], `tops`, one of SHARES, `array_ms.LAYER`, `layer_ms.LAYER` [ms], `dram_mb.PREFIX`,
    `active_units.LAYER`."""
    published: float
    predicted: float
    roofline: float | None
    """Throughput of a plain roofline; None for other quantities."""
    utilised: float | None
    """Throughput of the same chip at full utilisation; the other baseline takes a constant share of it."""
    standing: str
    """What the row was to those who made the model: a key of `standing.STANDINGS`."""
    largest_loss: str
    gpu: bool
    """Whether the chip is a GPU: its arrays are multiprocessors."""
    source: str
    note: str | None = None

    @property
    def fitted(self) -> bool:
        """Whether a constant was fitted on figures of the chip, or facts of it were changed after they were known."""
        return self.standing in (FITTED, CHANGED)

    @property
    def error(self) -> float:
        """Predicted / published - 1."""
        return self.predicted / self.published - 1.0


@dataclass(frozen=True)
class Summary:
    """Errors of one group."""

    group: str
    count: int
    median: float
    """Median of the absolute errors."""
    ninetieth: float
    """90th percentile of them."""
    worst: float
    """Largest, with its sign."""
    bias: float
    """Median of the signed errors."""
    spearman: float | None
    """Rank correlation of predicted and published throughputs; None below three."""


@dataclass(frozen=True, repr=False)
class Validation(Shown):
    """All of it."""

    points: tuple[Point, ...]
    left_out: tuple[tuple[str, int], ...]
    """Reason, and how many published results it keeps out."""
    summaries: tuple[Summary, ...]
    by_chip: tuple[Summary, ...]
    """The same for the figures of each chip."""
    by_network: tuple[Summary, ...]
    """The same for the figures of each network, of any size and chip."""
    baselines: dict[str, tuple[Summary, ...]]
    """The same summary of throughputs for `model`, `constant utilisation` and `roofline`."""
    utilisation: float
    """The constant of the first baseline, the best one for these rows."""

    def rows(self) -> str:
        """The figures as JSON, one a line, from which `of_rows` makes all of it again."""
        lines = [json.dumps(asdict(point), ensure_ascii=False) for point in self.points]
        points, left_out = ",\n".join(lines), json.dumps(self.left_out, ensure_ascii=False)
        return f'{{"left_out": {left_out},\n"points": [\n{points}\n]}}\n'

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return with_errors(asdict(self), self.points)


def of_rows(text: str) -> "Validation":
    """What `Validation.rows` wrote."""
    data = json.loads(text)
    return summed_up((Point(**row) for row in data["points"]), ((reason, count) for reason, count in data["left_out"]))


def with_errors(data: dict[str, Any], points: Sequence[Point]) -> dict[str, Any]:
    """Plain data whose `points` have their errors too."""
    for entry, point in zip(data["points"], points, strict=True):
        entry["error"] = point.error
    return data


def validate(chips: Iterable[Entry], tell: Callable[[str], None] = lambda _: None) -> Validation:
    """Compare everything published about these chips that the model can say something about.

    tell: called with the name of each chip when its turn comes.
    """
    reasons: dict[str, int] = {}
    asked: list[_Asked] = []
    for chip in chips:
        if chip.architecture is not None:
            asked += _asked(chip, reasons)
        elif chip.published.results:
            _count(reasons, "the chip's array is not described", len(chip.published.results))
    points = chain.from_iterable(answers(_points, asked, _Asked.size, lambda one: tell(one.chip.name)))
    ordered = sorted(points, key=lambda p: (p.group, p.chip, p.network, p.batch, p.precision, p.quantity))
    return summed_up(ordered, sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))


def summed_up(points: Iterable[Point], left_out: Iterable[tuple[str, int]]) -> Validation:
    """All that is said of some figures, in their order. left_out: (reason, published results it keeps out)."""
    ordered = tuple(points)
    rates = [p for p in ordered if p.quantity == THROUGHPUT]
    shares = [p.published / p.utilised for p in rates if p.utilised]
    utilisation = math.exp(median(map(math.log, shares))) if shares else 1.0
    baselines = {
        "model": _summaries(rates, lambda p: p.predicted),
        "constant utilisation": _summaries(rates, lambda p: utilisation * (p.utilised or 0.0)),
        "roofline": _summaries(rates, lambda p: p.roofline or 0.0),
    }
    return Validation(
        ordered, tuple(left_out), _summaries(ordered, lambda p: p.predicted), _grouped(ordered, lambda p: p.chip),
        _grouped(ordered, lambda p: p.network.split(" ")[0]), baselines, utilisation,
    )  # fmt: skip


def _grouped(points: Sequence[Point], by: Callable[[Point], str]) -> tuple[Summary, ...]:
    """One summary a group of points, in the order of names."""
    return tuple(
        _summary(name, [p for p in points if by(p) == name], lambda p: p.predicted)
        for name in sorted({*map(by, points)})
    )


class _Asked(NamedTuple):
    """What one process is asked: results of a chip on a network, which have layers in common, or the counters of a chip."""

    chip: Entry
    rows: tuple[Row, ...]

    def size(self) -> float:
        """About how long it takes, in any unit."""
        return float(max(1, len(self.rows)))


def _asked(chip: Entry, reasons: dict[str, int]) -> list[_Asked]:
    """What of a chip is compared. reasons: counts what is not."""
    rows: dict[str, list[Row]] = {}
    for row in compared(chip, reasons):
        rows.setdefault(row.network, []).append(row)
    counted = any(entry["chip"] == chip.name for entry in book()["points"])
    return [_Asked(chip, tuple(own)) for own in rows.values()] + [_Asked(chip, ())] * counted


def _points(asked: _Asked) -> list[Point]:
    """The figures that one process is asked."""
    chip = asked.chip
    if not asked.rows:
        return counters(chip)
    return [point_of(chip, row, group_of(chip.name, row.mode or "claim")) for row in asked.rows]


def compared(chip: Entry, reasons: dict[str, int]) -> list[Row]:
    """The published results of one chip that are compared, of equal conditions the highest. reasons: counts the others."""
    best: dict[tuple[Any, ...], Row] = {}
    for row in chip.published.results:
        reason = _why_not(chip, row)
        if reason is not None:
            _count(reasons, reason)
            continue
        key = (
            row.network, str(row.params), row.image_size, row.sequence_length, row.batch, row.precision, row.mode,
            str(row.settings), str(row.ran_with),
        )  # fmt: skip
        if key in best:
            _count(reasons, "measured again under the same conditions, and lower")
        if key not in best or row.throughput_per_s > best[key].throughput_per_s:
            best[key] = row
    return list(best.values())


def _why_not(chip: Entry, row: Row) -> str | None:
    """Why a result is not compared; None where it is."""
    if row.not_modelled is not None:
        return row.not_modelled
    if row.confidence in ("recalled", "low"):
        return "the figure itself is unchecked"
    if row.mode in book()["left_out"]:
        return str(book()["left_out"][row.mode])
    if row.network not in networks():
        return f"{row.network} is not bundled"
    if chip.architecture is None or not chip.architecture.multiplies(row.precision or "int8"):
        return f"the array has no {row.precision}"
    return None


def _count(reasons: dict[str, int], reason: str, number: int = 1) -> None:
    """Count what is left out."""
    reasons[reason] = reasons.get(reason, 0) + number


def point_of(chip: Entry, row: Row, group: str, settings: Mapping[str, Any] | None = None) -> Point:
    """One result beside its prediction. settings: keys of the chip file to change besides those of the row."""
    params = dict(row.params)
    for name in ("image_size", "sequence_length"):
        if getattr(row, name) is not None:
            params[name] = getattr(row, name)
    params.update(row.ran_with)
    graph = _bundled(row.network, params)
    machine = _machine(chip, {**row.settings, **(settings or {})})
    free = FREE_BATCH_GPU if machine.is_gpu else FREE_BATCH
    batch, precision = row.batch or free, row.precision or "int8"
    result = simulate(graph, machine, batch=batch, precision=precision, gains=False)
    mode = row.mode or "claim"
    one_at_a_time = mode in book()["latency_modes"]
    predicted = batch / result.latency_s if one_at_a_time else result.throughput_per_s
    shown = row.network + "".join(f" {key}={value}" for key, value in sorted({**row.params, **row.ran_with}.items()))
    shown += "".join(f" {size}" for size in (row.image_size, row.sequence_length) if size not in (None, 224))
    peak = machine.peak_tops(precision) * 1e12 / 2 / (result.macs / batch)
    return Point(
        group, chip.name, shown, batch, precision, THROUGHPUT, row.throughput_per_s, predicted,
        _roofline(result, machine, graph, precision), peak, standing_of(chip.name, row.source), result.largest_loss,
        machine.is_gpu, chip.published.sources.get(row.source or "", ""), row.note,
    )  # fmt: skip


def group_of(chip: str, mode: str) -> str:
    """The kind of evidence."""
    group = str(book()["groups"][mode])
    return "measured boards" if group.startswith("measured") and chip in book()["boards"] else group


def _machine(chip: Entry, settings: Mapping[str, Any]) -> Architecture:
    """The chip, with the keys that differ for a figure."""
    if chip.architecture is None:
        raise InputError(f"{chip.name}: array: missing; this chip can be compared, not simulated")
    return load_chip(chip.name, set=dict(settings)) if settings else chip.architecture


def _roofline(result: Result, machine: Architecture, graph: Graph, precision: str) -> float:
    """Throughput of the plain roofline: MACs at peak, or every weight and the network's ends once at nominal bandwidth."""
    compute_s = result.macs / (machine.peak_tops(precision) * 1e12 / 2)
    bandwidth = machine.dram_peak_bytes_per_s or machine.host_bytes_per_s
    formats = formats_of(precision)
    moved = 0.0
    for name, data in graph.nodes(data=True):
        layer = data["layer"]
        moved += (
            layer.weight_elements * formats.weights.width
            if layer.kind in WEIGHTED and machine.dram is not None
            else 0.0
        )
        if not graph.pred[name] or not graph.succ[name]:
            moved += layer.output_elements * formats.activations.width * result.batch
    return result.batch / max(compute_s, moved / bandwidth if bandwidth else 0.0)


def counters(chip: Entry, settings: Mapping[str, Any] | None = None) -> list[Point]:
    """Counters and single layers. settings: keys of the chip file to change besides those of the entry."""
    found = []
    for entry in book()["points"]:
        if entry["chip"] != chip.name:
            continue
        machine = _machine(chip, {**entry.get("settings", {}), **(settings or {})})
        graph = _graph(entry)
        result = simulate(graph, machine, batch=entry["batch"], precision=entry["precision"], gains=False)
        found += [
            Point(
                group_of(chip.name, "silicon"), chip.name, entry["network"], entry["batch"], entry["precision"], quantity,
                float(value), measured(quantity, result, machine), None, None, standing_of(chip.name, entry["source"]),
                result.largest_loss, machine.is_gpu, book()["sources"][entry["source"]],
            )
            for quantity, value in entry["figures"].items()
        ]  # fmt: skip
    return found


def _graph(entry: Mapping[str, Any]) -> Graph:
    """The network of a figure: a stack of dense layers or of convolutions, one product of matrices, or a bundled one."""
    if "stack" in entry:
        return _stack(entry["network"], **entry["stack"])
    if "convolutions" in entry:
        return _convolutions(entry["network"], **entry["convolutions"])
    if "product" in entry:
        size = entry["product"]
        net = NetworkBuilder(entry["network"])
        net.dense(net.input(size["inner"], size["rows"], 1), size["columns"], name="product")
        return net.build()
    return _bundled(entry["network"], {})


def _bundled(name: str, params: Mapping[str, Any]) -> Graph:
    """A bundled network, read once."""
    key = f"{name} {sorted(params.items())}"
    found = _graphs.get(key)
    return _graphs.put(key, load_network(name, **params)) if found is None else found


def _stack(name: str, width: int, layers: int) -> Graph:
    """Dense layers of equal width, each with its activation: a network of which only size and depth are public."""
    net = NetworkBuilder(name)
    x = net.input(width, 1, 1)
    for number in range(1, layers + 1):
        x = net.dense(x, width, activation="relu", name=f"dense{number}")
    return net.build()


def _convolutions(name: str, channels: int, side: int, layers: int) -> Graph:
    """Convolutions of 3 x 3 over a square plane, all alike, each with its activation."""
    net = NetworkBuilder(name)
    x = net.input(channels, side, side)
    for number in range(1, layers + 1):
        x = net.conv(x, channels, 3, padding=1, activation="relu", name=f"conv{number}")
    return net.build()


def measured(quantity: str, result: Result, machine: Architecture) -> float:
    """The model's value of a quantity of `Point`; a prefix of layer names sums them."""
    what, _, name = quantity.partition(".")
    if what == "tops":
        return result.throughput_per_s * 2 * result.macs / result.batch / 1e12
    if what in SHARES:
        return result.waterfall_period[SHARES[what]] / math.fsum(result.waterfall_period.values())
    layers = [layer for layer in result.layers if layer.name.startswith(name)]
    if what == "active_units":
        ideal, edges = (math.fsum(layer.waterfall[part] for layer in layers) for part in ("ideal_s", "edges_s"))
        return machine.macs * ideal / (ideal + edges)
    if what == "array_ms":
        return math.fsum(layer.cycles for layer in layers) / machine.clock_hz * 1e3
    if what == "layer_ms":
        return math.fsum(layer.latency_s for layer in layers) * 1e3
    return math.fsum(layer.dram_bytes for layer in layers) / 1e6


def _summaries(points: Sequence[Point], value: Callable[[Point], float]) -> tuple[Summary, ...]:
    """One summary a group, one of everything measured, of that the GPUs apart, and chips nothing was fitted on."""
    groups = sorted({point.group for point in points})
    chosen = [(group, [p for p in points if p.group == group]) for group in groups]
    seen = [p for p in points if p.group.startswith("measured")]
    chosen += [("measured, GPUs", [p for p in seen if p.gpu])]
    chosen += [("measured, dedicated accelerators", [p for p in seen if not p.gpu])]
    chosen += [("all measured", seen), (UNSEEN, [p for p in seen if not p.fitted])]
    chosen += [("measured, blind", [p for p in seen if p.standing == BLIND])]
    return tuple(_summary(name, rows, value) for name, rows in chosen if rows)


def _summary(name: str, points: Sequence[Point], value: Callable[[Point], float]) -> Summary:
    """Errors of some points."""
    errors = [value(p) / p.published - 1.0 for p in points]
    sizes = sorted(map(abs, errors))
    rates = [(value(p), p.published) for p in points if p.quantity == THROUGHPUT]
    return Summary(
        name, len(points), median(sizes), sizes[math.ceil(0.9 * len(sizes)) - 1], max(errors, key=abs), median(errors),
        spearman([a for a, _ in rates], [b for _, b in rates]),
    )  # fmt: skip


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Rank correlation, ties sharing their mean rank; None for fewer than three pairs or a constant side."""
    if len(first) < 3:
        return None
    a, b = _ranks(first), _ranks(second)
    mean = (len(a) + 1) / 2
    over = math.fsum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    under = math.sqrt(math.fsum((x - mean) ** 2 for x in a) * math.fsum((y - mean) ** 2 for y in b))
    return over / under if under else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [ordered.index(v) + (ordered.count(v) + 1) / 2 for v in values]
