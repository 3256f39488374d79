"""Measured language models against the model, row by row: times, their errors by group, and two baselines beside.

Nothing is fitted here but what `left_out` says: the constant of a runtime's class, without the chip that is judged.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from simulator.chip.load import chip_digest, load_chip
from simulator.errors import ChipError, InfeasibleError
from simulator.progress import each
from simulator.result.form import Result
from simulator.store import disk
from simulator.store.data import read_data
from simulator.store.digest import networks_digest
from simulator.study.asking import asked_of
from simulator.study.continuous import PACKED, packed
from simulator.study.request import Question
from simulator.study.runtimes import Runtime, known_runtimes
from simulator.study.validation import spearman
from simulator.vocabulary import PRECISIONS

SERVED_SHARE = 0.9
"""Of the memory that a server takes: for weights and caches together (vLLM, `gpu_memory_utilization`), or for caches of what the
weights leave free (TensorRT-LLM, `kv_cache_free_gpu_mem_fraction`); the default of both."""

KINDS = tuple(
    f"{chips}, {formats}" for chips in ("GPUs", "other chips") for formats in ("one format", "several formats")
)
"""Kinds of rows."""

TRIED_US = tuple(0.5 * number for number in range(1, 129))
"""Of a class's constant, where a chip is left out. [us]"""


@dataclass(frozen=True)
class Row:
    """One measured row, and what the model and the baselines say of the same work. Times of the whole batch. [s]"""

    data_set: str
    runtime: str
    chip: str
    model: str
    precision: str
    phase: str
    """`decode`, `decode batched`, `prefill`, `static` or `throughput`."""
    batch: int
    measured_s: float
    predicted_s: float
    overhead_s: float
    """Of the prediction, what stands between kernels where it grows with the constant of the runtime's class."""
    bytes_s: float
    """Baseline: bytes that must be read, at the nominal bandwidth."""
    roofline_s: float
    """Baseline: the larger of that and products at peak, by phase."""
    known: bool
    """Whether its runtime has rows of another chip."""

    @property
    def error(self) -> float:
        """Predicted over measured time, less one."""
        return self.predicted_s / self.measured_s - 1.0


@dataclass(frozen=True)
class Group:
    """Errors of some rows: medians of absolute ones, their 90th percentile, and the median with its sign."""

    name: str
    count: int
    median: float
    ninetieth: float
    bias: float
    spearman: float | None
    bytes_median: float
    roofline_median: float


@dataclass(frozen=True)
class Languages:
    """All rows and their groups."""

    rows: tuple[Row, ...]
    groups: dict[str, tuple[Group, ...]]
    """By phase, chip, runtime, precision, model; of each of `KINDS` by phase; `left out` by phase, each chip left out in turn."""
    left_out: tuple[tuple[str, int], ...]
    """Reason, and how many rows it keeps out."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data = asdict(self)
        for entry, row in zip(data["rows"], self.rows, strict=True):
            entry["error"] = row.error
        return data


def judged() -> list[str]:
    """Chips that have measured rows."""
    return sorted(
        {row[own["columns"].index("chip")] for own in read_data("llm_validation.yaml")["sets"] for row in own["rows"]}
    )


def validate_languages(chips: Sequence[str] = ()) -> Languages:
    """Compare every measured row of the bundled data. chips: only these, by short name."""
    data = read_data("llm_validation.yaml")
    reasons = dict(data["set_aside"])
    found: list[Row] = []
    entries = [(own, dict(zip(own["columns"], row, strict=True))) for own in data["sets"] for row in own["rows"]]
    entries = [(own, row) for own, row in entries if not chips or row["chip"] in chips]
    using: dict[str, set[str]] = {}
    for own, row in entries:
        using.setdefault(own["runtime"], set()).add(row["chip"])
    for own, row in each(entries, lambda entry: f"{entry[1]['chip']} {entry[1]['model']}"):
        try:
            made = _row(own, row, bool(using[own["runtime"]] - {row["chip"]}))
        except (InfeasibleError, ChipError) as error:
            made, reason = None, str(error).rpartition(": ")[2].split(", got")[0]
            reasons[reason] = reasons.get(reason, 0) + 1
        if made is not None:
            found.append(made)
    blind = [_blind(row, found) for row in found]
    by: dict[str, Callable[[Row], str]] = {
        "phase": lambda row: row.phase, "chip": lambda row: row.chip, "runtime": lambda row: row.runtime,
        "precision": lambda row: row.precision, "model": lambda row: row.model,
    }  # fmt: skip
    groups = {name: _groups(found, key) for name, key in by.items()}
    groups |= {kind: _groups([row for row in found if _kind(row) == kind], by["phase"]) for kind in KINDS}
    groups["left out"] = _groups(blind, _runtime_known)
    groups[f"left out, {KINDS[0]}"] = _groups([row for row in blind if _kind(row) == KINDS[0]], _runtime_known)
    listed = tuple(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))
    return Languages(tuple(found), groups, listed)


def _kind(row: Row) -> str:
    """Which of `KINDS` a row is of: by its chip, and whether all operands are in one number format."""
    return KINDS[2 * (not load_chip(row.chip).is_gpu) + (row.precision not in PRECISIONS)]


def _runtime_known(row: Row) -> str:
    return f"{row.phase}, {'known' if row.known else 'unknown'}"


def _blind(row: Row, rows: Sequence[Row]) -> Row:
    """A row predicted with the constant of its runtime's class fitted on the other chips."""
    runtime = known_runtimes()[row.runtime]
    if runtime.us_per_kernel is None or row.overhead_s == 0.0:
        return row
    others = [
        one
        for one in rows
        if one.chip != row.chip and one.overhead_s and known_runtimes()[one.runtime].kind == runtime.kind
    ]
    return _with(row, _fitted(others, runtime.us_per_kernel) / runtime.us_per_kernel)


