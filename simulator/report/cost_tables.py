"""The report of a chip's cost: area, bill and power, itemised, with ranges; and the model against published dies."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.cost.calibration import Comparison
from simulator.cost.price import Band, Cost
from simulator.cost.provenance import Coefficient
from simulator.cost.validation import Block, Validation
from simulator.report import format as fmt
from simulator.report.fit import WithSheet

AREA = {
    "macs": "MAC arrays",
    "sram": "SRAM",
    "dram_interfaces": "DRAM PHYs and controllers",
    "links": "links",
    "interconnect_control": "interconnect and control",
    "block": "block, cells and memories",
}
BILL = {
    "die": "die",
    "package": "package",
    "interposer": "interposer",
    "dram": "DRAM devices",
    "test": "test",
    "assembly": "assembly and its losses",
    "board": "board: placing, supply",
}
POWER = {
    "macs_w": "MAC arrays",
    "sram_w": "SRAM",
    "interconnect_w": "interconnect",
    "dram_w": "DRAM",
    "host_w": "host link",
    "static_w": "leakage and clocks",
}
"""Names of the parts as a person reads them, in the order shown."""


def cost_report(cost: Cost, coefficients: Sequence[Coefficient] = ()) -> Group:
    """Put the report of one chip's cost together.

    `coefficients` adds a table of every number with its source.
    """
    head = Text(cost_sentence(cost), style="bold")
    sections: list[list[RenderableType]] = [[head, Text(cost.status)], [_title("Area, mm2"), _area(cost)]]
    if cost.bill_usd is not None:
        sections.append([_title("Bill of materials, USD: chip and memory (not a selling price)"), _bill(cost)])
        sections.append([_relative(cost)])
    sections.append([_title("Peak power, W"), _power(cost)])
    if cost.details:
        sections.append([_details(cost.details)])
    if cost.notes:
        sections.append([Text(f"Note: {note}") for note in cost.notes])
    if coefficients:
        sections.append([_title("Coefficients"), _coefficients(coefficients)])
    spaced = [part for section in sections for part in (*section, Text(""))]
    return WithSheet(*spaced[:-1], sheet=_sheet(cost))


def _sheet(cost: Cost) -> Table:
    """Area, bill and power in one table, a row a part."""
    table = _table("of", "part", "unit", "low", "best", "high", "share")
    for name, mm2 in cost.area_items.items():
        table.add_row("area", AREA[name], "mm2", *_figures(None, mm2, None), _share(mm2, cost.area_mm2.best))
    if cost.contradicted:
        published = _figures(None, cost.published_mm2, None)
        table.add_row("area", "published: the model is wrong", "mm2", *published, "-")
    table.add_row(
        "area", "all", "mm2", *_figures(*_three(cost.area_mm2)), _share(cost.area_mm2.best, cost.area_mm2.best)
    )
    if cost.bill_usd is not None:
        for name, band in cost.bill_items.items():
            table.add_row("bill", BILL[name], "USD", *_figures(*_three(band)), _share(band.best, cost.bill_usd.best))
        whole = cost.bill_usd
        table.add_row("bill", "all", "USD", *_figures(*_three(whole)), _share(whole.best, whole.best))
    for name, watts in cost.peak_items.items():
        if not watts:  # of a GPU, counted with the MACs
            continue
        table.add_row("peak power", POWER[name], "W", *_figures(None, watts, None), _share(watts, cost.peak_power_w))
    table.add_row("peak power", "all", "W", *_figures(None, cost.peak_power_w, None), _share(1.0, 1.0))
    return table


def _three(band: Band) -> tuple[float | None, float | None, float | None]:
    """The ends and the best estimate of a band."""
    return band.low, band.best, band.high


def _figures(*values: float | None) -> list[str]:
    return ["-" if value is None else fmt.significant(value) for value in values]


def _share(part: float | None, whole: float | None) -> str:
    return "-" if part is None or not whole else fmt.percent(part / whole)


def cost_sentence(cost: Cost) -> str:
    """What a chip costs to build, how large its die is, and what it draws at most."""
    die = f"a die of {_with_range(cost.area_mm2)} mm2 in {cost.process_nm:g} nm"
    peak = f"{fmt.significant(cost.peak_power_w, 3)} W where every part is busy"
    if cost.bill_usd is None:
        return f"{cost.chip}: {die}, {peak}; no bill of its own."
    return f"{cost.chip} costs {_with_range(cost.bill_usd)} USD to build, memory included: {die}, {peak}."


def _with_range(band: Band) -> str:
    """A figure with its range, or the range alone."""
    low, high = fmt.significant(band.low, 3), fmt.significant(band.high, 3)
    best = "" if band.best is None else fmt.significant(band.best, 3)
    if low == high:
        return best or low
    return f"{best} ({low} to {high})" if best else f"{low} to {high}"


def validation_report(found: Validation) -> Group:
    """Put the comparison with published areas together."""
    return WithSheet(
        _title("Die area against published dies, mm2"),
        _dies(found.chips),
        Text(""),
        _summary(found),
        Text(""),
        _title("Blocks whose own area is published, mm2"),
        _blocks(found.blocks),
        Text(""),
        _title("NVDLA sizings, mm2: fixed part + MACs + memory, fitted in relative error"),
        _blocks(found.nvdla),
        sheet=_validation_sheet(found),
    )


def _validation_sheet(found: Validation) -> Table:
    """All three comparisons in one table."""
    table = _table(
        "of", "name", "nm", "published mm2", "predicted mm2", "error", "left out mm2", "error left out", "low mm2", "high mm2",
    )  # fmt: skip
    for row in found.chips:
        areas = _figures(row.published_mm2, row.predicted_mm2)
        apart = (
            *_figures(row.left_out_mm2),
            fmt.signed_percent(row.error_left_out),
            *_figures(row.low_mm2, row.high_mm2),
        )
        table.add_row("die", row.name, "-", *areas, fmt.signed_percent(row.error), *apart)
    for of, blocks in (("block", found.blocks), ("NVDLA sizing", found.nvdla)):
        for one in blocks:
            areas = _figures(one.published_mm2, one.predicted_mm2)
            table.add_row(of, one.name, str(one.nm), *areas, fmt.signed_percent(one.error), *["-"] * 4)
    return table


def _area(cost: Cost) -> Table:
    table = _table("", "best", "share")
    best = cost.area_mm2.best
    total = sum(cost.area_items.values())
    places = fmt.decimals(best or total, 3)
    for name, mm2 in cost.area_items.items():
        share = fmt.percent(mm2 / best) if best is not None else ""
        # A chip without DRAM or links says so, instead of a part of no size.
        table.add_row(AREA[name], *((fmt.fixed(mm2, places), share) if mm2 else ("none", "")))
    wrong = f"wrong: the file publishes {cost.published_mm2:,.0f}" if cost.contradicted else ""
    if best is None:
        ends = wrong or f"{cost.area_mm2.low:,.0f} to {cost.area_mm2.high:,.0f}"
        table.add_row("die by the model" if wrong else "die, at least to at most", ends, "")
    else:
        name = "block" if cost.kind == "ip" else "die"
        table.add_row(name, fmt.fixed(best, places), fmt.percent(1.0), style="bold")
        ends = f"{fmt.fixed(cost.area_mm2.low, places)} to {fmt.fixed(cost.area_mm2.high, places)}"
        table.add_row("90 % range", wrong or ends, "")
    return table


def _bill(cost: Cost) -> Table:
    table = _table("", "low", "best", "high", "share")
    total = cost.bill_usd
    if total is None or total.best is None:
        return table
    for name, band in cost.bill_items.items():
        table.add_row(BILL[name], *_ends(band), fmt.percent((band.best or 0.0) / total.best))
    table.add_row("all", *_ends(total), fmt.percent(1.0), style="bold")
    return table


def _ends(band: Band) -> tuple[str, str, str]:
    """Render a band in dollars with cents."""
    return fmt.fixed(band.low, 2), fmt.fixed(band.best, 2), fmt.fixed(band.high, 2)


def _relative(cost: Cost) -> Text:
    """One line on the cost relative to the reference."""
    band = cost.relative_cost
    if band is None or band.best is None:
        return Text("")
    if band.low == band.high:
        return Text(f"Relative cost 1 by definition: {cost.reference} is the reference")
    low, best, high = (fmt.significant(value, 3) for value in (band.low, band.best, band.high))
    return Text(f"Relative cost {best} ({low} to {high}) times that of {cost.reference}")


def _power(cost: Cost) -> Table:
    table = _table("", "W", "share")
    places = fmt.decimals(cost.peak_power_w, 3)
    for name, watts in cost.peak_items.items():
        if watts:
            table.add_row(POWER[name], fmt.fixed(watts, places), fmt.percent(watts / cost.peak_power_w))
    table.add_row("all, every part busy", fmt.fixed(cost.peak_power_w, places), fmt.percent(1.0), style="bold")
    return table


def _details(details: Mapping[str, float]) -> Text:
    """Two lines on the way from wafer to package."""
    below = fmt.significant(details["interconnect_control_bottom_up_mm2"], 3)
    memory = ""
    if "dram_gib" in details:
        gib, price = fmt.figure(details["dram_gib"]), fmt.significant(details["dram_usd_per_gib"], 3)
        memory = (
            f"DRAM: {gib} GiB at {price} USD a GiB (`dram.capacity_gib`); its interface is in die, package and board\n"
        )
    return Text(
        f"{memory}{details['dies_per_wafer']:,.0f} dies on a wafer of {details['wafer_usd']:,.0f} USD,"
        f" {fmt.percent(details['yield'])} good at {details['d0_cm2']:g} defects/cm2; {details['balls']:,.0f} balls\n"
        f"Interconnect and control from lanes, ports and arrays: {below} mm2"
    )


def _coefficients(rows: Sequence[Coefficient]) -> Group:
    """A row for each number, and the sources below, each written once."""
    numbers: dict[str, int] = {}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in ("", "value", "unit", "range", "how", "source"):
        table.add_column(heading, justify="right" if heading == "value" else "left", no_wrap=heading != "")
    for row in rows:
        marks = [numbers.setdefault(source, len(numbers) + 1) for source in row.sources]
        named = " ".join(f"({mark})" for mark in marks)
        table.add_row(row.name, fmt.figure(row.value), row.unit, row.spread, row.confidence, named)
    texts = Table.grid(padding=(0, 1))
    texts.add_column(justify="right", no_wrap=True)
    texts.add_column(overflow="fold")
    for source, mark in numbers.items():
        texts.add_row(f"({mark})", Text(source))
    return Group(table, Text(""), texts)


def _dies(rows: Sequence[Comparison]) -> Table:
    table = _table("chip", "published", "predicted", "error", "left out", "error ", "band", "holds it")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.published_mm2:,.0f}",
            f"{row.predicted_mm2:,.0f}",
            fmt.signed_percent(row.error),
            f"{row.left_out_mm2:,.0f}",
            fmt.signed_percent(row.error_left_out),
            f"{row.low_mm2:,.0f} to {row.high_mm2:,.0f}",
            "yes" if row.inside else "no",
        )
    return table


def _summary(found: Validation) -> Text:
    """Mean and worst errors, and how often the band holds the published area."""
    return Text(
        f"Mean error {fmt.percent(found.mean_error)}; left out of the fit {fmt.percent(found.mean_error_left_out)},"
        f" worst {fmt.percent(found.worst_error_left_out)}.\nThe band around a chip left out of the fit holds its"
        f" published area for {found.inside} of {len(found.chips)}."
    )


def _blocks(blocks: Sequence[Block]) -> Table:
    table = _table("block", "nm", "published", "predicted", "error")
    for row in blocks:
        areas = fmt.figure(row.published_mm2), fmt.significant(row.predicted_mm2, 3)
        table.add_row(row.name, str(row.nm), *areas, fmt.signed_percent(row.error))
    return table


def _title(text: str) -> Text:
    return Text(text, style="bold")


def _table(*headings: str) -> Table:
    """Return an empty table in the report's one style: names on the left, figures to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    return table
