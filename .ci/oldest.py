"""The oldest version of every dependency that pyproject.toml allows, as constraints for pip. Run from the root of the clone."""

import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain

LOWER = re.compile(r"([\w-]+)(?:\[[\w,]+\])?>=([\d.]+)")


def main() -> int:
    """Print one line a dependency."""
    print("\n".join(oldest()))
    return 0


def oldest() -> Iterator[str]:
    """Dependencies of the package and of its extras, each at its lower bound."""
    with open("pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"].values()
    for text in chain(project["dependencies"], *extras):
        if found := LOWER.fullmatch(text):
            yield f"{found[1]}=={found[2]}"
        elif not text.startswith(f"{project['name']}["):
            raise ValueError(f"pyproject.toml: {text}: must have a lower bound alone, as name>=1.2")


if __name__ == "__main__":
    sys.exit(main())
