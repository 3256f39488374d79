"""The report of one run: the answer first, then where the time goes, then the layers."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.chip.schema import Architecture
from simulator.formats import in_words
from simulator.graph.readers.coverage import DOUBT
from simulator.report import format as fmt
from simulator.report.layers import layer_section
from simulator.result.form import Result
from simulator.units import GIB
from simulator.vocabulary import CAUSES, ROOF_NAMES

_SAME = 1e-9  # relative: two times that differ by less are one and the same but for rounding


@dataclass(frozen=True)
class ChipFacts:
    """What the head line says about a chip; the rates are effective, sustained ones."""

    name: str
    mac_units: int
    clock_hz: float
    sram_bytes: float
    outer_bytes_per_s: float | None
    """Of the DRAM, or of the host link of a chip without."""
    dram_devices: int
    """0 for a chip without DRAM."""
    dram_bytes: float | None = None
    """Capacity of the DRAM; None where it is not known."""
    read_only: bool = False
    """Whether that is memory for constants alone."""

    @classmethod
    def of(cls, chip: Architecture) -> "ChipFacts":
        """The facts of a chip."""
        return cls(
            name=chip.name,
            mac_units=chip.macs,
            clock_hz=chip.clock_hz,
            sram_bytes=chip.sram.capacity_bytes,
            outer_bytes_per_s=chip.outer_bytes_per_s,
            dram_devices=chip.dram_devices,
            dram_bytes=chip.dram_capacity_bytes,
            read_only=chip.inside == "activations",
        )


def run_report(
    result: Result, chip: ChipFacts | None, *, layers: bool = False, width: int = 80, ascii_only: bool = False
) -> Group:
    """Put the report of one run together for a page `width` characters wide.

    `layers` adds one row a layer. `ascii_only` draws bars of `#`.
    """
    doubts = [note for note in result.notes if note.startswith(DOUBT)]
    sections: list[list[RenderableType]] = [[Text(f"Note: {note}") for note in doubts]] if doubts else []
    sections += [[_head(result, chip)], [_answer(result, chip)]]
    sections.append(_waterfall(result, width, ascii_only))
    period_s = result.batch / result.throughput_per_s
    gains = {roof: s for roof, s in result.gain_if_infinite.items() if s > _SAME * period_s}
    if gains:
        title = "If one of these had no limit (scheduled again; the gains do not add up)"
        sections.append([_title(title), _gains(gains, period_s)])
    ratios = _ratios(result)
    if ratios:
        sections.append(
            [
                _title("Inference efficiency: inferences per second"),
                _efficiency(ratios, chip is None or chip.dram_devices > 0),
            ]
        )
    if layers:
        title = f"Layers, {'whole batch, ' if result.batch > 1 else ''}MB = 1e6 bytes, MiB = 2**20 bytes"
        sections.append([_title(title), *layer_section(result, width)])
    if rest := [note for note in result.notes if note not in doubts]:
        sections.append([Text(f"Note: {note}") for note in rest])
    spaced = [part for section in sections for part in (*section, Text(""))]
    return Group(*spaced[:-1])


def sentence(result: Result) -> str:
    """What a run gives, and what binds it."""
    rate = f"{fmt.significant(result.throughput_per_s)} per second at batch {result.batch:,} in {in_words(result.precision)}"
    bound = ROOF_NAMES.get(result.bound_by, result.bound_by)
    subject = f"{result.subject or result.network} on {result.chip}"
    return f"{subject}: {rate}, {fmt.share(result.utilisation)} of the peak, bound by {bound}"


def _head(result: Result, chip: ChipFacts | None) -> Text:
    """Return the answer, with the four resources of the chip where they are given."""
    text = Text(f"{sentence(result)}.", style="bold")
    if chip is None:
        return text
    text.append(f"\n{machine_words(result.peak_tops, chip)}", style="not bold")
    if len(set(result.formats.values())) > 1:
        said = ", ".join(f"{role} {name}" for role, name in result.formats.items())
        text.append(f"\nformats: {said}", style="not bold")
    return text


def machine_words(peak_tops: float, chip: ChipFacts) -> str:
    """The four resources of a chip in a line."""
    memory = (
        f"{chip.dram_devices} {'read-only memory' if chip.read_only else 'DRAM'}" if chip.dram_devices else "no DRAM"
    )
    if chip.dram_devices and chip.dram_bytes:
        memory += f" ({fmt.figure(chip.dram_bytes / GIB)} GiB)"
    if chip.outer_bytes_per_s is not None:
        link = " over the host link" if chip.dram_devices == 0 else ""
        memory += f", {fmt.rate(chip.outer_bytes_per_s)}{link}"
    return (
        f"peak {fmt.significant(peak_tops, 3)} TOPS: {chip.mac_units:,} MAC units at "
        f"{fmt.figure(chip.clock_hz / 1e6)} MHz; {fmt.mebibytes(chip.sram_bytes)} SRAM; {memory}"
    )


def _dram_in_use(result: Result) -> list[tuple[str, str]]:
    """Return the line that says how full the DRAM is; none without one."""
    if result.dram_used_bytes <= 0.0:
        return []
    room = result.dram_capacity_bytes
    of = "; its capacity is not known" if room is None else f", of {fmt.binary(room)}"
    return [("DRAM in use", f"{fmt.binary(result.dram_used_bytes)}{of}")]


def _answer(result: Result, chip: ChipFacts | None) -> Table:
    """Return the figures a reader came for."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column()
    outer = "Outer traffic"
    if chip is not None and chip.outer_bytes_per_s is not None and not chip.read_only:
        outer = "DRAM traffic" if chip.dram_devices else "Host traffic"
    room = "" if chip is None else f", of {fmt.mebibytes(chip.sram_bytes)}"
    busy = f"{fmt.share(result.utilisation)} of the peak"
    if result.effective_utilisation > result.utilisation * (1 + _SAME):
        busy += f" ({fmt.share(result.effective_utilisation)} counting what Winograd saves)"
    rows = [
        ("Throughput", _throughput(result)),
        ("Latency", fmt.time(result.latency_s)),
        ("Utilisation", busy),
        ("Bound by", bound_words(result)),
        ("Largest loss", _loss(result)),
        (outer, f"{fmt.megabytes(result.dram_bytes / result.batch)} per inference (MB = 1e6 bytes)"),
        ("SRAM in use", f"{fmt.mebibytes(result.sram_bytes)} at most{room}"),
        *_dram_in_use(result),
        ("Lower bound", f"{fmt.time(result.lower_bound_s)}: no schedule on this chip is faster, whatever its compiler"),
    ]
    if result.load_bytes > 0:
        rows.append(("Loaded once", f"{fmt.megabytes(result.load_bytes)} in {fmt.time(result.load_s)}"))
    rows.extend(_economy(result))
    for name, value in rows:
        grid.add_row(name, Text(value, style="bold" if name == "Throughput" else ""))
    return grid


