"""The one reader of the data files of the package, and of YAML that is our own."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent.parent / "data"


@cache
def read_data(name: str) -> dict[str, Any]:
    """The file `name` of `simulator/data` as plain data, read once: it must not be changed."""
    return parsed((_FOLDER / name).read_text(encoding="utf-8"))


def parsed(text: str) -> dict[str, Any]:
    """YAML of ours as plain data. For what others wrote there is `chip.yaml_places`, which knows places and takes longer."""
    # The C loader, where pyyaml was built with it, is ten times faster.
    found: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found