def _fitted(rows: Sequence[Row], used_us: float) -> float:
    """The constant with the least median error over some rows; the one in use without rows. [us]"""
    if not rows:
        return used_us
    measured, predicted, overhead = np.array([(row.measured_s, row.predicted_s, row.overhead_s) for row in rows]).T
    errors = [
        float(np.median(np.abs((predicted + (value / used_us - 1.0) * overhead) / measured - 1.0)))
        for value in TRIED_US
    ]
    return TRIED_US[int(np.argmin(errors))]


def _with(row: Row, times: float) -> Row:
    """A row whose time between kernels is so many times as long."""
    return replace(row, predicted_s=row.predicted_s + (times - 1.0) * row.overhead_s, overhead_s=row.overhead_s * times)


def _groups(rows: Sequence[Row], key: Callable[[Row], str]) -> tuple[Group, ...]:
    names = sorted({key(row) for row in rows})
    return tuple(group_of(name, [row for row in rows if key(row) == name]) for name in names) + (
        (group_of("all", rows),) if len(names) > 1 else ()
    )


def group_of(name: str, rows: Sequence[Row]) -> Group:
    """The errors of some rows, at least one."""
    errors = [row.error for row in rows]
    sizes = sorted(map(abs, errors))

    def off(value: Callable[[Row], float]) -> float:
        return median(abs(value(row) / row.measured_s - 1.0) for row in rows)

    return Group(
        name, len(rows), median(sizes), sizes[math.ceil(0.9 * len(sizes)) - 1], median(errors),
        spearman([row.predicted_s for row in rows], [row.measured_s for row in rows]),
        off(lambda row: row.bytes_s), off(lambda row: row.roofline_s),
    )  # fmt: skip


# ---- one row -----------------------------------------------------------------------------------------------------------


