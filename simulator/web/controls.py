"""What the page lets one vary: the sliders and lists of a chip and of a network, from what they are."""

from collections.abc import Sequence
from typing import Any

import yaml

from simulator.chip import parts
from simulator.chip.schema import Architecture
from simulator.graph.build import Graph
from simulator.graph.language import PHASES
from simulator.graph.load import summary
from simulator.units import GIB
from simulator.web import forms

STOPS = tuple(2.0 ** (step / 4.0) for step in range(-12, 13))
"""Where a slider stops, over the value of the file: quarters of an octave, from an eighth to eight times."""

OCTAVES = STOPS[::4]
"""Points of a map along a key, over the value of the file."""

SLIDERS = {
    "array.count": "MACs: arrays",
    "array.rows": "MACs: rows of an array",
    "array.columns": "MACs: columns of an array",
    "sram.capacity_mib": "SRAM, MiB",
    "dram.devices": "DRAM devices",
    "dram.capacity_gib": "DRAM of all devices, GiB",
    "dram.gb_per_s_per_device": "GB/s of a device (1e9)",
    "clock_mhz": "clock, MHz",
}
"""Keys of a chip that have a slider, where the chip has them."""

PART = "dram.part"
"""The key of a chip that has a list."""

OF_CUSTOM = ("dram.gb_per_s_per_device", "dram.family")
"""Keys that only a memory of no named part has."""

WHOLE = ("dram.devices", "array.count", "array.rows", "array.columns")
"""Keys that count."""

SIZES = {
    "image_size": "image, pixels a side",
    "sequence_length": "words",
    "prompt": "prompt, tokens",
    "context": "context, tokens",
}
"""Parameters of a network that have a slider, where it has them."""

TOKENS = ("prompt", "context")
"""Parameters that count tokens; 0 is what the network takes untold."""


def settings_of(chip: Architecture, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a chip, and what a named part of DRAM takes away from a memory that had none."""
    part = settings.get(PART, parts.CUSTOM)
    if part == parts.CUSTOM or chip.dram is None or chip.dram.part != parts.CUSTOM:
        return settings
    return {**dict.fromkeys(OF_CUSTOM), **settings}


def chip_answer(file: Architecture, chip: Architecture) -> forms.ChipAnswer:
    """What can be varied of a chip, and its file. file: the chip as it is written; chip: with its changes."""
    sliders = []
    for key, label in SLIDERS.items():
        value = _value(file, chip, key)
        if value is not None and not (file.is_gpu and key == "array.rows"):  # a multiprocessor has one row
            around = ",".join(f"{each:g}" for each in stops(value, key in WHOLE, OCTAVES))
            sliders.append(
                forms.Slider(key=key, label=label, value=value, stops=stops(value, key in WHOLE), around=around)
            )
    data = chip.model_dump(by_alias=True, exclude_unset=True, exclude_none=True, mode="json")
    return forms.ChipAnswer(
        title=chip.name,
        precisions=[] if chip.array is None else [*chip.array.rate],
        sliders=sliders,
        choices=_choices(file),
        text=yaml.safe_dump(data, sort_keys=False, width=120),
    )


def _value(file: Architecture, chip: Architecture, key: str) -> int | float | None:
    """The value of a key that has a slider, as the file has it; None where the chip has no such key or a part that sets it."""
    if key == "dram.capacity_gib":  # where the file leaves it out it is that of the part
        size = (
            chip.dram_capacity_bytes
            if file.dram is None or file.dram.capacity_gib is None
            else file.dram_capacity_bytes
        )
        return float(f"{size / GIB:.6g}") if size else None
    if key in OF_CUSTOM and chip.dram is not None and chip.dram.part != parts.CUSTOM:
        return None
    value: Any = file
    for word in key.split("."):
        value = getattr(value, word, None)
    return value if isinstance(value, int | float) and value > 0 else None


def _choices(file: Architecture) -> list[forms.Choice]:
    """The list of parts of DRAM; none where the chip has no DRAM."""
    if file.dram is None:
        return []
    known = [
        forms.Named(name=part.name, title=f"{part.name}: {part.gb_per_s:.4g} GB/s, {part.capacity_gib:g} GiB")
        for part in parts.dram_parts().values()
    ]
    own = [forms.Named(name=parts.CUSTOM, title="as in the file")] if file.dram.part == parts.CUSTOM else []
    return [forms.Choice(key=PART, label="DRAM part, each device", value=file.dram.part, options=[*own, *known])]


def stops(value: float, whole: bool, factors: Sequence[float] = STOPS) -> list[int | float]:
    """Values about a value at which a slider stops, itself among them."""
    around = (value * factor for factor in factors)
    found = {max(1, round(each)) for each in around} if whole else {float(f"{each:.3g}") for each in around}
    return sorted({*found, value})


def network_answer(name: str, graph: Graph) -> forms.NetworkAnswer:
    """What can be varied of a network, and its size."""
    given = {**graph.graph["parameters"]}
    sliders = []
    for key, label in SIZES.items():
        value = given.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and (value > 0 or key in TOKENS):
            sliders.append(forms.Slider(key=key, label=label, value=value, stops=size_stops(key, value)))
    phases = [forms.Named(name=phase, title=phase) for phase in PHASES]
    choices = (
        [forms.Choice(key="phase", label="phase", value=given["phase"], options=phases)]
        if given.get("phase") in PHASES
        else []
    )
    return forms.NetworkAnswer(
        network=name, title=graph.graph["name"], params=given, sliders=sliders, choices=choices, **summary(graph)
    )


def size_stops(key: str, value: int) -> list[int | float]:
    """Values of a network's parameter at which its slider stops, the one that it has among them."""
    if key in TOKENS:
        return sorted({value, *(2**power for power in range(5, 14))})
    return image_stops(value) if key == "image_size" else stops(value, True)


def image_stops(size: int) -> list[int | float]:
    """Sides of an image at which a slider stops: multiples of 32, up to four times the usual, and the usual itself."""
    return sorted({size, *range(32, 4 * size + 1, 32)})
