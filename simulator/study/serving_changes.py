"""What to change of a chip that serves a language model: steps of it, asked of the pass in which most of the time goes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.result.form import Result
from simulator.study.asking import asked_of
from simulator.study.generating import Generation
from simulator.study.repeating import rates_of
from simulator.study.request import Question
from simulator.study.runtimes import runtime_of
from simulator.study.sensitivities import Sensitivity, steps_of
from simulator.study.shortage import check_room
from simulator.study.subject import changes_of, chip_of


@dataclass(frozen=True)
class PassChanges:
    """Steps of a chip for one pass of a request."""

    phase: str
    """"decode", whose throughput is tokens per second of all users, or "prefill", whose is prompts per second."""
    share: float
    """Of the time of a request that such passes take [-]."""
    found: Sensitivity


def pass_changes(
    own: Generation,
    chip: Architecture | str,
    params: dict[str, Any],
    set: Settings | None = None,
    precision: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> PassChanges:
    """Steps of the chip for the pass that takes most of a request's time: a token at the mean context, or the prompts.

    One pass in place of a whole request: a step of a grid takes seconds already. Guesses are left out. chip, params, set,
    precision: as the generation was asked for. tell: called with each step before it is run. Raises what `generate` raises.
    """
    phase, share = longest(own)
    decoding = phase == "decode"
    lengths = own.prompt, own.output, own.batch
    machine = chip_of(chip, set)
    asked = asked_of(own.model, machine, lengths, precision, params, runtime_of(own.runtime, machine))

    def work(one: Architecture) -> Result:
        return _pass(replace(asked, chip=one), decoding)

    found = steps_of(work, asked.chip, (own.batch, asked.precision), changes_of(set), tell)
    return PassChanges(phase, share, found)


def longest(own: Generation) -> tuple[str, float]:
    """The phase that takes most of the time of a request, and its share."""
    if own.decode is None:
        return "prefill", 1.0
    further_s = own.latency_s - own.ttft_s if own.mode == "static" else (own.output - 1) * own.decode.latency_s
    share = min(1.0, further_s / own.latency_s)
    return ("decode", share) if share >= 0.5 else ("prefill", 1.0 - share)


def _pass(asked: Question, decoding: bool) -> Result:
    """One pass of the batch, its throughput that of its sequences, which some networks hold in one item."""
    check_room(asked)
    found = asked.run("decode", 1, asked.middle) if decoding else asked.run("prefill", asked.prompt, 0)
    held = asked.batch / found.batch
    rates: dict[str, Any] = rates_of(found, held)
    return replace(found, **rates)
