"""What stands in the report of each command: of a run all that is known about it, of other answers their tables and pictures."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.chip.schema import Architecture
from simulator.cost.price import Cost
from simulator.cost.provenance import Coefficient
from simulator.graph.readers.coverage import first_words
from simulator.report import format as fmt
from simulator.report.charts import cost_specification
from simulator.report.cost_tables import cost_report
from simulator.report.fit import parts_of, plain
from simulator.report.page import specification_of
from simulator.report.paper import Paper, Part, Picture, Section, Sheet
from simulator.report.run_charts import heading, params, run_specification, tip
from simulator.report.sensitivities import gain, verdicts
from simulator.report.tables import ChipFacts, run_report, sentence
from simulator.result.form import LayerResult, Result
from simulator.study.sensitivities import LEAST_GAIN, Sensitivity, Step
from simulator.units import MIB
from simulator.vocabulary import CAUSES, ROOF_NAMES

TILE = {
    "g": "groups", "n": "items", "k": "output channels", "c": "input channels", "p": "rows of the output",
    "q": "columns of the output",
}  # fmt: skip
"""Sizes of a tile in words."""

RUNS_ON = {
    "vector lanes": "on the vector lanes: they do its product sooner than the array would",
    "attention": "as attention in one kernel: scores stay on the chip",
    "attention on vector lanes": "as attention in one kernel on the vector lanes: scores stay on the chip",
}  # fmt: skip
"""Where a layer runs that is no product cut into tiles on the array, by `runs_on` of its tiling."""

BEST = 3
"""Changes that a report shows."""

MOST_TENSORS = 40
"""Tensors with a colour of their own over the layers; the smallest of more are one."""

WIDTH = 720
"""Of a picture over the layers [pixel]."""


def plain_paper(
    report: RenderableType,
    charts: Sequence[Picture],
    made: Mapping[str, str],
    said: str = "",
    more: Sequence[Section] = (),
    title: str = "",
) -> Paper:
    """The report of an answer: its first line, its pictures, its tables.

    said: the answer in a sentence, where it is known; more: what stands below; title: what it is about, where no line says that.
    """
    parts = [part for part in parts_of(report) if isinstance(part, Table) or plain(part).strip()]
    first = next((at for at, part in enumerate(parts) if isinstance(part, Table)), len(parts))
    before = [line for part in parts[:first] for line in plain(part).splitlines()] or [made["command"]]
    # A report begins with its answer, a sentence, or with what it is about and then the answer.
    answer = said or next((line for line in before if line.endswith(".")), before[min(1, len(before) - 1)])
    command = re.sub(r" --report[ =]('[^']*'|\S+)", "", made["command"])
    named = (line for line in before[:2] if line != answer and not line.endswith("."))
    title = title or next(named, command)
    pictures = [Section("Picture" if len(charts) == 1 else "Pictures", charts)] if charts else []
    return Paper(title, f"{answer.rstrip('.')}.", [*pictures, Section("Answer", parts), *more], made)


def run_paper(
    result: Result,
    chip: Architecture,
    facts: ChipFacts,
    priced: tuple[Cost, Sequence[Coefficient]] | None,
    changes: Sensitivity | None,
    made: Mapping[str, str],
) -> Paper:
    """The report of a run. priced: the chip's cost and its coefficients; changes: what steps of the chip would do."""
    sections = [run_section(name, result, chip, facts) for name in ("roofline", "figures", "layers", "sram")]
    if changes is not None:
        sections.append(change_section(changes))
    sections += chip_sections(chip, priced)
    answer = f"{first_words(result.notes)}{sentence(result)}."
    return Paper(f"{result.subject} on {result.chip}", answer, sections, made)


def chip_sections(chip: Architecture, priced: tuple[Cost, Sequence[Coefficient]] | None) -> list[Section]:
    """What a chip costs, and what an answer about it rests on. priced: cost and coefficients."""
    money: list[Part] = [*prices_of(chip)]
    if (priced is None or priced[0].bill_usd is None) and not money:
        money.append(Text("Neither a bill nor a list price nor a rent is known."))
    bill = Section("Price", money) if priced is None else bill_section(priced[0], money)
    known: list[Part] = facts_of(chip)
    if priced is not None:
        known.append(coefficients_sheet(priced[1]))
    return [bill, *([Section("Assumptions", known)] if known else [])]