def _throughput(result: Result) -> str:
    """Results a second, with the band that measured rows leave."""
    ends = (fmt.significant(value, 3) for value in (result.throughput_low_per_s, result.throughput_high_per_s))
    return f"{fmt.significant(result.throughput_per_s)} per second ({' to '.join(ends)}, 90 % of measured rows)"


def bound_words(result: Result) -> str:
    """The roof that binds, and what its absence would save."""
    name = ROOF_NAMES.get(result.bound_by, result.bound_by)
    saved = result.gain_if_infinite.get(result.bound_by, 0.0) * result.throughput_per_s / result.batch
    return f"{name}: without this limit, {fmt.share(saved)} of the time would be saved" if saved > _SAME else name


def _loss(result: Result) -> str:
    """The largest part of the time in which no useful work is done."""
    lost = result.waterfall_period.get(result.largest_loss, 0.0) * result.throughput_per_s / result.batch
    if result.largest_loss == "ideal_s" or lost <= _SAME:
        return "none"
    return f"{CAUSES[result.largest_loss]}: {fmt.share(lost)} of the time"


def _economy(result: Result) -> list[tuple[str, str]]:
    """Return cost and power, where they can be told."""
    rows = []
    bill = (result.cost or {}).get("bill_usd")
    if bill is not None:
        low, best, high = (fmt.significant(bill[key], 3) for key in ("low", "best", "high"))
        rows.append(("Cost", f"{best} USD to build ({low} to {high}): `rooftile cost`"))
    if result.power_w is not None:
        line = f"{fmt.significant(result.power_w, 3)} W in steady state"
        if result.energy_per_inference_j is not None:
            line += f", {fmt.significant(result.energy_per_inference_j * 1e3, 3)} mJ per inference"
        rows.append(("Power", line))
    return rows


