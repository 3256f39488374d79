"""What choices between resident tensors have of the operands of their steps: masks and bytes, many choices at once."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.frontier.grid.search import INPUTS, OUTPUTS, VALUES, WEIGHTS
from simulator.lower.rows import Lowered, Row

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]


class Inside(NamedTuple):
    """What choices of moves have of the tensors of their steps, one entry a choice."""

    step: Ints
    bits: Ints
    """Which operands of the tiles are resident."""
    output: Truths
    read: Truths
    """bool[choices, reads]: which of what is read beside the tiles is not resident."""
    held: Ints
    """int64[choices, tensors]: what is for now; -1: no more."""


def tensors_of(row: Row) -> tuple[int, ...]:
    """Numbers of the tensors of a step."""
    return (row.output, row.inputs, row.weights, row.values, *[tensor for tensor, _ in row.reads])


def inside_of(low: Lowered, held: Sequence[tuple[int, Collection[int]]]) -> Inside:
    """What choices have of the tensors of their steps; held: (step, what is resident) of each, beside what always is."""
    rows, always = low.rows, low.staying
    most = max([0, *[len(row.reads) for row in rows]])
    read = np.zeros((len(held), most), dtype=np.bool_)
    tensors = np.full((len(held), max([0, *[len(each) for _, each in held]])), -1, dtype=np.int64)
    bits, output = np.zeros(len(held), dtype=np.int64), np.zeros(len(held), dtype=np.bool_)
    for at, (step, each) in enumerate(held):
        row, here = rows[step], always.union(each)
        named = ((row.inputs, INPUTS), (row.weights, WEIGHTS), (row.values, VALUES))
        bits[at] = sum([bit for tensor, bit in named if tensor in here])
        read[at, : len(row.reads)] = [tensor not in here for tensor, _ in row.reads]
        tensors[at, : len(each)] = list(each)
        output[at] = row.output in here
    return Inside(np.array([step for step, _ in held], dtype=np.int64), bits, output, read, tensors)


class Moved(NamedTuple):
    """What choices are, one entry each."""

    masks: Ints
    """Resident operands of the tiles."""
    beside: Floats
    """Bytes of the outer memory beside the tiles."""
    tensors: Floats
    """Bytes of whole tensors in SRAM."""


def uncached(low: Lowered, inside: Inside) -> Moved:
    """What choices are where the SRAM is managed by software."""
    rows, step, output = low.rows, inside.step, inside.output
    names = ("fixed_bytes", "output_bytes", "inner_bytes")
    fixed, written, inner = (np.array([getattr(row, name) for row in rows])[step] for name in names)
    stored = np.array([_stored(low, row) for row in rows])[step]
    sizes = np.zeros((len(rows), inside.read.shape[1]))
    for at, row in enumerate(rows):
        sizes[at, : len(row.reads)] = [size for _, size in row.reads]
    tiled = np.array([row.shape is not None for row in rows])[step] & (inner == 0.0)
    beside = fixed + _summed(np.where(inside.read, sizes[step], 0.0))
    beside += np.where(output, stored, 0.0)
    beside += np.where(tiled | output, 0.0, written)
    masks = np.where(inner > 0.0, INPUTS | OUTPUTS, np.where(output, OUTPUTS, 0) | np.where(tiled, inside.bits, 0))
    tensors = np.append(np.array(low.tensor_bytes), 0.0)  # number -1
    return Moved(masks, beside, _summed(tensors[inside.held]))


def _stored(low: Lowered, row: Row) -> float:
    """Bytes that go to the outer memory of an output that is resident: its state, or all but that where this stays. [B]"""
    if row.output not in low.staying:
        return row.stored_bytes
    return 0.0 if low.inside != "nothing" else low.leaving_bytes(row.output)


def _summed(columns: Floats) -> Floats:
    """Sums of rows, one number after another."""
    total = np.zeros(len(columns))
    for column in columns.T:
        total += column
    return total