def prices_of(chip: Architecture) -> list[Part]:
    """What a chip is sold and let for, with the sources; nothing where neither is known."""
    found: list[Part] = []
    published = chip.published or {}
    for fact, value, form in (
        ("list_price_usd", chip.list_price_usd, "List price: {} USD ({})."),
        ("rent_usd_per_h", chip.rent_usd_per_h, "Rent: {} USD an hour ({})."),
    ):
        if value is not None:
            told = published.get("provenance", {}).get(fact, {})
            source = published.get("sources", {}).get(told.get("source", ""), "the chip file")
            words = "; ".join(filter(None, (told.get("confidence"), told.get("note"), source)))
            found.append(Text(form.format(fmt.figure(value), words)))
    return found


def run_section(name: str, result: Result, chip: Architecture, facts: ChipFacts) -> Section:
    """One section of the report of a run: roofline, figures, layers or sram."""
    if name == "roofline":
        picture = run_specification(result)
        return Section("Roofline and waterfall", [Picture(picture, words_of(picture))])
    if name == "figures":
        return Section("Figures", [run_report(result, facts, width=100)])
    if name == "layers":
        return Section("Layers", [layers_sheet(result), traffic_picture(result)])
    return Section("SRAM over time", [sram_picture(result, chip), tensors_sheet(result)])


def bill_section(cost: Cost, more: Sequence[Part] = ()) -> Section:
    """Area, bill and power of a chip. more: what stands below."""
    words = f"Area, bill and power of {cost.chip}, each with its range"
    return Section("Bill of silicon", [Picture(cost_specification(cost), words), cost_report(cost), *more])


def change_section(found: Sensitivity) -> Section:
    """What to change of a chip, and what it costs."""
    return Section("What to change", changes_of(found))


def bill_usd(result: Result) -> float | None:
    """The bill of a run's chip [USD]; None where it has none."""
    band = (result.cost or {}).get("bill_usd") or {}
    best: float | None = band.get("best")
    return best


def beside_section(results: Sequence[Result]) -> Section:
    """Chips beside each other on one network, the fastest first."""
    headings = (
        "chip", "per second", "latency, ms", "of the peak", "bound by", "bill, USD", "per USD", "W", "DRAM, MB",
    )  # fmt: skip
    rows = [
        [
            result.chip, fmt.significant(result.throughput_per_s), fmt.significant(result.latency_s * 1e3),
            fmt.share(result.utilisation), ROOF_NAMES.get(result.bound_by, result.bound_by),
            fmt.significant(bill_usd(result)), fmt.significant(result.throughput_per_usd),
            fmt.significant(result.power_w, 3), fmt.significant(result.dram_bytes / 1e6),
        ]
        for result in sorted(results, key=lambda result: -result.throughput_per_s)
    ]  # fmt: skip
    return Section("Chips beside each other", [Sheet("Each with the same network and batch", headings, rows)])


def layers_sheet(result: Result, row: str = "layer") -> Sheet:
    """A row a layer, with its tiling in words and its time with its numbers behind it. row: what a layer is called."""
    headings = (
        row,
        "kind",
        "time, us",
        "share",
        "of the peak",
        "MACs, millions",
        "DRAM, MB",
        "SRAM, MiB",
        "bound by",
    )
    rows = [
        [
            layer.name, layer.kind, fmt.fixed(layer.latency_s * 1e6, 2), fmt.percent(layer.latency_s / result.latency_s),
            fmt.percent(layer.utilisation), fmt.fixed(layer.macs / 1e6, 1), fmt.fixed(layer.dram_bytes / 1e6, 3),
            fmt.fixed(layer.sram_bytes / MIB, 3), ROOF_NAMES[layer.bound_by],
        ]
        for layer in result.layers
    ]  # fmt: skip
    article = "an" if row[0] in "aeiou" else "a"
    caption = f"Open {article} {row}, or point at it, for its tiling and its time. A heading sorts."
    return Sheet(caption, headings, rows, [behind(layer) for layer in result.layers])


