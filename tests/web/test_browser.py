"""The page in a browser: sliders, chips beside each other, links, faults, keyboard, narrow and dark; nothing in the console."""

import re

import chromium
import pytest
from chromium import PICTURES, TOO_WIDE, WAIT_MS, serious
from profiles import by_night
from report_example import few_layers

from simulator.store import bundled

serving = pytest.importorskip("simulator.web.serving")
pytest.importorskip("altair")
answers = pytest.importorskip("simulator.web.answers")
forms = pytest.importorskip("simulator.web.forms")

pytestmark = chromium.MARKS
SMALL = "#network=squeezenet&chip=example_edge&param.image_size=64"


@pytest.fixture(scope="module")
def browser():
    with chromium.started() as found:
        yield found


@pytest.fixture(scope="module")
def address():
    with serving.served() as found:
        yield found


@pytest.fixture
def visit(browser, address):
    """Open the page in a profile of its own; at the end nothing may have been said in any console but of refused questions."""
    said, contexts = [], []

    def opened(hash_=SMALL, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((address, "blob:", "data:")) else said.append(asked.url),
        )
        page.goto(address + hash_)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [words for words in said if "422" not in words] == []


def settled(page):
    page.wait_for_selector("body[data-settled]")
    page.wait_for_function(
        "() => !document.querySelector('#sections .stale') && !document.querySelector('#answer.stale')"
    )
    return page


def tile(page, name="per second"):
    return page.inner_text(f"[data-tile='{name}'] dd")


def changed(page, before, name="per second"):
    page.wait_for_function(
        "([name, before]) => document.querySelector(`[data-tile='${name}'] dd`)?.textContent !== before",
        arg=[name, before],
    )
    return tile(page, name)


def test_a_slider_changes_the_numbers_and_the_way_back_undoes_it(visit):
    page = settled(visit())
    before = tile(page)
    assert before in page.inner_text("#sentence")
    page.focus("[id='slider-clock_mhz']")
    page.keyboard.press("ArrowLeft")
    after = changed(page, before)
    assert float(after.replace(",", "")) < float(before.replace(",", ""))
    assert "set.clock_mhz=" in page.url
    page.wait_for_function("words => document.getElementById('sentence').textContent.includes(words)", arg=after)
    page.go_back()
    assert changed(page, after) == before


def test_chips_stand_beside_each_other(visit):
    page = settled(visit())
    page.select_option("#beside-add", "inferx_x1")
    rows = page.locator("#section-beside tbody tr")
    rows.nth(1).wait_for()
    assert "Flex Logix InferX X1" in page.inner_text("#section-beside")
    page.click("#beside button")
    page.wait_for_function("() => !document.querySelector('#section-beside h2')")


def test_a_link_is_a_result(visit):
    page = settled(visit())
    before = tile(page)
    page.focus("[id='slider-batch']")
    page.keyboard.press("ArrowRight")
    after = changed(page, before)
    page.wait_for_function("() => location.hash.includes('batch=2')")
    link = "#" + page.url.split("#", 1)[1]
    other = settled(visit(link))
    assert tile(other) == after
    assert other.inner_text("#sentence") == settled(page).inner_text("#sentence")


def test_a_broken_chip_file_shows_its_error_and_a_good_one_is_taken(visit):
    page = settled(visit())
    text = bundled.chips()["example_edge"].read_text()
    broken = {
        "name": "mine.yaml",
        "mimeType": "text/yaml",
        "buffer": text.replace("clock_mhz: 800", "clock_mhz: fast").encode(),
    }
    page.set_input_files("#chip-file", broken)
    page.wait_for_function("() => !document.getElementById('faults').hidden")
    assert re.search(r":\d+: clock_mhz: must be a number, got 'fast'", page.inner_text("#faults"))
    before = tile(page)
    good = {**broken, "buffer": text.replace("clock_mhz: 800", "clock_mhz: 400").encode()}
    page.set_input_files("#chip-file", good)
    changed(page, before)
    assert "chip_text=" in page.url


def test_a_network_file_is_taken_and_a_python_file_is_not(visit):
    page = settled(visit())
    table = b"name,kind,out_channels,in_channels\nimage,input,3,1\nfirst,dense,64,3\n"
    page.set_input_files("#network-file", {"name": "net.py", "mimeType": "text/plain", "buffer": b"raise SystemExit"})
    page.wait_for_function("() => !document.getElementById('faults').hidden")
    assert "nothing that is sent is run" in page.inner_text("#faults")
    page.set_input_files("#network-file", {"name": "<b>mine.csv", "mimeType": "text/csv", "buffer": table})
    page.wait_for_function("() => document.getElementById('sentence').textContent.startsWith('<b>mine on')")


def test_a_file_with_open_sizes_is_taken_once_they_are_given(visit):
    page = settled(visit())
    table = b"Layer, M, N, K,\nfirst, 1, H, 3,\n"
    page.set_input_files("#network-file", {"name": "open.csv", "mimeType": "text/csv", "buffer": table})
    page.wait_for_function("() => document.getElementById('faults').textContent.includes('open sizes: add')")
    page.fill("#network-sizes", "H=64")
    page.press("#network-sizes", "Tab")
    page.wait_for_function("() => document.getElementById('sentence').textContent.startsWith('open on')")
    assert "param.H=64" in page.url


def test_the_keyboard_is_enough(visit):
    page = settled(visit())
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.id"))
    for name in ("network", "chip", "slider-sram.capacity_mib", "precision", "beside-add", "changes"):
        assert name in reached
    page.focus("#section-layers thead button")
    page.keyboard.press("Enter")
    assert page.locator("#section-layers th[aria-sort='ascending']").count() == 1
    page.focus("#section-layers summary")
    page.keyboard.press("Enter")
    assert page.locator("#section-layers details[open]").count() == 1


