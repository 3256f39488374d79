"""Continuous batching: so many sequences are always at work, and each that ends is followed by another.

All are at the mean of their contexts. Prompts come whole between the steps, those of as many sequences as begin together in one
pass, or in chunks beside them. Queues and arrivals are not modelled: there is always a next request.
"""

from dataclasses import dataclass, replace

from simulator.errors import InfeasibleError, OptionError
from simulator.reading.values import plain_value
from simulator.result.form import Result
from simulator.study.growing import Spent
from simulator.study.request import Question, of_batch, spent

WHOLE, CHUNKED = "whole", "chunked:"

PACKED = 8192
"""Tokens of prompts that a server puts into one pass: the default of TensorRT-LLM (`max_num_tokens`)."""


@dataclass(frozen=True)
class Steady:
    """What both phases of a batch take, whatever the mode. [s, J]"""

    prefill: Result
    decode: Result | None
    ttft_s: float
    first: Spent
    """All passes over prompts."""
    further: Spent
    """All other passes."""
    ends: tuple[float, float] | None
    """Of the first and the last further token; None where all take the mean."""
    points: tuple[tuple[int, float], ...]
    """(context, seconds) of the tokens that were worked out."""
    mode: str = "continuous"
    notes: tuple[str, ...] = ()


def chunk_of(prefill: str) -> int:
    """Tokens of a chunk; 0: whole prompts. Raises OptionError for what is neither."""
    size = plain_value(prefill.removeprefix(CHUNKED)) if prefill.startswith(CHUNKED) else 0
    if (prefill != WHOLE and not size) or isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise OptionError(f"prefill: must be '{WHOLE}', or '{CHUNKED}512' with a number of tokens, got {prefill!r}")
    return size


def packed(asked: Question, most: int | None = None) -> int:
    """Prompts in one pass: of the sequences that may begin together (all, unless told) as many as PACKED tokens hold."""
    return max(1, min(asked.batch if most is None else most, PACKED // asked.prompt))


def fitted(asked: Question, chunk: int) -> Question:
    """The question with the largest batch whose chunks find a step each, and with the prompts of a pass."""
    if not chunk:
        begin = -(-asked.batch // max(1, asked.output - 1))
        return replace(asked, together=packed(asked, begin))
    steps = asked.output - 1
    most = steps * chunk // asked.prompt
    if most < 1:
        does = f"must be at least chunked:{-(-asked.prompt // steps)}" if steps else "must be whole"
        raise InfeasibleError(
            f"{asked.model}: prefill: {does}, chunks of {chunk:,} tokens end no prompt of {asked.prompt:,} in {steps:,} "
            f"step{'' if steps == 1 else 's'}"
        )
    return of_batch(asked, min(asked.batch, most))


def middle_of(asked: Question) -> int:
    """Tokens that sequences which begin at different times are behind on average."""
    return asked.prompt + asked.output // 2


def steady_of(asked: Question, chunk: int) -> Steady:
    """Passes of the time in which as many requests end as are at work."""
    middle = middle_of(asked)
    return _chunked(asked, chunk, middle) if chunk else _whole(asked, middle)


def _whole(asked: Question, middle: int) -> Steady:
    """Prompts between the steps."""
    together = asked.together or 1
    begun = of_batch(asked, together)
    prefill = begun.run("prefill", asked.prompt, 0)
    times, one = asked.batch / together, begun.prompts_of(prefill)
    first = times * one[0], times * one[1]
    further = asked.output - 1
    if not further:
        return Steady(prefill, None, one[0], first, (0.0, 0.0), None, ())
    step = asked.token(middle)
    decode = asked.check_of(middle)
    prompts = f"{together:,} prompts in a pass" if together > 1 else "a pass for each prompt"
    notes = (f"continuous: {prompts}, all sequences at the mean context, no queue",)
    return Steady(
        prefill, decode, one[0], first, (further * step[0], further * step[1]), None, ((middle, step[0]),), notes=notes
    )


def _chunked(asked: Question, chunk: int, middle: int) -> Steady:
    """Pieces of prompts beside as many steps as they need."""
    piece, pieces = min(chunk, asked.prompt), max(1, chunk // asked.prompt)
    context = (asked.prompt - piece) // 2
    mixed = asked.run("decode", 1, middle, chunk=piece, chunks=pieces, chunk_context=context)
    passes, step = asked.batch * asked.prompt / (piece * pieces), asked.check_of(middle)
    both, alone = spent(mixed), spent(step)
    further = asked.output - 1
    # A mixed pass takes the place of a step: what it takes beyond one belongs to the prompts.
    first = passes * (both[0] - alone[0]), passes * (both[1] - alone[1])
    ttft_s = -(-asked.prompt // piece) * both[0]
    notes = (
        f"continuous: {passes:,.4g} of {further:,} steps bring {piece * pieces:,} tokens of prompts, at the mean context, "
        "no queue",
    )
    return Steady(
        mixed, step, ttft_s, first, (further * alone[0], further * alone[1]), None, ((middle, alone[0]),), notes=notes
    )
