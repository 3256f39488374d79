"""A design check: what of a chip one network never needs, and what it starves for. Every finding is proved by a run."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simulator.chip.change import changed_chip
from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.cost.priced import priced_chip
from simulator.errors import ChipError
from simulator.graph.build import Graph
from simulator.graph.load import load_network
from simulator.graph.own import Precision, precision_of
from simulator.progress import each
from simulator.result.form import Result
from simulator.run import simulate
from simulator.store.calls import public
from simulator.store.shown import Shown
from simulator.study.shapes import exchanged, narrower, wasteful
from simulator.study.steps import (
    FABRIC,
    RESOURCES,
    UNPRICED,
    Lever,
    Outcome,
    levers,
    links,
    neighbours,
    outcome,
    outcome_of,
    short,
    step_usd,
)
from simulator.study.subject import changes_of, chip_of
from simulator.vocabulary import ARRAY_PARTS

SAME = 1e-3
"""A throughput that is lower by less than this share is the same: what was taken away was never needed. [-]"""

STARVED = 0.1
"""A resource is starved where twice as much of it gives at least this share more throughput. [-]"""

WASTED = 0.25
"""An array is of the wrong width where at least this share of its steps' slots holds no MAC. [-]"""

LOADING = 0.1
"""Share of a batch's time that loading weights into the array may take before it is a finding. [-]"""

SRAM_STEPS = 64
"""The least SRAM is found to this fraction of what is there, rounded to a power of two. [-]"""

MOST_HALVES = 3
"""Widths and numbers of arrays are halved at most so many times."""

BUSY = 0.75
"""Where the arrays' own time is at least this share of a batch's, none of them is left over. [-]"""

MOST_LAYERS = 4
"""Layers named in a finding."""

LITTLE = 0.05
"""An SRAM of which less than this share can go is as large as it must be. [-]"""

TOGETHER = "together"
"""Resource of the finding about all that is not needed."""

CHEAPER = ("unneeded", "no-dram-needed")
"""Rules whose findings save money; those of the others give throughput."""


@dataclass(frozen=True)
class Need:
    """One resource: how much of it the network needs, and what twice as much would give."""

    key: str
    there: Any
    needed: Any
    """Least that keeps the throughput, of the values tried; `there` where less loses some."""
    kept: Outcome | None
    """The run with no more than is needed; None where nothing can go."""
    saving_usd: float | None
    less: Any
    """The next value below, which loses `loss`; None where none was tried."""
    loss: float | None
    """Share of the throughput lost at `less`; None where it cannot run there. [-]"""
    more: Any
    """Twice as much, or the next that exists."""
    gain: float | None
    """Share of throughput gained at `more`. [-]"""
    more_run: Outcome | None
    gain_usd: float | None
    """What `more` adds to the bill [USD]; None where nobody can tell."""

    @property
    def resource(self) -> str:
        """What it is, with its unit."""
        return RESOURCES[self.key]

    @property
    def spare(self) -> bool:
        """Whether so much can go that it is worth a finding."""
        little = self.key == "sram.capacity_mib" and self.needed > (1 - LITTLE) * self.there
        return self.kept is not None and not little


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a chip for a network, and the run that proves it."""

    rule: str
    """`array-width`, `unneeded`, `starved`, `weight-loading`, `overhead` or `no-dram-needed`."""
    resource: str
    message: str
    settings: tuple[str, ...]
    """What was set for the proof, as KEY=VALUE; `dram=null` is a chip without."""
    outcome: Outcome
    change: float
    """Of the throughput. [-]"""
    change_usd: float | None
    """Of the bill; below 0 where money is saved."""


@dataclass(frozen=True, repr=False)
class Lint(Shown):
    """All that was checked."""

    network: str
    chip: str
    changes: tuple[str, ...]
    batch: int
    precision: str
    base: Outcome
    idle: float
    """Share of the slots of the array's steps that hold no MAC. [-]"""
    needs: tuple[Need, ...]
    findings: tuple[Finding, ...]
    passed: tuple[str, ...]
    """What was checked and is well, in words."""
    together: Finding | None
    """Everything that is not needed taken away at once; None with fewer than two such findings."""
    subject: str
    """The network in words, with the size of its input."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Subject:
    """What every check looks at."""

    graph: Graph
    chip: Architecture
    batch: int
    precision: str
    base: Outcome
    tell: Callable[[str], None]

    def changed(self, changes: Mapping[str, Any]) -> tuple[Architecture, Outcome]:
        """The chip with other values, run. A change that is no chip has its reason, none of its figures."""
        self.tell(", ".join(settings_of(changes)))
        try:
            chip = changed_chip(self.chip, changes, "set")
        except ChipError as error:
            return self.chip, Outcome(None, None, None, None, None, reason=str(error).splitlines()[0])
        return chip, outcome(self.graph, chip, self.batch, self.precision)

    def share(self, found: Outcome) -> float | None:
        """Change of the throughput [-]; None where it does not run."""
        before = self.base.throughput_per_s
        return None if found.throughput_per_s is None or not before else found.throughput_per_s / before - 1.0

    def usd(self, key: str, chip: Architecture, found: Outcome) -> float | None:
        """Change of the bill with one key changed [USD]."""
        return step_usd(self.chip, chip, key, self.base.bill_usd, found.bill_usd)


def settings_of(changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Changes as `--set` takes them."""
    return tuple(f"{key}={'null' if value is None else value}" for key, value in changes.items())


