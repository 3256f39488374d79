"""Plain data that is kept comes back as it was made, whatever its keys are."""

import pytest

from simulator.cost.book import cost_book
from simulator.store import disk, plain
from simulator.store.data import read_data


@pytest.mark.parametrize(
    "data",
    [
        {"a": [1, 2.5, None, True, "b"], "": {"\0pair": 1}},
        {16: {"logic": 2.0}, 7: [{3: "c"}]},
        [{1: 2, "x": {1.5: []}}, {}, float("inf"), 10**40],
    ],
)
def test_what_is_kept_comes_back(data, tmp_path, monkeypatch):
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return data

    first, again = (plain.kept("test", "source", make) for _ in range(2))
    assert repr(first) == repr(again) == repr(data)
    assert made == [1]
    assert again is not first
    disk.clear()
    assert plain.kept("test", "source", make) == data
    assert made == [1, 1]


def test_the_coefficients_are_those_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    for _ in range(2):  # read, and kept
        cost_book.cache_clear()
        assert repr(cost_book()) == repr(read_data("silicon_cost.yaml"))
    assert cost_book() is cost_book()
