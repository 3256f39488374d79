"""Write the JSON Schemas of the commands' answers to docs/schemas.

python scripts/schemas.py
"""

import json
from pathlib import Path

from simulator.report.schemas import all_schemas

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for command, schema in all_schemas().items():
        (FOLDER / f"{command}.schema.json").write_text(json.dumps(schema, indent=1) + "\n")


if __name__ == "__main__":
    main()
