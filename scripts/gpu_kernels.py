"""Matrix products of GPUs as they were measured, beside the model and a plain roofline.

    python scripts/gpu_kernels.py tests/data/gpu_kernels_sample.csv

The file has the columns `chip,op,dtype,a,b,c,us`, where a, b and c of an `op` gemm are the rows, columns and reduction of a
product and us is the time of its kernel; other rows are passed over. Prints the error |model / measured - 1| (median and nine
in ten), the bias (median of model / measured - 1) and the roofline's median by chip, number format and rows of the product.
Not counted are rows that moved more than 0.93 of the nominal bandwidth of the DRAM: they were warm in the L2.
"""

import csv
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simulator import load_chip, simulate
from simulator.chip.schema import Architecture
from simulator.formats import formats_of
from simulator.graph.build import NetworkBuilder
from simulator.units import GPU_KERNEL_FLOOR_US

BOARDS = {
    "a100_sxm": ("a100", {"dram.part": "hbm2e-3.2", "dram.capacity_gib": 80}),
    "h100_sxm": ("h100", {}),
    "l40s": ("l40s", {}),
}
"""Chip of a measured board, and how its file is changed."""

FORMATS = {
    "bfloat16": "bf16", "fp8": "fp8", "int8_wo": "weights=int8,activations=bf16", "int4_wo": "weights=int4_g128,activations=bf16",
}  # fmt: skip
"""Number formats of the measurements, and how the model calls them."""

BANDS = {"m <= 64": 64, "m <= 1,024": 1024, "above": 2**62}
"""Bands of rows, and the most of each."""

LAUNCHES_US = {"fp8": 10.0, "int8_wo": 9.0, "int4_wo": 12.0}
"""What the measured runtime spends beside a product [us]; one that runs kernels as a graph has none. fp8: kernels that bring the
activations to 8 bits, fitted on an H100. Weights alone in 8 or 4 bits: fitted on every second such row of an A100."""

QUANTISE_BYTES = 5
"""Bytes that these kernels move for each activation: 16 bits are read for the largest of a row and again to be rounded, 8 are
written."""

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
    """By chip, format and band: rows counted, median error, nine in ten, bias, and the roofline's median error."""
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for row in rows:
        chip = board(row)
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


_BOARDS: dict[tuple[str, str], Architecture] = {}


def board(row: Row) -> Architecture:
    """The chip of a row; kernels follow each other as in a graph, or after those that quantise."""
    key = row.board, row.dtype
    if key not in _BOARDS:
        name, changed = BOARDS[row.board]
        launches = LAUNCHES_US.get(row.dtype, 0.0)
        _BOARDS[key] = load_chip(name, set={**changed, "overhead_us": GPU_KERNEL_FLOOR_US + launches})
    return _BOARDS[key]


def model_s(row: Row, chip: Architecture) -> float:
    """Time of a product as the model has it [s]."""
    net = NetworkBuilder("product")
    net.dense(net.input(row.reduction, row.rows, 1), row.columns, bias=False)
    quantise_s = QUANTISE_BYTES * row.rows * row.reduction / chip.dram_bytes_per_s if row.dtype == "fp8" else 0.0
    return float(simulate(net.build(), chip, 1, FORMATS[row.dtype], gains=False).latency_s) + quantise_s


def roofline_s(row: Row, chip: Architecture) -> float:
    """Time of a product at the peak or at the nominal bandwidth, whatever is longer [s]."""
    operations = 2.0 * row.rows * row.columns * row.reduction
    return max(
        operations / (chip.peak_tops(FORMATS[row.dtype]) * 1e12),
        moved_bytes(row) / (chip.dram_peak_bytes_per_s or np.inf),
    )


def moved_bytes(row: Row) -> float:
    """Bytes of both operands and of the result, which has 16 bits [bytes]."""
    formats = formats_of(FORMATS[row.dtype])
    read = row.rows * formats.activations.width + row.columns * formats.weights.width
    return row.reduction * read + 2.0 * row.rows * row.columns


if __name__ == "__main__":
    raise SystemExit(main())
