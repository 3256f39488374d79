"""Write docs/chip_file.md, every key of a chip file, from the models that check one.

python scripts/chip_file.py
"""

import itertools
import re
from pathlib import Path
from typing import Any

from simulator.chip.described import describe
from simulator.chip.load import chip_schema
from simulator.chip.published import Published

PAGE = Path(__file__).resolve().parents[1] / "docs" / "chip_file.md"

HEAD = """# Every key of a chip file

All keys, from the schema that checks chip files (`python scripts/chip_file.py` writes this page). [Chip files](chips.md) says how
to write a file, with an example to copy. `rooftile chips --schema` prints the same as a JSON schema, for completion in an editor.

- **Bold** keys must be there. A file that holds nothing but what is `published` needs no `clock_mhz`, `sram`, `interconnect` and
  `vector`; the array of a GPU (`kind: sm`) has no `stationary` and `unroll`.
- *Left out* is the value if the file does not have the key; `error`: the key is required.
- A key that is not on this page is an error, which names the nearest right one.
- Any key that holds one value can be changed for one run (`--set sram.capacity_mib=16`) and varied in a [sweep](sweep.md).
"""

KINDS = {"number": "number", "integer": "whole number", "string": "text", "boolean": "true, false"}

MOST_WORDS = 8
"""Of a list of words in a cell; a longer one has its own line below the table."""

SECTIONS = (
    ("", "The file"),
    ("array", "`array`: the MAC units"),
    ("array.unroll", "`array.unroll`: what is spread over them"),
    ("array.unit_words", "`array.unit_words`: memory of one unit"),
    ("sram", "`sram`: the on-chip memory"),
    ("dram", "`dram`: the outer memory"),
    ("interconnect", "`interconnect`: between SRAM and arrays"),
    ("vector", "`vector`: what is not a MAC"),
    ("host", "`host`: the link to the host"),
    ("schedule", "`schedule`: what the compiler does"),
    ("variants.*", "`variants`: boards with the same silicon"),
    ("published", "`published`: facts, which the model does not read"),
    ("published.provenance.*", "`published.provenance`: where a fact comes from"),
    ("published.results.*", "`published.results`: what was measured or claimed"),
)
"""Places in a file, each with its title; `*` is a name of one's own, or a place in a list."""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page as it must be."""
    return HEAD + "".join(f"\n## {title}\n\n{table(place)}" for place, title in SECTIONS)


def table(place: str) -> str:
    """The keys of one place."""
    schema, model = model_at(place)
    needed = needs(schema, place, model)
    lines = ["| key | type | unit | left out | allowed | meaning |", "|---|---|---|---|---|---|"]
    notes = []
    for name, entry in model["properties"].items():
        key = f"{place}.{name}" if place and "*" not in place else name
        form = inner(entry)
        shown = f"**`{key}`**" if name in needed else f"`{key}`"
        words, unit = meaning(entry.get("description", ""))
        said = any(each in words for each in ("eft out", "without it", "without that"))
        default = "error" if name in needed else left_out(entry, "see meaning" if said else "none")
        limits, note = allowed(form)
        notes += [(key, note)] if note else []
        cells = (shown, kind(schema, form), unit, default, limits, words)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    # A list that several keys share is shown once, below the table.
    shared = [(note, [f"`{key}`" for key, _ in keys]) for note, keys in itertools.groupby(notes, lambda pair: pair[1])]
    tail = "".join(f"\n{', '.join(keys)}: {note}.\n" for note, keys in shared)
    return "\n".join(lines) + "\n" + tail


def model_at(place: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema in which a place of a file is described, and its part of it."""
    schema = chip_schema()
    words = place.split(".") if place else []
    if words[:1] == ["published"]:
        schema, words = Published.model_json_schema(), words[1:]
        describe(schema, Published.__bases__[0])
    model = schema
    for word in words:
        model = below(schema, model) if word == "*" else resolved(schema, inner(model["properties"][word]))
    return schema, model


