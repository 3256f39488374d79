"""The area model in use against everything published: whole dies, blocks, and the NVDLA sizings."""

from dataclasses import asdict, dataclass
from typing import Any

from simulator.cost.bill import Z
from simulator.cost.book import cost_book, fit
from simulator.cost.calibration import Comparison, blocks, chips, comparisons, ip_fit, left_out, predicted


@dataclass(frozen=True)
class Block:
    """A part of a die, or a sizing of a block of IP, whose area is published."""

    name: str
    nm: int
    published_mm2: float
    predicted_mm2: float

    @property
    def error(self) -> float:
        """Predicted over published, less one [-]."""
        return self.predicted_mm2 / self.published_mm2 - 1.0


@dataclass(frozen=True)
class Validation:
    """Predicted and published areas."""

    chips: tuple[Comparison, ...]
    blocks: tuple[Block, ...]
    nvdla: tuple[Block, ...]

    @property
    def mean_error(self) -> float:
        """Mean of |error| over the calibration chips, all of them in the fit [-]."""
        return sum(abs(row.error) for row in self.chips) / len(self.chips)

    @property
    def mean_error_left_out(self) -> float:
        """Mean of |error|, each chip left out of the fit that predicts it [-]."""
        return sum(abs(row.error_left_out) for row in self.chips) / len(self.chips)

    @property
    def worst_error_left_out(self) -> float:
        """Largest |error| of a chip left out [-]."""
        return max(abs(row.error_left_out) for row in self.chips)

    @property
    def inside(self) -> int:
        """Chips whose published area lies in the band around the prediction without them."""
        return sum(row.inside for row in self.chips)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "mean_error": self.mean_error,
            "mean_error_left_out": self.mean_error_left_out,
            "worst_error_left_out": self.worst_error_left_out,
            "inside_band": self.inside,
            "chips": [
                {**asdict(row), "error": row.error, "error_left_out": row.error_left_out, "inside": row.inside}
                for row in self.chips
            ],
            "blocks": [{**asdict(row), "error": row.error} for row in self.blocks],
            "nvdla": [{**asdict(row), "error": row.error} for row in self.nvdla],
        }


def against_published() -> Validation:
    """Compare; the fits without one chip each begin at the coefficients in use and take half a second."""
    members, full = chips(), fit()
    rows = comparisons(members, full, left_out(members, full, starts=1), Z)
    parts = [Block(b.name, int(b.node.nm), b.mm2, predicted(b, full)) for b in blocks()]
    return Validation(tuple(rows), tuple(parts), tuple(_nvdla()))


def _nvdla() -> list[Block]:
    """The sizings at both nodes."""
    out = []
    for nm, column in ((28, 2), (16, 3)):
        _, errors = ip_fit(column)
        for row, error in zip(cost_book()["calibration"]["nvdla"]["rows"], errors, strict=True):
            out.append(Block(f"NVDLA {row[0]} MACs, {row[1]} KiB", nm, row[column], row[column] * (1.0 + error)))
    return out
