"""How much is tried: HYPOTHESIS_PROFILE=nightly asks for more examples of every test, and for the cases that are left out by day.

ROOFTILE_THOROUGH=1 asks for these cases alone.
"""

import os
from collections.abc import Collection, Iterable
from typing import Any

import pytest

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


THOROUGH = NIGHTLY or os.environ.get("ROOFTILE_THOROUGH") == "1"


def by_night(values: Iterable[Any], by_day: Collection[Any]) -> list[Any]:
    """Cases of a test: those of `by_day` always, the others where the tests are thorough."""
    values = list(values)
    assert {*by_day} <= {*values}
    return [value if value in by_day else pytest.param(value, marks=pytest.mark.thorough) for value in values]


def examples(usual: int, by_night: int = 0) -> int:
    """How many a test tries that usually tries so many; by night five times as many, if it says nothing else."""
    return (by_night or 5 * usual) if NIGHTLY else usual
