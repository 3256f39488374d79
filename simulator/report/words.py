"""A run in words, for who reads no tables: what binds, where the time goes, what to change first, how sure it is."""

from collections.abc import Sequence

from simulator.report import format as fmt
from simulator.report.sensitivities import verdicts
from simulator.report.tables import bound_words
from simulator.result.evidence import is_measured, rows_behind
from simulator.result.form import Result
from simulator.study.sensitivities import Sensitivity
from simulator.vocabulary import CAUSES

LEAST_SHARE = 1e-3
"""Of the time; a smaller part of the waterfall is left out."""


def bound_line(result: Result) -> str:
    """What binds a run, and what its absence would save."""
    return f"{result.subject} on {result.chip} is bound by {bound_words(result)}"


def waterfall_lines(result: Result) -> list[str]:
    """Where the time of a batch in steady state goes, a part a line, the largest first."""
    period_s = result.batch / result.throughput_per_s
    parts = sorted(result.waterfall_period.items(), key=lambda part: -part[1])
    return [
        f"{CAUSES.get(key, key)}: {fmt.time(seconds)}, {fmt.share(seconds / period_s)} of the time"
        for key, seconds in parts
        if seconds >= LEAST_SHARE * period_s
    ]


def next_dollar_lines(found: Sensitivity) -> list[str]:
    """What to change first, what it gives and costs; where nobody can tell, why."""
    lines = verdicts(found)
    if not lines:
        lines = ["The cost of a step is not known for this chip, so it is unknown what a dollar buys."]
    return [*lines, *found.notes]


def validity_lines(result: Result, gpu: bool, kinds: Sequence[str]) -> list[str]:
    """The band of measured rows, whether the chip is among them, and what was approximated or lies outside.

    gpu: whether the chip is one; kinds: those of the network's layers.
    """
    low, high = (fmt.significant(value, 3) for value in (result.throughput_low_per_s, result.throughput_high_per_s))
    lines = [
        f"Between {low} and {high} per second: measured over predicted throughput of 90 % of the {rows_behind(gpu, kinds)} "
        "measured rows of such chips and networks lies in this range."
    ]
    if not is_measured(result.chip):
        lines.append(f"No measurement of {result.chip} is known: its figures rest on those of other chips.")
    return [*lines, *result.notes]
