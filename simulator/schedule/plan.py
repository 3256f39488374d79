"""A schedule as it was decided: pieces of the network in order, each run once or, in sub-batches, several times."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.kernels import layout as kernels
from simulator.kernels import schedule_taken as taken
from simulator.kernels.layout import SLACK, Machine
from simulator.kernels.schedule_sums import Records, Steps
from simulator.schedule.pool import Pool
from simulator.schedule.records import fill_records

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Terms:
    """What the programmes read once it is settled which weights stay in SRAM as a whole or in part.

    kept: bytes of each step's weights that stay. costs, spans: of each move. machine: the chip, its SRAM less what is kept.
    streamed: bytes of each step's weights that do not stay.
    """

    kept: Floats
    costs: Floats
    spans: Ints
    machine: Machine
    streamed: Floats


@dataclass(frozen=True)
class Piece:
    """Steps start, start + 1, ... of a pool, run `repeats` times at the pool's batch.

    path: int64[steps, 2], (move, point) of each step; point -1 is vector work. step_s: time of one run but its start. [s]
    around_bytes: SRAM taken beside the moves: weights fetched ahead, and the rest of whole-batch tensors at the ends.
    load_bytes: weights of each step brought in once for all runs, before the first. load_s_per_byte: time of one of them.
    """

    pool: Pool
    terms: Terms
    start: int
    path: Ints
    step_s: Floats
    repeats: int = 1
    around_bytes: float = 0.0
    load_bytes: Floats | None = None

    @property
    def load_s(self) -> Floats:
        """Time that the weights of each step take to come in once for all runs. [s]"""
        if self.load_bytes is None:
            return np.zeros(len(self.path))
        return self.load_bytes * self.terms.machine.byte_s

    @property
    def points(self) -> Ints:
        """The point that each step uses; -1 for vector work."""
        return self.path[:, kernels.PATH_POINT]

    @property
    def vector(self) -> Floats:
        """Cycles of vector work of each step, one run."""
        return self.pool.steps[self.start : self.start + len(self.path), kernels.VECTOR_CYCLES]

    @property
    def start_cycles(self) -> Floats:
        """Cycles of each step before its transfers, all runs."""
        return self.pool.starts[self.start : self.start + len(self.path)] * self.repeats

    @property
    def start_s(self) -> Floats:
        """The same. [s]"""
        return self.start_cycles * self.terms.machine.cycle_s

    @property
    def total_s(self) -> Floats:
        """Time that each step adds to the batch after its start. [s]"""
        return self.step_s * self.repeats + self.load_s

    @functools.cached_property
    def taken(self) -> Floats:
        """What each step takes in one run, as `kernels.schedule_taken` has it."""
        pool, out = self.pool, np.empty((taken.TAKEN, len(self.path)))
        taken.take_steps(pool.points, pool.footprints, self.terms.costs, pool.steps, self.start, self.path, out)
        return out

    def tile_bytes(self) -> Floats:
        """Outer-memory bytes of the tiles of each step, one run."""
        found: Floats = self.taken[taken.TILE_BYTES]
        return found

    def outer_bytes(self) -> Floats:
        """Outer-memory bytes of each step, all runs."""
        once = self.taken[taken.MOVED_BYTES]
        return np.asarray(once * self.repeats + (0.0 if self.load_bytes is None else self.load_bytes))

    def cycles(self) -> Floats:
        """On-chip cycles of each step, one run."""
        found: Floats = self.taken[taken.OWN_CYCLES]
        return found

    def footprints(self) -> Floats:
        """SRAM bytes of each step: tiles, whole tensors, weights that stay, and what is set aside."""
        held = 0.0 if self.load_bytes is None else float(self.load_bytes.sum())
        return np.asarray(self.taken[taken.OWN_ROOM] + (self.around_bytes + held + float(self.terms.kept.sum())))


def joined(columns: list[Floats]) -> Floats:
    """Columns one behind the other."""
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


@dataclass(frozen=True)
class Plan:
    """One schedule of a whole network for one batch, as pieces in order."""

    pieces: tuple[Piece, ...]
    parts: int = 1
    """Equal parts that the batch runs in, one after another, each through the whole network."""
    beside_bytes: float = 0.0
    """SRAM that states take, of the whole batch and all the time."""

    @functools.cached_property
    def time_s(self) -> float:
        """Time of one batch. [s]"""
        return float(np.cumsum(self.after_s)[-1]) + self.all_starts_s  # step after step, as the programmes add

    @functools.cached_property
    def all_starts_s(self) -> float:
        """Time of one batch before the transfers of its steps. [s]"""
        return sum(float(piece.start_cycles.sum()) * piece.terms.machine.cycle_s for piece in self.pieces)

    @functools.cached_property
    def start_s(self) -> Floats:
        """Time of each step before its transfers. [s]"""
        return joined([piece.start_s for piece in self.pieces])

    @functools.cached_property
    def after_s(self) -> Floats:
        """Time that each step adds after its start. [s]"""
        return joined([piece.total_s for piece in self.pieces])

    @property
    def step_s(self) -> Floats:
        """Time that each step adds. [s]"""
        return self.start_s + self.after_s

    @functools.cached_property
    def steps(self) -> tuple[Records, Steps]:
        """What the points that the schedule uses consist of, and its steps after their starts, arrays of [steps, 1]: as the
        kernels add them up.
        """
        tiled = [np.flatnonzero(piece.points >= 0) for piece in self.pieces]
        records = np.zeros((len(Records._fields), sum(map(len, tiled)) + 1))
        rows = np.full(sum(len(piece.path) for piece in self.pieces), -1, dtype=np.int64)
        begin = first = 0
        for piece, some in zip(self.pieces, tiled, strict=True):
            end = begin + len(some)
            fill_records(piece.pool, piece.points[some], piece.start + some, records[:, begin:end])
            rows[first + some] = np.arange(begin, end)
            begin, first = end, first + len(piece.path)
        columns = (
            rows,
            joined([piece.vector for piece in self.pieces]),
            joined([np.full(len(piece.path), float(piece.repeats)) for piece in self.pieces]),
            self.outer_bytes,
            self.after_s,
        )
        made: Any = [np.ascontiguousarray(column)[:, None] for column in columns]
        return Records(*records), Steps(*made)

    @functools.cached_property
    def outer_bytes(self) -> Floats:
        """Outer-memory bytes of each step."""
        return joined([piece.outer_bytes() for piece in self.pieces])

    @functools.cached_property
    def footprints(self) -> Floats:
        """SRAM bytes of each step."""
        return joined([piece.footprints() for piece in self.pieces]) + self.beside_bytes

    @functools.cached_property
    def most_bytes(self) -> float:
        """SRAM in use at most."""
        return float(self.footprints.max())

    def fits(self, capacity_bytes: float) -> bool:
        """Whether no step needs more SRAM than there is, but for the order of sums. See `Pool.floor`."""
        return self.most_bytes * SLACK <= capacity_bytes

    @property
    def kept_bytes(self) -> float:
        """Weights that stay in SRAM for ever. [B]"""
        return float(self.pieces[0].terms.kept.sum())
