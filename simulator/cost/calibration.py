"""The area model against published dies: prediction, fit, leave-one-out, and the fit of the NVDLA sizings.

The fit minimises the squares of ln(predicted / published) over the calibration chips and blocks, with wide priors, in
coordinates where every coefficient is free: logarithms, and -ln(1 - share) for the shares.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.cost import area
from simulator.cost.book import Fit, Interface, Node, cost_book, fit, interfaces, mac_weight, node, reticle_mm2
from simulator.units import MIB

Floats = NDArray[np.float64]

NAMES = tuple(Fit.__dataclass_fields__)
"""Coefficients in the order of a vector."""

CROWDED = 0.8
"""Share of the reticle limit above which the error of a prediction says little: the limit bounds it."""

_STEP = 1e-6  # of numerical derivatives: a thousand times the rounding error of the model
_SHARES = ("share",)
_PLAIN = ("density_exponent",)  # may be zero, so its logarithm may not be taken


@dataclass(frozen=True)
class Published:
    """A chip or a block whose area is published."""

    name: str
    node: Node
    mm2: float
    """Published area [mm2]."""
    macs: float = 0.0
    rate: Mapping[str, float] | None = None
    sram_mib: float = 0.0
    io: Mapping[str, int] | None = None
    extra_mm2: float = 0.0
    block: bool = False
    """A block has no share of interconnect and control."""


@dataclass(frozen=True)
class Counted:
    """Area of what the model counts [mm2]."""

    macs: float
    sram: float
    interfaces: float


@dataclass(frozen=True)
class Comparison:
    """Predicted and published area of one chip."""

    name: str
    published_mm2: float
    predicted_mm2: float
    left_out_mm2: float
    """Predicted by the fit without this chip."""
    low_mm2: float
    """Lower end of the band around `left_out_mm2`, from the errors of the other chips."""
    high_mm2: float

    @property
    def error(self) -> float:
        """Predicted over published, less one [-]."""
        return self.predicted_mm2 / self.published_mm2 - 1.0

    @property
    def error_left_out(self) -> float:
        """The same with the chip left out of the fit [-]."""
        return self.left_out_mm2 / self.published_mm2 - 1.0

    @property
    def inside(self) -> bool:
        """Whether the band holds the published area."""
        return self.low_mm2 <= self.published_mm2 <= self.high_mm2


def chips() -> list[Published]:
    """Return the calibration chips."""
    return [_published(name, entry, False) for name, entry in cost_book()["calibration"]["chips"].items()]


def blocks() -> list[Published]:
    """Return the blocks whose own area is published."""
    return [_published(name, entry, True) for name, entry in cost_book()["calibration"]["blocks"].items()]


def _published(name: str, entry: Mapping[str, Any], block: bool) -> Published:
    """Turn an entry of the data file into a record."""
    keys = ("mm2", "macs", "rate", "sram_mib", "io", "extra_mm2")
    given = {key: entry[key] for key in keys if key in entry}
    return Published(name=name, node=node(entry["nm"], name), block=block, **given)


def counted(chip: Published, coefficients: Fit) -> Counted:
    """Area of MACs, SRAM and interfaces of a published chip [mm2]."""
    scale = area.logic_scale(chip.node.logic_mtr_mm2, coefficients.density_exponent)
    macs = 0.0
    if chip.rate:
        weights = {precision: mac_weight(precision, coefficients) for precision in chip.rate}
        macs = area.mac_mm2(
            chip.macs,
            area.unit_weight(chip.rate, weights, cost_book()["mode_overhead"]["value"]),
            coefficients.mac_um2,
            scale,
        )
    sram = area.sram_mm2(chip.sram_mib * MIB, chip.node.bitcell_um2, coefficients.sram_efficiency)
    links = [(interfaces()[name], count) for name, count in (chip.io or {}).items()]
    return Counted(macs, sram, interface_total(links, scale, coefficients))


def interface_total(links: Sequence[tuple[Interface, float]], scale: Any, coefficients: Fit) -> Any:
    """Area of several interfaces [mm2], at a node whose logic scale is `scale`."""
    scale_7nm = area.logic_scale(cost_book()["ctrl_density_mtr_mm2"], coefficients.density_exponent)
    return sum((n * area.interface_mm2(i.analog_mm2, i.ctrl_mtr, scale, scale_7nm) for i, n in links), 0.0)


def predicted(chip: Published, coefficients: Fit) -> float:
    """Predicted area of a published chip or block [mm2]."""
    parts = counted(chip, coefficients)
    total = parts.macs + parts.sram + parts.interfaces
    return float(total if chip.block else area.die_mm2(total, coefficients.share, reticle_mm2()) + chip.extra_mm2)


def vector(coefficients: Fit) -> Floats:
    """Coefficients as free coordinates."""
    values = asdict(coefficients)
    return np.array([_free(name, values[name]) for name in NAMES])


def from_vector(x: Floats) -> Fit:
    """Coefficients from free coordinates."""
    return Fit(**{name: _bound(name, float(v)) for name, v in zip(NAMES, x, strict=True)})


def _free(name: str, value: float) -> float:
    if name in _PLAIN:
        return value
    return float(-np.log(1.0 - value)) if name in _SHARES else float(np.log(value))


def _bound(name: str, value: float) -> float:
    if name in _PLAIN:
        return value
    return float(1.0 - np.exp(-value)) if name in _SHARES else float(np.exp(value))


def prior() -> Fit:
    """Centre of the priors."""
    return Fit(**{name: cost_book()["calibration"]["priors"][name] for name in NAMES})


def fitted(
    members: Sequence[Published],
    start: Fit | None = None,
    *,
    free: Sequence[str] = NAMES,
    starts: int = 3,
) -> Fit:
    """Fit the coefficients named in `free` on `members` and the blocks; the others stay as in `start`.

    `starts` tries further beginnings beside `start` (default: the centre of the priors) and keeps the best, since the
    widest mode of a unit makes the sum of squares kinked.
    """
    begin = vector(start or prior())
    at = [NAMES.index(name) for name in free]
    priors = cost_book()["calibration"]["priors"]
    centre, pull = vector(prior()), priors["weight"] / priors["sd"]
    anchors, weight = blocks(), cost_book()["calibration"]["anchor_weight"]

    def residuals(part: Floats) -> Floats:
        x = begin.copy()
        x[at] = part
        now = from_vector(x)
        logs = [np.log(predicted(chip, now) / chip.mm2) for chip in members]
        logs += [weight * np.log(predicted(block, now) / block.mm2) for block in anchors]
        return np.array([*logs, *(pull * (part - centre[at]))])

    # A lighter float MAC with denser logic, or heavier INT8 MACs: the two other valleys that were ever seen.
    shifts = (np.zeros(5), np.array([0, -0.4, -0.1, 0, 0]), np.array([0.1, 0.1, -0.2, -0.1, 0]))
    tried = [least_squares(residuals, (begin + shift)[at]) for shift in shifts[:starts]]
    best = min(tried, key=lambda x: float(residuals(x) @ residuals(x)))
    x = begin.copy()
    x[at] = best
    return from_vector(x)


def least_squares(residuals: Callable[[Floats], Floats], start: Floats, most_steps: int = 200) -> Floats:
    """Return the minimum of a sum of squares near `start` (Levenberg and Marquardt, numerical derivatives)."""
    x, r = start, residuals(start)
    total, damping = float(r @ r), 1e-3
    for _ in range(most_steps):
        slopes = np.array([(residuals(x + _STEP * unit) - r) / _STEP for unit in np.eye(len(x))]).T
        normal = slopes.T @ slopes
        move = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), -slopes.T @ r)
        tried = residuals(x + move)
        if (now := float(tried @ tried)) < total:
            gain, x, r, total = total - now, x + move, tried, now
            damping = max(damping / 5.0, 1e-12)
            if gain < 1e-13 * total:
                break
        elif (damping := damping * 5.0) > 1e12:
            break
    return x


def left_out(members: Sequence[Published], start: Fit | None = None, **how: Any) -> list[Fit]:
    """Fit once for each chip, without it."""
    return [fitted([m for m in members if m is not chip], start, **how) for chip in members]


def jackknife_se(fits: Sequence[Fit]) -> Fit:
    """Return the standard error of every coefficient from leave-one-out fits."""
    table = np.array([astuple(one) for one in fits])
    n = len(table)
    se = np.sqrt((n - 1) / n * np.square(table - table.mean(axis=0)).sum(axis=0))
    return Fit(*(float(v) for v in se))


def comparisons(members: Sequence[Published], full: Fit, folds: Sequence[Fit], z: float) -> list[Comparison]:
    """Compare every chip with its published area; `z` standard deviations make the band.

    The band around a chip left out comes from the left-out errors of the other chips alone, and of dies well below the reticle
    limit: near it, the limit itself says most of the area.
    """
    out_mm2 = np.array([predicted(chip, one) for chip, one in zip(members, folds, strict=True)])
    logs = np.log(out_mm2 / np.array([chip.mm2 for chip in members]))
    free = np.array([_is_free(chip.mm2) for chip in members])
    rows = []
    for at, chip in enumerate(members):
        others = np.delete(logs, at)[np.delete(free, at)]
        band = float(np.exp(z * np.sqrt(np.mean(np.square(others)))))
        mm2 = float(out_mm2[at])
        rows.append(Comparison(chip.name, chip.mm2, predicted(chip, full), mm2, mm2 / band, mm2 * band))
    return rows


def log_rms(rows: Sequence[Comparison]) -> float:
    """Root mean square of ln(left out / published) over the dies well below the reticle limit [-]."""
    free = [row for row in rows if _is_free(row.published_mm2)]
    return float(np.sqrt(np.mean([np.log(row.left_out_mm2 / row.published_mm2) ** 2 for row in free])))


def _is_free(mm2: float) -> bool:
    """Whether a die is well below the reticle limit."""
    return mm2 < CROWDED * reticle_mm2()


def rounded(one: Fit) -> Fit:
    """Coefficients as the data file holds them: four digits."""
    return Fit(*(float(f"{value:.4g}") for value in astuple(one)))


def ip_fit(column: int) -> tuple[tuple[float, float, float], list[float]]:
    """Fit the NVDLA areas at 28 nm (`column` 2) or 16 nm (3).

    Returns (fixed mm2, um2 for each MAC, mm2 for each MiB) and the relative error of each sizing.
    """
    rows = cost_book()["calibration"]["nvdla"]["rows"]
    form = np.array([[1.0, row[0] * 1e-6, row[1] / 1024.0] for row in rows])
    mm2 = np.array([row[column] for row in rows])
    solution = np.linalg.lstsq(form / mm2[:, None], np.ones(len(rows)), rcond=None)[0]
    fixed, per_mac, per_mib = (float(value) for value in solution)
    return (fixed, per_mac, per_mib), [float(e) for e in form @ solution / mm2 - 1.0]


def current() -> Fit:
    """The coefficients in use."""
    return fit()
