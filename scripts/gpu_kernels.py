"""Matrix products of GPUs as they were measured, beside the model and a plain roofline.

    python scripts/gpu_kernels.py tests/data/gpu_kernels_sample.csv

The file has the columns `chip,op,dtype,a,b,c,us`, where a, b and c of an `op` gemm are the rows, columns and reduction of a
product and us is the time of its kernel; other rows are passed over. Prints the error |model / measured - 1| (median and nine
in ten), the bias (median of model / measured - 1) and the roofline's median by chip, number format and rows of the product.
fp8_block: scaled by blocks; int8_wo, int4_wo: weights alone have 8 or 4 bits, which the lanes widen to 16.
Not counted are rows that moved more than 0.93 of the nominal bandwidth of the DRAM: they were warm in the L2.
"""

import csv
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from simulator import load_chip
from simulator.chip.schema import Architecture
from simulator.cost.power import power_model
from simulator.frontier.grid.points import ARRAY, EDGES, IDEAL, INTERCONNECT, SRAM
from simulator.frontier.sm import FIRST, choices, parts
from simulator.kernels.layout import step_time
from simulator.lower.array import array_spec
from simulator.lower.shape import Shape
from simulator.schedule.machines import machines_of
from simulator.units import GPU_KERNEL_FLOOR_US
from simulator.vocabulary import BITS

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

BANDS = {"m <= 64": 64, "m <= 1,024": 1024, "above": 2**62}
"""Bands of rows, and the most of each."""

WARM = 0.93
"""Share of the nominal bandwidth above which a row was warm in the L2."""


@dataclass(frozen=True)
class Row:
    """One measured product."""

    board: str
    dtype: str
    rows: int
    columns: int
    reduction: int
    measured_s: float

    @property
    def band(self) -> str:
        """Name of its band of rows."""
        return next(name for name, most in BANDS.items() if self.rows <= most)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    table = errors(read(Path(sys.argv[1])))
    print(f"{'chip':10}{'format':10}{'rows':12}{'count':>6}{'median':>9}{'9 in 10':>9}{'bias':>9}{'roofline':>10}")
    for (board, dtype, band), found in table.items():
        shown = "".join(f"{100 * value:{width}.1f}" for value, width in zip(found[1:], (9, 9, 9, 10), strict=True))
        print(f"{board:10}{dtype:10}{band:12}{found[0]:6}{shown}")
    return 0


def read(path: Path) -> list[Row]:
    """The products of a file that the model describes."""
    lines = (line for line in path.read_text().splitlines() if not line.startswith("#"))
    wanted = (row for row in csv.DictReader(lines) if row["op"] == "gemm" and row["dtype"] in FORMATS)
    return [
        Row(row["chip"], row["dtype"], int(row["a"]), int(row["b"]), int(row["c"]), float(row["us"]) * 1e-6)
        for row in wanted
        if row["chip"] in BOARDS
    ]


def errors(rows: Iterable[Row]) -> dict[tuple[str, str, str], tuple[int, float, float, float, float]]:
    """By chip, format and band: rows counted, median error, 90th percentile, bias, and the roofline's median error."""
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for row in rows:
        chip = board(row.board)
        if moved_bytes(row) / row.measured_s > WARM * (chip.dram_peak_bytes_per_s or np.inf):
            continue
        pair = (model_s(row, chip) / row.measured_s - 1.0, roofline_s(row, chip) / row.measured_s - 1.0)
        for band in ("all", row.band):
            found.setdefault((row.board, row.dtype, band), []).append(pair)
    order = ("all", *BANDS)
    return {
        key: _figures(np.array(found[key])) for key in sorted(found, key=lambda key: (*key[:2], order.index(key[2])))
    }


def _figures(pairs: Any) -> tuple[int, float, float, float, float]:
    error = np.abs(pairs)
    ninth = float(np.quantile(error[:, 0], 0.9))
    return (
        len(pairs),
        float(np.median(error[:, 0])),
        ninth,
        float(np.median(pairs[:, 0])),
        float(np.median(error[:, 1])),
    )


@cache
def board(name: str) -> Architecture:
    """The chip of a measured board."""
    chip, changed = BOARDS[name]
    return load_chip(chip, set=changed)


def model_s(row: Row, chip: Architecture) -> float:
    """Time of a product as the model has it [s]."""
    kernels = FORMATS[row.dtype]
    spec, machine, power = array_spec(chip, kernels.precision), machines_of(chip).row(), power_model(chip)
    width = BITS[kernels.precision] / 8.0
    shape = Shape(
        (1, 1, row.columns, row.reduction, row.rows, 1, 1, 1), plane=(row.rows, 1), in_width=width, weight_width=width,
        out_width=2.0,
    )  # fmt: skip
    every = np.arange(FIRST + len(choices(spec)))  # one on the vector lanes among them
    found = parts((shape,), spec, np.zeros_like(every), every)
    split = np.array([False] * FIRST + [ways > 1 for _, _, ways, *_ in choices(spec)])
    found, split = (array[np.isfinite(found[:, ARRAY])] for array in (found, split))
    # A slower share lengthens the time in which units are busy, the ideal part of it and what edges lose.
    found[:, ARRAY] += (found[:, IDEAL] + found[:, EDGES]) * (1.0 / kernels.shares[spec.async_products] - 1.0)
    found[split, ARRAY] += kernels.split_cycles if kernels.splits else np.inf
    cycles = float(np.min(np.max(found[:, [ARRAY, INTERCONNECT, SRAM]], axis=1)))
    moved = moved_bytes(row)
    time_s = step_time(cycles, moved, machine.cycle_s, machine.byte_s, machine.phi, 0.0)
    limit_w = chip.power_limit_w or np.inf
    macs = row.rows * row.columns * row.reduction
    held_s = power.limited_s(limit_w, kernels.precision, macs, 0.0, moved, time_s)
    before_s = kernels.activation_bytes * row.rows * row.reduction * machine.byte_s
    return float(max(time_s, held_s)) + kernels.floor_us * 1e-6 + before_s


def roofline_s(row: Row, chip: Architecture) -> float:
    """Time of a product at the peak or at the nominal bandwidth, whatever is longer [s]."""
    operations = 2.0 * row.rows * row.columns * row.reduction
    return max(
        operations / (chip.peak_tops(FORMATS[row.dtype].precision) * 1e12),
        moved_bytes(row) / (chip.dram_peak_bytes_per_s or np.inf),
    )


def moved_bytes(row: Row) -> float:
    """Bytes of both operands and of the result, which has 16 bits [bytes]."""
    kernels = FORMATS[row.dtype]
    inputs = BITS[kernels.precision] * row.rows + kernels.weight_bits * row.columns
    return row.reduction * inputs / 8.0 + 2.0 * row.rows * row.columns


if __name__ == "__main__":
    raise SystemExit(main())
