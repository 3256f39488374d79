"""The validation as tables for a terminal, as the page `docs/validation.md`, and as a picture."""

import math
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from statistics import median
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt
from simulator.report.labels import Point as Spot
from simulator.report.labels import axes, place
from simulator.report.page import data_of, joined, require_charts
from simulator.study.compare import FREE_BATCH_GPU
from simulator.study.fits import Fit, all_fits
from simulator.study.standing import STANDINGS
from simulator.study.validation import FREE_BATCH, THROUGHPUT, Point, Summary, Validation
from simulator.study.validation_data import book

SUMMARY_HEADINGS = ("rows", "count", "median", "90 %", "bias", "worst", "Spearman")
POINT_HEADINGS = (
    "chip",
    "network",
    "batch",
    "format",
    "figure",
    "published",
    "predicted",
    "error",
    "standing",
    "largest loss",
)
FIT_HEADINGS = ("value", "median", "bias", "worst")
RESIDUAL_HEADINGS = ("chip", "network", "figure", "published", "predicted", "error")
COLOURS = {
    "measured silicon": "#009E73",
    "measured boards": "#0072B2",
    "GPUs": "#8EC9EE",
    "vendor claims": "#CC79A7",
    "designers' estimates": "#E69F00",
}
FEWEST = 10
"""Rows that a chip must have for its errors to be compared with those of a simpler model."""

SIDE = 620
"""Side of the picture [pixel]."""


def validation_report(found: Validation) -> Group:
    """Put the whole validation together for a terminal."""
    sections: list[RenderableType] = []
    for group in dict.fromkeys(point.group for point in found.points):
        rows = [_point_cells(point) for point in found.points if point.group == group]
        sections += [table(group.capitalize(), POINT_HEADINGS, rows, 5), Text()]
    sections.append(table("Errors of everything", SUMMARY_HEADINGS, list(map(_summary_cells, found.summaries)), 1))
    for title, name, rows in _grouped_rows(found):
        sections += [Text(), table(title, (name, *SUMMARY_HEADINGS[1:]), rows, 1)]
    sections += [Text(), table("Errors of throughputs", ("by", *SUMMARY_HEADINGS), _baseline_rows(found), 2), Text()]
    sections.append(
        Text(
            "Error: predicted / published - 1; median and 90 % of the absolute errors, bias the median of the signed ones.\n"
            + "".join(f"{name}: {words}.\n" for name, words in STANDINGS.items())
            + f"Constant utilisation: {fmt.share(found.utilisation)} of peak, the best for these rows. Not compared: "
            f"{sum(number for _, number in found.left_out)} published results."
        )
    )
    return Group(*sections)


def validation_page(found: Validation, picture: str) -> str:
    """The page in Markdown; `picture` is the path of the picture as the page sees it, the rows beside it."""
    data = str(PurePosixPath(picture).with_suffix(".json"))
    # Some chips have nothing but estimates published about them.
    measured = next((one for one in found.summaries if one.group == "all measured"), found.summaries[0])
    lines = [
        "# Against silicon",
        "",
        "<!-- Written by `rooftile validate --page docs/validation.md`; a test fails when it is out of date. -->",
        "",
        f"**{book()['independent']}**",
        "",
        "Below is every published figure of a chip that can be simulated on a bundled network, beside its prediction. The errors",
        "are smaller than in the independent test, because the model was developed with these figures in view: constants were",
        "fitted on some of them (listed below with their rows). Large errors are printed too. Of the rows"
        f" `{measured.group}`, fitted ones included,",
        f"the median absolute error is {fmt.share(measured.median)}, the 90th percentile is {fmt.share(measured.ninetieth)},"
        f" and the worst is {fmt.signed_percent(measured.worst)}.",
        "",
        *_blind(),
        "",
        _settled_late(),
        "",
        f"![predicted against published throughput]({picture})",
        "",
        f"A label marks the worst point of a chip. All figures as data: [{data}]({data}).",
        "",
        "```bash",
        "rooftile validate groq_tsp nvdla_512",
        "```",
        "",
        "repeats this for some chips; without names for all of them (minutes).",
        "",
        "## Summary",
        "",
        *markdown(SUMMARY_HEADINGS, map(_summary_cells, found.summaries)),
        "",
        "Error is predicted / published - 1, of the figure itself (of a time, + is slower). Median and 90 % are of absolute",
        "errors, Spearman the rank correlation of throughputs.",
        "",
        *(
            line
            for title, name, rows in _grouped_rows(found)
            for line in (f"### {title}", "", *markdown((name, *SUMMARY_HEADINGS[1:]), rows), "")
        ),
        "## Baselines",
        "",
        "The same rows, throughputs alone, by the model and by two simpler ones: a constant utilisation"
        f" ({fmt.share(found.utilisation)},",
        "the best for these very rows), and a plain roofline (MACs at peak, or weights and ends of the network once at nominal",
        "bandwidth).",
        "",
        *markdown(("by", *SUMMARY_HEADINGS), _baseline_rows(found)),
        "",
        _where_others_win(found),
        "",
        "## Every figure",
        "",
        "The standing of a row:",
        "",
        *(f"- {name}: {words}." for name, words in STANDINGS.items()),
        "",
        "`throughput` is per second; `tops` achieved TOPS;",
        "`array_active`, `weight_shift` and `weight_stall` the shares of the time that the array multiplies, takes weights in",
        "and waits for them; `array_ms` and `layer_ms` a layer without and with the",
        "transfers that are not hidden; `active_units` the MAC units at work in it, on average;",
        f"`dram_mb` traffic of one batch. A batch that was free is simulated at {FREE_BATCH}, "
        f"on GPUs at {FREE_BATCH_GPU}.",
        "",
    ]
    for group in dict.fromkeys(point.group for point in found.points):
        rows = [_point_cells(point) for point in found.points if point.group == group]
        lines += [f"### {group.capitalize()}", "", *markdown(POINT_HEADINGS, rows), ""]
    return "\n".join([*lines, *_explanations(found)]) + "\n"


