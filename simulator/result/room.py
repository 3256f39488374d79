"""The capacity of the outer memory as a limit: what fits, and what to say where it does not."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.lower.work import Work
from simulator.schedule.machines import Machines
from simulator.schedule.program import takes_parts
from simulator.units import GIB, MIB

SHOWN = 1e-3
"""Share of what is needed from which on a part of it is named."""

Truths = npt.NDArray[np.bool_]


def used_bytes(chip: Architecture, work: Work) -> Any:
    """Least bytes of the DRAM that a batch takes. [B]"""
    return work.room.needed(in_parts(chip))


def has_room(chip: Architecture, work: Work, machines: Machines) -> Truths:
    """Whether each chip's outer memory has room for a batch; it has where its capacity is not known, or there is none."""
    if machines.room_bytes is None:
        return np.ones(len(machines), dtype=np.bool_)
    return np.asarray(used_bytes(chip, work) <= machines.room_bytes)


def short_of_room(chip: Architecture, work: Work, room_bytes: float, devices: int) -> str:
    """The line that says what needs how much of the outer memory, how much there is, and what would do."""
    room, parts = work.room, in_parts(chip)
    need = room.needed(parts)
    unit, name = (GIB, "GiB") if need >= GIB else (MIB, "MiB")
    held = {
        "weights": room.weights,
        "states": room.states,
        "inputs and outputs": room.ends,
        "activations": need - room.weights - room.states - room.ends,
    }
    of = ", ".join(f"{what} {size / unit:.4g}" for what, size in held.items() if size >= SHOWN * need)
    largest = room.largest_batch(room_bytes, parts)
    fits = f"the largest batch that fits is {largest:,}" if largest else "no batch fits"
    enough = math.ceil(need * devices / room_bytes)
    return (
        f"{chip.name}: dram.capacity_gib: {work.network} at batch {work.batch:,} needs {need / unit:.4g} {name} of DRAM "
        f"({of}), got {room_bytes / unit:.4g} {name}; {fits}; {enough:,} such devices would do, there {_are(devices)}"
    )


def _are(devices: int) -> str:
    return f"is {devices}" if devices == 1 else f"are {devices:,}"


def in_parts(chip: Architecture) -> bool:
    """Whether a batch may go through the chip an item at a time: in sub-batches, or through a pipeline of layers."""
    return takes_parts(chip) or chip.schedule.placement == "space"
