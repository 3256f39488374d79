"""Chips of a comparison in one order: by throughput for what is paid, or by throughput alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.chip.library import Entry, bundled_entries, entry, told_apart
from simulator.errors import OptionError, nearest
from simulator.graph.build import Graph
from simulator.graph.load import asked_network, load_network
from simulator.graph.own import Precision, precision_of
from simulator.store.calls import public
from simulator.store.shown import Shown
from simulator.study.alike import Question
from simulator.study.compare import Comparison, Figure, Line, compare_entries

BY = {
    "usd": ("bill_usd", "throughput per USD of the bill"),
    "list-usd": ("price_usd", "throughput per USD of list price"),
    "w": ("power_w", "throughput per watt"),
    "tdp": ("tdp_w", "throughput per watt of TDP"),
    "mm2": ("area_mm2", "throughput per mm2 of die"),
    "tops": ("peak_tops", "throughput per TOPS of peak"),
    "dram": ("dram_devices", "throughput per DRAM"),
    "sram": ("sram_mb", "throughput per MB of SRAM"),
    "throughput": (None, "throughput"),
}
"""Word of `--by` -> what the throughput is divided by (None: nothing), and the order in words."""


@dataclass(frozen=True)
class Ranked:
    """One chip with the figure that it is ranked by."""

    line: Line
    figure: Figure
    value: float


@dataclass(frozen=True, repr=False)
class Ranking(Shown):
    """Chips in one order, the best first."""

    by: str
    found: Comparison
    """What is ranked, with everything that is published or simulated beside it."""
    rows: tuple[Ranked, ...]
    unranked: tuple[str, ...]
    """Chips that have a throughput, but nothing known to divide it by."""
    above: tuple[str, ...] = ()
    """Chips beyond a limit, or not known to be within it."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """The most that a chip may have, by names of LIMITS."""
    instead_of: str | None = None
    """The word of the order by which no chip could be ranked, where this one stands in its place."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        rows = [{"place": at, "chip": row.line.chip, "value": row.value} for at, row in enumerate(self.rows, 1)]
        lists = {"unranked": list(self.unranked), "above": list(self.above), "limits": dict(self.limits)}
        return {"by": self.by, "rows": rows, **lists}

    @property
    def mine(self) -> tuple[tuple[int, Ranked], ...]:
        """(place from 1, row) of the chips from files of the user's."""
        return tuple((at, row) for at, row in enumerate(self.rows, 1) if row.line.mine)


def ranking_of(
    found: Comparison,
    by: str,
    limits: Mapping[str, float] | None = None,
    orders: Mapping[str, tuple[str | None, str]] = BY,
) -> Ranking:
    """The chips of a comparison ranked by a word of `orders`.

    limits: the most of what LIMITS names; unknown is above.

    A chip counts with the figure that the model has for it at the batch asked for, or at the large one; a chip that is not
    described counts with what is published about it.
    """
    below, _ = orders[by]
    limits = limits or {}
    rows: list[Ranked] = []
    unranked: list[str] = []
    above: list[str] = []
    for line in found.lines:
        if line.untried:
            (above if _above_alone(line, limits) else unranked).append(line.chip)
            continue
        figure = figure_of(line, found.batch)
        if figure is None:
            continue
        if _above({name: line.known(figure, name) for name in limits}, limits):
            above.append(line.chip)
            continue
        value = figure.throughput_per_s if below is None else line.per(figure, below)
        if value is None:
            unranked.append(line.chip)
        else:
            rows.append(Ranked(line, figure, value))
    rows.sort(key=lambda row: (-row.value, row.line.chip))
    return Ranking(by, found, tuple(rows), tuple(unranked), tuple(above), limits)


def any_order(order: Ranking) -> Ranking:
    """The same chips by list price or by throughput, whichever ranks more of them, where the order of a ranking ranks none."""
    if order.rows or not order.unranked:
        return order
    others = [ranking_of(order.found, by, order.limits) for by in ("list-usd", "throughput")]
    best = max(others, key=lambda other: len(other.rows))
    return replace(best, instead_of=order.by) if best.rows else order


