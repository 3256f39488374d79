"""What the next dollar buys: one step up and one step down of everything a chip is made of, each run and priced."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

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
from simulator.study.steps import FABRIC, Lever, Outcome, Work, levers, outcome_of, outcome_on, step_usd, stepped
from simulator.study.subject import changes_of, chip_of

LEAST_USD = 0.005
"""Half a cent: a smaller change of the bill is no price to divide by. [USD]"""

LEAST_GAIN = 0.01
"""A smaller gain of throughput is no reason to change a chip: the model is coarser than that, and so is a price. [-]"""

FREE = ("clock_mhz",)
"""Keys whose price here is that of the power alone, so that no dollar buys them: a clock is what design and process allow."""


@dataclass(frozen=True)
class Step:
    """One key changed by one step, against the chip as it is."""

    key: str
    resource: str
    was: Any
    """The value on the chip as it is."""
    value: Any
    up: bool
    outcome: Outcome
    """What the changed chip does; its bill holds `change_usd`."""
    change_per_s: float | None
    """Of the throughput."""
    change_usd: float | None
    """Of the bill."""
    bottom_up: bool
    """Whether the change of the bill is the difference of two bottom-up estimates."""

    @property
    def setting(self) -> str:
        """The step as `--set` takes it."""
        return f"{self.key}={self.value}"

    @property
    def per_usd(self) -> float | None:
        """Throughput gained for each dollar more, or lost for each dollar less [1/s/USD]; None without a price."""
        if self.change_per_s is None or self.change_usd is None or abs(self.change_usd) < LEAST_USD:
            return None
        return self.change_per_s / self.change_usd


@dataclass(frozen=True, repr=False)
class Sensitivity(Shown):
    """One network on one chip, and every step from it."""

    network: str
    chip: str
    changes: tuple[str, ...]
    batch: int
    precision: str
    base: Outcome
    steps: tuple[Step, ...]
    """The keys that change the throughput most first; of a key the step down before the step up."""
    notes: tuple[str, ...] = field(default=())
    subject: str = ""
    """The network in words, with the size of its input."""

    @property
    def better(self) -> tuple[Step, ...]:
        """Steps that give more throughput and cost no more: nothing speaks against them here."""
        return tuple(
            step
            for step in self.steps
            if (step.change_per_s or 0.0) > 0.0 and step.change_usd is not None and step.change_usd < LEAST_USD
        )

    @property
    def worth_it(self) -> tuple[Step, ...]:
        """Steps that cost more and give LEAST_GAIN or more; first the one after which the whole chip gives most throughput for
        each of its dollars.

        What a step gives for each dollar of its own says little: a cent for a thousandth of the throughput is the best of
        bargains, and changes nothing.
        """
        least = LEAST_GAIN * (self.base.throughput_per_s or 0.0)
        found = [
            step
            for step in self.steps
            if step.key not in FREE
            and (step.change_usd or 0.0) >= LEAST_USD
            and (step.change_per_s or 0.0) >= least > 0.0
        ]
        return tuple(sorted(found, key=lambda step: -(step.outcome.throughput_per_usd or 0.0)))

    @property
    def next_dollar(self) -> Step | None:
        """The step to take next: the first of `worth_it`; None without any."""
        return next(iter(self.worth_it), None)

    @property
    def cheapest_saving(self) -> Step | None:
        """The step that loses least throughput for each dollar less, of equal ones the largest; None without any."""
        found = [step for step in self.steps if (step.change_usd or 0.0) <= -LEAST_USD and (step.per_usd or 0.0) >= 0.0]
        found = [step for step in found if step.key not in FREE and step.change_per_s is not None]
        return min(found, key=lambda step: (step.per_usd, step.change_usd), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data = asdict(self)
        data["base"]["throughput_per_usd"] = self.base.throughput_per_usd
        for entry, step in zip(data["steps"], self.steps, strict=True):
            entry |= {"setting": step.setting, "per_usd": step.per_usd}
            entry["outcome"]["throughput_per_usd"] = step.outcome.throughput_per_usd
        for name in ("next_dollar", "cheapest_saving"):
            step = getattr(self, name)
            data[name] = None if step is None else step.setting
        return {**data, "better": [step.setting for step in self.better]}


@public
def sensitivity(
    network: Graph | str,
    chip: Architecture | str,
    batch: int = 1,
    precision: Precision | None = None,
    set: Settings | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Sensitivity:
    """What one step of each resource changes: MACs, clock, SRAM, DRAM, interconnect, vector unit, host link.

    network, chip, batch, precision: as in `simulate`; `set` changes a chip given by name. tell: called with each step
    before it is run. Raises what `simulate` raises for the chip as it is; a step that cannot run says why.
    """
    graph = load_network(network) if isinstance(network, str) else network
    precision = precision_of(graph, precision)
    chip = chip_of(chip, set)

    def work(one: Architecture) -> Result:
        return simulate(graph, one, batch, precision, gains=False)

    return steps_of(work, chip, (batch, precision), changes_of(set), tell)


def steps_of(
    work: Work,
    chip: Architecture,
    how: tuple[int, str],
    changes: tuple[str, ...] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Sensitivity:
    """The same of any work that a chip does. how: batch and precision; changes: those that the chip has.

    Raises what `work` raises for the chip as it is.
    """
    run = work(chip)
    base = outcome_of(run)
    rows: list[tuple[float, list[Step]]] = []
    for lever in each(levers(chip)):
        pair = []
        for value, up in ((lever.down, False), (lever.up, True)):
            if value is not None:
                tell(f"{lever.key}={value}")
                pair.append(_step(work, chip, base, lever, value, up))
        rows.append((max((abs(step.change_per_s or 0.0) for step in pair), default=0.0), pair))
    rows.sort(key=lambda row: -row[0])
    steps = tuple(step for _, pair in rows for step in pair)
    return Sensitivity(run.network, run.chip, changes, *how, base, steps, _notes(chip, steps), run.subject)


def _step(work: Work, chip: Architecture, base: Outcome, lever: Lever, value: Any, up: bool) -> Step:
    """One step, run and priced."""
    try:
        changed = stepped(chip, lever.key, value)
    except ChipError as error:
        found = Outcome(None, None, None, None, None, reason=str(error).splitlines()[0])
        return Step(lever.key, lever.resource, lever.value, value, up, found, None, None, False)
    found = outcome_on(work, changed)
    usd = step_usd(chip, changed, lever.key, base.bill_usd, found.bill_usd)
    bill = None if usd is None or base.bill_usd is None else base.bill_usd + usd
    change = None
    if found.throughput_per_s is not None and base.throughput_per_s is not None:
        change = found.throughput_per_s - base.throughput_per_s
    bottom_up = usd is not None and lever.key in FABRIC
    return Step(
        lever.key, lever.resource, lever.value, value, up, replace(found, bill_usd=bill), change, usd, bottom_up
    )


def _notes(chip: Architecture, steps: Sequence[Step]) -> tuple[str, ...]:
    """What a reader should know about the prices."""
    notes = list(priced_chip(chip).notes)
    if any(step.bottom_up for step in steps):
        notes.append(
            "* change of the bill: difference of two bottom-up estimates; the calibrated share knows nothing of widths"
        )
    if any(
        step.change_usd is not None and abs(step.change_usd) < LEAST_USD and step.key == "dram.part" for step in steps
    ):
        notes.append("the price book has one price a GiB for a kind of DRAM, whatever its speed grade")
    if any(step.change_usd is not None and step.key in FREE for step in steps):
        notes.append("a faster clock costs only power here; whether the process allows it is not modelled")
    return tuple(notes)
