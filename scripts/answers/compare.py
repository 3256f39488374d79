"""Two answers to one question: equal within rounding, a tie of two schedules, or a fault.

A tie is where two schedules take the same time within rounding: either may win, so traffic, tilings and the split of the time
may differ, while times, rates and all that does not depend on the choice agree.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

RELATIVE = 1e-12
ABSOLUTE = 1e-15
"""For numbers near zero, which are differences of larger ones."""
SUMS = 1e-9
"""Relative: how far parts may be from the total that they belong to."""

MISSING = "(missing)"

CHOICES = frozenset(
    {
        "dram_bytes", "load_s", "load_bytes", "sram_bytes", "bound_by", "lower_bound_s", "waterfall", "waterfall_period",
        "energy", "power_w", "throughput_per_w", "energy_per_inference_j", "notes",
    }
)  # fmt: skip
"""Keys of a result, and columns of a sweep, that depend on which of two equally fast schedules won."""

LAYER_CHOICES = frozenset(
    {"cycles", "latency_s", "utilisation", "dram_bytes", "sram_bytes", "bound_by", "tiling", "waterfall"}
)

OF_LAYERS = frozenset({"dram_bytes", "sram_bytes", "lower_bound_s", "waterfall", "layers"})
"""Keys that follow from how the layers of the result run."""

OTHER_SCHEDULE = frozenset({"cycles", "latency_s", "dram_bytes", "tiling"})
"""Keys of a layer of which one at least differs where another schedule won."""

Path = tuple[str, ...]


class Difference(NamedTuple):
    """One place where two answers differ. row: of a sweep, else -1."""

    key: str
    old: Any
    new: Any
    row: int = -1


@dataclass
class Verdict:
    """What the comparison of two answers found."""

    numbers: int = 0
    bits: int = 0
    """Numbers equal to the last bit."""
    near: int = 0
    """Numbers that are not, but equal within rounding."""
    points: int = 0
    """Rows of a sweep."""
    ties: int = 0
    """One for a tied result; of a sweep, its tied rows."""
    tied: list[Difference] = field(default_factory=list)
    faults: list[Difference] = field(default_factory=list)
    added: set[str] = field(default_factory=set)
    """Keys of results that only the newer version has: told, and no difference."""


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Verdict:
    """Compare two answers as the worker gives them: `result`, `table` or `error`."""
    verdict = Verdict()
    kinds = [next(iter(answer)) for answer in (old, new)]
    if kinds[0] != kinds[1]:
        verdict.faults.append(Difference("answer", _told(old), _told(new)))
    elif kinds[0] == "result":
        _results(old["result"], new["result"], verdict)
    elif kinds[0] == "table":
        _tables(old["table"], new["table"], verdict)
    else:
        for key, one, other in zip(("error", "text"), old["error"], new["error"], strict=True):
            if one != other:
                verdict.faults.append(Difference(key, one, other))
    return verdict


def _told(answer: Mapping[str, Any]) -> str:
    """An answer in a few words."""
    if "error" in answer:
        return ": ".join(answer["error"])
    if "table" in answer:
        return f"a table of {_rows(answer['table'])} points"
    return f"a result, latency {answer['result'].get('latency_s')} s"


def _results(old: Mapping[str, Any], new: Mapping[str, Any], verdict: Verdict) -> None:
    found: list[tuple[Path, Any, Any]] = []
    verdict.added |= new.keys() - old.keys()
    _walk(old, {key: value for key, value in new.items() if key in old}, (), (total_s(old), old), verdict, found)
    paths = [path for path, _, _ in found]
    differences = [Difference(".".join(path), one, other) for path, one, other in found]
    if differences and all(_is_choice(*each) for each in found) and _has_cause(paths):
        verdict.ties, verdict.tied = 1, differences
        verdict.faults += _unequal_sums(new)
    else:
        verdict.faults += differences


def total_s(result: Mapping[str, Any]) -> float:
    """The time that all times of a result are parts or differences of. [s]"""
    rate = result.get("throughput_per_s") or math.inf
    return max(float(result.get("latency_s", 0.0)), float(result.get("batch", 1)) / rate)


def _is_choice(path: Path, old: Any, new: Any) -> bool:
    """Whether a difference may come from another schedule. Words of a tiling come and go, no other key does."""
    if path[0] == "layers":
        choice = len(path) > 2 and path[2] in LAYER_CHOICES
        return choice and (MISSING not in (old, new) or (len(path) > 3 and path[2] == "tiling"))
    return path[0] in CHOICES and MISSING not in (old, new)


def _has_cause(paths: Sequence[Path]) -> bool:
    """Whether what differs about the layers can come from another schedule: one that is seen, or a roof that is as large."""
    about = [path for path in paths if path[0] in OF_LAYERS and path[-1] != "bound_by"]
    return not about or any(path[0] == "layers" and path[2] in OTHER_SCHEDULE for path in about)


def _unequal_sums(result: Mapping[str, Any]) -> Iterator[Difference]:
    """Where a tie's own parts do not add up, something else than the choice of a schedule is wrong."""
    period_s, latency_s = result["batch"] / result["throughput_per_s"], result["latency_s"]
    layers_s = math.fsum(layer["latency_s"] for layer in result["layers"])
    for key, parts_s, whole_s in (
        ("sum of waterfall", math.fsum(result["waterfall"].values()), latency_s),
        ("sum of waterfall_period", math.fsum(result["waterfall_period"].values()), period_s),
        ("sum of layers", layers_s, latency_s),
    ):
        if not math.isclose(parts_s, whole_s, rel_tol=SUMS):
            yield Difference(key, whole_s, parts_s)


