"""Descriptions of keys in a JSON schema: the texts below the fields of the models, read from their source when asked for.

Pydantic can do this while it makes a class (`use_attribute_docstrings`), at the price of reading the source at every start.
"""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel


def describe(schema: dict[str, Any], root: type[BaseModel]) -> None:
    """Add to a schema of models the text below each field. root: what all of the models inherit from.

    Raises OSError where the source of a model is not at hand.
    """
    for model in _below(root):
        place = schema if schema.get("title") == model.__name__ else schema.get("$defs", {}).get(model.__name__, {})
        entries, texts = place.get("properties", {}), _texts(model)
        for name, field in model.model_fields.items():
            key = field.alias or name
            if key in entries and name in texts:
                entries[key] = dict(sorted({"description": texts[name], **entries[key]}.items()))


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """All models that inherit from one."""
    for child in model.__subclasses__():
        yield child
        yield from _below(child)


def _texts(model: type[BaseModel]) -> dict[str, str]:
    """The text that follows each field in the body of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    found = {}
    for field, after in itertools.pairwise(body.body if isinstance(body, ast.ClassDef) else ()):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            found[field.target.id] = inspect.cleandoc(after.value.value)
    return found
