"""Hostile input, without a browser: questions drawn from the app's own description, bombs, odd numbers and hosts."""

import http.client
import json
import os
import socket
import time

import pytest
from hypothesis import HealthCheck, settings

from simulator.store import bundled

httpx = pytest.importorskip("httpx")
pytest.importorskip("altair")
serving = pytest.importorskip("simulator.web.serving")
guard = pytest.importorskip("simulator.web.guard")
uploads = pytest.importorskip("simulator.web.uploads")
parse = pytest.importorskip("simulator.web.parse")
schemathesis = pytest.importorskip("schemathesis")
application = pytest.importorskip("simulator.web.app").application

BY_DAY = 5
EXAMPLES = int(os.environ.get("ROOFTILE_FUZZ", "0")) or BY_DAY
"""Of each question; the nightly run draws many more."""

HOST = {"host": "127.0.0.1"}
described = schemathesis.openapi.from_asgi("/api/openapi.json", application(80), headers=HOST)
# Cases of every limit of the description are made when tests are looked for, in each process: they are for the night.
described.config.phases.coverage.enabled = EXAMPLES != BY_DAY


@pytest.fixture
def reader(monkeypatch, tmp_path):
    """By day files are read here: a process for each would take a second."""

    def read(kind, file, data, params):
        place = tmp_path / (uploads.STEM + uploads.Path(file).suffix.lower())
        place.write_bytes(data)
        return parse.answer({"kind": kind, "path": str(place), "params": dict(params)})

    if EXAMPLES == BY_DAY:
        monkeypatch.setattr(uploads, "_read", read)


@described.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck], database=None)
@pytest.mark.filterwarnings("ignore")
def test_no_question_breaks_the_server(case, reader):
    begun = time.monotonic()
    answer = case.call(headers=HOST)
    assert answer.status_code < 500, answer.text[:300]
    assert "Traceback" not in answer.text
    assert time.monotonic() - begun < 60.0


@pytest.fixture(scope="module")
def address():
    with serving.served() as found:
        yield found


def ask(address, body, path="api/run"):
    return httpx.post(address + path, content=body, headers={"content-type": "application/json"}, timeout=120)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{one}: &{one} [{','.join(['*' + other] * 9)}]\n" for other, one in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "asked",
    [
        {"chip_text": BOMB},
        {"chip_text": "x: " + "[" * 50_000},
        {"chip_text": "!!python/object/apply:os.system ['true']"},
        {"chip_text": "x: " + "9" * 100_000},
    ],
)
def test_a_bomb_in_a_chip_file_is_a_line_in_time(address, asked):
    begun = time.monotonic()
    answer = ask(address, json.dumps(asked), "api/chip")
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert time.monotonic() - begun < 45.0


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "-0.0", "true", "[]", "1e-320"]
)
@pytest.mark.parametrize("key", ["settings", "params"])
def test_odd_numbers_are_faults(address, key, number):
    name = "clock_mhz" if key == "settings" else "image_size"
    asked = f'{{"network": "squeezenet", "chip": "example_edge", "{key}": {{"{name}": {number}}}}}'
    answer = ask(address, asked)
    assert 400 <= answer.status_code < 500, answer.text[:300]


def test_what_is_beyond_its_bound_is_refused_before_it_is_read(address):
    for asked in ({"settings": {str(at): 1 for at in range(65)}}, {"beside": ["a"] * 7}, {"chip_text": "x" * 500_001}):
        answer = ask(address, json.dumps({"network": "squeezenet", **asked}))
        assert answer.status_code == 422


def test_a_slow_sender_is_let_go_and_holds_nobody_up(address, monkeypatch):
    monkeypatch.setattr(guard, "MOST_WAIT_S", 0.5)
    port = httpx.URL(address).port
    with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
        head = f"POST /api/upload?name=a.csv HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000\r\n\r\nlayer"
        slow.sendall(head.encode())
        assert httpx.get(address + "api/openapi.json", timeout=20).status_code == 200
        assert slow.recv(1000).split(b"\r\n")[0].split()[1] == b"408"


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([("Host", "127.0.0.1:PORT.evil.example")], "/api/library"),
        ([("Host", "evil.example:PORT")], "/"),
        ([("Host", "127.0.0.1:PORT"), ("Host", "evil.example")], "/api/library"),
        ([("Host", "127.0.0.1:PORT"), ("Origin", "http://127.0.0.1:PORT.evil.example")], "/api/library"),
        ([("Host", "127.0.0.1:PORT"), ("Origin", "https://127.0.0.1:PORT")], "/api/library"),
        ([("Host", "127.0.0.1:PORT"), ("Sec-Fetch-Site", "same-site")], "/api/library"),
    ],
)
def test_names_that_only_look_like_this_machine_are_refused(address, headers, path):
    port = httpx.URL(address).port
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.putrequest("GET", path, skip_host=True)
    for name, value in headers:
        line.putheader(name, value.replace("PORT", str(port)))
    line.endheaders()
    assert line.getresponse().status in (400, 403)
    line.close()


def test_a_form_of_another_page_is_refused_though_browsers_send_it(address):
    headers = {"content-type": "text/plain", "origin": "http://evil.example"}
    asked = json.dumps({"network": "squeezenet", "chip": "example_edge"})
    assert httpx.post(address + "api/run", content=asked, headers=headers).status_code == 403


def test_answers_are_not_held_back(address):
    """Without TCP_NODELAY each one waits 40 ms for an acknowledgement; the fastest of many does not depend on the machine."""
    took = []
    with httpx.Client(base_url=address, timeout=120) as client:
        asked = {"network": "squeezenet", "chip_text": bundled.chips()["example_edge"].read_text()}
        for _ in range(20):
            begun = time.monotonic()
            assert client.post("/api/run", json=asked).status_code == 200
            took.append(time.monotonic() - begun)
    assert min(took) < 0.035
