"""What of the outer memory a network takes for a batch, whatever the schedule."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.lower.rows import Lowered

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes in the outer memory for a batch: numbers, or one entry a context. [B]"""

    batch: int
    weights: Any
    """Constant weights as they are stored, and tables of embeddings whose size is known."""
    states: Any
    """Of all items: what lies there between passes, and what is written to stay and is no part of that."""
    ends: Any
    """Inputs from the host and outputs to it."""
    activations: Any
    """Tensors between layers, at the step with the most that live, as if none stayed in the SRAM."""

    def needed(self, in_parts: bool) -> Any:
        """All of it. in_parts: the batch may be taken an item at a time, so that the activations are those of one. [B]"""
        return self.weights + self.states + self.ends + self.activations / (self.batch if in_parts else 1)

    def times(self, batch: int) -> "Room":
        """That of so many batches at once, all but the weights."""
        more = {name: getattr(self, name) * batch for name in ("states", "ends", "activations")}
        return replace(self, batch=self.batch * batch, **more)

    def part(self, at: Any) -> "Room":
        """That of some contexts."""
        names = ("weights", "states", "ends", "activations")
        return replace(self, **{name: value[at] if np.ndim(value := getattr(self, name)) else value for name in names})

    def largest_batch(self, capacity_bytes: float, in_parts: bool) -> int:
        """Items of the largest batch that fits; 0 where none does. All but the weights grow with the batch."""
        fixed = self.weights + (self.activations / self.batch if in_parts else 0.0)
        item = (self.states + self.ends + (0.0 if in_parts else self.activations)) / self.batch
        if item <= 0.0:
            return self.batch if fixed <= capacity_bytes else 0
        return max(0, int((capacity_bytes - fixed) // item))


def live_bytes(low: Lowered, but_state: bool = False) -> Floats:
    """Bytes of the tensors between layers that live while each step runs: written by it or before, read by it or later.

    but_state: without what of them is state, which has room of its own; that of states that stay in the SRAM never counts.
    """
    return _living(low, range(len(low.tensor_bytes)), but_state)


def unstored_bytes(low: Lowered) -> Floats:
    """Of tensors that become states which stay in the SRAM, what is no part of these, while each step runs. [B]"""
    return _living(low, low.staying, but_state=True)


def _living(low: Lowered, tensors: Iterable[int], but_state: bool) -> Floats:
    """Bytes of some tensors between layers while each step runs."""
    total = np.zeros(len(low.rows))
    for tensor in tensors:
        producers, readers = low.tensor_producers[tensor], low.tensor_readers[tensor]
        if producers and readers:
            stays = but_state or tensor in low.staying
            total[min(producers) : max(readers) + 1] += (
                low.unstored_bytes(tensor) if stays else low.tensor_bytes[tensor]
            )
    return total


def state_bytes(low: Lowered) -> float:
    """Of states of all items: what lies in memory between passes, and what is written to stay and is no part of that. [B]"""
    return sum(low.tensor_bytes[t] for t in low.states) + sum(row.stored_apart_bytes for row in low.rows)


def staying_bytes(low: Lowered) -> float:
    """Of the SRAM, what states take for ever; 0 where they lie in the outer memory. [B]"""
    return state_bytes(low) if low.staying else 0.0


def room_of(low: Lowered) -> Room:
    """What of the outer memory a lowered network takes: of one that is read-only, constants alone."""
    weights = sum(row.own_weight_bytes + row.table_bytes for row in low.rows)
    if low.inside != "nothing":
        return Room(low.batch, weights, states=0.0, ends=0.0, activations=0.0)
    return Room(
        batch=low.batch,
        weights=weights,
        states=state_bytes(low),
        ends=low.input_output_bytes,
        activations=float(live_bytes(low, but_state=True).max()),
    )
