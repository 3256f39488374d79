"""Chip files to `Architecture`, by short name, alias or path; changes by dotted key; the JSON schema for editors."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator.chip import plugged
from simulator.chip.array import Model
from simulator.chip.described import describe
from simulator.chip.faults import explain, shown
from simulator.chip.schema import Architecture
from simulator.chip.variants import apply_variant
from simulator.chip.yaml_places import Places, amount_set, override, parse_setting, read_yaml, set_label
from simulator.errors import ChipError, nearest, only_near
from simulator.reading.names import beside, known_name, near_file
from simulator.store import bundled, foreign, plugins
from simulator.store.calls import public
from simulator.store.memory import Memory, one_each
from simulator.store.plain import kept

MACHINE = ("clock_mhz", "array", "sram", "interconnect", "vector")
"""Keys that a machine cannot be without."""

SUFFIXES = (".yaml", ".yml")
"""Of chip files."""
MOST_BYTES = 4_000_000
"""Of a chip file: the characters that it may have, at the four bytes that one may take."""

_texts: Memory[tuple[str, str], tuple[dict[str, Any], Places]] = Memory(16, one_each)
"""What the last texts were read as: of a chip whose keys are changed many times, to read its text takes longest."""

LONG = 8_000
"""Characters of a text that is kept on disk as it was read: one with many measurements takes as long as a schedule."""

_ALIASES = re.compile(r"^aliases: \[(.*)\]$", re.MULTILINE)  # bundled files keep them on one line, which a test sees to

Settings = Mapping[str, Any] | Sequence[str]
"""Changes to a chip: {"sram.capacity_mib": 16}, or ["sram.capacity_mib=16"] as on the command line."""


@public
def load_chip(name_or_path: str | Path, set: Settings | None = None) -> Architecture:
    """One chip: bundled under a short name or alias, or a YAML file.

    Parameters
    ----------
    name_or_path : str or Path
        Short name (`inferx_x1`; capitals, `-`, `_` and spaces do not matter), alias, name of a plug-in's chip, or path of a
        chip file (anything with a slash or ending in .yaml or .yml).
    set : mapping or sequence of "key=value", optional
        Dotted keys to change, as `--set` does; applied to the file's plain data, which is then checked once.

    Raises
    ------
    ChipError
        No such chip, or a fault in the file or the changes: one line a fault.
    """
    path, variant = find(name_or_path)
    file = foreign.printable(str(path))
    data, places = _read(text_of(path), file)
    apply_variant(data, places, variant, file)
    for key, value, label in _settings(set):
        override(data, places, key, value, label)
    return _validated(data, places, file)


def chip_from_text(text: str, file: str = "chip.yaml", set: Settings | None = None) -> Architecture:
    """The chip that a YAML text describes; `file` is the name that messages use. Raises ChipError as `load_chip`."""
    data, places = _read(text, file)
    for key, value, label in _settings(set):
        override(data, places, key, value, label)
    return _validated(data, places, file)


def chip_schema() -> dict[str, Any]:
    """JSON schema of a chip file, for editors: titles, types, limits, and a description with the unit for every key."""
    schema = Architecture.model_json_schema(by_alias=True, mode="validation")
    describe(schema, Model)
    # A file of publications alone has no machine, and is complete without one.
    schema["required"] = [key for key in schema["required"] if key not in MACHINE]
    schema["if"] = {"anyOf": [{"required": [key]} for key in MACHINE]}
    schema["then"] = {"required": [key for key in MACHINE if key != "array"]}
    schema["else"] = {"required": ["published"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Rooftile chip file"}


def chip_digest(chip: Architecture) -> str:
    """Forty hexadecimal digits that change with anything the model reads (not with names, sources or publications)."""
    data = chip.model_dump(mode="json", exclude={"name", "aliases", "published", "sources", "variants"})
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:40]


def is_listing(data: Mapping[str, Any]) -> bool:
    """Tell whether a file describes no machine, only what is published: it can be compared, not simulated."""
    return "published" in data and not any(key in data for key in MACHINE)


def simulable() -> list[str]:
    """Short names of the bundled chips that have an array."""
    return [name for name, path in bundled.chips().items() if "\narray:" in path.read_text(encoding="utf-8")]


def _validated(data: dict[str, Any], places: Places, file: str) -> Architecture:
    """Check plain data once and for all."""
    if is_listing(data):
        near = only_near(Path(file).stem, simulable()) if Path(file) in bundled.chips().values() else ""
        raise ChipError(f"{file}: array: missing; this chip can be compared, not simulated{near}")
    try:
        return Architecture.model_validate(data)
    except ValidationError as error:
        raise ChipError(explain(error, Architecture, places, file)) from None


def _read(text: str, file: str) -> tuple[dict[str, Any], Places]:
    """Plain data of a chip file and its places, the caller's own to change; a text is read once."""
    found = _texts.get((text, file))
    if found is None:
        read = read_yaml if len(text) < LONG else _read_once
        found = _texts.put((text, file), read(text, file))
    data, places = found
    return _copied(data), dict(places)


