"""Sizes of images: one number for a square, or height x width."""

import re
from numbers import Integral
from typing import NamedTuple, NewType, TypeAlias

from simulator.reading.values import whole_number

ImageSize: TypeAlias = int | str
"""Pixels of an image: `224` for a square one, or `"1080x1920"`, height first."""

Count = NewType("Count", int)
"""A whole number of at least 0, whatever its default: layers of a kind, or 0 for none."""
NONE = Count(0)


class Between(NamedTuple):
    """The range of a number, both ends included; of a parameter, `Annotated[float, Between(0, 8)]`."""

    low: float
    high: float

    @property
    def words(self) -> str:
        """What a number must be."""
        return f"a number from {self.low:g} to {self.high:g}"


_BOTH = re.compile(r"\s*([0-9.,eE+]{1,12})\s*[x×X*]\s*([0-9.,eE+]{1,12})\s*")  # noqa: RUF001 (as people write it)

WANTED = "a whole number of at least 1, or height x width such as 1080x1920"


def image_size(value: object) -> ImageSize:
    """A size as it is kept: a number where the image is square, else `"HxW"`. Raises ValueError saying what it must be.

    >>> image_size(224), image_size("224x224"), image_size((1080, 1920)), image_size("1e3 x 500")
    (224, 224, '1080x1920', '1000x500')
    """
    rows, columns = height_width(value)
    return rows if rows == columns else f"{rows}x{columns}"


def height_width(value: object) -> tuple[int, int]:
    """(height, width) of a size, given as a number, a text or a pair. Raises ValueError saying what it must be."""
    if isinstance(value, str):
        match = _BOTH.fullmatch(value)
        sides: tuple[object, ...] = match.groups() if match else (value, value)
    elif isinstance(value, tuple | list) and len(value) == 2:
        sides = tuple(value)
    else:
        sides = (value, value)
    try:
        rows, columns = (_side(side) for side in sides)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"must be {WANTED}, got {str(value)[:40]!r}") from None
    return rows, columns


def _side(side: object) -> int:
    """One side. Raises ValueError for what is no whole number of at least 1."""
    if isinstance(side, float) and side.is_integer():
        side = int(side)
    if isinstance(side, bool) or not isinstance(side, Integral | str):
        raise ValueError
    return whole_number(side if isinstance(side, str) else int(side))
