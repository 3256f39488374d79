"""Variants of a chip: boards with the same silicon and other memory, clock or power limit, in the file of that chip."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, field_validator

from simulator.chip.array import Model, Name, words
from simulator.chip.faults import explain
from simulator.chip.yaml_places import Places, override
from simulator.errors import ChipError, nearest
from simulator.store.foreign import printable

KEY = "variants"
"""Of a chip file: {name: what differs}; bundled ones are called CHIP-NAME, those of a user's file FILE:NAME."""

VariantName = Annotated[str, StringConstraints(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
"""Small letters, digits and dashes."""


class Variant(Model):
    """What differs from the chip of the file."""

    name: Name
    """Name shown in reports."""
    aliases: tuple[str, ...] = ()
    """Other short names for the command (bundled files only)."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Dotted key -> its other value, as `--set` has them."""
    published: dict[str, Any] = Field(default_factory=dict)
    """Facts about it in place of those of the file, with provenance; results stay with the file."""
    sources: dict[str, str] = Field(default_factory=dict)
    """Dotted key -> where its number comes from."""

    _tuples = field_validator("aliases", mode="before")(words)


def apply_variant(data: dict[str, Any], places: Places, name: str, file: str) -> None:
    """Make the plain data of a chip file that of one of its variants, in place. name: "" for the chip itself.

    Raises ChipError where there is no such variant, or it is none; what it sets is checked with the whole chip.
    """
    if not name:
        return
    variants = data.get(KEY)
    if not isinstance(variants, Mapping) or name not in variants:
        near = nearest(name, list(variants)) if isinstance(variants, Mapping) and variants else "; the file has none"
        raise ChipError(f"{file}: {KEY}: unknown variant {printable(name)!r}{near}")
    try:
        variant = Variant.model_validate(variants[name])
    except ValidationError as error:
        below = {path[2:]: line for path, line in places.items() if path[:2] == (KEY, name)}
        raise ChipError(explain(error, Variant, below, f"{file}: {KEY}.{printable(name)}")) from None
    del data[KEY]
    for key, value in variant.set.items():
        override(data, places, key, value, places.get((KEY, name, "set", key), file))
    data["name"], data["aliases"] = variant.name, list(variant.aliases)
    data["published"] = _published(data.get("published"), variant.published)
    data["sources"] = {**(data.get("sources") or {}), **variant.sources}


def _published(base: Any, own: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of the file under those of the variant, without the results; mappings below are merged too."""
    facts = {key: value for key, value in base.items() if key != "results"} if isinstance(base, Mapping) else {}
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(facts.get(key), Mapping)
        facts[key] = {**facts[key], **value} if both else value
    return facts
