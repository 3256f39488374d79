"""Kernels of GPUs as they were measured, and the time that the model gives them.

A file of them has the columns `chip,op,dtype,a,b,c,d,e,f,us`; us is the time of a kernel, or of those that make one operation.
By `op`:

- gemm: a x c by c x b. fp8_block: scaled by blocks; int8_wo, int4_wo: weights alone have 8 or 4 bits, widened to 16.
- prefill_attention, decode_attention: a sequences of b tokens, c heads, d of keys and values, 128 numbers a head. In prefill
  every token sees those before it; in decode one token a sequence sees all.
- moe: a tokens, b numbers each, experts of c numbers, d of e experts for a token, f how tokens are spread over them.

Other rows are passed over. Not counted are rows that moved more than 0.93 of the nominal bandwidth of the DRAM (they were warm
in the L2), and decoding of more than 16 heads a head of keys.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from simulator.chip.load import load_chip
from simulator.chip.schema import Architecture
from simulator.cost.power import power_model
from simulator.frontier.grid.points import cycles_of
from simulator.frontier.sm import ATTENTION, FIRST, choices, parts, start
from simulator.kernels.grid_points import ARRAY, EDGES, IDEAL
from simulator.kernels.layout import step_time
from simulator.lower.array import ArraySpec, array_spec
from simulator.lower.shape import Shape
from simulator.schedule.machines import machines_of
from simulator.store.data import path_of
from simulator.study.added import EXPERTS_US, POSITIONS_BYTES
from simulator.units import GPU_DECODE_ROWS, GPU_KERNEL_FLOOR_US
from simulator.vocabulary import BITS

SAMPLE = path_of("gpu_kernels.csv")
"""The bundled rows."""

BOARDS = {
    "a100_sxm": ("a100", {"dram.part": "hbm2e-3.2", "dram.capacity_gib": 80}),
    "h100_sxm": ("h100", {}),
    "l40s": ("l40s", {}),
}
"""Chip of a measured board, and how its file is changed."""


@dataclass(frozen=True)
class Kernels:
    """How the measured runtimes multiply in one number format: facts of their kernels, not of the chips."""

    precision: str
    """In which the products run."""
    weight_bits: int
    floor_us: float
    """Launch, and the launches of what goes before [us]."""
    activation_bytes: float = 0.0
    """Bytes that kernels before the product move over the DRAM for each activation."""
    split_cycles: float = 0.0
    """Further cycles where the reduction is split."""
    splits: bool = True
    shares: tuple[float, float] = (1.0, 1.0)
    """Of the speed within blocks, where threads load registers and where products run asynchronously."""


FORMATS = {
    "bfloat16": Kernels("bf16", 16, GPU_KERNEL_FLOOR_US),
    # Kernels of their own bring activations to 8 bits: 10 us of launches; 16 bits are read for the largest of a row and
    # again to be rounded, 8 are written.
    "fp8": Kernels("fp8", 8, GPU_KERNEL_FLOOR_US + 10.0, activation_bytes=5),
    # Blocks of activations are scaled where they are read first. Sums of 128 products are scaled outside the matrix units,
    # beside them where products run asynchronously; else the scales take the turns that 8 bits had won. No split.
    "fp8_block": Kernels("fp8", 8, 2.5, activation_bytes=3, splits=False, shares=(0.5, 0.8)),
    "int8_wo": Kernels("bf16", 8, 8.0, split_cycles=10_000),
    "int4_wo": Kernels("bf16", 4, 8.0, split_cycles=10_000),
}
"""Number formats of the measurements. Launches, splits and shares were fitted: of fp8 and fp8_block on an H100 (the share of
threads that load registers on an L40S), of weights alone on an A100."""


class Before(NamedTuple):
    """What a library does before attention of prompts: cycles of launches, and bytes that it moves over the DRAM for each number
    of the queries, and of the keys and values."""

    cycles: int
    of_queries: float
    of_cache: float


BEFORE, BEFORE_ON = Before(15_000, POSITIONS_BYTES, POSITIONS_BYTES), {"l40s": Before(6_000, 0.0, 4.0)}
"""Facts of the measured libraries. A kernel for positions, biases and the cache: fitted on an A100 and an H100. On an L40S the
queries are left alone, keys and values are read and written to the cache in 16 bits; cycles fitted on its prompts."""

EXPERT_SHARES = (0.5, 0.65)
"""As `Kernels.shares`, of products of many experts in one kernel. Fitted on an A100 and an H100."""

HEAD = 128
"""Numbers of a head."""

WARM = 0.93
"""Share of the nominal bandwidth above which a row was warm in the L2."""


class Row(Protocol):
    """One measured operation."""

    @property
    def board(self) -> str:
        """One of BOARDS."""

    @property
    def dtype(self) -> str:
        """One of FORMATS."""

    @property
    def measured_s(self) -> float:
        """Time as it was measured [s]."""

    @property
    def kind(self) -> str:
        """What it is, in a word or two."""

    @property
    def band(self) -> str:
        """Name of its band of rows or tokens."""

    @property
    def counted(self) -> bool:
        """Whether the model says anything about such a kernel."""

    @property
    def moved_bytes(self) -> float:
        """Bytes that it reads and writes at least."""

    @property
    def macs(self) -> float:
        """Multiply-accumulates."""

    def model_s(self, chip: Architecture) -> float:
        """Time as the model has it [s]."""


@dataclass(frozen=True)
class Product:
    """A product of matrices."""

    board: str
    dtype: str
    rows: int
    columns: int
    reduction: int
    measured_s: float

    kind, counted = "product", True

    @property
    def band(self) -> str:
        """By rows."""
        return _band(self.rows, {"m <= 64": 64, "m <= 1,024": 1024})

    @property
    def macs(self) -> float:
        """Multiply-accumulates."""
        return float(self.rows) * self.columns * self.reduction

    @property
    def moved_bytes(self) -> float:
        """Bytes of both operands and of the result, which has 16 bits."""
        kernels = FORMATS[self.dtype]
        inputs = BITS[kernels.precision] * self.rows + kernels.weight_bits * self.columns
        return self.reduction * inputs / 8.0 + 2.0 * self.rows * self.columns

    def model_s(self, chip: Architecture) -> float:
        """Time as the model has it [s]."""
        kernels = FORMATS[self.dtype]
        spec = array_spec(chip, kernels.precision)
        found, codes = _choices_of((self.columns, self.reduction, self.rows), kernels, spec, kernels.shares)
        _, _, splits, _, _ = _choices(spec)[codes].T
        found[splits > 1, ARRAY] += kernels.split_cycles if kernels.splits else np.inf
        before_s = kernels.activation_bytes * self.rows * self.reduction * machines_of(chip).row().byte_s
        return _held(self, chip, float(np.min(_cycles(found)))) + kernels.floor_us * 1e-6 + before_s


@dataclass(frozen=True)
class Attention:
    """Attention of prompts, or of one token a sequence."""

    board: str
    dtype: str
    decode: bool
    sequences: int
    tokens: int
    heads: int
    shared: int
    """Heads of keys and values."""
    measured_s: float

    @property
    def kind(self) -> str:
        """Which of the two."""
        return "decode" if self.decode else "prefill"

    @property
    def band(self) -> str:
        """By tokens of a sequence."""
        return _band(self.tokens, {"<= 512": 512, "<= 3,072": 3072})

    @property
    def counted(self) -> bool:
        """Beyond some heads a head of keys, kernels read the keys once for each of them."""
        return not self.decode or self.heads <= GPU_DECODE_ROWS * self.shared

    @property
    def keys(self) -> int:
        """What a query sees, on average, in whole tiles of queries and keys."""
        if self.decode:
            return self.tokens
        starts = range(0, self.tokens, 64)
        seen = sum(min(64, self.tokens - start) * min(self.tokens, start + 64) for start in starts)
        return -(-seen // self.tokens)

    @property
    def macs(self) -> float:
        """Multiply-accumulates of both products, of what is not seen none."""
        seen = self.tokens if self.decode else self.tokens * (self.tokens + 1) / 2
        return 2.0 * HEAD * self.sequences * self.heads * seen

    @property
    def moved_bytes(self) -> float:
        """Bytes of queries, keys, values and results."""
        queries = 1 if self.decode else self.tokens
        return 4.0 * HEAD * self.sequences * (queries * self.heads + self.tokens * self.shared)

    def model_s(self, chip: Architecture) -> float:
        """Time as the model has it [s]."""
        spec, machine = array_spec(chip, "bf16"), machines_of(chip).row()
        heads, queries = self.sequences * self.heads, self.tokens
        if self.decode:
            heads, queries = self.sequences * self.shared, self.heads // self.shared
        shape = Shape(
            (heads, 1, self.keys, HEAD, queries, 1, 1, 1), plane=(queries, 1), in_width=2.0, weight_width=2.0,
            out_width=2.0 * HEAD / self.keys, context=HEAD,
        )  # fmt: skip
        found = parts((shape,), spec, np.zeros(1, dtype=np.int64), np.array([ATTENTION]))
        time_s = _held(self, chip, float(_cycles(found)[0]), start(shape, spec)) + GPU_KERNEL_FLOOR_US * 1e-6
        if self.decode:
            return time_s
        before = BEFORE_ON.get(self.board, BEFORE)
        each = before.of_queries * self.heads + before.of_cache * 2 * self.shared
        moved = each * HEAD * self.sequences * self.tokens
        return time_s + before.cycles * machine.cycle_s + moved * machine.byte_s


@dataclass(frozen=True)
class Experts:
    """Feed-forward layers of which each token takes some: two products of many experts, one kernel each."""

    board: str
    dtype: str
    tokens: int
    hidden: int
    inner: int
    active: int
    experts: int
    routing: str
    measured_s: float

    kind, counted = "experts", True

    @property
    def band(self) -> str:
        """By tokens."""
        return _band(self.tokens, {"<= 64": 64, "<= 1,024": 1024})

    @property
    def matrices(self) -> int:
        """Of an expert: no gate in a network whose rows would else be above the bandwidth."""
        plain = (self.active, self.experts) in {(22, 512), (6, 128)} and self.board != "a100_sxm"
        return 2 if plain else 3

    @property
    def loads(self) -> Any:
        """Tokens of every expert that has some."""
        return _loads(self.tokens * self.active, self.experts, self.tokens, self.routing)

    @property
    def macs(self) -> float:
        """Multiply-accumulates."""
        return float(self.tokens) * self.active * self.matrices * self.hidden * self.inner

    @property
    def moved_bytes(self) -> float:
        """Bytes of the weights of experts that have tokens, and of what goes in and comes out, which has 16 bits."""
        weights = len(self.loads) * self.matrices * self.hidden * self.inner
        return weights * FORMATS[self.dtype].weight_bits / 8 + 4.0 * self.tokens * self.active * self.hidden

    def model_s(self, chip: Architecture) -> float:
        """Time as the model has it [s]."""
        kernels = FORMATS[self.dtype]
        spec = replace(array_spec(chip, kernels.precision), few_rows=True)
        up = ((self.matrices - 1) * self.inner, self.hidden)
        cycles = sum(
            self._grouped(columns, reduction, kernels, spec)
            for columns, reduction in (up, (self.hidden, self.inner))
        )  # fmt: skip
        return _held(self, chip, cycles) + EXPERTS_US * 1e-6

    def _grouped(self, columns: int, reduction: int, kernels: Kernels, spec: ArraySpec) -> float:
        """Cycles of one product of all experts: blocks of so many rows, those of each expert filled up; no split."""
        every = _choices(spec)
        best = np.inf
        for block, high in {(rows, high) for rows, _, _, high, _ in choices(spec)}:
            filled = int(np.sum(-(-self.loads // (block * high)))) * block * high
            found, codes = _choices_of((columns, reduction, filled), kernels, spec, EXPERT_SHARES)
            rows, _, splits, along_rows, _ = every[codes].T
            own = (rows == block) & (along_rows == high) & (splits == 1)
            best = min(best, float(np.min(_cycles(found[own]))))
        return best


def _loads(draws: int, experts: int, tokens: int, routing: str) -> Any:
    """Tokens of experts, in whole numbers: even, or spread evenly over the density x^-a between two loads."""
    if routing == "balanced":
        met = min(experts, draws)
        return np.diff(np.arange(met + 1) * draws // met)
    power = float(routing.rsplit("_", 1)[1])
    low, high = (1.0, max(2.0, 0.8 * tokens)) if draws > experts else (0.01, 2.0)
    at = (np.arange(experts) + 0.5) / experts
    ends = np.array([low, high]) ** (1.0 - power)
    spread = (ends[0] + at * (ends[1] - ends[0])) ** (1.0 / (1.0 - power))
    # Rounded as sums: all draws go somewhere, and many loads below one half still meet some experts.
    upto = np.rint(np.cumsum(spread) * draws / np.sum(spread))
    found = np.minimum(np.diff(upto, prepend=0.0), tokens)
    return found[found > 0].astype(np.int64)


def _band(size: int, most: Mapping[str, int]) -> str:
    """Name of the first band that a size is in; "above" for the last."""
    return next((name for name, end in most.items() if size <= end), "above")


def _choices(spec: ArraySpec) -> Any:
    """Rows, columns, splits and cluster of every code; zeros for those that are no product on matrix units."""
    return np.concatenate([np.zeros((FIRST, 5), dtype=np.int64), np.array(choices(spec))])


def _choices_of(
    sizes: tuple[int, int, int], kernels: Kernels, spec: ArraySpec, shares: tuple[float, float]
) -> tuple[Any, Any]:
    """Parts of every choice of a product (columns, reduction, rows), and the code of each."""
    columns, reduction, rows = sizes
    width = BITS[kernels.precision] / 8.0
    shape = Shape(
        (1, 1, columns, reduction, rows, 1, 1, 1), plane=(rows, 1), in_width=width, weight_width=width, out_width=2.0
    )
    every = np.arange(FIRST + len(choices(spec)))  # one row may run on the vector lanes
    found = parts((shape,), spec, np.zeros_like(every), every)
    there = np.isfinite(found[:, ARRAY])
    found, every = found[there], every[there]
    # A slower share lengthens the time in which units are busy, the ideal part of it and what edges lose.
    found[:, ARRAY] += (found[:, IDEAL] + found[:, EDGES]) * (1.0 / shares[spec.async_products] - 1.0)
    return found, every


def _cycles(found: Any) -> Any:
    """On-chip cycles of choices."""
    return cycles_of(found)


def _held(row: Row, chip: Architecture, cycles: float, start_cycles: float = 0.0) -> float:
    """Time of on-chip cycles beside what goes over the DRAM, after some that nothing is beside, under the power limit [s]."""
    machine, power = machines_of(chip).row(), power_model(chip)
    time_s = step_time(cycles, row.moved_bytes, machine.cycle_s, machine.byte_s, machine.phi, 0.0)
    time_s += start_cycles * machine.cycle_s
    limit_w = chip.power_limit_w or np.inf
    precision = FORMATS[row.dtype].precision
    return float(max(time_s, power.limited_s(limit_w, precision, row.macs, 0.0, row.moved_bytes, time_s)))


def read(path: Path) -> list[Row]:
    """The operations of a file that the model describes."""
    lines = (line for line in path.read_text().splitlines() if not line.startswith("#"))
    wanted = (row for row in csv.DictReader(lines) if row["chip"] in BOARDS and row["dtype"] in FORMATS)
    return [found for found in map(_row, wanted) if found is not None]


def _row(row: Mapping[str, str]) -> Row | None:
    """One line of a file; None for an operation that is passed over."""
    what, measured_s = (row["chip"], row["dtype"]), float(row["us"]) * 1e-6
    sizes = [int(row[column]) for column in "abcde" if row[column]]
    if row["op"] == "gemm":
        return Product(*what, sizes[0], sizes[1], sizes[2], measured_s)
    if row["op"] in ("prefill_attention", "decode_attention"):
        return Attention(*what, row["op"].startswith("d"), sizes[0], sizes[1], sizes[2], sizes[3], measured_s)
    if row["op"] == "moe":
        return Experts(*what, sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], row["f"], measured_s)
    return None


@cache
def board(name: str) -> Architecture:
    """The chip of a measured board."""
    chip, changed = BOARDS[name]
    return load_chip(chip, set=changed)


def counts(row: Row, chip: Architecture) -> bool:
    """Whether a row says anything about the model: it was not warm in the L2, and the model has such a kernel."""
    return row.counted and row.moved_bytes / row.measured_s <= WARM * (chip.dram_peak_bytes_per_s or np.inf)


def roofline_s(row: Row, chip: Architecture) -> float:
    """Time at the peak or at the nominal bandwidth, whatever is longer [s]."""
    peak = chip.peak_tops(FORMATS[row.dtype].precision) * 1e12
    return max(2.0 * row.macs / peak, row.moved_bytes / (chip.dram_peak_bytes_per_s or np.inf))
