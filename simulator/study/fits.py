"""The constants that were fitted, on the rows they were fitted on: residuals, and what other values would give."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from statistics import median
from typing import Any

from simulator.chip.library import Entry, bundled_entries
from simulator.chip.published import Row
from simulator.errors import ModelError
from simulator.store import bundled
from simulator.store.bundled import networks
from simulator.store.digest import networks_digest
from simulator.store.plain import kept
from simulator.study.validation import Point, counters, point_of, with_errors
from simulator.study.validation_data import book


@dataclass(frozen=True)
class Tried:
    """What one value of a constant gives on its rows."""

    value: float
    median: float
    """Median of the absolute errors."""
    bias: float
    """Median of the signed errors: above zero, predictions are too high."""
    worst: float
    """Largest error, with its sign."""


@dataclass(frozen=True)
class Without:
    """The rows of one chip, with a constant fitted on those of the others."""

    chip: str
    count: int
    """Rows of the chip."""
    own: float
    """Median of their absolute errors at the value of the model."""
    value: float | None
    """The best value on the other chips, each of which counts the same; None where no other one shows it."""
    median: float | None
    """Median of the absolute errors of the chip at that value."""


@dataclass(frozen=True)
class Fit:
    """One constant of the model."""

    name: str
    value: float
    fitted_on: str
    points: tuple[Point, ...]
    """Its rows at its value; none where it was not fitted on rows of the library."""
    tried: tuple[Tried, ...]
    """Values around it, itself included, rising."""
    of: str | None = None
    """The constant of `simulator/units.py`, or the energy of GPUs, that has the value."""
    left_out: tuple[Without, ...] = ()
    """Each chip left out in turn; none where the rows are of one chip."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return with_errors(asdict(self), self.points)


@cache
def all_fits() -> tuple[Fit, ...]:
    """Every constant on the page of the validation, in its order; kept on disk, for they take half a minute."""
    chips = sorted({entry["fit"]["chip"] for entry in book()["constants"] if entry.get("fit")})
    texts = [bundled.places()[chip][0].read_text(encoding="utf-8") for chip in chips]
    source = [*texts, networks_digest()]
    return tuple(map(of_plain, kept("fits", source, lambda: [asdict(fit) for fit in _fits()])))


def of_plain(data: dict[str, Any]) -> Fit:
    """The fit that was made plain data."""
    points, tried = (Point(**row) for row in data["points"]), (Tried(**row) for row in data["tried"])
    left_out = (Without(**row) for row in data["left_out"])
    return Fit(**data | {"points": tuple(points), "tried": tuple(tried), "left_out": tuple(left_out)})


def _fits() -> tuple[Fit, ...]:
    """Every constant, with its rows simulated anew."""
    found = []
    for entry in book()["constants"]:
        fit = entry.get("fit")
        tried = {} if fit is None else {float(v): _rows(fit, setting) for v, setting in sorted(fit["tried"].items())}
        value = float(entry["value"])
        found.append(
            Fit(
                str(entry["name"]), value, str(entry["fitted_on"]), tried.get(value, ()),
                tuple(tried_at(at, [point.error for point in points]) for at, points in tried.items()), entry.get("of"),
            )
        )  # fmt: skip
    return tuple(found)


def _rows(fit: dict[str, Any], setting: Any) -> tuple[Point, ...]:
    """The rows of one fit with one key of the chip file set: results of one mode, or the chip's counters."""
    chip: Entry = bundled_entries()[fit["chip"]]
    settings = {**fit.get("beside", {}), fit["key"]: setting}
    if "mode" not in fit:
        return tuple(point for point in counters(chip, settings) if point.quantity in fit["figures"])
    rows = (row for row in chip.published.results if row.mode == fit["mode"] and _comparable(row))
    return tuple(point_of(chip, row, "fitted", settings) for row in rows)


def _comparable(row: Row) -> bool:
    """Whether a result may be compared at all."""
    return row.not_modelled is None and row.network in networks()


def tried_at(value: float, errors: Sequence[float]) -> Tried:
    """What one value gives on all rows, by their errors. Raises ModelError where there are none."""
    if not errors:
        raise ModelError("validation: a fit without rows")
    return Tried(value, median(map(abs, errors)), median(errors), max(errors, key=abs))
