"""The process that reads the file of a stranger: `python -m simulator.web.parse SECONDS BYTES`, with the question on stdin.

It has limits of its own, and whoever started it ends it. What it answers is plain JSON: nothing that comes out of it is run.
"""

import json
import math
import os
import sys
from dataclasses import asdict
from typing import Any


def limit(seconds: int, most_bytes: int) -> None:
    """Bound the time and the memory of this process, where the system can."""
    try:
        import resource  # noqa: PLC0415
    except ImportError:  # Windows: whoever started it ends it by the clock
        return
    for what, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, most_bytes), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """The network of a file, or that a chip file is one, as plain data; `errors` where it is not."""
    from simulator.errors import RooftileError  # noqa: PLC0415

    try:
        if asked["kind"] == "chip":
            from simulator.chip.load import chip_from_text  # noqa: PLC0415

            with open(asked["path"], encoding="utf-8") as file:
                chip_from_text(file.read())
            return {}
        from simulator.graph.load import load_network  # noqa: PLC0415

        graph = load_network(asked["path"], **asked["params"])
    except RooftileError as error:
        return {"errors": str(error).splitlines()}
    except (MemoryError, RecursionError):
        return {"errors": ["file: must take less memory to read"]}
    except Exception as error:  # of a library, at what a stranger wrote
        return {"errors": [f"file: cannot be read: {type(error).__name__}"]}
    return {
        "graph": {key: graph.graph[key] for key in ("name", "parameters")}
        | {"notes": list(graph.graph.get("notes", ()))},
        "layers": [asdict(data["layer"]) for _, data in graph.nodes(data=True)],
        "edges": [[one, other, data] for one, other, data in graph.edges(data=True)],
    }


def main() -> None:
    """Read one question, answer it, end."""
    os.environ["ROOFTILE_NO_CODE"] = "1"
    asked = json.load(sys.stdin)
    limit(math.ceil(float(sys.argv[1])), int(sys.argv[2]))
    json.dump(answer(asked), sys.stdout)


if __name__ == "__main__":
    main()