@public
def lint(
    network: Graph | str,
    chip: Architecture | str,
    batch: int = 1,
    precision: Precision | None = None,
    set: Settings | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Lint:
    """What of a chip a network never needs, and what it starves for.

    network, chip, batch, precision: as in `simulate`; `set` changes a chip given by name. tell: called with each change
    before it is run. Raises what `simulate` raises for the chip as it is.
    """
    graph = load_network(network) if isinstance(network, str) else network
    precision = precision_of(graph, precision)
    chip = chip_of(chip, set)
    run = simulate(graph, chip, batch, precision, gains=False)
    subject = _Subject(graph, chip, batch, precision, outcome_of(run), tell)
    needs = tuple(need for need in (_need(subject, run, lever) for lever in each(levers(chip))) if need is not None)
    idle = subject.base.idle or 0.0
    findings: list[Finding] = []
    passed: list[str] = []
    checks = [_width(subject, run, idle), _loading(subject, run), _overhead(subject, run), _without_dram(subject)]
    for found in (*checks, *(_unneeded(subject, need) for need in needs), *(_starved(subject, need) for need in needs)):
        if isinstance(found, Finding):
            findings.append(found)
        elif found:
            passed.append(found)
    findings.sort(key=lambda one: (one.rule in CHEAPER, one.change_usd or 0.0, -one.change))
    return Lint(
        run.network, run.chip, changes_of(set), batch, precision, subject.base, idle, needs, tuple(findings),
        tuple(passed), _together(subject, needs), run.subject,
    )  # fmt: skip


def _need(subject: _Subject, run: Result, lever: Lever) -> Need | None:
    """How much of one resource is needed; None where the question is another's (clock, shape of the arrays)."""
    key = lever.key
    if key == "clock_mhz" or (key.startswith("array.") and key != "array.count"):
        return None
    if key in ("sram.capacity_mib", "dram.devices"):
        needed, kept, less, loss = _bisected(subject, lever)
    else:
        needed, kept, less, loss = _stepped(subject, lever, _fewer(run, lever))
    saving = None
    if kept is not None:
        chip = changed_chip(subject.chip, {key: needed}, "set")
        usd = subject.usd(key, chip, kept)
        saving = None if usd is None else -usd
    more, gain, gain_usd, run_more = _more(lever), None, None, None
    if more is not None:
        chip, run_more = subject.changed({key: more})
        gain, gain_usd = subject.share(run_more), subject.usd(key, chip, run_more)
    return Need(key, lever.value, needed, kept, saving, less, loss, more, gain, run_more, gain_usd)


def _keeps(subject: _Subject, found: Outcome) -> bool:
    """Whether nothing of the throughput is lost."""
    share = subject.share(found)
    return share is not None and share >= -SAME


def _loss(subject: _Subject, found: Outcome) -> float | None:
    share = subject.share(found)
    return None if share is None else -share


def _stepped(subject: _Subject, lever: Lever, values: Sequence[Any]) -> tuple[Any, Outcome | None, Any, float | None]:
    """(least of falling values that keeps the throughput, its run, the first that loses, what it loses)."""
    needed, kept = lever.value, None
    for value in values:
        _, found = subject.changed({lever.key: value})
        if not _keeps(subject, found):
            return needed, kept, value, _loss(subject, found)
        needed, kept = value, found
    return needed, kept, None, None


def _bisected(subject: _Subject, lever: Lever) -> tuple[Any, Outcome | None, Any, float | None]:
    """The same where more is never slower: between nothing and what is there, by halves."""
    unit = 1.0
    if lever.key == "sram.capacity_mib":
        unit = 2.0 ** (math.floor(math.log2(float(lever.value) / SRAM_STEPS)))
    low, high = 0, math.ceil(float(lever.value) / unit)
    kept, less, loss = None, None, None
    while high - low > 1:
        middle = (low + high) // 2
        value = middle if unit == 1.0 else short(middle * unit)
        _, found = subject.changed({lever.key: value})
        if _keeps(subject, found):
            high, kept = middle, found
        else:
            low, less, loss = middle, value, _loss(subject, found)
    needed = lever.value if kept is None else high if unit == 1.0 else short(high * unit)
    return needed, kept, less, loss


def _fewer(run: Result, lever: Lever) -> list[Any]:
    """Values below what is there, falling."""
    if lever.key in ("dram.part", "host.link"):
        chain = neighbours if lever.key == "dram.part" else links
        found, at = [], chain(lever.value)[0]
        while at is not None:
            found.append(at)
            at = chain(at)[0]
        return found
    if lever.key == "array.count":
        period_s = run.batch / run.throughput_per_s
        own = sum(run.waterfall_period[part] for part in ARRAY_PARTS)
        if own >= BUSY * period_s:
            return []
    halves = [lever.value / 2**turn for turn in range(1, MOST_HALVES + 1)]
    return [int(half) for half in halves if half >= 1 and half == int(half)]


def _more(lever: Lever) -> Any:
    """Twice as much, or the next that exists; None where more is no remedy: of arrays there is always more to do."""
    if lever.key in ("array.count", "dram.part"):
        return None
    return lever.up if lever.key == "host.link" else lever.value * 2


def _proved(
    subject: _Subject,
    rule: str,
    resource: str,
    message: str,
    changes: Mapping[str, Any],
    found: Outcome,
    usd: float | None,
) -> Finding:
    """A finding with the run that proves it."""
    return Finding(rule, resource, message, settings_of(changes), found, subject.share(found) or 0.0, usd)


def _unneeded(subject: _Subject, need: Need) -> Finding | str:
    """A finding where something can go, else what was checked."""
    name, _, unit = need.resource.partition(", ")
    unit = f" {unit}" if unit else ""
    if need.kept is None or not need.spare:
        if need.less is None:
            return ""
        loses = "it does not run" if need.loss is None else f"throughput falls by {100 * need.loss:.2g} %"
        return f"{name}: {need.needed}{unit} needed, with {need.less} {loses}"
    limit = "" if need.loss is None else f"; with {need.less} it falls by {100 * need.loss:.2g} %"
    message = f"{need.there}{unit}, of which {need.needed} keep the throughput{limit}"
    if need.key in ("dram.part", "host.link"):
        message = f"{need.there} is faster than needed: {need.needed} keeps the throughput{limit}"
    usd = None if need.saving_usd is None else -need.saving_usd
    return _proved(subject, "unneeded", name, message, {need.key: need.needed}, need.kept, usd)


def _starved(subject: _Subject, need: Need) -> Finding | str:
    """A finding where twice as much gives a tenth more."""
    if need.gain is None or need.gain < STARVED or need.more_run is None:
        return ""
    name, _, unit = need.resource.partition(", ")
    message = (
        f"{need.more}{' ' * bool(unit)}{unit} instead of {need.there} give {100 * need.gain:.3g} % more throughput"
    )
    return _proved(subject, "starved", name, message, {need.key: need.more}, need.more_run, need.gain_usd)


def _width(subject: _Subject, run: Result, idle: float) -> Finding | str:
    """A finding where the array's shape does not suit the layers, with a shape of as many or fewer units that does."""
    array = subject.chip.array
    if array is None:
        return ""
    shape = f"{array.count} x {array.rows} x {array.columns} MAC units"
    if idle < WASTED:
        return f"array: {shape}, {100 * idle:.2g} % of the slots of their steps hold no MAC"
    layers = ", ".join(f"{layer.name} ({100 * share:.0f} %)" for layer, share in wasteful(run, WASTED)[:MOST_LAYERS])
    message = f"{100 * idle:.0f} % of the slots of {shape} hold no MAC, most in {layers}"
    found = _best_shape(subject, exchanged(subject.chip), SAME) or _best_shape(subject, narrower(subject.chip), None)
    if found is None:
        return _proved(
            subject, "array-width", "array", f"{message}; no shape tried does better", {}, subject.base, None
        )
    changes, chip, after = found
    other = f"{chip.array.count} x {chip.array.rows} x {chip.array.columns}" if chip.array else ""
    message += f"; of {other}, {100 * (after.idle or 0.0):.0f} %"
    return _proved(subject, "array-width", "array", message, changes, after, subject.usd("array.count", chip, after))


def _best_shape(
    subject: _Subject, shapes: Sequence[Mapping[str, Any]], least: float | None
) -> tuple[Mapping[str, Any], Architecture, Outcome] | None:
    """The fastest shape that gains at least the share `least`; without one, that wastes and loses less than a quarter."""
    runs = [(changes, *subject.changed(changes)) for changes in shapes]
    good = [
        one
        for one in runs
        if one[2].throughput_per_s is not None
        and (subject.share(one[2]) or 0.0) > (-WASTED if least is None else least)
        and (least is not None or (one[2].idle or 0.0) < WASTED)
    ]
    return max(good, key=lambda one: one[2].throughput_per_s or 0.0, default=None)


def _loading(subject: _Subject, run: Result) -> Finding | str:
    """A finding where loading weights into the array takes time that a second set of them would hide."""
    share = run.waterfall_period.get("weight_loading_s", 0.0) * run.throughput_per_s / run.batch
    if subject.chip.array is None or share < LOADING or subject.chip.array.weights_double_buffered:
        return f"loading weights into the array: {100 * share:.2g} % of the time"
    changes = {"array.weights_double_buffered": True}
    _, found = subject.changed(changes)
    if (subject.share(found) or 0.0) <= SAME:
        return f"loading weights into the array: {100 * share:.2g} % of the time, hiding it gains nothing"
    message = f"loading weights takes {100 * share:.0f} % of the time; a second set in the array hides it"
    return _proved(subject, "weight-loading", "array", message, changes, found, None)


def _overhead(subject: _Subject, run: Result) -> Finding | str:
    """A finding where the fixed time of each layer counts."""
    share = run.waterfall_period.get("overhead_s", 0.0) * run.throughput_per_s / run.batch
    if share < STARVED:
        return f"command overhead: {100 * share:.2g} % of the time"
    changes = {"overhead_us": 0}
    _, found = subject.changed(changes)
    if (subject.share(found) or 0.0) <= SAME:
        return f"command overhead: {100 * share:.2g} % of the time, without it something else takes its place"
    message = f"the fixed {subject.chip.overhead_s * 1e6:.3g} us of each layer take {100 * share:.0f} % of the time"
    return _proved(subject, "overhead", "command overhead", message, changes, found, None)


def _without_dram(subject: _Subject) -> Finding | str:
    """A finding where the host link alone is outer memory enough."""
    if subject.chip.dram is None or subject.chip.host is None:
        return ""
    changes = {"dram": None}
    chip, found = subject.changed(changes)
    if not _keeps(subject, found):
        loss = _loss(subject, found)
        return "DRAM: needed, " + (
            "without it nothing runs" if loss is None else f"without it throughput falls by {100 * loss:.2g} %"
        )
    message = "no DRAM is needed at all: everything stays in the SRAM or comes over the host link in time"
    return _proved(subject, "no-dram-needed", "DRAM", message, changes, found, subject.usd("dram.devices", chip, found))


def _together(subject: _Subject, needs: Sequence[Need]) -> Finding | None:
    """Everything that is not needed taken away at once."""
    changes = {need.key: need.needed for need in needs if need.spare}
    if len(changes) < 2:
        return None
    _, found = subject.changed(changes)
    usd = _together_usd(subject, changes)
    return _proved(subject, "unneeded", TOGETHER, "all that is not needed, taken away at once", changes, found, usd)


def _together_usd(subject: _Subject, changes: Mapping[str, Any]) -> float | None:
    """Change of the bill by several keys [USD]: those that the bill knows, then those that only an estimate from below does."""
    plain = {key: value for key, value in changes.items() if key not in (*FABRIC, *UNPRICED)}
    fabric = {key: value for key, value in changes.items() if key in FABRIC}
    chip = changed_chip(subject.chip, plain, "set")
    bill = priced_chip(chip).cost
    usd = None if bill is None or bill.bill_usd is None else bill.bill_usd.best
    first = step_usd(subject.chip, chip, "", subject.base.bill_usd, usd)
    if first is None or not fabric:
        return first
    second = step_usd(chip, changed_chip(chip, fabric, "set"), FABRIC[0], usd, usd)
    return None if second is None else first + second
