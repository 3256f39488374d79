"""The page's questions and answers, without a browser: what is right, what is refused, and what nobody can read."""

import json

import pytest

from simulator.chip.load import load_chip
from simulator.report.run_chart import sentence
from simulator.run import simulate
from simulator.store import bundled

httpx = pytest.importorskip("httpx")
pytest.importorskip("altair")
serving = pytest.importorskip("simulator.web.serving")
uploads = pytest.importorskip("simulator.web.uploads")
guard = pytest.importorskip("simulator.web.guard")

TABLE = "name,kind,out_channels,in_channels\nimage,input,3,1\nfirst,dense,64,3\n"


@pytest.fixture(scope="module")
def client():
    with serving.served() as address, httpx.Client(base_url=address, timeout=300) as made:
        yield made


def ask(client, path="/api/run", **asked):
    return client.post(path, json={"network": "squeezenet", "chip": "example_edge", **asked})


def test_a_run_is_that_of_the_command(client):
    asked = {"settings": {"sram.capacity_mib": 4, "clock_mhz": "1GHz"}, "batch": 2, "params": {"image_size": 192}}
    answer = ask(client, **asked, show=["roofline", "figures", "layers", "bill", "sram"]).json()
    chip = load_chip("example_edge", set={"sram.capacity_mib": 4, "clock_mhz": 1000})
    result = simulate("squeezenet@192", chip, batch=2)
    assert answer["sentence"] == sentence(result)
    assert answer["figures"]["throughput_per_s"] == result.throughput_per_s
    assert answer["figures"]["bill_usd"] == result.cost["bill_usd"]["best"]
    assert answer["figures"]["waterfall_period"] == result.waterfall_period
    sections = {section["name"]: section["parts"] for section in answer["sections"]}
    assert [*sections] == ["roofline", "figures", "layers", "bill", "sram"]
    table = next(part for part in sections["layers"] if part["kind"] == "table")
    assert [row[0] for row in table["rows"]] == [layer.name for layer in result.layers]
    assert all(table["behind"])
    assert ask(client, "/api/json", **asked).json()["throughput_per_s"] == result.throughput_per_s


def test_numbers_change_as_a_setting_of_the_chip(client):
    per_s = [ask(client, settings={"clock_mhz": clock}).json()["figures"]["throughput_per_s"] for clock in (400, 800)]
    assert per_s[0] < per_s[1]


def test_chips_stand_beside_each_other_the_fastest_first(client):
    answer = ask(client, beside=["inferx_x1"], show=["beside"]).json()
    rows = answer["sections"][0]["parts"][0]["rows"]
    per_s = [simulate("squeezenet", name).throughput_per_s for name in ("example_edge", "inferx_x1")]
    assert len(rows) == 2
    assert (rows[0][0] == "Example edge chip") == (per_s[0] > per_s[1])


def test_a_chip_file_is_taken_and_its_faults_have_their_lines(client):
    text = bundled.chips()["example_edge"].read_text()
    asked = {"network": "squeezenet", "chip_text": text}
    same = ask(client).json()["figures"]
    assert client.post("/api/run", json=asked).json()["figures"] == same
    broken = text.replace("clock_mhz: 800", "clock_mhz: fast")
    answer = client.post("/api/run", json={**asked, "chip_text": broken})
    line = 1 + text.splitlines().index("clock_mhz: 800")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [f"chip.yaml:{line}: clock_mhz: must be a number, got 'fast'"]


def test_the_file_of_a_changed_chip_is_that_chip(client):
    asked = {"chip": "example_edge", "settings": {"sram.capacity_mib": 3}}
    text = client.post("/api/chip", json=asked).json()["text"]
    figures = client.post("/api/run", json={"network": "squeezenet", "chip_text": text}).json()["figures"]
    assert figures == ask(client, settings=asked["settings"]).json()["figures"]


