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
from simulator.result.contexts import FEWEST, Contexts, Passes, Told, independent
from simulator.result.economics import limiting
from simulator.sweeps.groups import Variant
from simulator.sweeps.table import Block, Solved, fill

__all__ = ["FEWEST", "fill_behind"]

Ints = npt.NDArray[np.int64]


def fill_behind(
    block: Block, rows: Ints, variant: Variant, contexts: Ints, stop: threading.Event | None = None
) -> None:
    """Evaluate points that differ in the context, and write them to `rows` of a block. stop: as of `fill`."""
    left = np.ones(len(rows), dtype=np.bool_)
    for stretch in _stretches(variant, contexts):
        told = _told(variant, contexts[stretch].tolist())
        if told is None:
            continue
        solved = Solved(told.work, told.machines, told.plans, None, [])
        fill(block, rows[stretch], variant, {}, stop=stop, solved=solved)
        left[stretch] = False
    for at in np.flatnonzero(left).tolist():
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        if variant.behind is not None:
            fill(block, rows[at : at + 1], variant.behind(int(contexts[at])), {}, stop=stop)


def _stretches(variant: Variant, contexts: Ints) -> list[Ints]:
    """Places of contexts that may be told together: on either side of a window, and none of an empty cache."""
    decoder = None if variant.graph is None else decoder_in(variant.graph)
    if decoder is None or variant.graph is None:
        return []
    given = variant.graph.graph["parameters"]
    if given["chunk"] or not independent(variant.chip):
        return []
    sides = [contexts >= 1]
    if decoder.window:  # none of the new tokens is cut by it, or all are
        new = given["prompt"] or (1 if given["phase"] == "decode" else decoder.window)
        sides = [sides[0] & (contexts <= decoder.window - new), contexts >= decoder.window]
    return [side for side in map(np.flatnonzero, sides) if len(side) >= FEWEST]


def _told(variant: Variant, contexts: list[int]) -> Told | None:
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
        return Contexts(of, min(contexts), max(contexts)).told(contexts, limiting(chip), parts=True)
    except (BentError, NetworkError):  # what is wrong with a point is told at the point
        return None


def _steps(graph: Graph, target: Target, batch: int, layers: int, context: int) -> Operands:
    """Those of the pass with so many layers, behind a context. Raises NetworkError for what the chip cannot run."""
    found = with_layers(graph, layers, context=context)
    check_batch(found, batch)
    return operands_of(found, target)
