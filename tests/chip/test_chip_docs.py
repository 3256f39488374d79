"""The page on chip files names every key, word, part and link, and its figures are those of the program."""

import re
from pathlib import Path

import pytest
import yaml

from simulator.chip import array, schema
from simulator.chip.faults import keys
from simulator.chip.load import chip_from_text, load_chip
from simulator.chip.parts import dram_parts, host_links

PAGE = (Path(__file__).parents[2] / "docs" / "chips.md").read_text(encoding="utf-8")


def test_every_key_is_explained():
    for top, below in keys(schema.Architecture).items():
        names = [top] if below is None else [top, *keys(below)]
        for name in names:
            assert re.search(rf"`(?:{top}\.)?{name}`", PAGE), f"{top}: {name}"


def test_every_word_is_named():
    for words in (array.Dimension, schema.Fused, array.Precision, schema.Operand):
        for word in words.__args__:
            assert re.search(rf"\b{word}\b", PAGE), word


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
