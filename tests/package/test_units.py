"""Unit formulas, each by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import units

positive = st.floats(1e-3, 1e12)


def test_peak_counts_two_operations_a_mac():
    # 4,096 units at 933 MHz: 4096 x 933e6 x 2 = 7.643136e12.
    assert units.peak_tops(4096, 1, 933e6) == pytest.approx(7.643136, rel=1e-12)


def test_a_part_moves_width_times_rate():
    # 32 pins at 4,266 MT/s: 4 bytes x 4.266e9.
    assert units.part_bytes_per_s(32, 4266) == pytest.approx(17.064e9, rel=1e-12)


def test_the_port_binds_where_it_is_narrower():
    # 19.2 GB/s x 0.8 = 15.36 from the devices; 0.75 x 32 bytes x 300 MHz = 7.2 through the port.
    assert units.effective_bytes_per_s(19.2e9, 0.8, 32 * 300e6) == pytest.approx(7.2e9, rel=1e-12)
    assert units.effective_bytes_per_s(19.2e9, 0.8, None) == pytest.approx(15.36e9, rel=1e-12)


@given(positive, st.floats(0.01, 1), positive)
def test_nothing_exceeds_the_devices_or_the_port(peak, efficiency, port):
    effective = units.effective_bytes_per_s(peak, efficiency, port)
    assert 0 < effective <= min(peak, port)


def test_capacity_units_are_powers_of_two_and_bandwidth_is_not():
    assert (units.KIB, units.MIB, units.GIB, units.GB) == (2**10, 2**20, 2**30, 1e9)
