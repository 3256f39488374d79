"""Cost and power of chips are worked out once for all that cost the same."""

from dataclasses import fields, replace

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.cost import distinct
from simulator.cost.columns import Columns, cost_columns
from simulator.cost.power import PowerModel
from simulator.cost.price import chip_cost
from simulator.cost.priced import priced_chip
from simulator.cost.quantities import quantities_of
from simulator.store.bundled import REFERENCE


def test_chips_that_differ_in_nothing_that_costs_are_priced_once(monkeypatch):
    base = load_chip("example_edge")
    first = priced_chip(base)
    monkeypatch.setattr("simulator.cost.priced.chip_cost", lambda _: pytest.fail("priced anew"))
    assert priced_chip(load_chip("example_edge", {"dram.measured_efficiency": 0.5})) is first
    monkeypatch.undo()
    larger = load_chip("example_edge", {"sram.capacity_mib": 32})
    assert priced_chip(larger).cost == chip_cost(larger) != first.cost
    # Of the reference itself, and of one that only works otherwise, the cost beside the reference is told apart.
    reference, other = (load_chip(REFERENCE, keys) for keys in ({}, {"dram.measured_efficiency": 0.5}))
    assert [priced_chip(chip).cost for chip in (reference, other)] == [chip_cost(chip) for chip in (reference, other)]


def alike(one, other):
    """Whether two are the same to the last bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, Columns | PowerModel):
        return all(alike(getattr(one, item.name), getattr(other, item.name)) for item in fields(one))
    return np.array_equal(one, other, equal_nan=isinstance(one, np.ndarray) and one.dtype.kind == "f")


@pytest.mark.parametrize(
    "names", [("sram",), ("clock",), ("devices",), ("gib",), ("sram", "gib"), ("clock", "devices")]
)
def test_points_of_few_kinds_cost_what_each_costs(names, monkeypatch):
    """Of many points each kind is priced once, whatever they differ in."""
    asked = []
    monkeypatch.setattr(distinct, "cost_columns", lambda q: asked.append(1) or cost_columns(q))
    chip = quantities_of(load_chip("example_edge", set={"process_nm": 7}))
    kinds = {"sram": [2.0**20, 2.0**22, 2.0**23], "clock": [3e8, 9e8], "devices": [1.0, 2.0], "gib": [2.0, 4.0, 8.0]}
    given = {name: np.random.default_rng(1).choice(kinds[name], 40) for name in names}
    q = replace(
        chip, **{key: given[name] for key, name in (("sram_bytes", "sram"), ("clock_hz", "clock")) if name in given}
    )
    q = q.with_devices(given["devices"]) if "devices" in given else q
    q = q.with_gib(given["gib"]) if "gib" in given else q
    assert alike(distinct.priced_once(q), cost_columns(q))
    assert len(asked) == 1