Within = tuple[float, Mapping[str, Any]]
"""The total time of a result, and the record that a value stands in."""


def _walk(old: Any, new: Any, path: Path, within: Within, verdict: Verdict, found: list[tuple[Path, Any, Any]]) -> None:
    """Compare two values with all that is below them; places that differ go to `found`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            one, other = old.get(key, MISSING), new.get(key, MISSING)
            _walk(one, other, (*path, str(key)), (within[0], old), verdict, found)
    elif _is_list(old) and _is_list(new):
        if len(old) != len(new):
            found.append((path, f"{len(old)} entries", f"{len(new)} entries"))
            return
        for at, (one, other) in enumerate(zip(old, new, strict=True)):
            name = f"{at} {one['name']}" if isinstance(one, Mapping) and "name" in one else str(at)
            _walk(one, other, (*path, name), within, verdict, found)
    elif not _same(old, new, _slack(path, old, within), verdict):
        found.append((path, old, new))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _slack(path: Path, old: Any, within: Within) -> float:
    """Size of the numbers that a number was made from, where that is more than its own: times are differences of times."""
    total, record = within
    if path[0] == "gain_if_infinite" or (path[0] != "cost" and path[-1].endswith("_s") and "_per_s" not in path[-1]):
        return total
    if path[0] == "layers" and path[-1] == "utilisation" and record.get("latency_s") and _is_number(old):
        return abs(old) * total / float(record["latency_s"])  # the share of a time that is itself a difference
    return 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(old: Any, new: Any, size: float, verdict: Verdict) -> bool:
    """Compare two values that have nothing below them, and count them. Whole numbers must be equal."""
    if not (_is_number(old) and _is_number(new)):
        return bool(type(old) is type(new) and old == new)
    verdict.numbers += 1
    if type(old) is type(new) and (old == new if isinstance(old, int) else _bits(old) == _bits(new)):
        verdict.bits += 1
        return True
    if math.isnan(old) or math.isnan(new):
        same = math.isnan(old) and math.isnan(new)
    elif old == new:  # 1 and 1.0, 0.0 and -0.0
        same = True
    elif (isinstance(old, int) and isinstance(new, int)) or math.isinf(old) or math.isinf(new):
        same = False
    else:
        same = abs(old - new) <= max(ABSOLUTE, RELATIVE * max(abs(old), abs(new), size))
    verdict.near += same
    return same


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


def _rows(table: Mapping[str, Sequence[Any]]) -> int:
    return max((len(column) for column in table.values()), default=0)


def _tables(old: Mapping[str, Sequence[Any]], new: Mapping[str, Sequence[Any]], verdict: Verdict) -> None:
    """Compare sweeps: columns first, then row by row."""
    verdict.points = _rows(old)
    if list(old) != list(new) or _rows(old) != _rows(new):
        for key, one, other in (("columns", list(old), list(new)), ("rows", _rows(old), _rows(new))):
            if one != other:
                verdict.faults.append(Difference(key, one, other))
        return
    by_row: dict[int, list[Difference]] = {}
    for key, column in old.items():
        for row, (one, other) in enumerate(zip(column, new[key], strict=True)):
            if not _same(one, other, 0.0, verdict):
                by_row.setdefault(row, []).append(Difference(key, one, other, row))
    for row in sorted(by_row):
        if old["status"][row] in ("ok", "no cost") and all(each.key in CHOICES for each in by_row[row]):
            verdict.ties += 1
            verdict.tied += by_row[row]
        else:
            verdict.faults += by_row[row]


def row_in_words(question: Mapping[str, Any], table: Mapping[str, Sequence[Any]], row: int) -> str:
    """The values that a point of a sweep has."""
    return ", ".join(f"{key}={table[key][row]}" for key in question["vary"] if key in table)
