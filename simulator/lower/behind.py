"""A network behind any context of a stretch, in numbers, from what it is at both ends: nothing is built or fused anew."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.lower.lines import BentError, Column, Line
from simulator.lower.operands import Operands
from simulator.lower.room import Room, live_bytes
from simulator.lower.rows import Lowered, Row, lower_steps, row_of
from simulator.lower.work import Work, mean_units, work_of

Floats = npt.NDArray[np.float64]

NAMES = ("name", "fused", "reads", "inputs", "weights", "values", "output")
SIZES = tuple(field.name for field in fields(Row) if field.name not in NAMES)
"""What of a row names nothing."""

SUMS = (
    "macs", "macs_executed", "macs_charged", "compulsory_bytes", "weight_bytes", "input_output_bytes", "staying_bytes",
)  # fmt: skip
ROOMS = ("weights", "states", "ends")
STEPS = ("executed", "charged")


class LoweredBehind:
    """Rows and tensors of a network behind so many tokens more than at the first end."""

    def __init__(self, ends: tuple[Operands, Operands], batch: int, times: int) -> None:
        """times: tokens between the ends. Raises BentError where sizes do not grow by the same amount each time."""
        self._operands, self._times = ends[0], times
        self.first, self.last = first, last = lower_steps(ends[0], batch), lower_steps(ends[1], batch)
        if first != replace(last, rows=first.rows, tensor_bytes=first.tensor_bytes):
            raise BentError
        if first.inside != "nothing" or first.cached_bytes > 0.0 or len(first.rows) != len(last.rows):
            raise BentError
        elements = [np.array([float(tensor.elements) for tensor in one.fused.tensors]) for one in ends]
        self._elements = Column(elements[0], elements[1], times)
        self._groups: dict[Any, list[int]] = {}
        """Rows that vary alike."""
        self._steps: dict[int, Line] = {}
        """Of the first of each group, its step."""
        self._reads: dict[int, Line] = {}
        """Of each row that varies, what it reads beside the tiles."""
        pairs = zip(*(one.fused.steps for one in ends), strict=True)
        for place, (step, end) in enumerate(pairs):
            if step != end:
                self._note(place, Line(step, end))
        self.varied = frozenset(place for places in self._groups.values() for place in places)
        """Steps that depend on the context."""
        if any(first.rows[at] != last.rows[at] for at in range(len(first.rows)) if at not in self.varied):
            raise BentError

    def _note(self, place: int, step: Line) -> None:
        row, end = self.first.rows[place], self.last.rows[place]
        group = self._groups.setdefault((_bare(row), _bare(end)), [])
        if not group:
            self._steps[place] = step
        group.append(place)
        self._reads[place] = Line(row.reads, end.reads)

    def firsts(self, more: int) -> dict[int, Row]:
        """Of each group of rows that vary alike, its first behind so many more tokens, but for what it reads beside the tiles.
        Raises BentError where something would be no whole number.
        """
        share = (more, self._times)
        return {
            group[0]: row_of(self._steps[group[0]].at(share), self.first.batch, self._operands)
            for group in self._groups.values()
        }

    def firsts_of(self) -> dict[int, int]:
        """Of each step that depends on the context the first of its group."""
        return {place: group[0] for group in self._groups.values() for place in group}

    def at(self, more: int) -> Lowered:
        """Behind so many more tokens. Raises BentError where something would be no whole number."""
        share, first, firsts = (more, self._times), self.first, self.firsts(more)
        rows = list(first.rows)
        for group in self._groups.values():
            base, found = first.rows[group[0]], firsts[group[0]]
            own = {name: value for name in SIZES if (value := getattr(found, name)) != getattr(base, name)}
            for place in group:
                rows[place] = replace(rows[place], reads=self._reads[place].at(share), **own)
        elements, batch = self._elements.at(more).tolist(), first.batch
        sizes = tuple([each * batch * width for each, width in zip(elements, first.widths, strict=True)])
        return replace(first, rows=tuple(rows), tensor_bytes=sizes)


def _bare(row: Row) -> Row:
    """All of a row but names and numbers of tensors."""
    reads = tuple([(-1, size) for _, size in row.reads])
    return replace(row, name="", fused=(), inputs=-1, weights=-1, values=-1, output=-1, reads=reads)


class WorkBehind:
    """What a network does for a batch behind so many tokens more than at the first end."""

    def __init__(self, first: Lowered, last: Lowered, times: int) -> None:
        """times: tokens between the ends. Raises BentError where sums do not grow by the same amount each time."""
        self._first, end = work_of(first), work_of(last)
        if not np.array_equal(self._first.step_units, end.step_units) or self._first.products != end.products:
            raise BentError
        own = self._first
        self._sums = Column(_named(own, SUMS), _named(end, SUMS), times)
        self._rooms = Column(_named(own.room, ROOMS), _named(end.room, ROOMS), times)
        self._steps = Column(_named(own, STEPS), _named(end, STEPS), times)
        self._live = Column(live_bytes(first, but_state=True), live_bytes(last, but_state=True), times)

    def at(self, more: Any) -> Work:
        """Behind so many more tokens; of several, columns of one entry each."""
        sums = dict(zip(SUMS, self._sums.at(more), strict=True))
        executed, charged = self._steps.at(more)
        units, own = self._first.step_units, self._first
        if np.ndim(more):
            units = np.ascontiguousarray(np.broadcast_to(units[:, None], executed.shape))
        else:
            sums = {name: value.item() for name, value in sums.items()}
        rooms = dict(zip(ROOMS, self._rooms.at(more), strict=True))
        room = Room(own.batch, **rooms, activations=self._live.at(more).max(axis=0))
        return replace(
            own, **sums, executed=executed, charged=charged, units=mean_units(units, executed), step_units=units, room=room
        )  # fmt: skip


def _named(found: Any, names: tuple[str, ...]) -> Floats:
    """Some of the numbers of a record, float64[names, ...]."""
    return np.array([getattr(found, name) for name in names], dtype=np.float64)
