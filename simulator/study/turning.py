"""At which batch the limit of a pass becomes another one."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.errors import InfeasibleError, NetworkError
from simulator.progress import each
from simulator.result.form import Result
from simulator.study.request import Question, of_batch

MOST = 4096
"""Of the batches that are tried."""

UNKNOWN = 256
"""The same where no capacity limits them."""

SMALL = 1e-3
"""Share of a pass below which what lifting a limit saves is not told."""


@dataclass(frozen=True)
class NextLimit:
    """The limit of a pass over the batch, from that of the request on. Names of limits as in `gain_if_infinite`."""

    bound_by: str
    """At the batch of the request."""
    up_to_batch: int
    """Largest batch up to which it stays so, of those that fit and were tried."""
    next_bound_by: str | None
    """At `next_batch`; where there is none, the limit that would save most after the first. None: none saves anything."""
    next_batch: int | None
    """Smallest batch at which the limit is another; None: it stays up to the largest that was tried."""


def next_limits(asked: Question, context: int | None, prompts: bool) -> dict[str, NextLimit]:
    """Of each phase of a request. context: of the token whose pass is looked at, None where there is none; prompts: whether the
    prompts of a batch are one pass.
    """
    passes: dict[str, Callable[[Question], Result]] = {}
    if context is not None:
        passes["decode"] = lambda one: one.check_of(context)
    if prompts:
        passes["prefill"] = lambda one: one.run("prefill", one.prompt, 0)
    most = UNKNOWN if asked.largest_batch is None else min(asked.largest_batch, MOST)
    return {
        phase: next_limit(lambda batch, own=own: own(of_batch(asked, batch)), asked.batch, most)  # type: ignore[misc]
        for phase, own in each([*passes.items()], lambda item: f"the limit of {item[0]}")
    }


def next_limit(of: Callable[[int], Result], batch: int, most: int) -> NextLimit:
    """Batches are doubled until the limit is another, and the turn is looked for by halving what is between the last two.

    A limit that comes and goes between two doublings is not seen; that of the batch before the turn is the first one. of: the
    pass of a batch; one that has none is too large, and what is above it is not tried.
    """
    own = of(batch)
    first, low, high, turned = own.bound_by, batch, batch, None
    while turned is None and high < most:
        high = min(most, 2 * high)
        other = _limit(of, high)
        if other is None:
            break
        low, turned = (high, None) if other == first else (low, other)
    if turned is None:
        return NextLimit(first, low, _second(own), None)
    while high - low > 1:
        middle = (low + high) // 2
        other = _limit(of, middle)
        low, high, turned = (middle, high, turned) if other in (first, None) else (low, middle, other)
    return NextLimit(first, low, turned, high)


def _limit(of: Callable[[int], Result], batch: int) -> str | None:
    """The limit at a batch; None where the chip cannot do it, or a layer has no room for the rows of so many."""
    try:
        return of(batch).bound_by
    except (InfeasibleError, NetworkError):
        return None


def _second(own: Result) -> str | None:
    """The limit that saves most after the first; None where none saves more than a thousandth."""
    least_s = SMALL * own.batch / own.throughput_per_s
    others = [(saved, roof) for roof, saved in own.gain_if_infinite.items() if roof != own.bound_by and saved > least_s]
    return max(others)[1] if others else None
