"""Measured rows on which constants of GPUs were fitted, and a search for the energies of a MAC among them.

Only `refitting` asks this, in a process of its own: it changes constants of the model for good.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

from simulator.chip.library import Entry, bundled_entries
from simulator.chip.load import load_chip
from simulator.chip.published import Row
from simulator.chip.schema import Architecture
from simulator.cost.book import cost_book as costs
from simulator.cost.power import power_model
from simulator.graph.load import load_network
from simulator.run import simulate
from simulator.study import kernel_rows
from simulator.study.validation import compared, point_of
from simulator.study.validation_data import book

STEPS = {
    "mac_pj": 0.3, "exponent": 0.2, "exponent_below": 0.2, "async_products": 0.1, "static_mw_mm2": 12.0, "static_w_stack": 4.0,
}  # fmt: skip
"""Energies that are fitted together, and the first step of the search, which is halved."""

EXPONENTS = (0.6, 0.9, 1.2)
"""Falls of the energy with the node from which the search begins, each with the energy of today at 7 nm."""

HALVINGS = 4
"""Of a step, before the search ends."""


@dataclass(frozen=True)
class Held:
    """A row that a power limit may hold back: what it takes without one, and what it spends."""

    chip: str
    board: Architecture
    precision: str
    macs: float
    """As their energy is counted."""
    moved_bytes: float
    free_s: float
    """Time without a limit [s]."""
    fixed_s: float
    """Time beside it, in which no work is done [s]."""
    measured_s: float


def labels(chip: Entry) -> Iterator[tuple[str, Row | kernel_rows.Row]]:
    """Every row of a chip with words that patterns are held against: network, size and format, or kernel, format and band."""
    for row in compared(chip, {}):
        size = row.sequence_length or row.image_size
        yield f"{row.network} {size} {row.precision or 'int8'}", row
    for kernel in _kernels():
        if kernel_rows.BOARDS[kernel.board][0] == chip.name and kernel_rows.counts(
            kernel, kernel_rows.board(kernel.board)
        ):
            yield f"{kernel.kind} {kernel.dtype} {kernel.band}", kernel


@cache
def _kernels() -> list[kernel_rows.Row]:
    """The bundled kernels."""
    return kernel_rows.read(kernel_rows.SAMPLE)


def chosen(rows: Mapping[str, str]) -> Iterator[tuple[Entry, Row | kernel_rows.Row]]:
    """The rows that patterns pick, one for each chip."""
    for name, pattern in rows.items():
        chip = bundled_entries()[name]
        yield from ((chip, row) for label, row in labels(chip) if re.fullmatch(pattern, label))


def errors(energies: Mapping[str, float], rows: Mapping[str, str]) -> list[tuple[str, float]]:
    """(chip, speed of the model / measured - 1) of every row; energies: those of GPUs at other values."""
    costs()["energy"]["gpu"].update(energies)
    return [(chip.name, _error(chip, row)) for chip, row in chosen(rows)]


def _error(chip: Entry, row: Row | kernel_rows.Row) -> float:
    """Of one row."""
    if isinstance(row, Row):
        return point_of(chip, row, "fitted").error
    return row.measured_s / row.model_s(kernel_rows.board(row.board)) - 1.0


def fitted(start: Mapping[str, float], rows: Mapping[str, str], left_out: str) -> list[dict[str, Any]]:
    """Energies fitted on all rows but those of one chip, from each of EXPONENTS on: `score`, `values`, `errors` of all rows."""
    every = [_held(chip, row) for chip, row in chosen(rows)]
    kept = [row for row in every if row.chip != left_out]
    nodes = costs()["energy"]["gpu"]
    shrunk = nodes["slower_below_nm"] / nodes["at_nm"]
    found = []
    for exponent in EXPONENTS:
        same = start["mac_pj"] * shrunk ** (start["exponent"] - exponent)  # at 7 nm
        score, values = _descended({**start, "exponent": exponent, "mac_pj": same}, kept)
        errors = list(zip((row.chip for row in every), _all_errors(values, every), strict=True))
        found.append({"score": score, "values": values, "errors": errors})
    return found


def _descended(values: dict[str, float], rows: Sequence[Held]) -> tuple[float, dict[str, float]]:
    """The least score, and where it is: energies go a step up or down, one after another, while that is better."""
    least = _score(values, rows)
    for halving in range(HALVINGS):
        moved = True
        while moved:
            moved = False
            for name, step in STEPS.items():
                for way in (1.0, -1.0):
                    tried = {**values, name: values[name] + way * step / 2**halving}
                    if tried[name] > 0.0 and (score := _score(tried, rows)) < least - 1e-6:
                        values, least, moved = tried, score, True
    return least, values


def _score(values: Mapping[str, float], rows: Sequence[Held]) -> float:
    """Mean over chips of the mean size of errors, as logarithms: each chip counts the same."""
    by_chip: dict[str, list[float]] = {}
    for row, error in zip(rows, _all_errors(values, rows), strict=True):
        by_chip.setdefault(row.chip, []).append(abs(math.log1p(error)))
    return sum(sum(found) / len(found) for found in by_chip.values()) / len(by_chip)


def _all_errors(values: Mapping[str, float], rows: Sequence[Held]) -> list[float]:
    """Speed of the model over that measured - 1, with energies at some values."""
    costs()["energy"]["gpu"].update(values)
    found: list[float] = []
    for (_, precision), group in groupby(rows, lambda row: (row.chip, row.precision)):
        alike = list(group)
        chip = alike[0].board
        macs, moved, free, fixed, measured = np.array(
            [(row.macs, row.moved_bytes, row.free_s, row.fixed_s, row.measured_s) for row in alike]
        ).T
        least = power_model(chip).limited_s(chip.power_limit_w or math.inf, precision, macs, 0.0, moved, free)
        found += (measured / (np.maximum(free, least) + fixed) - 1.0).tolist()
    return found


def _held(chip: Entry, row: Row | kernel_rows.Row) -> Held:
    """What a row spends and takes without a limit."""
    if not isinstance(row, Row):
        board, kernels = kernel_rows.board(row.board), kernel_rows.FORMATS[row.dtype]
        free_s = row.model_s(board.model_copy(update={"power_limit_w": None}))
        fixed_s = kernels.floor_us * 1e-6
        return Held(
            chip.name, board, kernels.precision, row.macs, row.moved_bytes, free_s - fixed_s, fixed_s, row.measured_s
        )
    board, free = (load_chip(chip.name, set={**row.settings, **more}) for more in ({}, {"power_limit_w": None}))
    sizes = {"sequence_length": row.sequence_length, "image_size": row.image_size}
    known = {name: size for name, size in sizes.items() if size is not None}
    precision, batch = row.precision or "int8", row.batch or 128
    result = simulate(
        load_network(row.network, **{**known, **row.params, **row.ran_with}), free, batch, precision, gains=False
    )
    alone = row.mode in book()["latency_modes"]
    spent = (result.energy or {})["mac_j"] / power_model(free).mac_j[precision]
    return Held(
        chip.name, board, precision, spent, result.dram_bytes, result.latency_s if alone else batch / result.throughput_per_s,
        0.0, batch / row.throughput_per_s,
    )  # fmt: skip
