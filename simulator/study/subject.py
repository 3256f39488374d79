"""What a question is about: a chip by name or as it stands, and its changes as people read them."""

from collections.abc import Mapping

from simulator.chip.load import Settings, load_chip
from simulator.chip.schema import Architecture
from simulator.errors import OptionError
from simulator.store.foreign import printable


def chip_of(chip: Architecture | str, given: Settings | None, argument: str = "set") -> Architecture:
    """One chip with its changes.

    argument: name of the changes in messages. Raises ChipError as `load_chip`; OptionError for changes to an Architecture.
    """
    if isinstance(chip, str):
        return load_chip(chip, set=given)
    if given:
        raise OptionError(f"{argument}: must be left out where the chip is given as an Architecture")
    return chip


def changes_of(given: Settings | None) -> tuple[str, ...]:
    """Settings as people read them: KEY=VALUE."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(printable(f"{key}={value}") for key, value in given.items())
    return tuple(printable(change) for change in given)