def _settled_late() -> str:
    """Which chips' rows are not blind although no constant was fitted on them."""
    late = book()["settled_late"].items()
    facts = "; ".join(f"{chip}: {fact['what']} ({fact['when']}, {fact['source']})" for chip, fact in late)
    return (
        "If a fact of a chip was changed after its measurements were known, it counts as fitted, and the rows of this chip are"
        f" not blind: {facts}."
    )


def _blind() -> list[str]:
    """Rows that were read after their chip's file was written, as they stood when they were first seen."""
    rows = [
        [
            one["chip"], str(one["count"]), fmt.percent(one["median"]), fmt.percent(one["ninetieth"]),
            fmt.signed_percent(one["bias"]), one["written"], one["read"],
        ]
        for one in book()["blind"]
    ]  # fmt: skip
    return [
        "A row of this page is blind if it was read after the file of its chip was written. It is blind only once: these are the",
        "errors when the rows were first seen.",
        "",
        *markdown(("chip", "rows", "median", "90 %", "bias", "chip written in commit", "rows read"), rows),
    ]


def _where_others_win(found: Validation) -> str:
    """Which chips of ten throughputs or more a simpler model predicts better."""
    rates = [point for point in found.points if point.quantity == THROUGHPUT and point.group.startswith("measured")]
    told = []
    for chip in dict.fromkeys(point.chip for point in rates):
        mine = [point for point in rates if point.chip == chip]
        if len(mine) < FEWEST:
            continue
        own = median(abs(point.error) for point in mine)
        for name, value in (
            ("constant utilisation", _constant(found)),
            ("roofline", lambda point: point.roofline or 0.0),
        ):
            other = median(abs(value(point) / point.published - 1.0) for point in mine)
            if other < own:
                told.append(f"{chip} ({name} {fmt.percent(other)}, the model {fmt.percent(own)})")
    return f"Where a simpler model is closer, of chips with {FEWEST} rows or more: {', '.join(told) or 'nowhere'}."


def _constant(found: Validation) -> Callable[[Point], float]:
    """The first baseline."""
    return lambda point: found.utilisation * (point.utilised or 0.0)


def _explanations(found: Validation) -> list[str]:
    """What was fitted, what is known about the misses, and what is left out."""
    lines = ["## What was fitted, and on what", ""]
    lines += [f"- {one['name']}: {one['value']}. Fitted on: {one['fitted_on']}." for one in book()["constants"]]
    lines += ["", "The chips whose figures were used:", ""]
    lines += [f"- {chip}: {text}." for chip, text in book()["fitted"].items()]
    lines += [
        "",
        "The errors that other values would give on the same rows, from `rooftile validate --fit`: the median is of the absolute",
        "errors, the bias is the median of the signed ones. The overlap, the port and the start of a layer were fitted together.",
        "",
    ]
    for fit in all_fits():
        if fit.points:
            lines += [f"**{sentence(fit.name)}**, on {len(fit.points)} figures:", ""]
            lines += [*markdown(FIT_HEADINGS, tried_rows(fit)), ""]
    lines += ["### Residuals", "", *markdown(RESIDUAL_HEADINGS, residual_rows(all_fits())), ""]
    lines += ["## Known misses", ""]
    lines += [f"- {text}" for text in MISSES]
    lines += ["", "## Not compared", "", *markdown(("results", "why"), [[str(n), why] for why, n in found.left_out])]
    return lines


