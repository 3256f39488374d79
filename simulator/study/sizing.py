"""The cheapest chip that reaches targets: an exact search over a stated design space, and over the bundled chips.

Best first: boxes of designs (SRAM x memory x clock of one group of arrays) wait in the order of the cheapest bill in them.
More SRAM, bandwidth or clock is never slower, so a box whose largest design misses the throughput or the latency holds no
answer; any other is cut in two, until it is one design. The first design that meets every target is therefore the
cheapest of all, and every design tested is a run of `simulate`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from simulator.chip.library import Entry, bundled_entries
from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.errors import OptionError
from simulator.graph.build import Graph
from simulator.graph.load import load_network
from simulator.graph.own import Precision, precision_of
from simulator.graph.subject import subject_of
from simulator.progress import measured
from simulator.store.calls import public
from simulator.study.sizing_answer import FIGURES, Best, Design, Limits, Neighbour, Sizing, Targets
from simulator.study.sizing_search import MOST_TESTS, Box, GivenUpError, Search
from simulator.study.sizing_space import Group, default_axes, given_axes, space_of
from simulator.study.subject import changes_of, chip_of

BASE = "example_edge"
"""Chip around which designs are made when none is named."""

ANSWERS = 5
"""The winner and its runners-up."""

CLOSE = 0.01
"""How closely the best that can be had of a target is sought where the targets cannot all be met. [-]"""


@public
def size(
    network: Graph | str | Mapping[Any, float],
    chip: Architecture | str = BASE,
    *,
    batch: int = 1,
    precision: Precision | None = None,
    set: Settings | None = None,
    vary: Mapping[str, Any] | Sequence[str] | None = None,
    bundled: bool = True,
    tell: Callable[[str], None] = lambda _: None,
    **limits: Unpack[Limits],
) -> Sizing:
    """The cheapest chip that reaches the targets, the runners-up, and what binds.

    Without a target of speed: the chip with most throughput for a USD of its bill within the limits.

    Parameters
    ----------
    network
        A network, or {network: weight}: weights are shares of the inferences, of whatever sum. The throughput of a mix is
        inferences of the mix a second, 1 / sum(share / throughput): the weighted harmonic mean.
    chip
        Base of the design space; `set` changes one given by name.
    limits
        Targets, at least one: `at_least_per_s`, throughput of the mix [1/s]; `latency_s`, of a batch of the slowest network
        [s]; `max_power_w`, average in steady state [W]; `max_cost_usd`, best estimate of the bill [USD].
    vary
        {key: range or values}, or texts `KEY=RANGE`: the design space; left out, multiples of the base chip.
    bundled
        Whether the bundled chips, as they are, may answer too.

    Raises
    ------
    OptionError
        No target, one that is not above 0, a weight that is not above 0, or more work than a search may do.
    ChipError, NetworkError
        As `simulate`; ChipError also for a base chip that has no bill.
    """
    targets = _checked(Targets(**limits))
    mix = mix_of(network)
    precision = precision_of(mix[0][0], precision)
    base = chip_of(chip, set)
    space = space_of(base, default_axes(base) if vary is None else given_axes(vary), precision)
    entries = [one for one in bundled_entries().values() if _may_answer(one, precision)] if bundled else []
    search = Search(mix, space, entries, batch, precision, tell)
    try:
        with measured() as search.note:
            find = search.find if targets.of_speed else search.most
            found = find(targets, ANSWERS)
            neighbours = _neighbours(search, found[0][0], targets) if found else ()
            failing = () if found else _failing(search, targets)
            alone = _alone(search, targets) if any(one.reached is None for one in failing) else ()
    except GivenUpError:
        raise OptionError(
            f"size: gave up after {MOST_TESTS:,} designs; give fewer values with vary, or targets nearer to each other"
        ) from None
    return Sizing(
        networks=tuple((subject_of(graph), share) for graph, share in mix),
        batch=batch,
        precision=precision,
        targets=targets,
        base=base.name,
        changes=changes_of(set),
        axes=dict(space.axes),
        designs=space.designs,
        bundled=len(entries),
        tested=search.tested,
        winner=found[0][1] if found else None,
        runners_up=tuple(design for _, design in found[1:]),
        neighbours=neighbours,
        failing=failing,
        alone=alone,
    )


def mix_of(network: Graph | str | Mapping[Any, float]) -> list[tuple[Graph, float]]:
    """Networks with their shares of the inferences, which sum to 1. Raises OptionError for a weight that is not above 0."""
    given: list[tuple[Any, float]] = list(network.items()) if isinstance(network, Mapping) else [(network, 1.0)]
    for name, weight in given:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0.0 < weight < float("inf"):
            raise OptionError(f"network {name}: weight must be a number above 0, got {weight!r}")
    if not given:
        raise OptionError("network: must be at least one")
    total = sum(weight for _, weight in given)
    return [(load_network(one) if isinstance(one, str) else one, weight / total) for one, weight in given]


def _checked(targets: Targets) -> Targets:
    """Raise OptionError without a target, or for one that is not above 0."""
    if not targets.given():
        raise OptionError("size: must have a target: at_least_per_s, latency_s, max_power_w or max_cost_usd")
    for name, value in targets.given().items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < float("inf"):
            raise OptionError(f"{name}: must be a number above 0, got {value!r}")
    return targets


def _may_answer(entry: Entry, precision: str) -> bool:
    """Whether a bundled chip can be simulated at the precision and has a bill."""
    chip = entry.architecture
    return chip is not None and chip.multiplies(precision) and chip.kind == "accelerator"


def _neighbours(search: Search, winner: Box, targets: Targets) -> tuple[Neighbour, ...]:
    """One value less than the winner on each axis, and what it misses."""
    group, at = winner.group, winner.high
    if group is None:
        return ()
    space = search.space
    places = {one.place: one for one in space.groups}
    found = []
    for axis, key in enumerate(space.outer):
        values, number = space.axes[key], group.place[axis]
        if len(values) > 1:
            place = (*group.place[:axis], number - 1, *group.place[axis + 1 :])
            less = values[number - 1] if number else None
            found.append(_neighbour(search, key, values[number], less, places.get(place), at, targets))
    words = tuple(memory_words(changes) for changes in group.memory)
    rows: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("sram.capacity_mib", group.sram_mib), ("memory", words), ("clock_mhz", group.clock_mhz)
    )  # fmt: skip
    for axis, (key, values) in enumerate(rows):
        if len(values) > 1:
            lower = list(at)
            lower[axis] -= 1
            less = values[lower[axis]] if lower[axis] >= 0 else None
            place_less = (lower[0], lower[1], lower[2])
            found.append(_neighbour(search, key, values[at[axis]], less, group, place_less, targets))
    return tuple(found)


def memory_words(changes: Mapping[str, Any]) -> str:
    """A memory as people read it: `2 x lpddr4-4266-x32`."""
    return f"{changes['dram.devices']} x {changes['dram.part']}" if changes else "none"


def _neighbour(
    search: Search, key: str, was: Any, value: Any, group: Group | None, at: tuple[int, int, int], targets: Targets
) -> Neighbour:
    """One step less, run."""
    design = None if group is None or value is None else search.run(Box(group, at, at))
    return Neighbour(key, was, value, design, {} if design is None else design.misses(targets))


def _failing(search: Search, targets: Targets) -> tuple[Best, ...]:
    """Each target that could be met if it were laxer, and how lax: the others as they are."""
    out = []
    for name, limit in targets.given().items():
        free = replace(targets, **{name: None})
        found = search.find(free)
        if not found:
            out.append(Best(name, limit, None, None))
            continue
        design = found[0][1]
        if name != "max_cost_usd":  # the cheapest is the answer there; elsewhere the limit is drawn closer
            design = _closest(search, targets, name, design)
        out.append(Best(name, limit, getattr(design, FIGURES[name]), design))
    return tuple(out)


def _alone(search: Search, targets: Targets) -> tuple[Best, ...]:
    """What the space reaches of each target if no other counts; nothing where no design runs.

    Speeds to within CLOSE; a design that meets the target where there is one; of the bill the least there is, and of a power
    that no design meets, that of the cheapest design. A search that gives up leaves its target unknown.
    """
    lax = search.find(Targets())
    if not lax:
        return ()
    out = []
    for name, limit in targets.given().items():
        only = Targets(**{name: limit})
        try:
            found = search.find(only)
            design: Design | None = found[0][1] if found else lax[0][1]
            if not found and design is not None and name in ("at_least_per_s", "latency_s"):
                design = _closest(search, only, name, design)
        except GivenUpError:
            design = None
        out.append(Best(name, limit, None if design is None else getattr(design, FIGURES[name]), design))
    return tuple(out)


def _closest(search: Search, targets: Targets, name: str, design: Design) -> Design:
    """The best of one target that the others leave, to within CLOSE: its limit by halves between missed and met.

    First the nearest that bounds leave: where memory alone binds, a design is there.
    """
    reached = getattr(design, FIGURES[name])
    missed = _bounded(search, targets, name, reached)
    middle = missed * (1.0 + CLOSE) ** (0.99 if reached > missed else -0.99)
    while abs(missed / reached - 1.0) > CLOSE:
        found = search.find(replace(targets, **{name: middle}))
        if found:
            design, reached = found[0][1], getattr(found[0][1], FIGURES[name])
        else:
            missed = middle
        middle = (missed * reached) ** 0.5
    return design


def _bounded(search: Search, targets: Targets, name: str, reached: float) -> float:
    """A limit that bounds alone rule out, within a part of CLOSE of one that they leave; no schedule is made for it."""
    missed = targets.given()[name]
    while abs(missed / reached - 1.0) > CLOSE / 8.0:
        middle = (missed * reached) ** 0.5
        if search.is_out(replace(targets, **{name: middle})):
            missed = middle
        else:
            reached = middle
    return float(missed)
