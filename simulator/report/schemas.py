"""JSON Schemas of what the commands answer with `--json`: made from the classes of the answers, published in docs/schemas."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from simulator.cost.price import Cost
from simulator.cost.validation import Validation as Areas
from simulator.report.document import run_schema, schema_name
from simulator.study.batching import BatchCurve
from simulator.study.claim import Verdict
from simulator.study.compare import Comparison
from simulator.study.explaining import Explanation
from simulator.study.generating import Generation
from simulator.study.linting import Lint
from simulator.study.memory import MemoryMap
from simulator.study.refits import Refits
from simulator.study.sensitivities import Sensitivity
from simulator.study.serving_chips import Serving
from simulator.study.sizing_answer import Sizing
from simulator.study.uncertainties import Uncertainty
from simulator.study.validation import Validation


@dataclass(frozen=True)
class Claims:
    """`rooftile claim` of several figures."""

    claims: tuple[Verdict, ...]


ANSWERS: dict[str, tuple[type, dict[str, str]]] = {
    "batch": (BatchCurve, {"overflows_at": "number"}),
    "claim": (Verdict, {}),
    "claims": (Claims, {}),
    "compare": (Comparison, {"ranking": "object"}),
    "compare-tokens": (Serving, {}),
    "cost": (Cost, {"contradicted": "boolean", "area_items_mm2": "object", "bill_items_usd": "object",
                    "peak_items_w": "object", "coefficients": "array"}),
    "explain": (Explanation, {"difference_s": "number"}),
    "generate": (Generation, {}),
    "lint": (Lint, {}),
    "memory": (MemoryMap, {}),
    "sensitivity": (Sensitivity, {"next_dollar": "string", "cheapest_saving": "string", "better": "array"}),
    "size": (Sizing, {}),
    "cost-validate": (Areas, {"mean_error": "number", "mean_error_left_out": "number", "worst_error_left_out": "number",
                              "inside_band": "integer"}),
    "uncertainty": (Uncertainty, {"share": "number"}),
    "validate": (Validation, {}),
    "validate-fit": (Refits, {}),
}  # fmt: skip
"""Command -> (class of its answer, the kind of each key that is worked out for the JSON), one more for each command that
answers two kinds of questions. `run` has a schema of its own."""

RENAMED = ("area_items", "bill_items", "peak_items")
"""Fields that have their unit in their name in the JSON."""

LATER = {"coefficients", "doubts"}
"""Keys that are there when asked for, or where a network's file was not understood as a whole."""


def all_schemas() -> dict[str, dict[str, Any]]:
    """Command -> the JSON Schema of its answer."""
    return {"run": run_schema(), **{command: answer_schema(command) for command in ANSWERS}}


def answer_schema(command: str) -> dict[str, Any]:
    """The JSON Schema of a command's answer. Lists of rows (chips, networks, points) have none."""
    kind, further = ANSWERS[command]
    made = _nullable(TypeAdapter(kind).json_schema(mode="serialization"))
    digests = {"type": "object", "additionalProperties": {"type": "string"}}
    first = {name: {"type": "string"} for name in ("schema", "rooftile_version", "model_digest")}
    own = {name: entry for name, entry in made.get("properties", {}).items() if name not in RENAMED}
    more = {name: {"type": [word, "null"]} for name, word in further.items()}
    doubts = {"type": "array", "items": {"type": "string"}}
    properties = {**first, "chip_digests": digests, "network_digests": digests, "doubts": doubts, **own, **more}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": schema_name(command),
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in LATER],
        "additionalProperties": False,
        "$defs": made.get("$defs", {}),
    }


def _nullable(part: Any) -> Any:
    """The same, with null for numbers that JSON cannot hold, and with further keys in parts."""
    if isinstance(part, list):
        return [_nullable(each) for each in part]
    if not isinstance(part, dict):
        return part
    out = {key: _nullable(value) for key, value in part.items()}
    if out.get("type") == "number":
        out["type"] = ["number", "null"]
    return out