def _waterfall(result: Result, width: int, ascii_only: bool) -> list[RenderableType]:
    """Return where the time goes: parts that are not zero, with the share of the peak TOPS that each takes.

    Where steady state differs from one batch on an idle chip, it has a column of its own, which the shares follow.
    """
    period_s = result.batch / result.throughput_per_s
    same = abs(period_s - result.latency_s) <= _SAME * result.latency_s
    scale, unit = fmt.time_unit(result.latency_s)
    places = fmt.decimals(result.latency_s / scale)
    tops_places = fmt.decimals(result.peak_tops, 3)
    room = width - (57 if same else 73)
    bars = min(max(room, 8), 40) if room > 0 else 0  # figures matter more than bars on a narrow terminal
    table = _table("", *([unit] if same else [f"latency {unit}", f"steady {unit}"]), "share", "TOPS", "")
    shown = {*fmt.parts(result.waterfall), *fmt.parts(result.waterfall_period)}
    for key in result.waterfall:
        latency_s, steady_s = result.waterfall[key], result.waterfall_period.get(key, 0.0)
        if key in shown:
            fraction = steady_s / period_s
            table.add_row(
                CAUSES.get(key, key.removesuffix("_s")),
                *(fmt.fixed(seconds / scale, places) for seconds in ([latency_s] if same else [latency_s, steady_s])),
                fmt.percent(fraction),
                fmt.fixed(fraction * result.peak_tops, tops_places),
                Text(fmt.bar(fraction, bars, ascii_only) if bars else "", style="green" if key == "ideal_s" else "red"),
            )
    totals = [result.latency_s] if same else [result.latency_s, period_s]
    times = (fmt.fixed(seconds / scale, places) for seconds in totals)
    table.add_row("total", *times, fmt.percent(1.0), fmt.fixed(result.peak_tops, tops_places), "", style="bold")
    title = "Where the time goes" if result.batch == 1 else f"Where the time of a batch of {result.batch:,} goes"
    if not same:
        title += "; share and TOPS in steady state"
    return [_title(title), table]


def _gains(gains: Mapping[str, float], period_s: float) -> Table:
    """Return what each roof costs on its own, largest first."""
    scale, unit = fmt.time_unit(period_s)
    places = fmt.decimals(period_s / scale)
    table = _table("", f"{unit} saved", "share", f"{unit} left")
    for roof, seconds in sorted(gains.items(), key=lambda item: -item[1]):
        left = fmt.fixed((period_s - seconds) / scale, places)
        table.add_row(
            ROOF_NAMES.get(roof, roof), fmt.fixed(seconds / scale, places), fmt.percent(seconds / period_s), left
        )
    return table


def _ratios(result: Result) -> dict[str, float]:
    """Return the throughput by what it costs, where that is known."""
    ratios = {
        "per USD of the bill": result.throughput_per_usd,
        "per USD of list price": result.throughput_per_list_usd,
        "per peak TOPS": result.throughput_per_tops,
        "per DRAM device": result.throughput_per_dram,
        "per MiB of SRAM": result.throughput_per_sram_mib,
        "per watt": result.throughput_per_w,
        "per mm2 of die": result.throughput_per_mm2,
    }
    return {name: value for name, value in ratios.items() if value is not None}


def _efficiency(ratios: Mapping[str, float], has_dram: bool) -> Table:
    """Return the ratios, one a line; a chip without DRAM says so."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for name, value in ratios.items():
        table.add_row(name, fmt.significant(value))
    if not has_dram:
        table.add_row("per DRAM device", "no DRAM")
    return table


def _title(text: str) -> Text:
    """Return the heading of a table; a Text, since a table's own title is folded to the table's width."""
    return Text(text, style="bold")


def _table(*headings: str) -> Table:
    """Return an empty table in the report's one style: names on the left, figures to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, heading in enumerate(headings):
        right = place > 0 and heading != ""
        # Where the terminal is too narrow the names fold, so that no figure is cut.
        table.add_column(heading, justify="right" if right else "left", no_wrap=place > 0)
    return table
