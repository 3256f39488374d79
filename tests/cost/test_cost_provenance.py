"""Coefficients as they are shown: what each says of its range, its confidence and its source, and which a chip has."""

import math

import pytest

from simulator.chip.load import load_chip
from simulator.cost.provenance import coefficients


def of(name, **changes):
    return {one.name: one for one in coefficients(load_chip(name, set=changes))}


@pytest.mark.parametrize(
    ("name", "value", "unit", "spread", "confidence"),
    [
        ("energy of an int8 MAC at 16 nm", 0.25, "pJ", "0.17 to 0.37", "derived"),
        ("fit: mac_um2", 764.2, "um2", "+-38", "fitted"),
        ("fit: share", 0.489, "-", "+-0.027", "fitted"),
        ("DRAM: DDR5", 2.4, "USD/GB", f"x/{math.e**0.35:.2f}", "sourced"),
        ("test: share_of_die", 0.01, "-", f"x/{math.e**0.3:.2f}", "sourced"),
        ("yield: alpha", 3.0, "-", "", "sourced"),
        ("area of a further precision", 0.1, "-", "", "derived"),
        ("node 16 nm: sram_mw_mib", 4.0, "mW/MiB", "", "recalled"),
        ("DRAM: lpddr4x over DDR5", 1.1, "-", "", "recalled"),
        ("energy of lpddr4x", 6.5, "pJ/bit", "", "recalled"),
        ("energy of a MAC: bf16 over int8", 3.2, "-", "", "corroborated"),
    ],
)
def test_a_coefficient_says_how_sure_it_is(name, value, unit, spread, confidence):
    one = of("inferx_x1")[name]
    assert (one.value, one.unit, one.spread, one.confidence) == (value, unit, spread, confidence)


def test_a_coefficient_names_its_own_sources():
    x1 = of("inferx_x1")
    assert [word.split(",")[0] for word in x1["assembly: usd"].sources] == [
        "Ning et al.",
        "Google chiplets-cost-model (github google/chiplets-cost-model)",
    ]
    assert len(x1["yield: alpha"].sources) == 1


def test_a_coefficient_without_a_source_of_its_own_is_of_the_fit():
    assert of("inferx_x1")["fit: mac_um2"].sources == ("fitted on published dies by scripts/fit_silicon_cost.py",)


def test_a_chip_has_what_its_cost_depends_on():
    x1, stacked, without_dram = of("inferx_x1"), of("tpu_v4i"), of("groq_tsp")
    one_precision = of("inferx_x1", **{"array.rate": {"int8": 1}})
    # A float MAC's weight is fitted, so it stands among the fit's.
    assert "area of a MAC: int8 over int8" in x1
    assert "area of a MAC: bf16 over int8" not in x1
    assert {"lpddr4_x32: edge_mm", "pcie_lane: edge_mm"} <= set(x1)
    assert not any(name.startswith("interposer") for name in x1)
    assert "area of a further precision" not in one_precision
    assert {"interposer: bonding_yield", "interposer: stack_mm2"} <= set(stacked)
    assert not any("DRAM" in name for name in without_dram)
    assert "energy of the host link" in without_dram
