"""Names of lines: each where it can be read."""

from itertools import pairwise

import pytest

from simulator.report.curves import HEIGHT, LETTER, LINE_OF_TEXT, WIDTH, Line, Panel, _pixel, _places


class Scale(dict):
    """As a scale of the chart library: words as keys and as attributes."""

    __getattr__ = dict.get


ACROSS = {"scale": Scale(type="log", domain=[1.0, 64.0])}
UPWARD = {"scale": Scale(domain=[0.0, 100.0])}


@pytest.mark.parametrize("named", ["before its end", "at its start", "beyond its end"])
def test_names_of_near_lines_do_not_lie_on_each_other(named):
    lines = [Line(f"line {n}", [(1.0, 50.0 + n), (8.0, 40.0 + 2 * n)], named=named) for n in range(5)]
    places = _places(Panel("", "", "", lines), ACROSS, UPWARD)
    heights = sorted(_pixel(UPWARD, place.at[1], HEIGHT) + place.dy for place in places)
    assert all(lower - upper >= LINE_OF_TEXT - 1e-9 for upper, lower in pairwise(heights))


def test_a_name_stands_beyond_the_end_where_there_is_room():
    long = "x" * int(WIDTH / LETTER / 2)
    lines = [Line(long, [(1.0, 10.0), (4.0, 20.0), (8.0, None)], named="beyond its end"),
             Line(long, [(1.0, 60.0), (32.0, 70.0)], named="beyond its end"),
             Line("", [(1.0, 90.0)]), Line("nothing", [(1.0, None)])]  # fmt: skip
    inside, outside, unnamed, empty = _places(Panel("", "", "", lines), ACROSS, UPWARD)
    assert inside == ((4.0, 20.0), "left", 8.0, 0.0)
    assert outside == ((1.0, 60.0), "left", 4.0, -9.0)
    assert unnamed is empty is None
