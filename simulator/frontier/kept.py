"""The frontiers of this process: one store, so that every room shares what was built; slow ones are kept on disk too."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np

from simulator.frontier import array, threads
from simulator.frontier.grid.search import Frontier
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
        self._frontiers: Memory[tuple[Shape, ArraySpec], dict[int, Frontier]] = Memory(most_bytes)

    def get(self, shape: Shape, spec: ArraySpec, resident: int) -> Frontier:
        """The frontier of a layer with some operands resident."""
        key, model = (shape, spec), array.model_of(spec)
        if not model.keeps:
            return model.frontier(shape, spec, resident)
        known = self._frontiers.get(key)
        if known is None:
            known = self._frontiers.put(key, load(disk.name_of(KIND, shape, spec)))
        if resident not in known:
            begin = time.perf_counter()
            known[resident] = model.frontier(shape, spec, resident)
            if time.perf_counter() - begin > WORTH_KEEPING_S:
                save(disk.name_of(KIND, shape, spec), dict(known))
        return known[resident]

    def get_all(self, places: Sequence[Place], spec: ArraySpec) -> list[Frontier]:
        """The frontiers of many layers in the order of `places`: layers side by side where cores are idle."""
        found: dict[Place, Frontier] = {}
        groups: dict[Shape, list[Place]] = {}
        for place in places:  # those of one layer share their tables, and so a thread
            groups.setdefault(place[0], []).append(place)

        def build(group: Sequence[Place]) -> None:
            for shape, resident in group:
                found[shape, resident] = self.get(shape, spec, resident)

        threads.side_by_side(build, tuple(groups.values()))
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
