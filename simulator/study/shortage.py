"""What to say where a request does not fit: what needs how much, and what would do."""

import math
from collections.abc import Callable

from simulator.errors import InfeasibleError
from simulator.study.request import Question
from simulator.units import GIB, MIB


def check_room(asked: Question) -> None:
    """Raise InfeasibleError where weights, caches and activations do not fit, saying what would."""
    largest = asked.largest_batch
    if largest is None or asked.capacity_bytes is None or asked.batch <= largest:
        return
    if asked.chip.keeps_states:
        raise InfeasibleError(_of_sram(asked, asked.capacity_bytes, largest))
    raise InfeasibleError(_of_dram(asked, asked.capacity_bytes, largest))


def _of_dram(asked: Question, capacity_bytes: int, largest: int) -> str:
    """Where all has to lie in the DRAM."""
    need = asked.needed_bytes
    cache = need - asked.weights_bytes - asked.activation_bytes()
    held = ", ".join(
        f"{what} {size / GIB:,.4g}"
        for what, size in (
            (f"weights{' of both models' * bool(asked.draft)}", asked.weights_bytes), ("cache", cache),
            ("activations", asked.activation_bytes()),
        )
    )  # fmt: skip
    times, own = need / capacity_bytes, asked.chip.dram_devices
    room, active = capacity_bytes - asked.weights_bytes, asked.activation_bytes()

    def fits(tokens: int) -> bool:
        # Activations are those of the prompt, which is no longer than the context.
        return asked.batch * asked.kept_bytes(tokens) + active * min(1.0, tokens / asked.prompt) <= room

    return (
        f"{asked.chip.name}: dram.capacity_gib: {_what(asked)} needs "
        f"{need / GIB:,.4g} GiB of DRAM ({held}), got {capacity_bytes / GIB:,.4g} GiB; {_would(asked, largest, fits)}; "
        f"{math.ceil(times):,} times the memory would do, or {math.ceil(times * own):,} such devices in place of {own:,}"
    )


def _of_sram(asked: Question, capacity_bytes: int, largest: int) -> str:
    """Where caches stay in the SRAM, and weights are what may stream."""
    cache, tiles = asked.batch * asked.kept_each, asked.least_beside
    unit, name = (GIB, "GiB") if capacity_bytes >= GIB else (MIB, "MiB")

    def fits(tokens: int) -> bool:
        return asked.batch * asked.kept_bytes(tokens) + tiles <= capacity_bytes

    chips = math.ceil((cache + tiles) / capacity_bytes)
    return (
        f"{asked.chip.name}: sram.capacity_mib: {_what(asked)} needs {(cache + tiles) / unit:,.4g} {name} of SRAM (cache "
        f"{cache / unit:,.4g}, which has no other place, smallest tiles {tiles / unit:,.4g}), got "
        f"{capacity_bytes / unit:,.4g} {name}; {_would(asked, largest, fits)}; {chips:,} times the memory would do"
    )


def _what(asked: Question) -> str:
    return f"{asked.model} at batch {asked.batch:,} and {asked.tokens:,} tokens"


def _would(asked: Question, largest: int, fits: Callable[[int], bool]) -> str:
    """What fits in place of it. fits: whether so many tokens of each sequence of the batch do."""
    batch = f"the largest batch that fits is {largest:,}" if largest else "no batch fits"
    low, high = 0, asked.tokens
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return batch + (f", the longest context at this batch {low:,} tokens" if 0 < low < asked.tokens else "")
