"""Write `simulator/data/evidence.yaml`: what was measured of which chip, and how far throughputs are off, from the validation.

    python scripts/evidence.py

Run it after the validation page has changed: it reads the rows of docs/validation.json. A test compares the file with them.
"""

from pathlib import Path

import yaml

from simulator.chip.library import library
from simulator.study.evidence import evidence_of
from simulator.study.validation import of_rows

TOP = Path(__file__).resolve().parents[1]
PLACE = TOP / "simulator" / "data" / "evidence.yaml"

HEAD = """\
# What stands behind a throughput: ratios of measured to predicted throughput that hold 90 % of the rows (5th and 95th
# percentile), of chips on which no constant was fitted, by class of chip and kind of network; and the kinds of layers that the
# measured networks of each chip have. Made by scripts/evidence.py from the rows of docs/validation.md.
"""


def main() -> None:
    """Make the file anew."""
    rows = of_rows((TOP / "docs" / "validation.json").read_text(encoding="utf-8"))
    found = evidence_of(rows, library())
    PLACE.write_text(HEAD + yaml.safe_dump({"schema": 1, **found}, sort_keys=False, width=120), encoding="utf-8")


if __name__ == "__main__":
    main()
