"""The frontiers of this process: one store, so that every room shares what was built; slow ones are kept on disk too."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np

from simulator.frontier import array, threads
from simulator.frontier.grid.search import Frontier
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.store import disk
from simulator.store.memory import Memory

WORTH_KEEPING_S = 0.005
"""A frontier that takes less to build is not written to disk: reading it would hardly be faster. [s]"""

KIND = "frontier"
"""What files of frontiers are called."""

Place = tuple[Shape, int]
"""A layer and its resident operands."""

MOST_BYTES = 4 * 2**20
"""Frontiers in memory; those used longest ago go. [B]"""


class Store:
    """Frontiers in memory, and on disk where they took long."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._frontiers: Memory[tuple[Shape, ArraySpec, float], dict[int, Frontier]] = Memory(most_bytes)

    def get(self, shape: Shape, spec: ArraySpec, resident: int, floor: float = NO_FLOOR) -> Frontier:
        """The frontier of a layer with some operands resident. floor: as of `grid.search.frontier`."""
        return self._of_layer(shape, spec, (resident,), floor)[0]

    def _of_layer(self, shape: Shape, spec: ArraySpec, residents: Sequence[int], floor: float) -> list[Frontier]:
        """The frontiers of a layer with each of several sets of operands resident; what took long is written once for all."""
        model = array.model_of(spec)
        if not model.keeps:
            return [model.frontier(shape, spec, resident, floor) for resident in residents]
        key, slow = (shape, spec, floor), False
        known = self._frontiers.get(key)
        if known is None:
            known = self._frontiers.put(key, load(disk.name_of(KIND, *key)))
        for resident in residents:
            if resident not in known:
                begin = time.thread_time()
                known[resident] = model.frontier(shape, spec, resident, floor)
                slow = slow or time.thread_time() - begin > WORTH_KEEPING_S
        if slow:
            save(disk.name_of(KIND, *key), dict(known))
        return [known[resident] for resident in residents]

    def get_all(self, places: Sequence[Place], spec: ArraySpec, floor: float = NO_FLOOR) -> list[Frontier]:
        """The frontiers of many layers in the order of `places`: layers side by side where cores are idle."""
        found: dict[Place, Frontier] = {}
        groups: dict[Shape, list[int]] = {}
        for shape, resident in places:  # those of one layer share their tables, and so a thread
            groups.setdefault(shape, []).append(resident)

        def build(shape: Shape) -> None:
            residents = groups[shape]
            for resident, one in zip(residents, self._of_layer(shape, spec, residents, floor), strict=True):
                found[shape, resident] = one

        threads.side_by_side(build, tuple(groups))
        return [found[place] for place in places]


def load(name: str) -> dict[int, Frontier]:
    """The frontiers kept on disk under a name by set of resident operands; none where there is no such file."""
    arrays: Any = disk.load(name)
    if arrays is None:
        return {}
    bounds = [0, *arrays["ends"].tolist()]
    return {
        mask: Frontier(*(arrays[column.name][begin:end] for column in fields(Frontier)))
        for mask, (begin, end) in zip(arrays["masks"].tolist(), pairwise(bounds), strict=True)
    }


def save(name: str, known: Mapping[int, Frontier]) -> bool:
    """Keep frontiers on disk under a name, instead of what is there. False if nothing can be written."""
    masks = sorted(known)
    parts = [known[mask] for mask in masks]
    arrays = {
        column.name: np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Frontier)
    }
    arrays["masks"] = np.array(masks, dtype=np.int64)
    arrays["ends"] = np.cumsum([len(part) for part in parts])
    return disk.save(name, arrays)


frontiers = Store()
