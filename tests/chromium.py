"""Chromium for the tests that look at a page: what it is started by, and what it is asked about any page."""

import contextlib
import os
import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = os.environ.get("ROOFTILE_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
WAIT_MS = 45_000


@contextlib.contextmanager
def started():
    """A browser, closed at the end."""
    with playwright.sync_playwright() as own:
        found = own.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


PICTURES = """() => [...document.querySelectorAll('.chart')].map((one) => {
  const svg = one.querySelector('svg');
  return [one.scrollWidth - one.clientWidth, svg.getBoundingClientRect().width / svg.viewBox.baseVal.width];
})"""
"""Of each picture how far it goes beyond its place, and how large it is of what it was drawn as."""


TOO_WIDE = """() => [...document.querySelectorAll('.wide')]
    .filter((place) => place.scrollWidth > place.clientWidth).map((place) => place.textContent.slice(0, 60))"""
"""The tables that one must move sideways to read."""


def serious(page, dark=True):
    """What axe finds that is serious, in light colours and, of contrasts, in dark ones."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    if dark:
        page.emulate_media(color_scheme="dark")
        contrasts = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
        found += axe.run(page, options=contrasts).response["violations"]
    return [(one["impact"], one["id"]) for one in found if one["impact"] in ("serious", "critical")]
