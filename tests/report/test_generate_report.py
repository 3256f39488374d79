"""The picture and the page of a generation."""

import json

import pytest

from simulator import generate
from simulator.report.generate_report import generate_chart, generate_report
from simulator.report.papers import plain_paper

pytest.importorskip("altair", reason="pictures need the extra charts")


@pytest.fixture(scope="module")
def found():
    return generate("smollm2_135m", "a100", prompt=16, output=4, params={"layers": 1})


def test_without_other_batches_the_picture_shows_where_the_time_goes(found):
    drawn = json.dumps(generate_chart(found, ()).to_dict())
    assert "nothing to show" not in drawn
    assert "where its time goes" in drawn


def test_the_title_of_a_page_is_the_command_without_the_file_that_it_writes(found):
    made = {"command": "rooftile generate smollm2_135m --report 'my page.html' --batch 2"}
    assert plain_paper(generate_report(found), [], made).title == "rooftile generate smollm2_135m --batch 2"