MISSES = (
    "**BM1684X**: the cost of a block of outputs and of an element of vector work is the compiler's own formula for an older"
    " chip of the family; strided slices, the work at the input and output of YOLOX, and full-width functions are not in it.",
    "**Centaur Ncore** is predicted from peak, SRAM and memory; how its lanes are used is a guess (see its file). The rest of a"
    " single stream is the x86 cores' share, which its designers published.",
    "**Edge TPU**: of each run 0.3 ms are a third party's measurement on another host; its small networks take another"
    " 0.2 to 0.5 ms longer than predicted, which is not explained. Where features are large (EfficientNet M and L) the model"
    " sends some over the link; how the chip holds them is not published.",
    "**TPU v1**, `weight_stall`: the chip counts 17.5 % of its time apart as without matrix work (waits for the layer before,"
    " for the host); the model has no such time and calls it a stall. Of CNN0 the counters (78.2 % active, which is 72 TOPS) and"
    " the achieved TOPS (86) are of different runs.",
    "**BM1688**: YOLOv8s in FP16 is 25 % too fast on one core and 41 % on two. Before its lanes were bytes wide, which do half as"
    " many elements of 16 bits, it was 45 % on both; how its compiler computes functions of 16 bits, as a series or in 32 bits,"
    " is not known. Its INT8 and FP32 rows are within a fifth. With such lanes the FP32 rows of a BM1684X have a median of 13 %"
    " instead of 8, those of FP16 12 instead of 22.",
    "**DPU**: MobileNet v1, SqueezeNet, Inception v1 and ResNet-18 come out 7 to 21 % too slow, DeepLab on planes of 1,024 x"
    " 2,048 21 and 35 % too fast; all others are within 16 %. Before the eight pixels of a cycle were eight rows, networks of 299"
    " pixels on two cores were 6 to 24 % too fast.",
    "**TPU v1**: since weights come to its array in whole sets of rows and columns, the two rows that the DRAM efficiency was"
    " fitted on would need 0.93, not 0.86; it was not fitted again, because it is used for many chips.",
    "**What memory on the chip is worth** comes out too small where a compiler holds more than activations of a layer: of a TPU"
    " v4i 144 MiB in place of 16 are worth 1.00 to 1.11 times in the model (12 networks, batch 8), about 1.5 in its makers' mean"
    " over applications that are not public; DenseNet-121, whose weights nearly fill it, takes an Edge TPU 20 ms, in the model"
    " 7.4. What compilers cannot keep or fetch ahead is not known.",
    "**TPU v3** leaves out infeed and what its compiler does.",
    "**RK3588, RK3568**: transformers (CLIP) are five times slower than the model: it is not known what their compiler leaves to"
    " the CPU, nor why networks with attention (YOLOv10, YOLO11) are 40 to 70 % slower on RK3568 alone, and RetinaFace on"
    " MobileNet on both. No document names the clock of the RK3568 results.",
    "**Eyeriss**: array times are 1 to 11 % short where the first window of inputs of a pass is long, since its entry is not"
    " modelled; and its published traffic is after compression. On VGG-16 at batch 3 the model is 4.2, 2.2 and 1.1 times too fast"
    " in CONV1-2, 3-2 and 4-2 (191, 183 and 183 ms of the array for 811, 408 and 210, which are recalled and not checked): planes"
    " as wide as 224 and 56 cost it more than whole rows of sums explain.",
    "**NVDLA** rows are estimates of a spreadsheet, not of silicon; it rounds output channels up to 128 at every size, which"
    " [its own page](validation_nvdla.md) repeats and the model does not.",
    "**GPUs**: non-maximum suppression is not part of the SSD networks and RetinaNet, which are up to 68 % too fast at batch 1"
    " on an H100. At 350 W an H100 is slowed down more than the model predicts. An L4 runs BERT-large in FP8 a third slower than"
    " in INT8; the model has one speed for both. MLPerf's first rounds ran older software than BERT's tables; boost clocks"
    " differ from run to run. Large batches of ResNet-50 lose too much to the L2. BERT of MLPerf runs without the padding"
    " of its sequences, and is simulated at their mean, 177 of 384 tokens.",
)
"""What is known about the largest errors."""