def behind(layer: LayerResult) -> list[str]:
    """What a layer does in words, and its time as a sum of its parts."""
    lines = []
    tiling = layer.tiling
    if tiling.get("runs_on") in RUNS_ON:
        lines.append(f"It runs {RUNS_ON[tiling['runs_on']]}.")
    elif "thread_block" in tiling:
        cluster = f"; blocks of a cluster: {tiling['cluster']}" if "cluster" in tiling else ""
        lines.append(
            f"Thread blocks: {tiling['thread_block']}; parts of the reduction: {tiling['split_reduction']}{cluster}."
        )
    elif tiling.get("arrays"):
        part = f" in part {tiling['context']} of the network" if "context" in tiling else ""
        slices = f", for {tiling['slices']} slices of its output channels in turn" if "slices" in tiling else ""
        lines.append(
            f"A stage of its own{part}: {tiling['arrays']:,} array{'s' if tiling['arrays'] > 1 else ''}{slices}."
        )
    if tiling.get("tile"):
        sizes = ", ".join(f"{size:,} {TILE.get(name, name)}" for name, size in tiling["tile"].items() if size > 1)
        lines.append(f"A tile in the SRAM: {sizes or 'one element'}.")
    if tiling.get("unrolling"):
        over = ", ".join(f"{factor:,} {name.replace('_', ' ')}" for name, factor in tiling["unrolling"].items())
        lines.append(f"At a time on the array: {over}.")
    if tiling.get("streamed"):
        lines.append(
            f"The {tiling['streamed']} pass by, the others are held; order of the loops {tiling.get('order', '')}."
        )
    if tiling.get("sub_batches"):
        lines.append(f"Run for {tiling['sub_batches']} parts of the batch, one after another.")
    if layer.fused:
        lines.append(f"With it: {', '.join(layer.fused)}.")
    parts = [f"{CAUSES[key]} {fmt.time(seconds)}" for key, seconds in fmt.parts(layer.waterfall).items()]
    if parts:
        lines.append(f"{fmt.time(layer.latency_s)} = {' + '.join(parts)}")
    return lines


def _over_layers(count: int, row: str = "layer") -> dict[str, Any]:
    """The axis of so many layers in their order."""
    axis = {"labels": count <= 40, "ticks": False}
    return {"field": "layer", "type": "nominal", "sort": None, "title": f"{row}s in their order", "axis": axis}


def traffic_picture(result: Result, row: str = "layer") -> Picture:
    """Bytes of the outer memory by layer. row: what a layer is called."""
    rows = [{"layer": layer.name, "mb": layer.dram_bytes / 1e6, "us": layer.latency_s * 1e6} for layer in result.layers]
    most = max(result.layers, key=lambda layer: layer.dram_bytes)
    share = most.dram_bytes / result.dram_bytes if result.dram_bytes else 0.0
    words = f"Traffic of the outer memory by {row}: {most.name} moves most, {fmt.percent(share)} of all"
    tips = [tip("layer", row), tip("mb", "MB", ",.4~g"), tip("us", figure=",.4~g")]
    encoding = {
        "x": _over_layers(len(result.layers), row), "tooltip": tips,
        "y": {"field": "mb", "type": "quantitative", "title": "MB (1e6 bytes)"},
    }  # fmt: skip
    specification = {
        "params": params(traffic=words),
        "title": heading("traffic", size=13),
        "data": {"name": "traffic_rows", "values": rows},
        "width": WIDTH,
        "height": 160,
        "mark": {"type": "bar", "color": "#0072B2"},
        "encoding": encoding,
    }
    return Picture(specification, words)


def sram_picture(result: Result, chip: Architecture, most: int | None = None) -> Picture:
    """Which tensor is in the SRAM when: whole tensors by name, tiles and weights as the rest. most: layers that are drawn."""
    sizes: dict[str, float] = {}
    for layer in result.layers:
        for name, size in layer.resident.items():
            sizes[name] = max(sizes.get(name, 0.0), size)
    shown = sorted(sizes, key=lambda name: -sizes[name])[:MOST_TENSORS]
    rows = []
    drawn = result.layers[:most]
    for at, layer in enumerate(drawn):
        left = layer.sram_bytes
        for name, size in layer.resident.items():
            tensor = f"output of {name}" if name in shown else "other whole tensors"
            rows.append({"layer": layer.name, "at": at, "tensor": tensor, "mib": size / MIB})
            left -= size
        rows.append({"layer": layer.name, "at": at, "tensor": "tiles and weights", "mib": max(0.0, left) / MIB})
    words = (
        f"SRAM in use while each layer runs: {fmt.mebibytes(result.sram_bytes)} at most, of "
        f"{fmt.mebibytes(chip.sram.capacity_bytes)}"
    )
    if len(drawn) < len(result.layers):
        words += f". Drawn are the first {len(drawn):,} of {len(result.layers):,} layers"
    tips = [tip("layer"), tip("tensor"), tip("mib", "MiB", ",.4~g")]
    colour = {"field": "tensor", "type": "nominal", "legend": None, "scale": {"scheme": "tableau20"}}
    encoding = {
        "x": _over_layers(len(drawn)), "color": colour, "tooltip": tips,
        "y": {"field": "mib", "aggregate": "sum", "type": "quantitative", "title": "MiB (2**20 bytes)"},
    }  # fmt: skip
    specification = {
        "params": params(sram=words),
        "title": heading("sram", size=13),
        "data": {"name": "tensors", "values": rows},
        "width": WIDTH,
        "height": 220,
        "mark": "bar",
        "encoding": encoding,
    }
    return Picture(specification, words)