def _above(known: Mapping[str, float | None], limits: Mapping[str, float]) -> bool:
    """Whether a chip is beyond a limit, or not known to be within it. known: its figures, by names of limits."""
    return any(value is None or value > limits[name] * SAME for name, value in known.items())


def _above_alone(line: Line, limits: Mapping[str, float]) -> bool:
    """The same by what is known of a chip before it runs."""
    return _above({name: getattr(line, name) for name in limits if name in KNOWN}, limits)


def may_rank(
    line: Line, by: str, limits: Mapping[str, float] | None = None, orders: Mapping[str, tuple[str | None, str]] = BY
) -> bool:
    """Whether a chip can have a place, by what is known of it before it runs: its prices, its design power, its sizes.

    In the first order of `orders`, which is the usual one, a chip that lacks only what is divided by runs all the same: it
    stands in the other tables.
    """
    below, _ = orders[by]
    lacks = below in KNOWN and by != next(iter(orders)) and not getattr(line, below)
    return not lacks and not _above_alone(line, limits or {})


def rank_chips(
    entries: Iterable[Entry],
    question: Question,
    by: str,
    limits: Mapping[str, float] | None = None,
    *,
    run: bool = True,
    tell: Callable[[str], None] = lambda _: None,
    graph: Graph | None = None,
) -> Ranking:
    """`compare`, then `ranking`: chips that what is known of them leaves out are not run."""
    found = compare_entries(entries, question, run, tell, graph, lambda line: may_rank(line, by, limits))
    return ranking_of(found, by, limits)


def figure_of(line: Line, batch: int | None) -> Figure | None:
    """The figure that a chip counts with."""
    if line.asked is not None:
        return line.asked
    name = "batch_1" if batch == 1 else "batch_10"
    return line.simulated[name] or line.published[name]


def check_by(by: str) -> None:
    """Refuse what nothing is ranked by. Raises OptionError."""
    if by not in BY:
        raise OptionError(f"must be one of {', '.join(BY)}, got {by!r}{nearest(by, BY)}", key="by")


@public
def compare_chips(
    network: str,
    chips: Sequence[str] | None = None,
    *,
    by: str = "usd",
    batch: int | None = None,
    precision: Precision | None = None,
    params: Mapping[str, Any] | None = None,
    limits: Mapping[str, float] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Ranking:
    """Chips on one network, the best first.

    Parameters
    ----------
    network, params, precision
        As in `load_network` and `simulate`. A chip without the precision runs at its own first one.
    chips
        Names or paths of chip files; all bundled ones if left out. Those from files are `mine`.
    by
        A word of BY: throughput per `usd` of the bill, `list-usd`, `w`, `tdp`, `mm2`, `tops`, `dram`, `sram`, or `throughput`.
    batch
        To rank at; left out, that of the published figure beside it, or 10 (GPUs 128).
    limits
        Most `power_w`, `tdp_w`, `bill_usd`, `price_usd`; what is above, or not known to be within, is not ranked.

    Raises
    ------
    OptionError
        An unknown `by` or limit.
    ChipError, NetworkError
        As `load_chip` and `load_network`.
    """
    check_by(by)
    for name in limits or {}:
        if name not in LIMITS:
            raise OptionError(key="limits", must=f"have keys of {', '.join(LIMITS)}", got=name)
    entries = list(bundled_entries().values()) if chips is None else told_apart((chip, entry(chip)) for chip in chips)
    name, given = asked_network(network, params or {})
    graph = load_network(name, **given)
    question = Question(name, given, precision_of(graph, precision), batch)
    return rank_chips(entries, question, by, limits, tell=tell, graph=graph)


SAME = 1.0 + 1e-9
"""What is above a limit by less is at it: a chip that its power limit holds back draws that, but for rounding."""

KNOWN = ("bill_usd", "price_usd", "paid_usd", "tdp_w", "area_mm2", "peak_tops", "dram_devices", "sram_mb")
"""What is known of a chip before it runs."""

LIMITS = ("power_w", "tdp_w", "bill_usd", "price_usd")
"""What a chip may have at most."""
