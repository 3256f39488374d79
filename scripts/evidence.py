"""Write `simulator/data/evidence.yaml`: what was measured of which chip, and how far throughputs are off, from the validation.

    python scripts/evidence.py
    python scripts/evidence.py --languages

Run it after the validation page has changed: it reads the rows of docs/validation.json. A test compares the file with them.
Those of language models stay as they are without `--languages`, which runs `rooftile validate --llm`: minutes.
"""

import sys
from pathlib import Path

import yaml

from simulator.chip.library import bundled_entries
from simulator.store.data import read_data
from simulator.study.evidence import evidence_of, languages_of
from simulator.study.llm_validation import validate_languages
from simulator.study.validation import of_rows

TOP = Path(__file__).resolve().parents[1]
PLACE = TOP / "simulator" / "data" / "evidence.yaml"

HEAD = """\
# What stands behind a throughput: ratios of measured to predicted throughput that hold 90 % of the rows (5th and 95th
# percentile), of chips on which no constant was fitted, by class of chip and kind of network; and the kinds of layers that the
# measured networks of each chip have. Made by scripts/evidence.py from the rows of docs/validation.md. Of language models: what
# 90 % of the rows of `rooftile validate --llm` are within, by class of chip and phase, where there are 20 or more.
"""


def main() -> None:
    """Make the file anew."""
    rows = of_rows((TOP / "docs" / "validation.json").read_text(encoding="utf-8"))
    found = evidence_of(rows, bundled_entries())
    found["languages"] = (
        languages_of(validate_languages()) if "--languages" in sys.argv[1:] else read_data(PLACE.name)["languages"]
    )
    PLACE.write_text(HEAD + yaml.safe_dump({"schema": 1, **found}, sort_keys=False, width=120), encoding="utf-8")


if __name__ == "__main__":
    main()