def tensors_sheet(result: Result) -> Sheet:
    """From which layer to which each tensor is in the SRAM as a whole."""
    stays: dict[str, tuple[float, str, str, int]] = {}
    for layer in result.layers:
        for name, size in layer.resident.items():
            begun = stays.get(name, (size, layer.name, layer.name, 0))
            stays[name] = (max(size, begun[0]), begun[1], layer.name, begun[3] + 1)
    rows = [
        [name, fmt.fixed(size / MIB, 3), first, last, str(count)] for name, (size, first, last, count) in stays.items()
    ]
    caption = (
        "Tensors that are in the SRAM as a whole, by the layer that makes them; all others go through the outer memory."
    )
    return Sheet(caption, ("output of", "MiB", "from", "to", "layers"), rows)


def changes_of(found: Sensitivity) -> list[Part]:
    """The best changes with their prices; without a bill those that give most."""
    if found.base.throughput_per_usd is None:
        return _unpriced(found)
    best = best_changes(found)
    lines: list[Part] = [Text(line) for line in verdicts(found)]
    rows = [
        [
            step.setting,
            gain(step),
            fmt.significant(step.outcome.throughput_per_usd, 4),
            fmt.significant(step.outcome.power_w, 3),
        ]
        for step in best
    ]
    headings = ("change", "throughput for the money", "per USD of the bill then", "W then")
    return (
        [*lines, Sheet(f"The {len(best)} changes that give most throughput per dollar", headings, rows)]
        if best
        else lines
    )


def _unpriced(found: Sensitivity) -> list[Part]:
    """The steps that give most throughput of a chip without a bill."""
    now = found.base.throughput_per_s or 0.0
    steps = sorted(found.steps, key=lambda step: -(step.change_per_s or 0.0))[:BEST]
    best = [step for step in steps if (step.change_per_s or 0.0) >= LEAST_GAIN * now > 0.0]
    lines: list[Part] = [Text("This chip has no bill, so a step of it has no price.")]
    if not best:
        return [*lines, Text(f"No single step gives {100 * LEAST_GAIN:.0f} % more throughput.")]
    rows = [
        [
            step.setting, f"+{fmt.significant(step.change_per_s)}", fmt.percent((step.change_per_s or 0.0) / now),
            fmt.significant(step.outcome.power_w, 3),
        ]
        for step in best
    ]  # fmt: skip
    headings = ("change", "more per second", "of the throughput", "W then")
    return [*lines, Sheet(f"The {len(best)} steps that give most throughput", headings, rows)]


def best_changes(found: Sensitivity) -> list[Step]:
    """The steps worth taking after which the chip has more throughput for a dollar of its bill than it has."""
    now = found.base.throughput_per_usd or 0.0
    return [step for step in found.worth_it if (step.outcome.throughput_per_usd or 0.0) > now][:BEST]


def facts_of(chip: Architecture) -> list[Part]:
    """The facts of the chip file with their sources."""
    rows = [[key, source] for key, source in chip.sources.items()]
    return [Sheet(f"Facts of {chip.name}, and where they are from", ("key", "source"), rows)] if rows else []


def coefficients_sheet(known: Sequence[Coefficient]) -> Sheet:
    """Numbers of the cost model with their sources."""
    rows = [
        [one.name, fmt.significant(one.value, 4), one.unit, one.spread, one.confidence, "; ".join(one.sources)]
        for one in known
    ]
    return Sheet("Numbers of the cost model", ("number", "value", "unit", "range", "confidence", "source"), rows)


def words_of(chart: Any) -> str:
    """The title of a chart, which says what it shows; of one without, the titles of its parts."""
    whole = specification_of(chart)
    told = {one["name"]: one.get("value") for one in whole.get("params", ())}
    lines: list[str] = []
    for part in [whole] if whole.get("title") else whole.get("vconcat", ()):
        title = part.get("title", "")
        words = title.get("text", "") if isinstance(title, dict) else title
        if isinstance(words, dict):
            words = told[words["expr"]]
        lines += words if isinstance(words, list) else [str(words)]
    return ". ".join(lines)
