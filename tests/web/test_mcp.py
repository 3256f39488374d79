"""The tools of `rooftile mcp`, asked by the client of the protocol's own package, in memory."""

import asyncio
import importlib.util
import json
import os
import re
import threading
import time

import jsonschema
import pytest

from simulator import load_chip, load_network, simulate, size
from simulator.cli import main
from simulator.errors import StoppedError
from simulator.store import bundled
from simulator.web import jobs, uploads
from simulator.web.agents.forms import Polled

# Imported by the process that runs these tests, not by all that look for tests: it takes a second.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason="needs the extra 'mcp'")

TOPOLOGY = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
SMALL = TOPOLOGY + "a, 18, 18, 3, 3, 16, 32, 1,\nb, 18, 18, 3, 3, 32, 32, 1,\n"


class Agent:
    """A client that counts its calls."""

    def __init__(self, client):
        self.client, self.calls = client, 0

    async def ask(self, name, **arguments):
        """What a tool answers."""
        self.calls += 1
        found = await self.client.call_tool(name, arguments)
        assert not found.is_error, found.content[0].text
        assert json.loads(found.content[0].text) == found.structured_content
        return found.structured_content

    async def fault(self, name, **arguments):
        """Lines of a question that cannot be answered."""
        found = await self.client.call_tool(name, arguments)
        assert found.is_error, found.content[0].text
        lines = found.content[0].text.split("\n")
        assert all(line.isprintable() and len(line) <= 500 for line in lines)
        return lines

    async def wait(self, ticket):
        """The answer to a submitted question."""
        while (found := await self.ask("poll", ticket=ticket, wait_s=5))["state"] in ("waiting", "working"):
            pass
        assert found["state"] == "done", found
        return found["answer"]


def asked(task, allowed=()):
    """What a coroutine function makes of an agent."""

    import mcp  # noqa: PLC0415

    from simulator.web.agents.server import application  # noqa: PLC0415

    async def work():
        async with mcp.Client(application(allowed)) as client:
            return await task(Agent(client))

    return asyncio.run(work())


@pytest.fixture
def folder(tmp_path):
    """An allowed folder with a network, a chip, and a network in Python; a file that is not allowed lies beside it."""
    inside = tmp_path.resolve() / "inside"
    inside.mkdir()
    chip = bundled.chips()["example_edge"].read_text(encoding="utf-8")
    (inside / "small.csv").write_text(SMALL)
    (inside / "mine.yaml").write_text(chip)
    (inside / "net.py").write_text("open('ran', 'w').close()\n")
    (tmp_path / "secret.csv").write_text(SMALL)
    (tmp_path / "secret.yaml").write_text(chip)
    (inside / "link.csv").symlink_to(tmp_path / "secret.csv")
    return inside


def test_there_are_at_most_ten_tools_and_all_only_read():
    async def task(agent):
        return (await agent.client.list_tools()).tools

    tools = asked(task)
    from simulator.web.agents.server import tool_names  # noqa: PLC0415

    assert [tool.name for tool in tools] == tool_names()
    assert len(tools) <= 10
    for tool in tools:
        assert tool.annotations.read_only_hint
        assert tool.description
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False


def test_answers_have_the_numbers_of_the_commands_and_words(folder):
    async def task(agent):
        one = {"network": "small.csv", "chip": "mine.yaml", "batch": 2}
        tools = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
        found = {
            "run": await agent.ask("run", **one, settings={"clock_mhz": 400}, next_dollar=False),
            "sensitivity": await agent.ask("sensitivity", **one),
            "explain": await agent.ask(
                "explain", network="small.csv", a="mine.yaml", b="Example Edge", settings_b={"clock_mhz": 40}
            ),
            "cost": await agent.ask("cost", chip="example_edge"),
            "list_networks": await agent.ask("list_networks", contains="resnet"),
            "list_chips": await agent.ask("list_chips", contains="InferX"),
        }  # fmt: skip
        for name, answer in found.items():
            jsonschema.validate(answer, tools[name].output_schema)
        return found

    found = asked(task, [folder])
    own = simulate(load_network(str(folder / "small.csv")), load_chip("example_edge", set={"clock_mhz": 400}), batch=2)
    figures, words = found["run"]["figures"], found["run"]["words"]
    assert figures["throughput_per_s"] == own.throughput_per_s
    assert figures["bound_by"] == own.bound_by
    assert words["bound"].startswith("small on Example edge chip is bound by host link: without this limit")
    assert any(line.startswith("multiplying, every unit busy: ") for line in words["waterfall"])
    assert words["next_dollar"] == ["Not asked for: next_dollar was false."]
    assert re.search(r"of 90 % of the \d+ measured rows", words["validity"][0])
    assert "No measurement of Example edge chip is known" in words["validity"][1]
    steps = found["sensitivity"]
    told = steps["words"]["next_dollar"]
    assert any(line.startswith("At batch ") for line in told)
    assert steps["next_dollar"] in [None, *(step["setting"] for step in steps["steps"])]
    explained = found["explain"]
    assert sum(explained["parts"].values()) == pytest.approx(explained["difference_s"])
    assert "slower" in explained["words"]["answer"]
    assert found["cost"]["cost"]["bill_usd"]["best"] == pytest.approx(steps["figures"]["bill_usd"])
    assert "resnet50" in [row["name"] for row in found["list_networks"]["networks"]]
    assert found["list_chips"]["chips"][0]["name"] == "inferx_x1"


