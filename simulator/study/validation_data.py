"""What the validation compares beside the results in the chip files, and what was fitted on what."""

from collections.abc import Mapping
from typing import Any

from simulator.store.data import read_data


def book() -> Mapping[str, Any]:
    """`simulator/data/validation.yaml`."""
    return read_data("validation.yaml")
