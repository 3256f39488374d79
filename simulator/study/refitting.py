"""The model with other values of its constants, in a process of its own: their errors on measured rows.

What the model is made of reads its constants once, when it is imported, and keeps answers in memory and on disk. So another
value is set before anything else is imported, here, and nothing of such a process is kept.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from os import environ
from threading import Event
from typing import Any

from simulator import units
from simulator.errors import ModelError, StoppedError
from simulator.store import processes

LOOK_S = 0.2
"""How often one that waits looks whether nobody wants the answer any more. [s]"""


def errors(values: Mapping[str, float], rows: Mapping[str, str], unwanted: Event) -> list[tuple[str, float]]:
    """(chip, error) of every row, with constants at other values.

    values: by the names of `units`, or of the energies of GPUs. rows: of each chip, a pattern of `refit_rows.labels`.
    Raises ModelError where the process fails, StoppedError once the answer is unwanted.
    """
    found: list[tuple[str, float]] = [
        (chip, error) for chip, error in _asked({"values": dict(values), "rows": dict(rows)}, unwanted)
    ]
    return found


def together(
    start: Mapping[str, float], rows: Mapping[str, str], left_out: str, unwanted: Event
) -> list[dict[str, Any]]:
    """Energies fitted together on all rows but those of one chip, from several starts; see `refit_rows.fitted`."""
    found: list[dict[str, Any]] = _asked({"start": dict(start), "rows": dict(rows), "left_out": left_out}, unwanted)
    return found


def _asked(question: Mapping[str, Any], unwanted: Event) -> Any:
    """What a process of its own answers."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, subprocess.Popen(
        processes.command(__name__, answer.__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, encoding="utf-8", env={**environ, "ROOFTILE_CACHE_DIR": folder},
    ) as process:  # fmt: skip
        try:
            answered, faults = _heard(process, json.dumps(question), unwanted)
        finally:
            process.kill()
    if process.returncode != 0:
        raise ModelError(f"constants: a process failed: {faults.strip().splitlines()[-1:]}")
    return json.loads(answered)


def _heard(process: subprocess.Popen[str], said: str | None, unwanted: Event) -> tuple[str, str]:
    """What a process says on its two outputs when it has ended."""
    while not unwanted.is_set():
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(said, timeout=LOOK_S)
        said = None
    raise StoppedError("it was cancelled")


def answer() -> None:
    """Read a question, write its answer: what the process of `errors` and `together` does."""
    question = json.load(sys.stdin)
    changed = question.get("values", {})
    for name, value in changed.items():
        if name.isupper():
            setattr(units, name, value)
    from simulator.study import refit_rows  # noqa: PLC0415  # it must find the values that were set

    found: object
    if "left_out" in question:
        found = refit_rows.fitted(question["start"], question["rows"], question["left_out"])
    else:
        energies = {name: value for name, value in changed.items() if not name.isupper()}
        found = refit_rows.errors(energies, question["rows"])
    json.dump(found, sys.stdout)
