"""The constants tried again, as tables for a terminal and as the page `docs/fits.md`."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from simulator.report import format as fmt
from simulator.report.validation import (
    FIT_HEADINGS,
    RESIDUAL_HEADINGS,
    markdown,
    residual_rows,
    sentence,
    table,
    tried_rows,
)
from simulator.study.fits import Fit
from simulator.study.refits import Refits, Together

OUT_HEADINGS = ("left out", "rows", "error as it is", "best of the others", "error there")
TOGETHER_HEADINGS = ("left out", "rows", "error as it is", "error without it")

WORDS = (
    "Each constant is tried alone on the rows it was fitted on and on those of other chips that show it; all others stay as they"
    " are. Left out: the value that is best on the other chips, each of which counts the same, and the median error that the"
    " chip then has, beside the one that it has as the model is."
)
TOGETHER_WORDS = (
    "The energies of GPUs, which only together say anything, are fitted together without one chip, from three falls of"
    " the energy with the node on. Two errors: ends that are equally good on the others differ so much on it, so they do not"
    " say what it needs."
)


def fits_report(found: Refits) -> Group:
    """The fits for a terminal."""
    sections: list[RenderableType] = []
    for fit in found.constants:
        sections.append(Text(_title(fit), "bold"))
        if fit.tried:
            sections.append(table(None, FIT_HEADINGS, tried_rows(fit), 0))
        if fit.left_out:
            sections += [Text(), table(None, OUT_HEADINGS, _left_out_rows(fit), 1)]
        sections.append(Text())
    if found.together:
        rows = list(map(_together_cells, found.together))
        sections += [
            table("Energies fitted together", (*TOGETHER_HEADINGS, *_names(found)), rows, 1),
            Text(TOGETHER_WORDS),
            Text(),
        ]
    if any(fit.points for fit in found.constants):
        sections.append(table("Residuals", RESIDUAL_HEADINGS, residual_rows(found.constants), 3))
    sections.append(
        Text(f"\n{WORDS}\nmedian: of the absolute errors; bias: median of the signed ones; > the value of the model.")
    )
    return Group(*sections)


def fits_page(found: Refits) -> str:
    """The page in Markdown."""
    lines = [
        "# The constants tried again",
        "",
        "<!-- Written by `rooftile validate --fit --page docs/fits.md`; a test fails when it is out of date. -->",
        "",
        "**Question.** Would the model be another one if a chip had not been measured? Every fitted constant is tried at other"
        " values on measured rows, with each chip left out in turn. [Against silicon](validation.md) has the rows.",
        "",
        "```text",
        "rooftile validate --fit                    # all of it, live: some minutes; it goes on where it was ended",
        "rooftile validate --fit GPU_STEP_CYCLES    # one constant, by its name",
        "```",
        "",
        WORDS,
        "Median is of the absolute errors, bias of the signed ones (above zero: too fast); > is the value of the model.",
        "",
    ]
    for fit in found.constants:
        if fit.tried:
            name = f" (`{fit.of}`)" if fit.of else ""
            lines += [f"## {sentence(fit.name)}", "", f"{fit.value:g}{name}. Fitted on: {fit.fitted_on}.", ""]
            lines += [*markdown(FIT_HEADINGS, tried_rows(fit)), ""]
        if fit.left_out:
            lines += [*markdown(OUT_HEADINGS, _left_out_rows(fit)), ""]
    lines += ["## Energies fitted together", "", TOGETHER_WORDS, ""]
    rows = map(_together_cells, found.together)
    return "\n".join([*lines, *markdown((*TOGETHER_HEADINGS, *_names(found)), rows), ""])


def _title(fit: Fit) -> str:
    """What is tried, and what it was fitted on."""
    name = f" ({fit.of})" if fit.of else ""
    return f"{sentence(fit.name)}{name}: {fit.value:g}. Fitted on: {fit.fitted_on}"


def _left_out_rows(fit: Fit) -> list[list[str]]:
    """Each chip left out."""
    return [
        [
            one.chip, str(one.count), fmt.percent(one.own), "no other" if one.value is None else f"{one.value:g}",
            "-" if one.median is None else fmt.percent(one.median),
        ]
        for one in fit.left_out
    ]  # fmt: skip


def _names(found: Refits) -> Sequence[str]:
    """The energies that were fitted together."""
    return list(found.together[0].values) if found.together else []


def _together_cells(one: Together) -> list[str]:
    """One chip left out."""
    least, most = fmt.percent(one.least), fmt.percent(one.most)
    return [
        one.left_out or "none", str(one.count), fmt.percent(one.own), least if least == most else f"{least} to {most}",
        *(f"{value:.3g}" for value in one.values.values()),
    ]  # fmt: skip