def test_long_questions_are_submitted_and_polled(folder):
    async def task(agent):
        base = {"network": "small.csv"}
        compare = await agent.ask("submit", work={**base, "question": "compare", "chips": ["mine.yaml", "inferx_x1"]})
        sweep = {**base, "question": "sweep", "chip": "example_edge", "vary": {"clock_mhz": "200,400", "batch": "1,2"}}
        swept = await agent.ask("submit", work=sweep)
        wrong = await agent.ask("submit", work={**base, "question": "compare", "by": "dollars"})
        size = {**base, "question": "size", "at_least_per_s": 1e9, "vary": {"clock_mhz": "200,400"}, "bundled": False}
        sized = await agent.ask("submit", work=size)
        answers = [await agent.wait(one["ticket"]) for one in (compare, swept, sized)]
        failed = await agent.ask("poll", ticket=wrong["ticket"], wait_s=20)
        return (*answers, failed)

    compared, swept, sized, failed = asked(task, [folder])
    assert [row["chip"] for row in compared["rows"]] in (["mine", "inferx_x1"], ["inferx_x1", "mine"])
    assert compared["words"]["waterfall"]
    assert (swept["count"], len(swept["rows"])) == (4, 4)
    assert {row["clock_mhz"] for row in swept["rows"]} == {200, 400}
    assert swept["words"]["answer"].startswith("Best of 4 points by throughput_per_usd: ")
    assert (sized["rows"], sized["words"]["answer"][:15]) == ([], "Nothing reaches")
    assert failed["state"] == "failed"
    assert failed["errors"][0].startswith("by: must be one of usd,")


def test_a_question_is_given_up_at_its_next_step():
    begun, all_jobs = threading.Event(), jobs.Jobs(jobs.fault_lines, Polled)

    def task(tell):
        begun.set()
        while True:
            tell("turning in circles")
            time.sleep(0.01)

    first, second = all_jobs.submit(task), all_jobs.submit(task)
    assert (first.ahead, second.ahead) == (0, 1)
    assert begun.wait(5)
    assert all_jobs.poll(first.ticket).state == "working"
    assert all_jobs.cancel(second.ticket).state == "cancelled"
    all_jobs.cancel(first.ticket)
    assert all_jobs.poll(first.ticket, 5).state == "cancelled"
    with pytest.raises(StoppedError):
        all_jobs._job(first.ticket).tell("once more")


ORDER = {"array.count": (1, 2, 4, 8, 16), "sram.capacity_mib": (0.5, 1, 2, 4), "dram.devices": (1, 2, 4)}
LIFTS = {"array": ("array.count",), "dram": ("sram.capacity_mib", "dram.devices"), "sram": ("sram.capacity_mib",)}
WANTED = 4500.0


async def cheapest(agent):
    """Figures of the cheapest chip found: up what binds, by what gives most for a dollar, until fast enough; then down again."""

    async def figures(at):
        settings = {key: ORDER[key][place] for key, place in at.items()}
        told = await agent.ask("run", network="squeezenet", chip="example_edge", settings=settings, next_dollar=False)
        return told["figures"]

    at = dict.fromkeys(ORDER, 0)
    now = await figures(at)
    while now["throughput_per_s"] < WANTED:
        best = 0.0, at, now
        for key in LIFTS.get(now["bound_by"], ORDER):
            if at[key] + 1 < len(ORDER[key]):
                more = {**at, key: at[key] + 1}
                found = await figures(more)
                change = found["throughput_per_s"] - now["throughput_per_s"]
                best = max(best, (change / (found["bill_usd"] - now["bill_usd"]), more, found), key=lambda one: one[0])
        assert best[0] > 0.0
        _, at, now = best
    for key, values in ORDER.items():
        for _ in values:
            less = {**at, key: at[key] - 1}
            if less[key] < 0 or (found := await figures(less))["throughput_per_s"] < WANTED:
                break
            at, now = less, found
    return now