def validation_chart(found: Validation) -> Any:
    """Predicted against published throughputs on log axes, with the diagonal and lines of half and double.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    points = [p for p in found.points if p.quantity == THROUGHPUT]
    # One label a chip, at its worst point: the others are found in the table.
    worst = {p.chip: p for p in sorted(points, key=lambda p: abs(math.log(p.predicted / p.published)))}
    spots = [
        Spot(f"{p.chip} {p.network.split(' ')[0]}" if p is worst[p.chip] else "", p.published, p.predicted)
        for p in points
    ]
    frame = axes([*spots, *(Spot("", s.y, s.x) for s in spots)], SIDE, SIDE)
    rows = [
        {
            "label": spot.label, "x": spot.x, "y": spot.y, "at_x": label.x, "at_y": label.y,
            "colour": COLOURS["GPUs" if point.gpu else point.group], "shown": label.clear and bool(spot.label),
        }
        for point, spot, label in zip(points, spots, place(spots, frame), strict=True)
    ]  # fmt: skip

    def axis(channel: Any, name: str, words: str) -> Any:
        return channel(f"{name}:Q", scale=alt.Scale(type="log", domain=list(frame.x), nice=False), title=words)

    across, upward = "published, inferences/s", "predicted, inferences/s"
    low, high = frame.x
    guides = [
        alt.Chart(data_of([{"x": low, "y": low * k}, {"x": high, "y": high * k}]))
        .mark_line(color="#999999", strokeDash=[] if k == 1 else [4, 4], strokeWidth=1, clip=True)
        .encode(x=axis(alt.X, "x", across), y=axis(alt.Y, "y", upward))
        for k in (1.0, 0.5, 2.0)
    ]
    base = alt.Chart(data_of(rows))
    dots = base.mark_point(filled=True, size=45, opacity=0.9).encode(
        x=axis(alt.X, "x", across), y=axis(alt.Y, "y", upward), color=alt.Color("colour:N", scale=None)
    )
    # A label without a free place would hide others: its point is found in the table.
    clear = alt.Chart(data_of([row for row in rows if row["shown"]]))
    lines = clear.mark_rule(color="#cccccc", strokeWidth=0.7).encode(
        x=axis(alt.X, "x", across), y=axis(alt.Y, "y", upward), x2=alt.X2("at_x:Q"), y2=alt.Y2("at_y:Q")
    )
    texts = clear.mark_text(fontSize=10, color="#222222").encode(
        x=axis(alt.X, "at_x", across), y=axis(alt.Y, "at_y", upward), text=alt.Text("label:N")
    )
    title = alt.TitleParams(
        "Predicted against published",
        subtitle="green: silicon, blue: boards, light blue: GPUs, orange: designers' estimates, pink: claims;"
        " dashed: half and double",
        anchor="start",
    )
    chart = joined(alt.layer, *guides, lines, dots, texts).properties(width=SIDE, height=SIDE, title=title)
    return chart.configure(padding=12, view=alt.ViewConfig(stroke="#dddddd"))


def sentence(name: str) -> str:
    """A name with a capital letter."""
    return name[0].upper() + name[1:]


def tried_rows(fit: Fit) -> list[list[str]]:
    """What each value gives; the value of the model is marked."""
    return [
        [
            ("> " if one.value == fit.value else "") + (f"{one.value:.2f}" if fit.value < 10 else f"{one.value:,.0f}"),
            fmt.percent(one.median), fmt.signed_percent(one.bias), fmt.signed_percent(one.worst),
        ]
        for one in fit.tried
    ]  # fmt: skip


def residual_rows(found: Sequence[Fit]) -> list[list[str]]:
    """Every row that a constant was fitted on, once."""
    points = {(p.chip, p.network, p.batch, p.quantity): p for fit in found for p in fit.points}
    return [[*cells[:2], *cells[4:8]] for cells in map(_point_cells, points.values())]


def _point_cells(point: Point) -> list[str]:
    """One figure."""
    places = fmt.decimals(max(point.published, point.predicted), 3)
    return [
        point.chip, point.network, str(point.batch), point.precision, point.quantity,
        fmt.fixed(point.published, places), fmt.fixed(point.predicted, places), fmt.signed_percent(point.error),
        point.standing, point.largest_loss.removesuffix("_s"),
    ]  # fmt: skip


def _summary_cells(one: Summary) -> list[str]:
    """One summary."""
    rank = "-" if one.spearman is None else f"{one.spearman:.3f}"
    return [
        one.group, str(one.count), fmt.percent(one.median), fmt.percent(one.ninetieth), fmt.signed_percent(one.bias),
        fmt.signed_percent(one.worst), rank,
    ]  # fmt: skip


def _grouped_rows(found: Validation) -> list[tuple[str, str, list[list[str]]]]:
    """(title, heading, rows) of the summaries by chip and by network."""
    return [
        ("Errors by chip", "chip", [_summary_cells(one) for one in found.by_chip]),
        ("Errors by network", "network", [_summary_cells(one) for one in found.by_network]),
    ]


def _baseline_rows(found: Validation) -> list[list[str]]:
    """The model and both baselines, over what was measured."""
    return [
        [name, *_summary_cells(one)]
        for name, summaries in found.baselines.items()
        for one in summaries
        if "measured" in one.group
    ]


def table(title: str | None, headings: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> Table:
    """A table whose first `left` columns are words."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(
            heading, justify="left" if number < left or heading == "largest loss" else "right", no_wrap=True
        )
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def markdown(headings: Sequence[str], rows: Any) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}", *(f"| {' | '.join(row)} |" for row in rows)]