def below(schema: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    """What a mapping or a list holds."""
    held = form.get("items") or form.get("additionalProperties") or next(iter(form["patternProperties"].values()))
    return resolved(schema, held)


def resolved(schema: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    return schema["$defs"][entry["$ref"].rsplit("/", 1)[-1]] if "$ref" in entry else entry


def inner(entry: dict[str, Any]) -> dict[str, Any]:
    """What a key holds where it holds something."""
    forms = [form for form in entry.get("anyOf", [entry]) if form.get("type") != "null"]
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def needs(schema: dict[str, Any], place: str, model: dict[str, Any]) -> set[str]:
    """Keys that must be there; those of a machine and of a grid are, unless the file describes none."""
    found = {*model.get("required", ())}
    if place == "":
        found |= {*schema["then"]["required"]}
    return found | {*model.get("else", {}).get("required", ())} - {"published"}


def kind(schema: dict[str, Any], form: dict[str, Any]) -> str:
    """The type of a key in words."""
    if "$ref" in form:
        return "section"
    if "anyOf" in form:
        return " or ".join(dict.fromkeys(kind(schema, each) for each in form["anyOf"]))
    if "enum" in form or "const" in form:
        return "word" if form.get("type") == "string" else KINDS[form["type"]]
    if form.get("type") == "array":
        held = resolved(schema, form["items"])
        return "list of sections" if "properties" in held else f"list of {'words' if 'enum' in held else 'texts'}"
    if form.get("type") == "object":
        held = form.get("additionalProperties", True)
        if "patternProperties" in form or (isinstance(held, dict) and "$ref" in held):
            return "name: section"
        values = kind(schema, held) if isinstance(held, dict) else "value"
        return f"{'word' if 'propertyNames' in form else 'name'}: {values}"
    return KINDS[form["type"]]


def left_out(entry: dict[str, Any], none: str) -> str:
    """What the model takes for a key that is not there; none: the words for nothing."""
    value = entry.get("default")
    if isinstance(value, dict):
        return "the values below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(value)}]`" if value else none
    if value is None:
        return none
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def allowed(form: dict[str, Any]) -> tuple[str, str]:
    """(bounds or words, a list that is too long for a cell)."""
    held = form.get("items") or form.get("additionalProperties")
    words = form.get("enum") or form.get("propertyNames", {}).get("enum")
    if words is None and isinstance(held, dict):
        words = held.get("enum")
    numbers = bounds(held if isinstance(held, dict) else form)
    if words and len(words) > MOST_WORDS:
        return "; ".join(filter(None, ("words below", numbers))), listed(words)
    return "; ".join(filter(None, (listed(words or ()), numbers))), ""


def listed(words: Any) -> str:
    """Words as a file has them; pairs of formats are told by their rule."""
    single = [word for word in words if "*" not in word]
    pairs = ", and pairs of two different ones, weights first, such as `int4*fp16`" if len(single) < len(words) else ""
    return " ".join(f"`{word}`" for word in single) + pairs


def bounds(form: dict[str, Any]) -> str:
    """Between which values a number lies."""
    if "const" in form:
        return f"{form['const']}"
    if "pattern" in form:
        return f"`{form['pattern']}`"
    if "maxLength" in form:
        return f"{form['minLength']} to {form['maxLength']} characters"
    high = form.get("maximum")
    if "exclusiveMinimum" in form:
        return f"above {number(form['exclusiveMinimum'])}, at most {number(high)}"
    return f"{number(form['minimum'])} to {number(high)}" if "minimum" in form else ""


def number(value: float) -> str:
    """A bound: large powers of two as such."""
    whole = int(value)
    if value == whole and whole > 65_536 and whole & (whole - 1) == 0:
        return f"2^{whole.bit_length() - 1}"
    return f"{whole:,}" if value == whole and 10_000 <= whole < 10**7 else f"{value:g}"


def meaning(text: str) -> tuple[str, str]:
    """(meaning, unit) of the text below a field: the unit stands in it in brackets."""
    text = " ".join(text.split())
    text = re.sub(r"`docs/(\w+)(\.md(?:#[\w-]+)?)`", r"see [\1](\1\2)", text)
    found = re.search(r" \[([^\]]*)\](?!\()", text)
    if not found:
        return text, ""
    return text.replace(found[0], "", 1), "" if found[1] == "-" else found[1]


if __name__ == "__main__":
    main()