def test_a_client_finds_what_size_finds():
    """By runs alone, without asking for a sizing."""

    async def task(agent):
        return await cheapest(agent), agent.calls

    found, calls = asked(task)
    vary = {key: ",".join(map(str, values)) for key, values in ORDER.items()}
    best = size("squeezenet", "example_edge", at_least_per_s=WANTED, bundled=False, vary=vary).winner
    assert calls <= 30
    assert found["throughput_per_s"] >= WANTED
    assert found["bill_usd"] == pytest.approx(best.bill_usd, rel=0.01)


def test_questions_that_are_wrong_are_lines_with_the_nearest_name():
    async def task(agent):
        one = {"network": "squeezenet", "chip": "example_edge"}
        return [
            await agent.fault("run", network="squeezenet", chip="example_edgy"),
            await agent.fault("run", network="squezenet", chip="example_edge"),
            await agent.fault("run", **one, chp="x"),
            await agent.fault("run", **one, settings={"sram.capcity_mib": 1}),
            await agent.fault("runn", **one),
            await agent.fault("poll", ticket="work-7"),
            await agent.fault("run", **one, batch="many"),
            await agent.fault("run", **one, batch=10**30),
            await agent.fault("run", **one, batch=0),
            await agent.fault("run", **one, settings={"clock_mhz": 10**400}),
            await agent.fault("run", **one, settings={"clock_mhz": "x" * 10_000}),
            await agent.fault("run", **one, settings=[]),
            await agent.fault("run", **one, precision="int3.5"),
            await agent.fault("run", network="a\x1b[31m\u202eb\nc", chip="example_edge"),
            await agent.fault("run", network="squeezenet", chip="a\x00b"),
            await agent.fault("run", network="x" * 100_000, chip="example_edge"),
            await agent.fault("run", network="yolov3@", chip="example_edge"),
            await agent.fault("run", network="squeezenet", chip="example_edge", params={"image_size": 10**9}),
            await agent.fault("submit", work={"question": "sizes"}),
            await agent.fault("list_chips", contains=7),
        ]

    lines = asked(task)
    assert "did you mean 'example_edge'" in lines[0][0]
    assert "did you mean 'squeezenet'" in lines[1][0]
    assert lines[2] == ["chp: unknown argument of run; did you mean 'chip'?"]
    assert "did you mean 'capacity_mib'" in lines[3][0]
    assert lines[4] == ["runn: unknown tool; did you mean 'run'?"]
    assert lines[5] == ["ticket: must be one that submit gave, got 'work-7'; nothing was submitted"]
    assert all("internal error" not in line for told in lines for line in told)


def test_only_files_of_allowed_folders_are_read_and_none_is_run(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outside = [
        "../secret.csv", str(tmp_path / "secret.csv"), "link.csv", "inside/../../secret.csv", "/etc/passwd", "./../secret.csv",
        "..\\secret.csv", "/dev/zero.csv", "/proc/self/environ", "~/x.csv", "a\x00.csv", "/" * 900 + ".csv",
    ]  # fmt: skip

    async def task(agent):
        told = [await agent.fault("run", network=name, chip="example_edge") for name in outside]
        told += [await agent.fault("run", network="squeezenet", chip=name.replace("csv", "yaml")) for name in outside]
        return (
            told,
            await agent.fault("run", network="net.py", chip="example_edge"),
            await agent.fault("cost", chip="secret"),
        )

    told, python, near = asked(task, [folder])
    for lines in told:
        assert "18, 18" not in " ".join(lines)  # nothing of what they hold
    assert "is never run here" in python[0]
    assert "secret.yaml" not in near[0]  # nor which there are
    assert not (tmp_path / "ran").exists()

    async def nothing(agent):
        return await agent.fault("run", network=str(folder / "small.csv"), chip="example_edge")

    assert "no folder is allowed" in asked(nothing)[0]


def test_the_command_names_its_tools_and_refuses_what_is_no_folder(capsys, tmp_path):
    assert main(["mcp", "--check", "--allow", str(tmp_path)]) == 0
    from simulator.web.agents.server import tool_names  # noqa: PLC0415

    assert capsys.readouterr().out.split() == tool_names()
    assert main(["mcp", "--allow", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("rooftile: --allow: must be a folder, got ")
    assert os.environ.get("ROOFTILE_NO_CODE", "") in ("", "0")


def test_a_model_file_is_read_by_a_process_that_is_ended(folder, monkeypatch):
    async def task(agent):
        good = await agent.ask("run", network="small.csv", chip="example_edge", next_dollar=False)
        monkeypatch.setattr(uploads, "SECONDS", 0.01)
        return good, await agent.fault("run", network="small.csv@20", chip="example_edge")

    good, late = asked(task, [folder])
    assert good["figures"]["throughput_per_s"] == simulate(str(folder / "small.csv"), "example_edge").throughput_per_s
    assert "must be read within 0.01 s" in late[0]
