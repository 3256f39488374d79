"""What the core takes once it is installed: Rooftile and all that it needs, which must stay below MOST_MB.

Run by an interpreter whose environment holds the core alone. pip and the like, which come with an environment, do not count.
"""

import os
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

MOST_MB = 350
SHOWN = 6


def main() -> int:
    """Print the sum and the heaviest; return the exit code."""
    sizes = {name: megabytes(found) for name, found in needed("rooftile").items()}
    total = sum(sizes.values())
    heaviest = sorted(sizes, key=lambda name: -sizes[name])[:SHOWN]
    told = ", ".join(f"{name} {sizes[name]:.0f}" for name in heaviest)
    print(f"the core takes {total:.0f} MB in {len(sizes)} packages, at most {MOST_MB}: {told}")
    return 0 if total < MOST_MB else 1


def needed(name: str) -> dict[str, Distribution]:
    """A package and those that it needs without extras, each once."""
    found: dict[str, Distribution] = {}
    left = [name]
    while left:
        one = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if one in found:
            continue
        try:
            found[one] = distribution(one)
        except PackageNotFoundError:  # needed on other systems or interpreters
            continue
        wanted = [text for text in found[one].requires or () if "extra ==" not in text]
        left += [re.match(r"[\w.-]+", text)[0] for text in wanted]
    return found


def megabytes(package: Distribution) -> float:
    """What the files of a package take on disk, compiled ones too, in whole blocks as `du` counts. [2**20 bytes]"""
    places = [Path(str(package.locate_file(file))) for file in package.files or ()]
    return sum(blocks(place.stat()) for place in places if place.is_file()) / 2**20


def blocks(stat: os.stat_result) -> int:
    """Bytes on disk; on systems that do not tell, bytes."""
    return 512 * stat.st_blocks if hasattr(stat, "st_blocks") else stat.st_size


if __name__ == "__main__":
    sys.exit(main())
