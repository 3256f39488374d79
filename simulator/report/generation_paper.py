"""The report of a generation: that of a run, of each of its two passes. Also of one chip of a comparison."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rich.text import Text

from simulator.chip.schema import Architecture
from simulator.cost.price import Cost
from simulator.cost.provenance import Coefficient
from simulator.cost.serving import Rates
from simulator.report import format as fmt
from simulator.report.curves import draw
from simulator.report.detail import priced_of
from simulator.report.fit import parts_of, plain
from simulator.report.generation import generate_report, memory_table, over_context, sentence
from simulator.report.operators import by_operator, rows_alike
from simulator.report.page import require_charts
from simulator.report.paper import Paper, Part, Picture, Section
from simulator.report.papers import (
    changes_of,
    chip_sections,
    layers_sheet,
    sram_picture,
    tensors_sheet,
    traffic_picture,
    words_of,
)
from simulator.report.run_charts import run_specification
from simulator.result.form import Result
from simulator.study.generating import Generation, generate
from simulator.study.serving_changes import PassChanges, pass_changes
from simulator.study.serving_chips import Wanted

MOST_SHOWN = 60
"""Layers of a pass whose SRAM is drawn: the others repeat them."""

UNITS = {"decode": "tokens of all users", "prefill": "prompts"}
"""What the throughput of a pass counts."""


def generate_paper(
    found: Generation,
    chip: Architecture,
    priced: tuple[Cost, Sequence[Coefficient]] | None,
    changes: PassChanges | None,
    made: Mapping[str, str],
) -> Paper:
    """The report of a generation. priced: the chip's cost and its coefficients; changes: what steps of the chip would do."""
    return Paper(
        f"{found.model} on {found.chip}", sentence(found), generation_sections(found, chip, priced, changes), made
    )


def served_sections(
    name: str, chip: Architecture, wanted: Wanted, rates: Rates, tell: Callable[[str], None] = lambda _: None
) -> list[Section]:
    """The same of one chip of those that a request is asked of. name: the chip's, behind the headings.

    tell: called with each step of the chip before it is run.
    """
    tell(name)
    prompt, output, batch = wanted.lengths
    params = dict(wanted.params)
    found = generate(
        wanted.model, chip, prompt=prompt, output=output, batch=batch, precision=wanted.precision, params=params,
        runtime=wanted.runtime, price=rates,
    )  # fmt: skip
    changes = pass_changes(found, chip, params, precision=wanted.precision, tell=tell)
    sections = generation_sections(found, chip, priced_of(chip), changes)
    sections[0] = replace(sections[0], parts=[Text(sentence(found)), *sections[0].parts])
    return [replace(section, heading=f"{section.heading}: {name}") for section in sections]


def generation_sections(
    found: Generation,
    chip: Architecture,
    priced: tuple[Cost, Sequence[Coefficient]] | None,
    changes: PassChanges | None,
) -> list[Section]:
    """Roofline and waterfall of its passes, figures, operators, tensors, what to change, bill and assumptions."""
    passes = [("Prefill", found.prefill)]
    if found.decode is not None:
        passes.insert(0, ("Decode step", found.decode))
    named = [(name, result, by_operator(result)) for name, result in passes]
    answer = sentence(found)
    # The answer is above, and where the memory goes is told with the tensors.
    figures = [part for part in parts_of(generate_report(found, memory=False)) if plain(part) != answer]
    where: list[Part] = [memory_table(found)]
    for name, result, _ in named:
        where += [Text(f"{name}: SRAM", style="bold"), *_sram(result, chip)]
    sections = [_roofline(name, short) for name, _, short in named]
    sections.append(Section("Figures", [*_curve(found), *figures]))
    sections += [
        Section(f"{name}: operators", [layers_sheet(short, "operator"), traffic_picture(short, "operator")])
        for name, _, short in named
    ]
    sections.append(Section("Where tensors are", where))
    if changes is not None:
        sections.append(_change(changes))
    sections += chip_sections(chip, priced)
    return sections


def _roofline(name: str, short: Result) -> Section:
    """Roofline and waterfall of a pass."""
    picture = run_specification(short, "operator")
    words = {"Decode step": "A token of each sequence, at the mean context.", "Prefill": "The pass over the prompts."}
    return Section(f"{name}: roofline and waterfall", [Text(words[name]), Picture(picture, words_of(picture))])


def _curve(found: Generation) -> list[Part]:
    """Time per token against context."""
    if len(found.steps) < 2:
        return []
    words = (
        f"Time per token from {fmt.time(found.tpot_first_s)} at the first to {fmt.time(found.tpot_last_s)} at the last"
    )
    return [Picture(draw(require_charts(), over_context(found)), words)]


def _sram(result: Result, chip: Architecture) -> list[Part]:
    """Which tensor is in the SRAM when, of the first layers of a deep pass."""
    picture = sram_picture(result, chip, MOST_SHOWN)
    sheet = tensors_sheet(result)
    if not sheet.rows:
        return [picture, Text("No tensor stays in the SRAM as a whole.")]
    return [picture, replace(sheet, rows=rows_alike(sheet.rows))]


def _change(changes: PassChanges) -> Section:
    """What to change of the chip, for the pass that counts most."""
    unit = UNITS[changes.phase]
    words = (
        f"Steps of the chip for {changes.phase}, in which {fmt.share(changes.share)} of a request's time goes; "
        f"throughput is {unit} per second of that pass alone."
    )
    return Section("What to change", [Text(words), *changes_of(changes.found)])
