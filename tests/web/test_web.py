"""The page's questions and answers, without a browser: what is right, what is refused, and what nobody can read."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from simulator.chip.library import entry
from simulator.chip.load import load_chip
from simulator.graph.load import load_network
from simulator.progress import each
from simulator.report.format import figure
from simulator.report.memory import memory_lines
from simulator.report.tables import sentence
from simulator.run import simulate
from simulator.store import bundled
from simulator.study.memory import memory_map

httpx = pytest.importorskip("httpx")
pytest.importorskip("altair")
serving = pytest.importorskip("simulator.web.serving")
uploads = pytest.importorskip("simulator.web.uploads")
work = pytest.importorskip("simulator.web.work")
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


def test_open_sizes_of_a_file_come_with_it(client):
    file = {"name": "mine.csv", "sizes": "H=64 W=3"}
    table = "Layer, M, N, K,\nfirst, 1, H, W,\n"
    without = client.post("/api/upload", params={"name": "mine.csv"}, content=table)
    assert without.json()["errors"] == ["mine.csv: open sizes: add params H=? params W=?"]
    sent = client.post("/api/upload", params=file, content=table).json()
    assert (sent["macs"], sent["params"]) == (64 * 3, {"H": 64, "W": 3})
    asked = {"network": sent["network"], "params": {"H": 32, "W": 3}}
    assert client.post("/api/network", json=asked).json()["macs"] == 32 * 3
    assert ask(client, **asked).json()["figures"]["network"] == "mine"
    wrong = client.post("/api/upload", params={**file, "sizes": "64"}, content=table)
    assert wrong.json()["errors"] == ["open sizes: must be NAME=SIZES, such as images=1x3x640x640, got '64'"]


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
        "/api/csv",
        "/api/picture",
        "/api/work",
        "/api/poll",
        "/api/cancel",
        "/api/report",
    }


def test_the_report_is_the_command_s(client):
    page = ask(client, "/api/report", params={"image_size": 64}).text
    assert page.startswith("<!doctype html>")
    assert sentence(simulate("squeezenet@64", "example_edge")) in page
    assert "What to change" in page


def controls(client, **asked):
    return client.post("/api/chip", json={"chip": "example_edge", **asked}).json()


def test_every_control_of_a_chip_moves_the_headline(client):
    found = controls(client)
    wanted = {
        "array.count", "array.rows", "array.columns", "sram.capacity_mib", "dram.devices", "dram.capacity_gib", "clock_mhz",
    }  # fmt: skip
    assert {one["key"] for one in found["sliders"]} == wanted
    before = ask(client).json()["tiles"]
    for one in found["sliders"]:
        assert one["value"] in one["stops"]
        other = next(stop for stop in one["stops"] if stop >= one["value"] * 1.9)
        assert ask(client, settings={one["key"]: other}).json()["tiles"] != before, one["key"]
    part = found["choices"][0]
    assert part["key"] == "dram.part"
    assert part["value"] in {one["name"] for one in part["options"]}
    assert ask(client, settings={"dram.part": "ddr4-2400-x16"}).json()["tiles"] != before
    for asked in ({"batch": 4}, {"precision": "int16"}, {"params": {"image_size": 128}}):
        assert ask(client, **asked).json()["tiles"] != before


def test_prompt_and_context_of_a_language_model_move_the_headline(client):
    network = client.post("/api/network", json={"network": "qwen2_5_0_5b"}).json()
    keys = {one["key"] for one in network["sliders"]}
    assert {"prompt", "context"} <= keys
    assert [one["name"] for one in network["choices"][0]["options"]] == ["prefill", "decode"]
    asked = {"network": "qwen2_5_0_5b", "chip": "a100", "precision": "fp16"}
    tiles = [
        client.post("/api/run", json={**asked, "params": params}).json()["tiles"]
        for params in (
            {"prompt": 128},
            {"prompt": 256},
            {"phase": "decode", "context": 128},
            {"phase": "decode", "context": 4096},
        )
    ]
    assert tiles[0] != tiles[1]
    assert tiles[2] != tiles[3]


def test_a_named_part_takes_the_place_of_a_memory_without_one(client):
    asked = {"chip": "a100:pcie-80"}
    before = controls(client, **asked)
    assert before["choices"][0]["value"] == "custom"
    assert "dram.gb_per_s_per_device" in {one["key"] for one in before["sliders"]}
    after = controls(client, **asked, settings={"dram.part": "hbm2-2.4"})
    assert "dram.gb_per_s_per_device" not in {one["key"] for one in after["sliders"]}
    assert "part: hbm2-2.4" in after["text"]
    assert "gb_per_s_per_device" not in after["text"]


def test_the_same_question_is_answered_alike_and_asked_meanwhile_it_is_done_once():
    kept = pytest.importorskip("simulator.web.kept").Kept(2)
    made, gate = [], threading.Event()

    def make():
        gate.wait(10)
        made.append(1)
        return len(made)

    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(kept.get, "one", make) for _ in range(3)]
        gate.set()
        assert {one.result() for one in found} == {1}
    with pytest.raises(ZeroDivisionError):
        kept.get("two", lambda: 1 // 0)
    assert kept.peek("two") is None
    assert kept.get("two", make) == kept.peek("two") == 2


def test_what_follows_a_slider_at_once_does_not_ask_what_binds(client, monkeypatch):
    run = pytest.importorskip("simulator.run")
    monkeypatch.setattr(run, "Gains", lambda *_: pytest.fail("a schedule for each roof was asked for"))
    answer = ask(client, settings={"clock_mhz": 777}, show=["roofline", "layers", "bill"])
    assert answer.status_code == 200
    assert [section["name"] for section in answer.json()["sections"]] == ["roofline", "layers", "bill"]
    assert answer.json()["sentence"] is None


def test_pictures_are_in_the_form_of_their_library(client):
    chart = pytest.importorskip("altair").Chart
    for section in ask(client, show=["roofline", "layers", "bill", "sram"]).json()["sections"]:
        for part in section["parts"]:
            if part["kind"] == "chart":
                chart.from_dict(part["chart"])
                assert part["words"]


def worked(client, **asked):
    """The answer to a question over many chips, polled until it ends."""
    asked = {"network": "squeezenet", "chip": "example_edge", "params": {"image_size": 64}, **asked}
    sent = client.post("/api/work", json={"work": asked})
    assert sent.status_code == 200, sent.text
    ticket = {"ticket": sent.json()["ticket"]}
    while (found := client.post("/api/poll", json=ticket).json())["state"] in ("waiting", "working"):
        time.sleep(0.05)
    return found


def texts(section):
    return "\n".join(part["text"] for part in section["parts"] if part["kind"] == "text")


def test_the_map_is_that_of_the_command(client, tmp_path):
    file = tmp_path / "mine.csv"  # of two layers: the searches for the least SRAM ask for many schedules
    file.write_text("name,kind,out_channels,in_channels\nimage,input,64,1\nfirst,dense,64,64\nsecond,dense,64,64\n")
    sent = client.post("/api/upload?name=mine.csv", content=file.read_bytes()).json()
    found = worked(client, question="map", network=sent["network"], params={})
    assert found["state"] == "done", found
    expected = memory_map(load_network(str(file)), load_chip("example_edge"))
    assert memory_lines(expected)[0] in texts(found["answer"])
    assert [part["kind"] for part in found["answer"]["parts"]].count("chart") == 1


def test_a_map_of_two_keys_is_a_sweep(client):
    vary = {"sram.capacity_mib": "1,2", "clock_mhz": "400,800"}
    found = worked(client, question="sweep", vary=vary, by="throughput_per_s", settings={"dram.devices": 2})
    assert found["state"] == "done", found
    chip = load_chip("example_edge", set={"dram.devices": 2, "sram.capacity_mib": 2, "clock_mhz": 800})
    best = simulate("squeezenet@64", chip).throughput_per_s
    assert f"Most throughput: {figure(best)}, with sram.capacity_mib=2, clock_mhz=800" in texts(found["answer"])
    refused = worked(client, question="sweep", vary={"sram.capacity_mib": "1,2,3", "clock_mhz": "1:1e5:+1"})
    assert refused["state"] == "failed"
    assert "must make at most" in refused["errors"][0]


def test_a_ranking_is_that_of_compare_with_this_chip_in_it(client, monkeypatch):
    few = {name: entry(name) for name in ("example_edge", "inferx_x1")}
    monkeypatch.setattr(work, "bundled_entries", lambda: few)
    found = worked(client, question="ranking", by="throughput", settings={"clock_mhz": 400})
    assert found["state"] == "done", found
    assert "this chip is" in texts(found["answer"])
    same = worked(client, question="ranking", by="throughput")
    assert "example_edge is" in texts(same["answer"])
    assert worked(client, question="ranking", by="nothing")["errors"][0].startswith("by: must be one of usd")


def test_long_work_says_how_far_it_is_and_can_be_cancelled(client, monkeypatch):
    begun = threading.Event()

    def endless(*_, **__):
        for _ in each(range(10**9)):
            begun.set()
            time.sleep(0.001)

    monkeypatch.setattr(work, "memory_map", endless)
    asked = {"network": "squeezenet", "chip": "example_edge", "question": "map"}
    ticket = client.post("/api/work", json={"work": asked}).json()
    assert begun.wait(30)
    found = client.post("/api/poll", json={"ticket": ticket["ticket"]}).json()
    assert found["state"] == "working"
    assert 0.0 <= found["share"] < 0.01
    client.post("/api/cancel", json={"ticket": ticket["ticket"]})
    while (found := client.post("/api/poll", json={"ticket": ticket["ticket"]}).json())["state"] == "working":
        time.sleep(0.01)
    assert found["state"] == "cancelled"
    assert client.post("/api/poll", json={"ticket": "work-0"}).status_code == 422
