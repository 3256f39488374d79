"""A chip with other values of some of its keys."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from simulator.chip.faults import explain
from simulator.chip.schema import Architecture
from simulator.chip.yaml_places import Places, override
from simulator.errors import ChipError


def changed_chip(chip: Architecture, changes: Mapping[str, Any], label: str = "vary") -> Architecture:
    """A chip with other values of dotted keys, checked. Raises ChipError naming the key, as `load_chip` does."""
    if not changes:
        return chip
    data = chip.model_dump(by_alias=True, exclude_unset=True)
    spots: Places = {}
    for key, value in changes.items():
        override(data, spots, key, value, label)
    try:
        return Architecture.model_validate(data)
    except ValidationError as error:
        raise ChipError(explain(error, Architecture, spots, label)) from None
