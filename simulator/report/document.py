"""An answer as a JSON document: plain numbers, `null` for what is unknown, the same bytes for the same answer."""

import json
import math
from typing import Any


def to_json(data: Any) -> str:
    """Render what a `to_dict` gives as one JSON document that ends with a newline; never NaN or Infinity."""
    return json.dumps(plain(data), indent=2, allow_nan=False) + "\n"


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
