"""The pages on chip files: every key as the models check it, every part and link, and figures of the program."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from simulator.chip import array, schema
from simulator.chip.faults import keys
from simulator.chip.load import chip_from_text, load_chip
from simulator.chip.parts import dram_parts, host_links

CLONE = Path(__file__).parents[2]
PAGE = (CLONE / "docs" / "chips.md").read_text(encoding="utf-8")
KEYS = (CLONE / "docs" / "chip_file.md").read_text(encoding="utf-8")


def test_the_page_of_keys_is_what_its_script_writes():
    place = importlib.util.spec_from_file_location("chip_file", CLONE / "scripts" / "chip_file.py")
    script = importlib.util.module_from_spec(place)
    place.loader.exec_module(script)
    assert script.page() == KEYS, "python scripts/chip_file.py writes the new one"


def test_every_key_is_explained():
    for top, below in keys(schema.Architecture).items():
        place = "" if top == "variants" else f"{top}."  # below a name of one's own keys stand alone
        for name in (top,) if below is None else (top, *(f"{place}{each}" for each in keys(below))):
            row = re.search(rf"^\| \**`{re.escape(name)}`.*", KEYS, re.MULTILINE)[0]
            *_, meaning = re.split(r"(?<!\\)\|", row)[1:-1]
            assert len(meaning) > 5, name


def test_rows_of_keys_say_what_the_models_hold():
    assert (
        "| **`clock_mhz`** | number | MHz | error | 0.001 to 100,000 | Clock of array, SRAM and interconnect. |" in KEYS
    )
    assert "| `schedule.overlap` | word |  | `layer` | `network` `layer` `none` | " in KEYS
    assert "| `array.weight_load_cycles` | whole number | cycles | see meaning | 0 to 2^20 | " in KEYS


def test_every_section_has_its_row_in_the_summary():
    rows = PAGE.split("## Keys\n", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| ([^|]+) \|", rows, re.MULTILINE))))
    assert named == {*keys(schema.Architecture)}


def test_every_word_is_named():
    for words in (array.Dimension, schema.Fused, array.Precision, schema.Operand):
        for word in words.__args__:
            assert re.search(rf"\b{word}\b", KEYS), word


def test_every_part_has_its_bandwidth_and_efficiency():
    rows = re.findall(r"^\| (`[a-z0-9`., -]+?)(?: \(a stack\))? \| ([0-9., ]+) \| ([0-9.]+) \|$", PAGE, re.MULTILINE)
    seen = {}
    for names, rates, efficiency in rows:
        parts, figures = re.findall(r"`([^`]+)`", names), [float(rate) for rate in rates.split(", ")]
        assert len(parts) == len(figures), names
        seen |= {part: (figure, float(efficiency)) for part, figure in zip(parts, figures, strict=True)}
    assert set(seen) == set(dram_parts())
    for name, part in dram_parts().items():
        assert seen[name] == (pytest.approx(part.gb_per_s, rel=1e-3), part.efficiency), name


def test_every_family_of_links_is_named():
    for name in host_links():
        family = name.split("-x", maxsplit=1)[0]
        assert family in PAGE or re.match(r"pcie[2-5]$", family), name


def test_the_file_shown_is_the_bundled_example():
    shown = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
    assert chip_from_text(shown) == load_chip("example_edge")
    assert yaml.safe_load(shown)["name"] == "Example edge chip"
