"""What sizing answers with: targets, designs with their figures, what binds, and what cannot be reached."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict

from simulator.result.form import Later
from simulator.store.shown import Shown


@dataclass(frozen=True)
class Targets:
    """What must be reached; None where it does not matter."""

    at_least_per_s: float | None = None
    """Throughput of the mix, in steady state [1/s]."""
    latency_s: float | None = None
    """Of a batch of every network [s]."""
    max_power_w: float | None = None
    """Average while it runs in steady state [W]."""
    max_cost_usd: float | None = None
    """Best estimate of the bill [USD]."""

    @property
    def of_speed(self) -> bool:
        """Whether a throughput or a latency is wanted; else the most throughput for a USD is."""
        return self.at_least_per_s is not None or self.latency_s is not None

    def given(self) -> dict[str, float]:
        """Those that matter."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Limits(TypedDict, total=False):
    """`Targets` as keyword arguments."""

    at_least_per_s: float | None
    latency_s: float | None
    max_power_w: float | None
    max_cost_usd: float | None


FIGURES = {
    "at_least_per_s": "throughput_per_s",
    "latency_s": "latency_s",
    "max_power_w": "power_w",
    "max_cost_usd": "bill_usd",
}
"""Target -> the figure of a design that it limits."""


@dataclass(frozen=True)
class Served:
    """One network on one design."""

    network: str
    share: float
    """Of the inferences. [-]"""
    throughput_per_s: float
    """With the chip to itself."""
    latency_s: float
    power_w: float | None
    bound_by: Later[str] = Later()  # noqa: RUF009 (a descriptor)


@dataclass(frozen=True)
class Design:
    """One chip with its figures for the mix."""

    chip: str
    bundled: bool
    """Whether it is a bundled chip as it stands."""
    settings: Mapping[str, Any]
    """What it has otherwise than the base chip, as `--set` takes it."""
    summary: str
    """Its four resources in words."""
    throughput_per_s: float
    latency_s: float
    power_w: float | None
    bill_usd: float
    peak_tops: float
    served: tuple[Served, ...]

    def misses(self, targets: Targets) -> dict[str, float]:
        """Targets that are missed -> by which share of the target; 1 for a power that is not known. [-]"""
        found = {}
        for name, limit in targets.given().items():
            value = getattr(self, FIGURES[name])
            if value is None:
                found[name] = 1.0
                continue
            short_by = 1 - value / limit if name == "at_least_per_s" else value / limit - 1
            if short_by > 0.0:
                found[name] = short_by
        return found


@dataclass(frozen=True)
class Neighbour:
    """The winner with one value of one key less."""

    key: str
    """`memory` for DRAM part and devices together."""
    was: Any
    value: Any
    """None where the space has no less."""
    design: Design | None
    """None where it cannot run or cannot be made."""
    misses: Mapping[str, float]


@dataclass(frozen=True)
class Best:
    """What could be had of one target that makes the rest impossible."""

    target: str
    limit: float
    reached: float | None
    """The best value with which the other targets can be met too; None where they cannot be met at all."""
    design: Design | None


@dataclass(frozen=True, repr=False)
class Sizing(Shown):
    """The answer."""

    networks: tuple[tuple[str, float], ...]
    """(network, share of the inferences)."""
    batch: int
    precision: str
    targets: Targets
    base: str
    changes: tuple[str, ...]
    axes: Mapping[str, tuple[Any, ...]]
    designs: int
    bundled: int
    """Bundled chips looked at."""
    tested: int
    """Designs that were run."""
    winner: Design | None
    runners_up: tuple[Design, ...]
    neighbours: tuple[Neighbour, ...]
    """What binds: one step less than the winner on each axis."""
    failing: tuple[Best, ...] = field(default=())
    """With no winner: each target that could be met if it were as given here."""
    alone: tuple[Best, ...] = field(default=())
    """Where several of these are out of reach at once: what the space reaches of each target if no other counts."""

    @property
    def answers(self) -> tuple[Design, ...]:
        """The winner and the runners-up; none where nothing reaches the targets."""
        return () if self.winner is None else (self.winner, *self.runners_up)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)
