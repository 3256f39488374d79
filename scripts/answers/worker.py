"""Answers questions one by one with the `simulator` that PYTHONPATH names: a question a line comes in, an answer a line goes out.

Uses public names alone, so that it works with commits whose modules lie elsewhere. An answer is the seconds it took, the core
seconds, and JSON with one key, `result`, `table` or `error`, with tabs between.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    # What the package or a library prints must not come between the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import numba  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    import simulator  # noqa: PLC0415

    root = Path(simulator.__file__).resolve().parent.parent
    versions = {"python": sys.version.split()[0], "numpy": np.__version__, "numba": numba.__version__}
    print(json.dumps({"file": simulator.__file__, "versions": versions}), file=out, flush=True)
    for line in sys.stdin:
        began, busy = time.perf_counter(), time.process_time()
        answer = json.dumps(answered(json.loads(line), root), default=plain)
        took = f"{time.perf_counter() - began:.3f}\t{time.process_time() - busy:.3f}"
        print(f"{took}\t{answer}", file=out, flush=True)


def answered(question: dict[str, Any], root: Path) -> dict[str, Any]:
    """The answer to a question; an error is one too, without the folder of the checkout in its text."""
    try:
        return asked(question)
    except (Exception, SystemExit) as error:
        return {"error": [type(error).__name__, str(error).replace(str(root), "CHECKOUT")]}


def asked(question: dict[str, Any]) -> dict[str, Any]:
    from simulator import load_chip, load_network, simulate, sweep  # noqa: PLC0415

    batch, precision = question["batch"], question["precision"]
    if question["kind"] == "run":
        graph = load_network(question["network"], **question["params"])
        chip = load_chip(question["chip"], set=question["set"])
        return {"result": simulate(graph, chip, batch, precision, question["gains"]).to_dict()}
    table = sweep(
        question["network"], question["chip"], question["vary"], batch=batch, precision=precision, set=question["set"],
        params=question["params"], design=question["design"],
    )  # fmt: skip
    return {"table": {name: table[name].to_list() for name in table.columns}}


def plain(value: Any) -> Any:
    """Numpy's own numbers as Python's."""
    return value.item() if hasattr(value, "item") else repr(value)


if __name__ == "__main__":
    main()
