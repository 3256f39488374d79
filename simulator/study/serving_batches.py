"""A request at growing batches: what all users get together, and what each of them gets."""

from dataclasses import dataclass
from typing import Any

from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.progress import each
from simulator.study.asking import asked_of
from simulator.study.generating import Generation
from simulator.study.request import growing_of, of_batch
from simulator.study.runtimes import runtime_of
from simulator.study.subject import chip_of
from simulator.study.turning import UNKNOWN

MOST = 1024
"""Of the batches that are tried."""


@dataclass(frozen=True)
class Served:
    """A batch."""

    batch: int
    tokens_per_s: float
    tokens_per_s_per_user: float


def served_batches(
    own: Generation,
    chip: Architecture | str,
    params: dict[str, Any],
    set: Settings | None = None,
    precision: str | None = None,
) -> tuple[Served, ...]:
    """Batches 1, 4, 16 ... up to the largest that fits, and that of a generation; none where only one token comes out.

    chip, params, set, precision: as the generation was asked for. All static, without speculation.
    """
    most = min(own.largest_batch or UNKNOWN, MOST)
    sizes = sorted({4**power for power in range(6) if 4**power <= most} | {own.batch, most})
    machine = chip_of(chip, set)
    lengths = own.prompt, own.output, own.batch
    asked = asked_of(own.model, machine, lengths, precision, params, runtime_of(own.runtime, machine))
    found = []
    for size in each(sizes):
        one = of_batch(asked, size)
        growing = growing_of(one)
        if growing is not None:
            seconds = growing.sums()[0]
            latency_s = one.run("prefill", own.prompt, 0).latency_s + seconds
            found.append(Served(size, size * own.output / latency_s, (own.output - 1) / seconds))
    return tuple(found)
