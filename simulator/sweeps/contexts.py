"""Points that differ in the context of new tokens alone: told many at once where they can be, else one after another."""

import threading
from functools import partial

import numpy as np
import numpy.typing as npt

from simulator.errors import NetworkError
from simulator.graph.build import Graph
from simulator.graph.shallow import decoder_in, depths, with_layers
from simulator.lower.array import Target, target_of
from simulator.lower.lines import BentError
from simulator.lower.operands import Operands
from simulator.lower.rows import check_batch, operands_of
from simulator.result.contexts import FEWEST, Contexts, Passes, independent
from simulator.result.economics import limiting
from simulator.schedule.behind import FEWEST as FEWEST_LAID_OUT
from simulator.sweeps.behind import Stretch, solved_behind
from simulator.sweeps.groups import Variant
from simulator.sweeps.table import Block, Solved, fill

__all__ = ["FEWEST", "FEWEST_LAID_OUT", "fill_behind"]

Ints = npt.NDArray[np.int64]


def fill_behind(
    block: Block, rows: Ints, variant: Variant, contexts: Ints, stop: threading.Event | None = None
) -> None:
    """Evaluate points that differ in the context, and write them to `rows` of a block. stop: as of `fill`."""
    left = np.ones(len(rows), dtype=np.bool_)
    for number, stretch in enumerate(_stretches(variant, contexts)):
        if independent(variant.chip):
            solved = _told(variant, contexts[stretch].tolist()) if len(stretch) >= FEWEST else None
        else:
            solved = _scheduled(variant, number, contexts[stretch].tolist(), stop)
        if solved is not None:
            fill(block, rows[stretch], variant, {}, stop=stop, solved=solved)
            left[stretch] = False
    for at in np.flatnonzero(left).tolist():
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        if variant.behind is not None:
            fill(block, rows[at : at + 1], variant.behind.at(int(contexts[at])), {}, stop=stop)


def _stretches(variant: Variant, contexts: Ints) -> list[Ints]:
    """Places of contexts that may be told together: on either side of a window, and none of an empty cache."""
    decoder = None if variant.graph is None else decoder_in(variant.graph)
    if decoder is None or variant.graph is None:
        return []
    given = variant.graph.graph["parameters"]
    if given["chunk"]:
        return []
    sides = [contexts >= 1]
    if decoder.window:  # none of the new tokens is cut by it, or all are
        new = given["prompt"] or (1 if given["phase"] == "decode" else decoder.window)
        sides = [sides[0] & (contexts <= decoder.window - new), contexts >= decoder.window]
    return [np.flatnonzero(side) for side in sides]


def _scheduled(variant: Variant, number: int, contexts: list[int], stop: threading.Event | None) -> Solved | None:
    """The schedules behind contexts of a stretch; None where that is not worth it, or cannot be. number: of the stretch."""
    graph, behind = variant.graph, variant.behind
    if graph is None or behind is None or not contexts:
        return None
    key = (*behind.key, number)
    stretch: Stretch | None = behind.kept.get(key)
    if stretch is None:
        if len(contexts) < FEWEST_LAID_OUT:
            return None
        own = behind.contexts[_stretches(variant, behind.contexts)[number]].tolist()
        stretch = behind.kept.put(key, Stretch(graph, variant.chip, variant.precision, (own[0], own[-1])))
    try:
        return solved_behind(stretch, variant.batch, contexts, stop)
    except NetworkError:  # what is wrong with a point is told at the point
        return None


def _told(variant: Variant, contexts: list[int]) -> Solved | None:
    """What the passes behind contexts take; None where that cannot be told at once."""
    graph, chip = variant.graph, variant.chip
    decoder = None if graph is None else decoder_in(graph)
    if graph is None or decoder is None:
        return None
    steps = partial(_steps, graph, target_of(chip, variant.precision), variant.batch)
    # How many experts are met differs from layer to layer, so that none stands for others.
    shallow = None if decoder.experts else depths(decoder)
    try:
        of = Passes(steps, chip, variant.batch, decoder.layers, shallow)
        told = Contexts(of, min(contexts), max(contexts)).told(contexts, limiting(chip), parts=True)
    except (BentError, NetworkError):  # what is wrong with a point is told at the point
        return None
    return None if told is None else Solved(told.work, told.machines, told.plans, None, [])


def _steps(graph: Graph, target: Target, batch: int, layers: int, context: int) -> Operands:
    """Those of the pass with so many layers, behind a context. Raises NetworkError for what the chip cannot run."""
    found = with_layers(graph, layers, context=context)
    check_batch(found, batch)
    return operands_of(found, target)