def _row(own: Mapping[str, Any], row: Mapping[str, Any], known: bool) -> Row | None:
    """A row beside its prediction."""
    runtime, phase = known_runtimes()[own["runtime"]], row["phase"]
    runtime = replace(runtime, piece=own.get("piece", runtime.piece))
    prompt, output, batch = max(1, row["in"] or 1), row["out"] or 1, row["batch"]
    lengths = prompt, output, batch or 1
    asked = asked_of(row["model"], load_chip(row["chip"]), lengths, row["precision"], {}, runtime)
    if batch is None:
        asked = replace(asked, batch=_most(asked, runtime))
    work = _Work(asked)
    parts: list[tuple[float, tuple[str, int, int]]]
    if phase == "prefill":
        name, parts = phase, [(1.0, ("prefill", asked.batch, prompt))]
    elif phase == "decode":
        name = "decode" if asked.batch == 1 else "decode batched"
        parts = [(1.0, ("decode", asked.batch, (row["in"] or 0) + (row["out"] or 0) // 2))]
    else:
        name = "static" if batch else "throughput"
        together = asked.batch if batch else packed(asked)
        steps = "decode", asked.batch, prompt + output // 2
        parts = [(asked.batch / together, ("prefill", together, prompt)), (output - 1.0, steps)]
    spent = sum((times * work.of(*which) for times, which in parts if times), np.zeros(4))
    seconds, overhead_s, bytes_s, roofline_s = (float(value) for value in spent)
    measured = _measured(row, asked.batch)
    return Row(
        own["name"], own["runtime"], row["chip"], row["model"], row["precision"], name, asked.batch, measured, seconds,
        overhead_s, bytes_s, roofline_s, known,
    )  # fmt: skip


def _measured(row: Mapping[str, Any], batch: int) -> float:
    """Seconds of the whole batch: tokens of what is counted over the rate, or the time itself."""
    if row["tokens_per_s"] is None:
        return float(row["ms"]) / 1e3
    tokens = {"prefill": row["in"], "decode": 1, "e2e": row["out"], "e2e_total": (row["in"] or 0) + (row["out"] or 0)}
    return float(batch * tokens[row["phase"]] / row["tokens_per_s"])


def _most(asked: Question, runtime: Runtime) -> int:
    """Sequences that a server holds at once."""
    every, weights = asked.capacity_bytes or 0, asked.weights_bytes
    active = asked.activations * max(
        1.0, PACKED / asked.prompt
    )  # of the largest pass, set aside when an engine is built
    room = SERVED_SHARE * (every - weights - active) if runtime.takes_free else SERVED_SHARE * every - weights
    fits = int(room // asked.cache_bytes(asked.tokens))
    if fits < 1:
        raise InfeasibleError(
            f"{asked.chip.name}: dram.capacity_gib: weights and a cache do not fit the share of a server"
        )
    return min(fits, runtime.most or fits)


@dataclass(frozen=True)
class _Work:
    """Passes of a question."""

    asked: Question

    def of(self, phase: str, batch: int, tokens: int) -> Any:
        """Seconds, those between kernels, and of both baselines, of a pass; tokens: new ones, or in the cache."""
        asked = replace(self.asked, batch=batch)
        new, context = (tokens, 0) if phase == "prefill" else (1, tokens)
        key = (asked.model, sorted(asked.shapes.items()), chip_digest(asked.chip), asked.precision, batch, new, context)
        name = disk.name_of("languages", networks_digest(), repr(key), repr(asked.runtime))
        kept = disk.load(name)
        if kept is not None:
            return kept["seconds"]
        result = asked.run(phase, new, context)
        # Between kernels of single operations of few tokens there is no constant of a class.
        apart = phase == "decode" and bool(asked.runtime.alone) and asked.chip.is_gpu
        overhead_s = 0.0 if apart else result.waterfall["overhead_s"]
        seconds = np.array([result.latency_s, overhead_s, *self._bounds(asked, result, new, context)])
        disk.save(name, {"seconds": seconds})
        return seconds

    @staticmethod
    def _bounds(asked: Question, result: Result, new: int, context: int) -> tuple[float, float]:
        """Both baselines. [s]"""
        own = asked.decoder
        # Formats of parts differ: the mean over all weights. Else that of most of them; a head of its own is left out of it.
        width = asked.weights_bytes / own.parameters if asked.formats.parts else asked.formats.weights.width
        met = own.experts_met(own.dense_first, asked.batch * new) / own.active if own.experts else 1.0
        moved = own.active_parameters * min(met, own.parameters / own.active_parameters) * width
        moved += asked.batch * asked.cache_bytes(context)
        rate = asked.chip.dram_peak_bytes_per_s or asked.chip.host_bytes_per_s
        bytes_s = moved / rate if rate else 0.0
        return bytes_s, max(bytes_s, result.macs / (asked.chip.peak_tops(asked.precision) * 1e12 / 2))
