"""Kernels of GPUs as they were measured, beside the model and a plain roofline.

    python scripts/gpu_kernels.py simulator/data/gpu_kernels.csv

`simulator/study/kernel_rows.py` says what a file of them holds, and which rows count. Prints the error |model / measured - 1|
(median and 90th percentile), the bias (median of model / measured - 1) and the roofline's median by chip, operation, number
format and rows or tokens.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from simulator.study.kernel_rows import Row, board, counts, read, roofline_s


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    table = errors(read(Path(sys.argv[1])))
    heads = f"{'chip':10}{'of':10}{'format':11}{'rows':12}{'count':>6}"
    print(f"{heads}{'median':>9}{'9 in 10':>9}{'bias':>9}{'roofline':>10}")
    for (name, kind, dtype, band), found in table.items():
        shown = "".join(f"{100 * value:{width}.1f}" for value, width in zip(found[1:], (9, 9, 9, 10), strict=True))
        print(f"{name:10}{kind:10}{dtype:11}{band:12}{found[0]:6}{shown}")
    return 0


def errors(rows: Iterable[Row]) -> dict[tuple[str, str, str, str], tuple[int, float, float, float, float]]:
    """By chip, kind, format and band: rows counted, median error, 90th percentile, bias, and the roofline's median error."""
    found: dict[tuple[str, str, str, str], list[tuple[float, float]]] = {}
    for row in rows:
        chip = board(row.board)
        if not counts(row, chip):
            continue
        pair = (row.model_s(chip) / row.measured_s - 1.0, roofline_s(row, chip) / row.measured_s - 1.0)
        for band in ("all", row.band):
            found.setdefault((row.board, row.kind, row.dtype, band), []).append(pair)
    return {key: _figures(np.array(found[key])) for key in sorted(found, key=_order)}


def _order(key: tuple[str, str, str, str]) -> tuple[object, ...]:
    """Products first; bands from all to the highest."""
    board, kind, dtype, band = key
    return kind != "product", kind, board, dtype, band != "all", band == "above", len(band)


def _figures(pairs: Any) -> tuple[int, float, float, float, float]:
    error = np.abs(pairs)
    ninth = float(np.quantile(error[:, 0], 0.9))
    middle = float(np.median(error[:, 0])), ninth, float(np.median(pairs[:, 0])), float(np.median(error[:, 1]))
    return (len(pairs), *middle)


if __name__ == "__main__":
    raise SystemExit(main())