def test_a_table_of_layers_is_read_in_a_process_of_its_own(client):
    sent = client.post("/api/upload?name=mine.csv", content=TABLE)
    assert sent.status_code == 200, sent.text
    assert sent.json()["macs"] == 64 * 3
    assert sent.json()["title"] == "mine"
    figures = ask(client, network=sent.json()["network"]).json()["figures"]
    assert figures["network"] == "mine"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("net.py", b"raise SystemExit"),
        ("net.onnx.py", b"raise SystemExit"),
        ("../../etc/passwd", b""),
        ("broken.onnx", b"\x08\x07garbage"),
        ("config.json", b"[" * 100_000),
        ("config.json", b'{"model_type": "nothing"}'),
        ("table.csv", b"\xff\xfe\x00"),
        ("\ud800.csv".encode("utf-8", "surrogatepass").decode("latin-1"), b"a,b\n1,2\n"),
        ("x" * 300 + ".csv", b"layer\n"),
    ],
)
def test_files_that_are_no_networks_are_one_line(client, name, content):
    answer = client.post("/api/upload", params={"name": name}, content=content)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
    assert "Traceback" not in answer.text
    assert uploads.tempfile.gettempdir() not in answer.text


def test_a_reader_that_takes_too_long_is_ended(client, monkeypatch):
    monkeypatch.setattr(uploads, "SECONDS", 0.05)
    answer = client.post("/api/upload?name=slow.csv", content=TABLE + "x")
    assert answer.status_code == 422
    assert answer.json()["errors"] == ["slow.csv: must be read within 0.05 s"]


@pytest.mark.parametrize(
    "asked",
    [
        {"chip": "/etc/passwd"},
        {"chip": "arch_configs/example_edge.yaml"},
        {"chip": "exampel_edge"},
        {"network": "pyproject.toml"},
        {"network": "./tests/conftest.py"},
        {"network": "squeezenet@../x.py"},
        {"network": "file:0:gone.onnx"},
        {"settings": {"sram.capacity_mib": -1}},
        {"settings": {"sram.capacity": "1MiB"}},
        {"settings": {"\ud800": 1}},
        {"params": {"image_size": 0}},
        {"params": {"name_or_path": "x"}},
        {"precision": "fp3"},
        {"batch": 0},
        {"unknown": 1},
        {"beside": ["nothing"], "show": ["beside"]},
        {"show": ["everything"]},
    ],
)
def test_what_is_wrong_with_a_question_is_told_in_lines(client, asked):
    answer = client.post(
        "/api/run",
        content=json.dumps({"network": "squeezenet", "chip": "example_edge", **asked}),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
    assert all(line.isprintable() for line in answer.json()["errors"])
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:PORT"}, 200),
        ({"host": "localhost:PORT"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1:1"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_only_the_page_itself_may_ask(client, headers, status):
    port = str(client.base_url.port)
    headers = {name: value.replace("PORT", port) for name, value in headers.items()}
    assert client.get("/api/library", headers=headers).status_code == status


def test_bodies_are_bounded(client):
    assert client.post("/api/run", content=b"x" * 2_000_001).status_code == 413
    assert client.post("/api/upload?name=a.onnx", content=b" " * (guard.MOST_BYTES + 1)).status_code == 413
    pieces = (b" " * 1_000_000 for _ in range(70))  # no length told
    assert client.post("/api/upload?name=a.onnx", content=pieces).status_code == 413


def test_the_page_has_a_strict_policy_and_only_its_own_files(client):
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in page.text.replace("<!doctype html>", "")
    assert "vegaEmbed" in client.get("/vega.js").text
    for path in ("/../pyproject.toml", "/static/page.js", "/docs", "/%2e%2e/pyproject.toml", "/simulator/web/app.py"):
        assert client.get(path).status_code == 404


def test_every_question_is_described(client):
    paths = client.get("/api/openapi.json").json()["paths"]
    assert {*paths} == {
        "/api/library",
        "/api/chip",
        "/api/network",
        "/api/upload",
        "/api/run",
        "/api/json",
        "/api/report",
    }


def test_the_report_is_the_command_s(client):
    page = ask(client, "/api/report").text
    assert page.startswith("<!doctype html>")
    assert sentence(simulate("squeezenet", "example_edge")) in page
    assert "What to change" in page
