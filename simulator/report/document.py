"""An answer as a JSON document: plain numbers, `null` for what is unknown, the same bytes for the same answer."""

import json
import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from simulator import __version__
from simulator.chip.load import chip_digest
from simulator.graph.load import network_digest
from simulator.result.form import LayerResult, Result
from simulator.store.digest import model_digest

RUN_SCHEMA = "rooftile-run-1"
"""Name and version of the form of `rooftile run --json`; `docs/run.schema.json` describes it."""


def to_json(data: Any) -> str:
    """Render what a `to_dict` gives as one JSON document that ends with a newline; never NaN or Infinity."""
    return json.dumps(plain(data), indent=2, allow_nan=False) + "\n"


def run_document(result: Any, chip: Any, graph: Any) -> dict[str, Any]:
    """A run as plain data: what made it first, then the fields of the result."""
    return {**provenance(chip, graph), **result.to_dict()}


def provenance(chip: Any, graph: Any) -> dict[str, str]:
    """What an answer depends on: the version, and digests of model, chip and network that change with anything that counts."""
    return {
        "schema": RUN_SCHEMA,
        "rooftile_version": __version__,
        "model_digest": model_digest()[:40],
        "chip_digest": chip_digest(chip),
        "network_digest": network_digest(graph)[:40],
    }


def answer_document(
    command: str, data: dict[str, Any], chips: dict[str, str], networks: dict[str, str], doubts: Sequence[str] = ()
) -> dict[str, Any]:
    """The answer of a command as plain data, after what made it. chips, networks: digests by name.

    doubts: what of the networks is not certain; the key is there only where there is something.
    """
    made = {"schema": schema_name(command), "rooftile_version": __version__, "model_digest": model_digest()[:40]}
    unsure = {"doubts": list(doubts)} if doubts else {}
    return {**made, "chip_digests": dict(chips), "network_digests": dict(networks), **unsure, **data}


def schema_name(command: str) -> str:
    """Name and version of the form of a command's JSON; `docs/schemas` describes each."""
    return f"rooftile-{command}-1"


def run_schema() -> dict[str, Any]:
    """JSON Schema of `rooftile run --json`."""
    made = {
        name: {"type": "string"}
        for name in ("schema", "rooftile_version", "model_digest", "chip_digest", "network_digest")
    }
    layer = {item.name: _kind(item.type) for item in fields(LayerResult)}
    own = {item.name: _kind(item.type) for item in fields(Result)}
    own |= {"bound_by": {"type": "string"}, "gain_if_infinite": _kind(dict[str, float]),
            "layers": {"type": "array", "items": _object(layer)}}  # fmt: skip
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": RUN_SCHEMA, **_object({**made, **own})}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _kind(annotation: Any) -> dict[str, Any]:
    """The schema of a field by its annotation."""
    words = str(annotation)
    if "dict[str, float]" in words:
        out: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "number"}}
    elif "dict" in words:
        out = {"type": "object"}
    elif "tuple" in words:
        out = {"type": "array", "items": {"type": "string"}}
    else:
        out = {"type": next((name for kind, name in _TYPES.items() if kind in words), "string")}
    if "None" in words:
        out["type"] = [out["type"], "null"]
    return out


_TYPES = {"int": "integer", "float": "number", "str": "string"}


def plain(value: Any) -> Any:
    """Turn numpy scalars, arrays and tuples into Python's own, and numbers that JSON cannot hold into None."""
    if hasattr(value, "tolist"):  # numpy, which need not be imported to be recognised
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
