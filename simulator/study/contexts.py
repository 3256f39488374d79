"""A token of each sequence of a question behind many contexts at once, where that can be told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.cost.priced import priced_chip
from simulator.graph.shallow import depths
from simulator.lower.array import target_of
from simulator.lower.lines import BentError
from simulator.lower.operands import Operands
from simulator.lower.rows import check_batch, operands_of
from simulator.result.contexts import FEWEST, Contexts, Passes, Told, independent
from simulator.result.economics import limiting, spent
from simulator.study.growing import Spent

if TYPE_CHECKING:
    from simulator.study.request import Question


def spent_behind(asked: "Question", contexts: Sequence[int]) -> "dict[int, Spent]":
    """Seconds and joules of a token behind many contexts, of those that can be told at once."""
    found: dict[int, Spent] = {}
    if not independent(asked.chip) or asked.speculation is not None or asked.runtime.reads_again(asked.decoder):
        return found
    if (asked.meets_one and asked.batch == 1) or asked.runtime.weight_operations is not None:
        return found
    bend = max(1, asked.decoder.window) - 1
    for stretch in ([one for one in contexts if one <= bend], [one for one in contexts if one > bend]):
        if len(stretch) < FEWEST:
            continue
        try:
            told = _passes(asked, min(stretch), max(stretch)).told(stretch, limiting(asked.chip))
        except BentError:
            continue
        if told is not None:
            found.update(_spent(asked, stretch, told))
    return found


def _passes(asked: "Question", first: int, last: int) -> Contexts:
    """The passes of a question between two contexts. Raises BentError as `Contexts`."""

    target, (_, batch) = target_of(asked.working, asked.precision), asked.graph_of("decode", 1, prompt=1, context=first)

    def steps(layers: int, context: int) -> Operands:
        graph, _ = asked.graph_of("decode", layers, prompt=1, context=context)
        check_batch(graph, batch)
        return operands_of(graph, target)

    return Contexts(Passes(steps, asked.working, batch, asked.decoder.layers, depths(asked.decoder)), first, last)


def _spent(asked: "Question", contexts: Sequence[int], told: Told) -> "dict[int, Spent]":
    """Of passes, those that are sure: seconds, and joules where they are known."""
    chip, power = asked.working, priced_chip(asked.working).power
    totals = told.totals(chip, limiting(chip))
    joules = (
        np.zeros(len(contexts)) if power is None else np.asarray(spent(power, told.work, told.plans, totals).total_j)
    )
    more_s, more_j = asked.more_behind(contexts[0])
    columns = zip(contexts, totals.latency_s.tolist(), joules.tolist(), told.sure.tolist(), strict=True)
    return {context: (seconds + more_s, energy + more_j) for context, seconds, energy, sure in columns if sure}
