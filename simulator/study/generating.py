"""A request to a language model, from the prompt to the last token: times, rates, what has to fit, energy and money.

Static: a batch starts and ends together. The prompts are one pass; each further token is a pass over the growing cache.
Continuous: so many sequences are always at work, see `simulator/study/continuous.py`.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict, Unpack

from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.cost.priced import priced_chip
from simulator.cost.serving import Rates, usd_per_s
from simulator.errors import OptionError, nearest
from simulator.result.evidence import language_band, speaks
from simulator.result.form import Later, Result
from simulator.run import STREAMED
from simulator.store.calls import public, usual
from simulator.store.shown import Shown
from simulator.study.asking import asked_of, speculating
from simulator.study.continuous import PACKED, WHOLE, Steady, chunk_of, fitted, middle_of, steady_of
from simulator.study.growing import Growing
from simulator.study.one_item import of_one_item
from simulator.study.request import Question, growing_of, of_batch
from simulator.study.runtimes import runtime_of
from simulator.study.shortage import check_room
from simulator.study.subject import chip_of
from simulator.study.turning import NextLimit, next_limits
from simulator.units import GIB

MODES = ("static", "continuous")

BY_BILL = "by the bill of materials"


@dataclass(frozen=True, repr=False)
class Generation(Shown):
    """What `generate` finds: the names are those of the JSON. Times of the whole batch. [s, B, J, USD]"""

    model: str
    chip: str
    chips: int
    plan: None
    batch: int
    prompt: int
    output: int
    formats: dict[str, str]
    runtime: str | None
    """As it was asked for."""
    mode: str
    ttft_s: float
    """Time to the first token: the pass over the prompts."""
    tpot_s: float | None
    """Mean time of the further tokens; None where there is none."""
    tpot_first_s: float | None
    tpot_last_s: float | None
    latency_s: float
    tokens_per_s: float
    """Tokens that come out, of all users, over the time of the whole, prompts included."""
    tokens_per_s_low: float | None
    """What 90 % of the measured rows of such chips say, and `tokens_per_s_high`; None where none is like this one."""
    tokens_per_s_high: float | None
    tokens_per_s_per_user: float | None
    """Of one, behind its first token."""
    requests_per_s: float
    joules_per_token: float | None
    """All energy over the tokens that come out."""
    usd_per_million_tokens: float | None
    usd_per_million_input_tokens: float | None
    usd_per_million_output_tokens: float | None
    weights_bytes: float
    cache_bytes: float
    """Of all sequences when the last token comes out."""
    activation_bytes: float
    capacity_bytes: int | None
    """Of the SRAM where there is no DRAM that can be written; None where its size is not known."""
    largest_batch: int | None
    """None where nothing is known to limit it."""
    bound_by: str
    """Of the phase that takes longer."""
    prefill: Result
    decode: Result | None
    """At the mean context."""
    steps: tuple[tuple[int, float], ...]
    """(context, seconds) of the tokens that were worked out; between them time is linear."""
    next_limit: Later[dict[str, NextLimit] | None] = Later()  # noqa: RUF009 (a descriptor)
    """The limit of each phase ("decode" at the mean context, "prefill" of a static batch) over the batch; worked out when it is
    asked for. None where it was not wanted."""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `prefill` and `decode` as of a run."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        passes = {"prefill": self.prefill.to_dict(), "decode": self.decode and self.decode.to_dict()}
        turns = self.next_limit
        limits = None if turns is None else {phase: asdict(turn) for phase, turn in turns.items()}
        lists = {"notes": list(self.notes), "steps": [list(step) for step in self.steps]}
        return {**data, **passes, **lists, "next_limit": limits}


class Serving(TypedDict, total=False):
    """How requests are served, and what that costs."""

    mode: str
    """"static", where all start and end together, or "continuous", where each that ends is followed by another."""
    prefill: str
    """Of a continuous one: "whole" prompts between steps, or "chunked:512", so many tokens of them beside each step."""
    runtime: str | None
    """The software, by name or class, see docs/generate.md."""
    speculate: int | None
    """Tokens that are guessed at a time."""
    accept: float | None
    """The probability that a guess is right."""
    draft: str | None
    """The model that guesses."""
    chips: int
    """1, others come later."""
    price: Rates | float | None
    """What a chip costs [USD], or `Rates`."""
    next_limit: bool | None
    """Whether it is told at which batch the limit turns, which takes a pass for each batch that is tried; None: on GPUs, where
    that is a fraction of a second."""


@usual(
    mode=MODES[0], prefill=WHOLE, runtime=None, speculate=None, accept=None, draft=None, chips=1, price=None,
    next_limit=None,
)  # fmt: skip
@public
def generate(
    model: str,
    chip: Architecture | str,
    *,
    prompt: int,
    output: int,
    batch: int | str = 1,
    precision: str | None = None,
    params: dict[str, Any] | None = None,
    set: Settings | None = None,
    **serving: Unpack[Serving],
) -> Generation:
    """Answer a batch of requests to a language model.

    model: a bundled one (`rooftile networks`); params: shapes of it that are changed, such as layers=2. prompt, output: tokens
    in and out of each request. batch: requests together, or "max" for the most that fit. precision: number formats, see
    `simulate`; fp16 unless given, where the chip has it. serving: what of `Serving` is given.

    Raises NetworkError, ChipError and OptionError for bad input, InfeasibleError where the DRAM is too small.
    """
    mode, runtime = serving["mode"], serving["runtime"]
    if mode not in MODES:
        raise OptionError(f"mode: must be 'static' or 'continuous', got {mode!r}{nearest(mode, MODES)}")
    chunk = chunk_of(serving["prefill"])
    if chunk and (mode == "static" or serving["speculate"] is not None):
        raise OptionError("prefill: must be 'whole' but in mode 'continuous' without speculation")
    if serving["chips"] != 1:
        raise OptionError(f"chips: must be 1, got {serving['chips']!r}; systems of several chips come later")
    machine = chip_of(chip, set)
    software = runtime_of(runtime, machine)
    asked = asked_of(model, machine, (prompt, output, batch), precision, dict(params or {}), software)
    asked = _guessed(asked, serving["speculate"], serving["accept"], serving["draft"])
    if mode == "continuous":
        asked = replace(asked, together=1 if chunk else max(1, PACKED // asked.prompt))
    if batch == "max":
        if asked.largest_batch is None:
            raise OptionError("batch: must be a number where the capacity of the DRAM is not known, got 'max'")
        asked = of_batch(asked, max(1, min(asked.largest_batch, software.most or asked.largest_batch)))
    price = serving["price"]
    rates = price if isinstance(price, Rates) else Rates(price_usd=price)
    wanted = machine.is_gpu if serving["next_limit"] is None else serving["next_limit"]
    if mode == "static":
        check_room(asked)
        asked, told = of_one_item(asked, batch == "max")
        return _answered(asked, _static(asked), rates, runtime, wanted, told)
    asked, told = of_one_item(asked, batch == "max")
    kept = fitted(asked, chunk)
    check_room(kept)
    less = kept.batch < asked.batch
    notes = (f"batch {kept.batch:,} is the largest whose prompts in chunks keep up",) if less else ()
    return _answered(kept, steady_of(kept, chunk), rates, runtime, wanted, (*told, *notes))


def _guessed(asked: Question, speculate: int | None, accept: float | None, draft: str | None) -> Question:
    """The question with the guesses that it is asked with, if any."""
    if (speculate is None) != (accept is None) or (draft is not None and speculate is None):
        left, other = ("speculate", "accept") if speculate is None else ("accept", "speculate")
        raise OptionError(f"{left}: must be given with {other if draft is None else 'a draft'}")
    return asked if speculate is None or accept is None else speculating(asked, speculate, accept, draft)


def _static(asked: Question) -> Steady:
    """Times of a batch that starts and ends together."""
    prefill = asked.run("prefill", asked.prompt, 0)
    growing: Growing | None = growing_of(asked)
    seconds = growing.sums() if growing else (0.0, 0.0)
    decode = asked.check_of(asked.middle) if growing else None
    ends = (growing.first, growing.last) if growing else None
    first = asked.prompts_of(prefill)
    return Steady(prefill, decode, first[0], first, seconds, ends, growing.points() if growing else (), mode="static")


def _answered(
    asked: Question, found: Steady, rates: Rates, runtime: str | None, limits: bool, told: tuple[str, ...] = ()
) -> Generation:
    """What follows from the times of the phases. limits: whether it is told where they turn."""
    prefill, decode, further, batch = found.prefill, found.decode, asked.output - 1, asked.batch
    (first_s, first_j), (seconds, joules) = found.first, found.further
    latency_s = first_s + seconds
    energy = None if prefill.energy is None else (first_j, joules)
    cost = cost_of(asked, rates, (first_s, seconds), energy)
    tokens = batch * asked.output
    longest = prefill if decode is None or first_s > seconds else decode
    tpot_s = (latency_s - found.ttft_s) / further if further else None
    known = language_band(asked.chip.is_gpu, "static" if found.mode == "static" else "throughput")
    within = None if known is None else known[0]
    ends = found.ends or (tpot_s, tpot_s)
    return Generation(
        model=asked.model,
        chip=asked.chip.name,
        chips=1,
        plan=None,
        batch=batch,
        prompt=asked.prompt,
        output=asked.output,
        formats=asked.formats.names(),
        runtime=runtime,
        mode=found.mode,
        ttft_s=found.ttft_s,
        tpot_s=tpot_s,
        tpot_first_s=ends[0],
        tpot_last_s=ends[1],
        latency_s=latency_s,
        tokens_per_s=tokens / latency_s,
        tokens_per_s_low=None if within is None else (1.0 - within) * tokens / latency_s,
        tokens_per_s_high=None if within is None else (1.0 + within) * tokens / latency_s,
        tokens_per_s_per_user=1.0 / tpot_s if tpot_s else None,
        requests_per_s=batch / latency_s,
        joules_per_token=None if energy is None else sum(energy) / tokens,
        usd_per_million_tokens=None if cost is None else 1e6 * sum(cost.usd) / tokens,
        usd_per_million_input_tokens=None if cost is None else 1e6 * cost.usd[0] / (batch * asked.prompt),
        usd_per_million_output_tokens=None if cost is None or not further else 1e6 * cost.usd[1] / (batch * further),
        weights_bytes=asked.weights_bytes,
        cache_bytes=batch * asked.kept_bytes(asked.tokens),
        activation_bytes=asked.activation_bytes(),
        capacity_bytes=asked.capacity_bytes,
        largest_batch=asked.largest_batch,
        bound_by=longest.bound_by,
        next_limit=(lambda: _limits(asked, found)) if limits else None,
        prefill=prefill,
        decode=decode,
        steps=found.points,
        notes=_notes(
            asked,
            found,
            (_validity(asked, known), *told),
            "no price is known: give the price of the chip, or its rent" if cost is None else cost.note,
        ),
    )


def _limits(asked: Question, found: Steady) -> dict[str, NextLimit]:
    """Of both phases over the batch; of prompts where those of a batch are one pass."""
    static = found.mode == "static"
    middle = asked.middle if static else middle_of(asked)
    return next_limits(asked, None if found.decode is None else middle, static)


@dataclass(frozen=True)
class _Cost:
    """USD of the two phases, and what they rest on."""

    usd: tuple[float, float]
    note: str


def rates_of(chip: Architecture, rates: Rates) -> Rates:
    """The rates, with the rent of the chip file where nothing is given and what the chip sells for is not known."""
    known = (rates.price_usd, rates.rent_usd_per_h, chip.list_price_usd)
    if chip.rent_usd_per_h is None or any(value is not None for value in known):
        return rates
    return replace(rates, rent_usd_per_h=chip.rent_usd_per_h)


def price_of(chip: Architecture, rates: Rates) -> tuple[float | None, str]:
    """What a chip is bought for [USD], None where no price is known, and what that rests on; 0 where it is rented."""
    cost, rent = priced_chip(chip).cost, rates_of(chip, rates).rent_usd_per_h
    bill = None if cost is None or cost.bill_usd is None else cost.bill_usd.best
    told = (chip.published or {}).get("provenance", {}).get("rent_usd_per_h", {}).get("note", "of the chip file")
    rests = "" if rent == rates.rent_usd_per_h else f"money: by a rent of {rent:g} USD an hour: {told}"
    tried = (
        (rates.price_usd, ""),
        (None if rent is None else 0.0, rests),
        (chip.list_price_usd, "money: by the list price of the chip file"),
        (bill, f"money: {BY_BILL}, without a margin"),
    )
    return next(((value, words) for value, words in tried if value is not None), (None, ""))


def cost_of(
    asked: Question, rates: Rates, seconds: tuple[float, float], joules: tuple[float, float] | None
) -> _Cost | None:
    """What the phases cost; None where there is no price."""
    known, chip = priced_chip(asked.chip), asked.chip
    price, note = price_of(chip, rates)
    if price is None:
        return None
    rates = rates_of(chip, rates)
    rest_w, limit_w = (0.0 if known.power is None else float(known.power.static_w)), chip.power_limit_w
    if joules is None and rates.rent_usd_per_h is None:
        drawn = "the power limit is taken for the energy" if limit_w else "energy is not known and left out"
        note = f"{note}; {drawn}" if note else f"money: {drawn}"
    spent = joules or tuple((limit_w or 0.0) * phase for phase in seconds)
    usd = [
        phase * usd_per_s(rates, price, energy / phase if phase else 0.0, rest_w)
        for phase, energy in zip(seconds, spent, strict=True)
    ]
    return _Cost((usd[0], usd[1]), note)


def _notes(asked: Question, found: Steady, told: tuple[str, ...], money: str) -> tuple[str, ...]:
    """What a reader should know, each once."""
    notes = [*told, *found.notes, *([money] if money else [])]
    notes += [note for note in (asked.runtime.note, asked.decoder.beyond(asked.tokens)) if note]
    if asked.speculation is not None:
        own = asked.speculation
        draft = "the draft takes no time" if own.draft is None else f"the draft is {own.draft.model}"
        notes.append(
            f"speculation: {own.tokens:.3g} tokens a pass, if {100 * own.accept:.4g} % of proposed tokens are accepted, "
            f"as given; {draft}"
        )
    if asked.chip.keeps_states:
        notes += _in_sram(asked, found.mode)
    elif asked.capacity_bytes is None:
        notes.append("the capacity of the DRAM is not known, so nothing limits the batch")
    if asked.decoder.experts:
        notes.append("experts: even routing; the number of experts used is the expected one")
    own_notes = [*found.prefill.notes, *(found.decode.notes if found.decode else ())]
    # Passes of fewer layers than the model has were told how many weights of theirs stream.
    own_notes = [note for note in own_notes if not note.startswith(STREAMED)]
    if BY_BILL not in money:  # how sure a bill is matters where it is what is paid
        own_notes = [note for note in own_notes if note not in priced_chip(asked.chip).cost_notes]
    return tuple(dict.fromkeys([*notes, *own_notes]))


def _in_sram(asked: Question, mode: str) -> list[str]:
    """What the SRAM holds of a model where it has the cache too, and how many such chips would hold all."""
    room, cache = asked.capacity_bytes or 0, asked.batch * asked.kept_each
    need = asked.weights_bytes + cache
    notes = [f"{STREAMED} the cache stays in the SRAM, of which it takes {100.0 * cache / room:.3g} %"]
    if need > room and asked.chip.host is not None:
        notes[0] += (
            f"; weights and cache are {need / GIB:,.4g} GiB for {room / GIB:,.4g} GiB: the rest of the weights streams over the "
            f"host link; {math.ceil(need / room):,} chips would hold all"
        )
    if mode != MODES[0]:
        notes.append(
            "approximated: the prompts' passes have the SRAM that their own caches leave, not those of all sequences"
        )
    if asked.draft is not None:
        notes.append("approximated: the draft's cache counts for what fits the SRAM, not for what it leaves to weights")
    return notes


def _validity(asked: Question, known: tuple[float, int] | None) -> str:
    """What stands behind the throughput."""
    own = "" if speaks(asked.chip.name) else " (none of them of this chip)"
    if known is not None:
        return f"throughput: 90 % of {known[1]} measured rows of GPUs{own} are within {100 * known[0]:.0f} % of the model's"
    if own:
        return "throughput: no language model was measured on such a chip, so nobody knows how far off it is"
    return "throughput: too few rows of such chips were measured to say how far off it is"
