"""Cost and power of chips are worked out once for all that cost the same."""

import pytest

from simulator.chip.load import load_chip
from simulator.cost.price import chip_cost
from simulator.cost.priced import priced
from simulator.store.bundled import REFERENCE


def test_chips_that_differ_in_nothing_that_costs_are_priced_once(monkeypatch):
    base = load_chip("example_edge")
    first = priced(base)
    monkeypatch.setattr("simulator.cost.priced.chip_cost", lambda _: pytest.fail("priced anew"))
    assert priced(load_chip("example_edge", {"dram.measured_efficiency": 0.5})) is first
    monkeypatch.undo()
    larger = load_chip("example_edge", {"sram.capacity_mib": 32})
    assert priced(larger).cost == chip_cost(larger) != first.cost
    # Of the reference itself, and of one that only works otherwise, the cost beside the reference is told apart.
    reference, other = (load_chip(REFERENCE, keys) for keys in ({}, {"dram.measured_efficiency": 0.5}))
    assert [priced(chip).cost for chip in (reference, other)] == [chip_cost(chip) for chip in (reference, other)]