def _read_once(text: str, file: str) -> tuple[dict[str, Any], Places]:
    """As `read_yaml`, of a text that is kept as it was read: under no name of a file, since one text may stand in several."""

    def read() -> list[Any]:
        data, places = read_yaml(text, file)
        return [data, [[path, place.removeprefix(file)] for path, place in places.items()]]

    data, lines = kept("chip", text, read)
    return data, {tuple(path): file + line for path, line in lines}


def _copied(data: Any) -> Any:
    """The same mappings and lists, made anew."""
    if isinstance(data, dict):
        return {key: _copied(value) for key, value in data.items()}
    return [_copied(value) for value in data] if isinstance(data, list) else data


def _settings(changes: Settings | None) -> Iterator[tuple[str, Any, str]]:
    """(dotted key, value, label for messages) of each change."""
    if isinstance(changes, str):  # a sequence of one-letter expressions, if it got through
        raise ChipError(f"set: must be a mapping or a list of key=value texts, got {shown(changes)}")
    if isinstance(changes, Mapping):
        for key, value in changes.items():
            if not isinstance(key, str):
                raise ChipError(f"set: keys must be text such as 'sram.capacity_mib', got {shown(key)}")
            label = f"set {key}={shown(value)}"
            yield key, amount_set(key, value, label) if isinstance(value, str) else value, label
        return
    for expression in changes or ():
        if not isinstance(expression, str):
            raise ChipError(f"set: must be texts such as 'sram.capacity_mib=16', got {shown(expression)}")
        yield *parse_setting(expression), set_label(expression)


def is_path(word: str) -> bool:
    """Whether a word means a chip file, not a short name or alias."""
    return "/" in word or "\\" in word or word.lower().endswith(SUFFIXES)


def file_of(word: str) -> tuple[Path, str] | None:
    """The file, and its variant, that a word means; None for a short name or alias."""
    file, colon, variant = word.rpartition(":")
    if colon and file.lower().endswith(SUFFIXES):
        return Path(file), variant
    return (Path(word), "") if is_path(word) else None


def chip_named(text: str) -> str:
    """The short name of the chip of the library, or of a plug-in, that a text means; no file is looked for. Raises ChipError."""
    found = bundled_chip(text) or known_name(text, plugged_chips())
    if found is None:
        known = [*bundled.places(), *plugged_chips()]
        raise ChipError(f"chip: must be a bundled chip, got {shown(text)}{nearest(text, known)}")
    return found


def find(name_or_path: str | Path) -> tuple[Path, str]:
    """The file behind a short name, alias or path, and which of its variants is meant ("": the chip itself)."""
    if isinstance(name_or_path, Path):
        return name_or_path, ""
    if (file := file_of(name_or_path)) is not None:
        return file
    chips = bundled.chips()
    if name_or_path in chips:
        return chips[name_or_path], ""
    if not name_or_path.strip():
        raise ChipError("chip: must be a bundled name or a path, got ''")
    found = bundled_chip(name_or_path)
    if found is not None:
        return bundled.places()[found]
    own = plugged_chips()
    found = known_name(name_or_path, own)
    if found is not None:
        return own[found].path, own[found].variant
    known = [*bundled.places(), *_aliases(), *own]
    near = beside(name_or_path, SUFFIXES) or nearest(name_or_path, known, "rooftile chips")
    raise ChipError(f"unknown chip {shown(name_or_path)}{near}{plugins.left_out(plugins.CHIPS)}")


@plugins.kept
def plugged_chips() -> Mapping[str, plugged.Plugged]:
    """Chips of plug-ins, and their variants, by name."""
    return plugged.chips([*bundled.places(), *_aliases()])


def bundled_chip(text: str) -> str | None:
    """The short name of the bundled chip or variant that a text means, however it is written, alias or not; None if none."""
    found = known_name(text, bundled.chips())
    if found is None:
        aliases = _aliases()
        found = known_name(text, [*bundled.places(), *aliases])
        return None if found is None else aliases.get(found, found)
    return found


@cache
def _aliases() -> dict[str, str]:
    """Alias -> short name, from all bundled files; read only when a short name did not match."""
    found: dict[str, str] = {}
    for name, path in bundled.chips().items():
        match = _ALIASES.search(path.read_text(encoding="utf-8"))
        found.update({alias.strip(): name for alias in (match[1].split(",") if match else ()) if alias.strip()})
        for variant, own in bundled.variants(path).items():
            found.update(dict.fromkeys(own.get("aliases", ()), f"{name}-{variant}"))
    return found


def text_of(path: Path) -> str:
    """Text of a chip file; what may go wrong on the way is one line."""
    return foreign.text_of(path, MOST_BYTES, ChipError, lambda: near_file(path, SUFFIXES))
