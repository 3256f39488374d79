"""Reports of all kinds in a browser: nothing in them keeps anyone out, they fit a narrow screen, and they print."""

import chromium
import pytest
from chromium import PICTURES, TOO_WIDE, WAIT_MS, serious
from profiles import THOROUGH, by_night

from simulator.cli import main, reporting
from simulator.report import generation_paper

pytest.importorskip("altair")
pytestmark = chromium.MARKS


@pytest.fixture(scope="module")
def browser():
    with chromium.started() as found:
        yield found


REPORTS = [
    "run squeezenet@64 --chip inferx_x1", "batch squeezenet@64 --chip inferx_x1 --batch 1,2,4",
    "compare inferx_x1 example_edge --network squeezenet@64", "explain squeezenet@64 inferx_x1 example_edge",
    "memory squeezenet@64 --chip inferx_x1 --sram 1:64:x2 --dram 1,2", "sensitivity squeezenet@64 --chip inferx_x1",
    "generate smollm2_135m --chip a100 --prompt 16 --output 8 --param layers=2",
]  # fmt: skip


# Axe looks at every mark of every picture.
BY_DAY = [line for line in REPORTS if line.startswith("generate")]


@pytest.fixture(scope="module", params=by_night(REPORTS, BY_DAY), ids=lambda line: line.split()[0])
def written(request, tmp_path_factory):
    """The address of the report of a command."""
    place = tmp_path_factory.mktemp("reports") / "report.html"
    assert main([*request.param.split(), "--report", str(place)]) == 0
    return place.as_uri()


FEWER = """() => {
  for (const row of document.querySelectorAll('tbody tr:nth-child(n + 4)')) row.remove();
}"""
"""Rows that are like those before them are left out: axe looks at every cell."""


DRAWN = "() => !document.querySelector('.chart:not([data-fitted])')"


def opened(browser, address, width, **options):
    """A report on a page so wide, its pictures drawn."""
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    page.wait_for_function(DRAWN)
    return page


def test_axe_finds_nothing_serious_in_any_report(browser, written):
    page = opened(browser, written, 390, bypass_csp=True)
    page.evaluate(FEWER)
    assert serious(page) == []
    page.close()


FEW = """from simulator.graph.build import NetworkBuilder


def build():
    net = NetworkBuilder("few")
    x = net.conv(net.input(3, 32, 32), 16, 3, activation="relu")
    x = net.add(net.conv(x, 16, 3, padding=1), x)
    net.dense(net.global_pool(x), 10)
    return net.build()
"""

KINDS = [
    "lint {few} --chip example_edge", "cost example_edge", "explain {few} inferx_x1 example_edge",
    "sensitivity {few} --chip example_edge", "size {few} --at-least 10/s --vary sram.capacity_mib=1,2", "pareto {points}",
    "compare smollm2_135m l4 a100 --prompt 16 --output 8 --param layers=2",
]  # fmt: skip
"""Of a network of four layers. The reports of `run` and `generate` are looked at elsewhere, as a whole; `best` is as `pareto`."""

SLOW = [
    "batch {few} --chip example_edge --batch 1,2", "memory {few} --chip example_edge --sram 1,2 --dram 1",
    "compare inferx_x1 example_edge --network {few}",
]  # fmt: skip
"""By night: each takes seconds."""

NO_MARKS = "() => { for (const picture of document.querySelectorAll('.chart svg')) picture.replaceChildren(); }"
"""Pictures are alike in all reports, and axe looks at each of their marks."""


def test_every_kind_of_report_keeps_nobody_out_and_fits_a_narrow_screen(browser, tmp_path, monkeypatch, capsys):
    """Its own sections: those of a chip in full are as in the reports of `run` and `generate`."""
    monkeypatch.setattr(reporting, "_detailed", list)
    monkeypatch.setattr(generation_paper, "served_sections", lambda *_: [])
    few, points, place = (tmp_path / name for name in ("few.py", "points", "report.html"))
    few.write_text(FEW)
    vary = ["--vary", "sram.capacity_mib=1,2"]
    assert main(["sweep", str(few), "--chip", "example_edge", *vary, "--out", str(points)]) == 0
    page = browser.new_page(viewport={"width": 390, "height": 900}, bypass_csp=True)
    page.set_default_timeout(WAIT_MS)
    found = {}
    for line in [*KINDS, *(SLOW if THOROUGH else ())]:
        assert main([*line.format(few=few, points=points).split(), "--report", str(place)]) == 0
        page.goto(place.as_uri())
        page.wait_for_function(DRAWN)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, line
        assert page.evaluate(TOO_WIDE) == [], line
        page.evaluate(NO_MARKS)
        page.evaluate(FEWER)
        found[line] = serious(page, dark=False)
    page.close()
    assert {line: faults for line, faults in found.items() if faults} == {}


def test_a_report_fits_a_narrow_screen(browser, written):
    page = opened(browser, written, 390)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.evaluate(TOO_WIDE) == []
    pictures = page.evaluate(PICTURES)
    assert pictures
    assert all(beyond <= 0 and size > 0.9 for beyond, size in pictures)
    page.close()


def test_rows_that_do_not_fit_are_cards_with_their_headings(browser, written):
    page = opened(browser, written, 390)
    many = page.locator(".cards.folded").first
    shown = "table => [...table.tBodies[0].rows].filter((row) => row.checkVisibility()).length"
    rows = many.locator("tbody tr").count()
    assert rows > many.evaluate(shown) == 15
    told = many.locator("tbody tr").first.evaluate(
        "row => [...row.cells].slice(1).map((cell) => [cell.dataset.heading, getComputedStyle(cell, '::before').content])"
    )
    assert all(heading in content for heading, content in told)
    assert [heading for heading, _ in told] == many.locator("thead th").all_inner_texts()[1:]
    many.locator("xpath=../button").click()
    page.wait_for_function(
        "rows => [...document.querySelectorAll('.cards:not(.folded)')].some((one) => one.rows.length > rows)", arg=rows
    )
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function("() => !document.querySelector('.cards')")
    assert page.locator("button.all").evaluate_all("all => all.some((one) => one.checkVisibility())") is False
    page.close()


def test_a_report_prints_whole_on_a4(browser, written):
    """A4 less its margins is 680 pixels wide; who prints may have dark colours."""
    page = opened(browser, written, 1280)
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 680, "height": 1000})
    beyond = """() => [...document.querySelectorAll('table, svg, h1, p, code')]
        .filter((one) => one.getBoundingClientRect().right > 681).map((one) => one.textContent.slice(0, 60))"""
    assert page.evaluate(beyond) == []
    look = "name => getComputedStyle(document.querySelector(name))"
    assert page.evaluate(f"({look})('body').backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(f"({look})('nav').display") == "none"
    assert page.evaluate(f"({look})('.chart svg').filter") == "none"
    page.close()
