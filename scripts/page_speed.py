"""Time of the page from a slider to its numbers and to its pictures, in Chromium: python scripts/page_speed.py."""

import argparse
import shutil
import statistics
import sys

from playwright.sync_api import Page, sync_playwright

from simulator.web import serving

STATES = ("network=squeezenet&chip=example_edge", "network=resnet50&chip=inferx_x1")
MOVES = (("clock_mhz", "ArrowLeft", 20), ("sram.capacity_mib", "ArrowRight", 10), ("clock_mhz", "ArrowRight", 10))
FIRST_MS, BETWEEN_MS = 15_000, 700
"""Until the first answer stands, and between two moves of a slider: someone who looks at each."""


def move(page: Page) -> None:
    for slider, key, times in MOVES:
        page.focus(f"[id='slider-{slider}']")
        page.wait_for_timeout(BETWEEN_MS)
        for _ in range(times):
            page.keyboard.press(key)
            page.wait_for_timeout(BETWEEN_MS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome"))
    browser = parser.parse_args().browser
    if browser is None:
        print("no Chromium: --browser FILE", file=sys.stderr)
        return 2
    with serving.served() as address, sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for state in STATES:
            page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.goto(f"{address}#{state}")
            page.wait_for_timeout(FIRST_MS)
            move(page)
            for name in ("slider to numbers", "slider to pictures", "slider to gains"):
                took = sorted(
                    page.evaluate("name => performance.getEntriesByName(name).map(one => one.duration)", name)
                )
                worst = statistics.quantiles(took, n=20)[-1]
                print(
                    f"{state}: {name}: {len(took)} moves, median {statistics.median(took):.0f} ms, p95 {worst:.0f} ms"
                )
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