@pytest.mark.parametrize("dark", [False, True])
def test_narrow_and_dark(visit, dark):
    page = settled(visit(width=390, color_scheme="dark" if dark else "light"))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert all(beyond <= 0 and size > 0.9 for beyond, size in page.evaluate(PICTURES))
    assert page.evaluate(TOO_WIDE) == []
    assert page.locator("#sections td code, #sections p code").count() > 0
    assert "`" not in page.inner_text("#sections")
    before = page.text_content("#section-roofline svg")
    page.focus("[id='slider-clock_mhz']")
    page.keyboard.press("ArrowLeft")
    page.locator("#section-roofline figure").scroll_into_view_if_needed()  # what is not seen is not drawn
    page.wait_for_function("words => document.querySelector('#section-roofline svg').textContent !== words", arg=before)
    assert all(beyond <= 0 and size > 0.9 for beyond, size in page.evaluate(PICTURES))
    paper = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 20, 20)" if dark else "rgb(255, 255, 255)")
    assert page.locator("#section-roofline svg").count() == 1


def test_what_to_change_can_be_stopped_and_is_told(visit):
    page = settled(visit())
    page.click("#changes")
    page.click("#section-changes button")
    page.wait_for_function("() => !document.querySelector('#section-changes p, #changes:disabled')")
    page.click("#changes")
    page.wait_for_selector("#section-changes h2")
    assert "What to change" in page.inner_text("#section-changes")


@pytest.mark.parametrize(
    ("kind", "name", "begins"),
    [
        ("report", "rooftile.html", b"<!doctype html>"), ("json", "rooftile.json", b"{"), ("csv", "layers.csv", b"layer,kind,"),
        ("yaml", "chip.yaml", b"schema: 1"), ("svg", "rooftile.svg", b"<svg"), ("png", "rooftile.png", b"\x89PNG"),
    ],
)  # fmt: skip
def test_files(shown, kind, name, begins):
    with shown.expect_download() as saved:
        shown.click(f"[data-download='{kind}']")
    assert saved.value.suggested_filename == name
    with open(saved.value.path(), "rb") as file:
        assert file.read(20).startswith(begins)


@pytest.fixture(scope="module")
def shown(browser, address):
    """A page for tests that change nothing on it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address + SMALL)
    yield settled(page)
    context.close()


def test_a_slider_draws_no_picture_anew_but_changes_what_it_shows(visit):
    page = settled(visit())
    said = page.evaluate("() => document.querySelector('#section-roofline svg').textContent")
    page.focus("[id='slider-clock_mhz']")
    before = tile(page)
    page.keyboard.press("ArrowLeft")
    changed(page, before)
    page.wait_for_function("words => document.querySelector('#section-roofline svg').textContent !== words", arg=said)
    assert set(
        page.evaluate("() => [...document.querySelectorAll('[data-drawn]')].map((one) => one.dataset.drawn)")
    ) == {"1"}
    assert page.evaluate("() => performance.getEntriesByName('slider to pictures').length") == 1


def test_a_part_of_dram_is_chosen_and_undone_by_the_button(visit):
    page = settled(visit())
    bill = tile(page, "bill")
    assert page.is_disabled("#undo")
    page.select_option("[id='choice-dram.part']", "lpddr5-6400-x32")
    changed(page, bill, "bill")
    assert "set.dram.part=lpddr5-6400-x32" in page.url
    page.click("#undo")
    page.wait_for_function("bill => document.querySelector(`[data-tile='bill'] dd`).textContent === bill", arg=bill)
    assert page.is_disabled("#undo")


def test_a_chip_s_name_is_text(visit):
    page = settled(visit())
    name = "<img src=x onerror=document.title=1>"
    text = bundled.chips()["example_edge"].read_text().replace("name: Example edge chip", f'name: "{name}"')
    page.set_input_files("#chip-file", {"name": "mine.yaml", "mimeType": "text/yaml", "buffer": text.encode()})
    page.wait_for_function("name => document.getElementById('sentence').textContent.includes(name)", arg=name)
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("what", by_night(["page", "report"], ["page"]))
def test_axe_finds_nothing_serious(browser, address, tmp_path, what):
    """All rules in light colours; in dark ones the page is the same but for its contrasts."""
    context = browser.new_context(color_scheme="light", bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    if what == "page":
        page.goto(address + SMALL + "&beside=inferx_x1")
        settled(page)
    else:
        place = tmp_path / "report.html"
        asked = forms.RunAsked(network="squeezenet@64", chip="example_edge")
        place.write_text(answers.report(asked, few_layers(), lambda _: None))
        page.goto(place.as_uri())
        page.wait_for_selector("svg")
    found = serious(page)
    context.close()
    assert found == []


def test_a_map_shows_progress_can_be_cancelled_and_is_drawn(visit):
    page = settled(visit())
    page.click("[data-work='map']")
    page.click("#working button")
    page.wait_for_function("() => !document.querySelector('#working *, [data-work]:disabled')")
    assert page.locator("#section-map h2").count() == 0
    page.click("details:has(#sweep-x) summary")
    page.select_option("#sweep-y", "dram.devices")
    page.fill("#sweep-xs", "1,2")
    page.fill("#sweep-ys", "1,2,4")
    page.click("[data-work='sweep']")
    page.wait_for_selector("#section-sweep svg")
    assert "sram.capacity_mib=" in page.inner_text("#section-sweep")
    page.fill("#sweep-xs", "small")
    page.click("[data-work='sweep']")
    page.wait_for_function("() => document.getElementById('faults').textContent.includes('small')")
