"""Many users of one server: nothing is lost. ROOFTILE_LOAD=60 has fifty move a slider once a second for so many seconds."""

import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import time

import pytest

httpx = pytest.importorskip("httpx")
pytest.importorskip("altair")
pytest.importorskip("simulator.web.serving")

SECONDS = float(os.environ.get("ROOFTILE_LOAD", "0"))
USERS, LASTS_S = (50, SECONDS) if SECONDS else (3, 2.0)
CHIPS = ("example_edge", "inferx_x1")
STOPS = [2.0 ** (at / 4.0) for at in range(25)]
LATE_S = 0.3
"""Of nineteen answers in twenty, once each stop of the slider was asked for."""


@pytest.fixture(scope="module")
def address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-u", "-m", "simulator", "serve", "--port", port]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", server.stdout.readline())[0]
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()


async def ask(client, chip, stop, show):
    begun = time.monotonic()
    asked = {"network": "squeezenet", "chip": chip, "settings": {"sram.capacity_mib": stop}, "show": show}
    answer = await client.post("/api/run", json=asked)
    return answer.status_code, time.monotonic() - begun


async def move(client, at, begun):
    """One user: what the page asks at each move."""
    drawn, found, chip = random.Random(at), [], CHIPS[at % len(CHIPS)]
    place = drawn.randrange(len(STOPS))
    await asyncio.sleep(drawn.random())
    while (now := time.monotonic()) < begun + LASTS_S:
        place = max(0, min(len(STOPS) - 1, place + drawn.choice((-1, 1))))
        found += await asyncio.gather(
            *(ask(client, chip, STOPS[place], show) for show in ([], ["roofline", "bill", "layers"]))
        )
        await asyncio.sleep(max(0.0, now + 1.0 - time.monotonic()))
    return found


async def crowd(address):
    limits = httpx.Limits(max_connections=4 * USERS)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        for chip in CHIPS:
            for stop in STOPS if SECONDS else ():
                for show in ([], ["roofline", "bill", "layers"]):
                    await ask(client, chip, stop, show)
        begun = time.monotonic()
        users = await asyncio.gather(*(move(client, at, begun) for at in range(USERS)))
    return [answer for user in users for answer in user]


def test_nothing_is_lost(address):
    found = asyncio.run(crowd(address))
    took = sorted(seconds for _, seconds in found)
    late_s = took[int(0.95 * len(took))]
    print(f"{USERS} users, {len(found)} answers, median {took[len(took) // 2] * 1e3:.0f} ms, p95 {late_s * 1e3:.0f} ms")
    assert {status for status, _ in found} == {200}
    assert len(found) >= 2 * USERS * (1 if not SECONDS else int(0.8 * LASTS_S))
    assert late_s < LATE_S or not SECONDS
