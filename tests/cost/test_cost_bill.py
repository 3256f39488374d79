"""What is uncertain of a bill touches the items that it is about, and no others."""

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.cost.bill import DRAWS, FACTORS, Z, bill_of, factors_of
from simulator.cost.book import cost_book
from simulator.cost.die import die_of
from simulator.cost.quantities import quantities_of

DEFECTS_CM2, CLUSTERING = 0.08, 3.0
"""Of the 16 nm of InferX X1."""
TWO_STEPS = 1 / 0.99**2 - 1
"""Of what can be lost in assembly, what is."""


@pytest.fixture(scope="module")
def bills():
    """Items of X1: as they are, and with one uncertain factor doubled, by its name."""
    factors = np.vstack([np.ones(len(FACTORS)), 1.0 + np.eye(len(FACTORS))])
    die = die_of(quantities_of(load_chip("inferx_x1")))
    bill, _ = bill_of(die, factors, "negative_binomial", "area")
    rows = [{name: float(values[at]) for name, values in bill.items()} for at in range(len(factors))]
    return die, dict(zip(["best", *FACTORS], rows, strict=True))


def lost(bill):
    return TWO_STEPS * (bill["die"] + bill["package"] + bill["test"])


@pytest.mark.parametrize(("factor", "item"), [("wafer", "die"), ("dram", "dram"), ("board", "board"), ("test", "test")])
def test_a_price_twice_as_high_doubles_its_item(bills, factor, item):
    _, of = bills
    assert of[factor][item] > 0.0
    assert of[factor][item] == pytest.approx(2 * of["best"][item])
    for other in ("die", "package", "dram", "board"):
        if other != item:
            assert of[factor][other] == of["best"][other]


def test_test_and_assembly_follow_the_die(bills):
    _, of = bills
    assert of["wafer"]["test"] - of["best"]["test"] == pytest.approx(0.01 * of["best"]["die"])
    for bill in (of["best"], of["wafer"], of["test"], of["dram"]):
        assert bill["assembly"] == pytest.approx(1.0 + lost(bill))


def test_a_dearer_package_is_also_dearer_to_assemble(bills):
    _, of = bills
    assert of["package"]["package"] == pytest.approx(2 * of["best"]["package"])
    assert of["package"]["assembly"] == pytest.approx(2.0 + lost(of["package"]))


def test_twice_the_defects_by_hand(bills):
    die, of = bills
    critical_cm2 = (die.mm2 - 0.35 * die.parts.sram) / 100
    good = [(1 + critical_cm2 * n * DEFECTS_CM2 / CLUSTERING) ** -CLUSTERING for n in (1, 2)]
    assert of["defects"]["die"] / of["best"]["die"] == pytest.approx(good[0] / good[1])
    assert of["defects"]["package"] == of["best"]["package"]


def test_a_die_twice_as_large_by_hand(bills):
    # Twice the area, twice the SRAM: what is critical doubles too; fewer dies, each more often bad.
    die, of = bills
    mm2 = 2 * die.mm2
    pitch = np.sqrt(mm2) + 0.2
    dies = np.pi * 145**2 / pitch**2 - np.pi * 290 / (np.sqrt(2) * pitch)
    good = (1 + 2 * (die.mm2 - 0.35 * die.parts.sram) / 100 * DEFECTS_CM2 / CLUSTERING) ** -CLUSTERING
    assert of["area"]["die"] == pytest.approx(3984 / dies / good)


def test_a_range_is_told_by_four_thousand_draws():
    """Beside the best estimate; of a factor, logarithms about none with the deviation that the book has for it."""
    drawn, alone = factors_of(DRAWS), factors_of(0)
    assert drawn.shape == (1 + 4000, len(FACTORS))
    assert (drawn[0] == 1.0).all()
    deviation = np.log(alone[1:].diagonal())
    assert deviation[FACTORS.index("wafer")] == pytest.approx(cost_book()["wafer"]["price"]["log_sd"])
    assert (alone[1:][~np.eye(len(FACTORS), dtype=bool)] == 1.0).all()
    logs = np.log(drawn[1:]) / deviation
    assert np.abs(logs.mean(axis=0)).max() < 4 / np.sqrt(4000)
    assert logs.std(axis=0) == pytest.approx(np.ones(len(FACTORS)), abs=0.05)
    assert np.abs(np.corrcoef(logs.T) - np.eye(len(FACTORS))).max() < 4 / np.sqrt(4000)
    assert np.mean(np.abs(logs) < Z) == pytest.approx(0.9, abs=0.01)
    assert (factors_of.__wrapped__(DRAWS) == drawn).all()  # the same chip always costs the same
    assert not drawn.flags.writeable  # all chips share it
