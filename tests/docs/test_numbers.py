"""Figures that the README repeats are those of the pages."""

import re

from pages import CLONE, README

PHASES = ("decode, batch 1", "prefill", "static batches", "most throughput")


def test_errors_of_language_models_are_those_of_their_page():
    page = (CLONE / "docs" / "generate.md").read_text(encoding="utf-8")
    table = page.partition("In one number format, on 19 GPUs, 259 rows:")[2].partition("\n\n|")[2].partition("\n\n")[0]
    rows = {cells[0]: cells[2] for cells in (re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines())}
    text = README.read_text(encoding="utf-8").partition("259 measured figures of 19 GPUs")[2]
    assert re.findall(r"[\d.]+ %", text.partition("With weights")[0]) == [rows[phase] for phase in PHASES]
