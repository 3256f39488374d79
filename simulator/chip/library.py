"""The chip library: every bundled file, those that can be simulated and those that can only be compared."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator.chip import load
from simulator.chip.faults import explain
from simulator.chip.published import Listing, Published
from simulator.chip.schema import Architecture
from simulator.chip.variants import apply_variant
from simulator.chip.yaml_places import Places, read_yaml
from simulator.errors import ChipError
from simulator.store import bundled, plugins
from simulator.store.data import parsed
from simulator.store.foreign import printable
from simulator.store.plain import kept

DRAM_BITS = 32
"""Width of one DRAM where only the bus is published: devices are then counted as so many bits each."""


@dataclass(frozen=True)
class Entry:
    """One chip of the library, or of a file of the user's."""

    name: str
    """Short name, or the file's."""
    title: str
    """Name shown in reports."""
    kind: str
    published: Published
    architecture: Architecture | None
    """None where the file has no array: the chip can be compared, not simulated."""
    is_file: bool = False
    """Whether it is a file of the user's."""
    plugin: str | None = None
    """The distribution whose plug-in brings it."""

    @property
    def peak_tops(self) -> float | None:
        """Published INT8 peak, else the 16-bit one, else that of the architecture's fastest precision [TOPS]."""
        known = self.published.peak_tops_int8 or self.published.peak_tflops_fp16
        if known is not None or self.architecture is None or self.architecture.array is None:
            return known
        return max(self.architecture.peak_tops(precision) for precision in self.architecture.array.rate)

    @property
    def sram_mb(self) -> float | None:
        """Published SRAM, else that of the architecture [MB or MiB, as the source counts]; None where unknown."""
        if self.published.sram_mb is not None or self.architecture is None:
            return self.published.sram_mb
        return self.architecture.sram.capacity_mib

    @property
    def dram_devices(self) -> float | None:
        """Published DRAM devices, else x32 equivalents of the bus, else the architecture's; 0 without DRAM."""
        known = self.published
        if known.dram_devices is not None:
            return known.dram_devices
        if known.dram_bus_bits is not None:
            return known.dram_bus_bits / DRAM_BITS
        return self.architecture.dram_devices if self.architecture is not None else None

    @property
    def counts_bus(self) -> bool:
        """Whether `dram_devices` is the width of the bus in x32 equivalents."""
        return self.published.dram_devices is None and self.published.dram_bus_bits is not None

    @property
    def dram_gb_per_s(self) -> float | None:
        """Published nominal DRAM bandwidth, else the architecture's [GB/s]; 0 without DRAM, None where unknown."""
        if self.published.dram_bandwidth_gb_s is not None:
            return self.published.dram_bandwidth_gb_s
        if self.published.dram_devices == 0:
            return 0.0
        if self.architecture is None:
            return None
        peak = self.architecture.dram_peak_bytes_per_s
        return 0.0 if peak is None else peak / 1e9


@cache
def bundled_entries() -> Mapping[str, Entry]:
    """Every bundled chip by short name, in alphabetical order. Raises ChipError for a fault in a file."""
    return {name: _bundled_entry(name, path, together=True) for name, path in bundled.chips().items()}


def entry(name_or_path: str | Path) -> Entry:
    """One chip, bundled or a file of the user's.

    Raises ChipError when there is no such chip, or for a fault in the file: one line a fault.
    """
    path, variant = load.find(name_or_path)
    known = {place: name for name, place in bundled.chips().items()}
    if path in known:
        return _bundled_entry(f"{known[path]}-{variant}" if variant else known[path], path, variant)
    file, name = printable(str(path)), printable(path.stem)
    data, places = read_yaml(load.text_of(path), file)
    apply_variant(data, places, variant, file)
    if not load.is_listing(data):
        return entry_of(name, load.load_chip(name_or_path), published_of(data.get("published"), file, places))
    try:
        listing = Listing.model_validate(data)
    except ValidationError as error:
        raise ChipError(explain(error, Listing, places, file)) from None
    return Entry(name, listing.name, listing.kind, listing.published, None, is_file=True)


def told_apart(named: Iterable[tuple[str, Entry]]) -> list[Entry]:
    """Chips that are compared, from (the word that named it, the chip) of each.

    A file with the name of another chip is called by its word: a variant has the name of its file, and only its word says which.
    """
    named = list(named)
    count = Counter(one.name for _, one in named)
    return [
        replace(one, name=printable(word)) if one.is_file and count[one.name] > 1 else one
        for word, one in named
    ]  # fmt: skip


def entry_of(name: str, chip: Architecture, published: Published | None = None) -> Entry:
    """A chip of the user's. published: what is known of it beside its file."""
    return replace(_entry(name, chip, published or Published()), is_file=True)


def published_of(data: Mapping[str, Any] | None, where: str, places: Places | None = None) -> Published:
    """What a chip file says is published, checked. where: the file, or the chip. Raises ChipError: one line a fault."""
    try:
        return Published.model_validate(data or {})
    except ValidationError as error:
        below = {path[1:]: line for path, line in (places or {}).items() if path[:1] == ("published",)}
        raise ChipError(explain(error, Published, below, f"{where}: published")) from None


def with_variants() -> Mapping[str, Entry]:
    """Every bundled chip by short name, each followed by its variants. Raises ChipError for a fault in a file."""
    return {
        name: _bundled_entry(name, path, variant, together=True) for name, (path, variant) in bundled.places().items()
    }


def plugged() -> Mapping[str, Entry]:
    """Every chip of a plug-in by name, each followed by its variants. A file with a fault is a warning."""
    found = {}
    for name, one in load.plugged_chips().items():
        place = f"{one.path}:{one.variant}" if one.variant else one.path
        try:
            found[name] = replace(entry(place), name=name, plugin=one.plugin.of)
        except ChipError as error:
            plugins.warn(one.plugin, str(error).splitlines()[0])
    return found


@cache
def _plain() -> Mapping[str, str]:
    """All bundled files as JSON, by short name: reading their YAML is most of what a list of them takes."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in bundled.chips().items()}
    found: dict[str, str] = kept(
        "chips", texts, lambda: {name: json.dumps(parsed(text)) for name, text in texts.items()}
    )
    return found


@cache
def _bundled_entry(name: str, path: Path, variant: str = "", together: bool = False) -> Entry:
    """One bundled file. They are our own and tested, so the fast reader does, which knows no line numbers.

    together: with all others, which are read as one.
    """
    data = json.loads(_plain()[path.stem]) if together else parsed(path.read_text(encoding="utf-8"))
    apply_variant(data, {}, variant, name)
    if not load.is_listing(data):
        return _entry(name, Architecture.model_validate(data), published_of(data.get("published"), name))
    listing = Listing.model_validate(data)
    return Entry(name, listing.name, listing.kind, listing.published, None)


def _entry(name: str, chip: Architecture, published: Published) -> Entry:
    """One file with an array."""
    return Entry(name, chip.name, chip.kind, published, chip if chip.array is not None else None)
