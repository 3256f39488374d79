"""Numbers as a person reads them."""

import doctest
import math

import pytest

from simulator.report import document
from simulator.report import format as fmt


def test_examples_in_the_docstrings():
    assert doctest.testmod(fmt).failed == 0
    assert doctest.testmod(fmt).attempted > 8


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "inf"),
        (0, "0"),
        (999.96, "1,000"),
        (9.9999, "10.00"),
        (4096, "4,096"),
        (123456, "123,456"),
        (1e-5, "0.00001000"),
    ],
)
def test_significant(value, text):
    assert fmt.significant(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.0, "0 s"), (2.0, "2.000 s"), (9.9996e-4, "1.000 ms"), (1e-6, "1.000 us"), (1e-12, "0.001000 ns")],
)
def test_time(seconds, text):
    assert fmt.time(seconds) == text


def test_capacity_and_traffic_have_different_megabytes():
    assert fmt.mebibytes(2**20) == "1 MiB"
    assert fmt.mebibytes(1e6) == "0.9537 MiB"
    assert fmt.megabytes(2**20) == "1.049 MB"


def test_plain_knows_numpy_and_refuses_what_json_cannot_hold():
    np = pytest.importorskip("numpy")
    mixed = {"a": np.float64(1.5), "b": (np.int64(2), np.array([1.0, np.nan])), "c": math.inf, 3: True}
    assert document.plain(mixed) == {"a": 1.5, "b": [2, [1.0, None]], "c": None, "3": True}
