"""Hostile input of every kind, through the command in one process.

The law: the exit code is 0 or 2, never 1; there is no traceback; standard error has one line an error, and nothing that is
printed steers a terminal. About a thousand mutants; `ROOFTILE_FUZZ=100000` asks for more, `ROOFTILE_FUZZ_SEED` for others.
"""

import copy
import os
import random
import re
import shutil
import warnings
from pathlib import Path

import pytest
import yaml

from simulator import cli, sweep
from simulator.cli import app as cli_app
from simulator.store import bundled
from simulator.store.data import parsed

COUNT = int(os.environ.get("ROOFTILE_FUZZ", "1000"))
SEED = int(os.environ.get("ROOFTILE_FUZZ_SEED", "1"))
SHARES = {"command": 0.1, "chip": 0.35, "network": 0.25, "sheet": 0.1, "plan": 0.1, "folder": 0.05, "option": 0.05}
MOST_SHOWN = 5

COMMANDS = cli_app.parser()

NOTICE = re.compile(r"Compiling the kernels|[\d,]+ of [\d,]+ points")
SAFE = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]*")

NETWORK = """
import dataclasses
import networkx as nx
from simulator.graph.layer import Layer

def change(graph, name, **fields):
    graph.nodes[name]["layer"] = dataclasses.replace(graph.nodes[name]["layer"], **fields)

def build():
    graph = nx.DiGraph()
    graph.add_node("x", layer=Layer("x", "input", out_channels=4, out_height=6, out_width=6))
    graph.add_node("c", layer=Layer("c", "conv", out_channels=8, in_channels=4, out_height=4, out_width=4,
                                    kernel_height=3, kernel_width=3, in_height=6, in_width=6))
    graph.add_node("r", layer=Layer("r", "relu", out_channels=8, in_channels=8, out_height=4, out_width=4,
                                    in_height=4, in_width=4))
    graph.add_node("p", layer=Layer("p", "pool", out_channels=8, in_channels=8, kernel_height=4, kernel_width=4,
                                    in_height=4, in_width=4, stride=(4, 4)))
    graph.add_node("d", layer=Layer("d", "dense", out_channels=5, in_channels=8, has_bias=True))
    graph.add_node("e", layer=Layer("e", "lstm", out_channels=4, in_channels=1))
    graph.add_node("m", layer=Layer("m", "matmul", out_channels=1, in_channels=5))
    for source, target in (("x", "c"), ("c", "r"), ("r", "p"), ("p", "d"), ("d", "m")):
        graph.add_edge(source, target, operand="inputs")
    graph.add_edge("p", "e", operand="inputs")
    graph.add_edge("d2" if False else "p", "m", operand="weights")
    CHANGES
    return graph
"""

TEXTS = [
    "", " ", "\0", "\x1b[31mred", "\x9b31m", "\u202egnp", "\ufffe", "\u2028", "a\nb", "a\rb", "\t=1+1", "=cmd",
    "x" * 300, "x" * 5000, "é", "日本", "\udcff", "'", '"', "`id`", "$(id)", "%s", "{0}", "../..", "/", "/dev/zero",
    "/dev/null", "/nowhere/x", ".", "-", "--", "null", "true", "[]", "{}", "~", "a: b", "# x", "&a", "*a",
    "!!python/object:os.system {}", "!x 1", "<script>", "0x10", "1_000", "\uff11\uff12", "x.yaml", "x.py", "x.csv",
    "int8", "resnet50", "example_edge",
]  # fmt: skip
NUMBERS = [
    "0", "-1", "1", "2", "3", "7", "0.5", "-0.0", "1e-320", "1e-18", "1e15", "1e16", "1e18", "1e308", "1e309",
    "-1e308", "nan", "inf", "-inf", ".inf", "9" * 400, "9" * 5000, "9007199254740993", "18446744073709551616",
    "1e400", "1.5", "-2147483649", "\uff11",
]  # fmt: skip
RANGES = [
    "1:2:x2", "1:1e308:+1e-308", "-1e308:1e308:/3", "2:1:x2", "1:2", "1:2:", ":", "::", "1:2:x1", "1:2:+0", "1:2:/0",
    "1:2:/1e9", "1e-320:1:x1.4", "0:1:x2", "1:2:y3", "1,1", "1,,2", ",", "1:nan:+1", "a:b:xc", "1:9:+1e-9",
    "1e-18:1e18:/2", "true,false",
]  # fmt: skip
UNITS = ["5ms", "1000/s", "10W", "$25", "1k/s", "5 parsecs", "$", "/s", "1e400ms", "-5ms"]
KEYS = [
    "clock_mhz", "sram.capacity_mib", "dram.devices", "dram.part", "batch", "precision", "param.x", "a..b", "name",
    ".", "published", "array.rate.int8", "schedule.overlap", "\x1b[31m", "array.unroll.rows", "a." * 100,
]  # fmt: skip
VALUES = [
    0, -1, 1, 2, 2**31, 2**53 + 1, 2**64, 10**30, 10**400, 0.5, -0.0, 1e-320, 1e308, float("inf"), float("nan"), True,
    False, None, [], {}, [1], ["a", "a"], {"a": 1}, [[]], {"x": {"y": {"z": 1}}}, *TEXTS,
]  # fmt: skip
# As Python source: the extents between are no hostile input, but slow.
DAMAGE = [
    "0", "-1", "2", "2**24 + 1", "2**31", "2**53", "10**30", "10**400", "1.5", "1e30", "float('nan')", "True", "None",
    "'x'", "b'x'", "[]", "{}", "(1,)", "(1, 1)", "(0, 0)", "(1, 2**70)", "(1e30, 1)", "(-1, 0, 0, 0)",
    "(0, 0, 2**70, 0)", "object()", "[1, 1]", "'\\x1b[31m'", "'\\u202e'", "'a' * 1000", "complex(1)", "type",
    "lambda: 1",
]  # fmt: skip
CHIPS = ["example_edge", "example_edge", "edge_tpu", "eyeriss", "jetson_nano", "nvdla_2048", "tpu_v1"]
"""What mutants of chips begin as: each model of an array, with and without DRAM."""

FIELDS = [
    "name", "kind", "groups", "out_channels", "in_channels", "out_height", "out_width", "kernel_height",
    "kernel_width", "stride", "dilation", "padding", "in_height", "in_width", "has_bias", "steps", "loop",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with one good file of each kind, which the command lines name; the disk cache is there too."""
    folder = tmp_path_factory.mktemp("fuzz")
    chip = (bundled.folder("arch_configs") / "example_edge.yaml").read_text(encoding="utf-8")
    (folder / "chip.yaml").write_text(chip, encoding="utf-8")
    (folder / "net.py").write_text(NETWORK.replace("CHANGES", ""), encoding="utf-8")
    (folder / "sheet.csv").write_text(
        "chip,network,batch,precision,throughput_per_s,sram_mb\nx,net,1,int8,5,2\n", encoding="utf-8"
    )
    before, home = Path.cwd(), os.environ.get("ROOFTILE_CACHE_DIR")
    os.chdir(folder)
    os.environ["ROOFTILE_CACHE_DIR"] = str(folder / "cache")
    sweep("net.py", "chip.yaml", {"clock_mhz": [100, 200, 300]}, chunk=2, out="swept")
    yield folder
    os.chdir(before)
    os.environ.pop("ROOFTILE_CACHE_DIR")
    if home is not None:
        os.environ["ROOFTILE_CACHE_DIR"] = home


def text_of(draw):
    return draw.choice(draw.choice((TEXTS, NUMBERS, RANGES, UNITS)))


def pair_of(draw):
    return f"{draw.choice(KEYS)}={text_of(draw)}"


BASES = {
    "run": ["net.py", "--chip", "chip.yaml"],
    "batch": ["net.py", "--chip", "chip.yaml", "--batch", "1,2"],
    "memory": ["net.py", "--chip", "chip.yaml", "--sram", "1,2", "--dram", "1"],
    "sensitivity": ["net.py", "--chip", "chip.yaml"],
    "lint": ["net.py", "--chip", "chip.yaml"],
    "size": ["net.py", "--chip", "chip.yaml", "--at-least", "1/s", "--vary", "clock_mhz=100,200", "--no-bundled"],
    "explain": ["net.py", "chip.yaml", "example_edge"],
    "claim": ["chip.yaml", "--network", "net.py", "--throughput", "100/s"],
    "compare": ["chip.yaml", "sheet.csv", "--alone", "--network", "net.py"],
    "cost": ["chip.yaml"],
    "sweep": ["net.py", "--chip", "chip.yaml", "--vary", "clock_mhz=100,200", "--out", "out"],
    "best": ["swept"],
    "pareto": ["swept", "--of", "throughput,latency"],
    "validate": ["example_edge"],
    "chips": ["--schema"],
    "cache": [],
}
LONG = {
    "--help",
    "-h",
    "--page",
    "--fit",
    "--scheduler",
    "--uncertainty",
    "--plot",
    "--network",
    "--bundled",
    "--published",
}
"""Options that take long, or replace what keeps the others short."""


def options_of(command):
    """(option, whether it takes a value) of a command, as the parser has them."""
    found = COMMANDS.commands[command].params
    return [
        (p.opts[0], not getattr(p, "is_flag", False))
        for p in found
        if p.opts[0].startswith("-") and p.opts[0] not in LONG
    ]


def a_command(draw, folder):
    """A command line of real options with hostile values, some missing, some twice."""
    name = draw.choice(sorted(BASES))
    words = list(BASES[name])
    known = options_of(name)
    for _ in range(draw.randint(1, 3)):
        what = draw.random()
        if what < 0.6 and known:
            option, takes = draw.choice(known)
            words += [option, draw.choice((text_of, pair_of))(draw)] if takes else [option]
        elif what < 0.8 and words:
            words[draw.randrange(len(words))] = text_of(draw)
        elif words:
            del words[draw.randrange(len(words))]
    if name in ("compare", "validate", "claim") and not any(word in words for word in BASES[name][:1]):
        words.insert(0, "x.yaml")  # without a chip these take all of the library
    if name == "compare" and "--alone" not in words:
        words.append("--alone")
    return [name, *words]


def an_option(draw, folder):
    """One network on one chip with a hostile change."""
    option = draw.choice(["--set", "--param", "--precision", "--batch", "--json"])
    value = (
        pair_of(draw) if option in ("--set", "--param") else draw.choice((*TEXTS, *(n for n in NUMBERS if n != "1e15")))
    )
    return ["run", "net.py", "--chip", "chip.yaml", option, value]


def spots_of(data, path=()):
    """Every place of nested data."""
    if isinstance(data, dict | list):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield (*path, key)
            yield from spots_of(data[key], (*path, key))


def changed(draw, data, values):
    """Data with one to three places changed, taken away, or put in."""
    data = copy.deepcopy(data)
    for _ in range(draw.choice((1, 1, 2, 3))):
        spots = list(spots_of(data))
        if not spots:
            break
        *path, last = draw.choice(spots)
        at = data
        for key in path:
            at = at[key]
        what = draw.random()
        if what < 0.4 and type(at[last]) in (int, float) and abs(at[last]) < 1e12:
            at[last] = type(at[last])(at[last] * 2.0 ** draw.randint(-20, 20))  # another chip, or just beyond a limit
        elif what < 0.7:
            at[last] = copy.deepcopy(draw.choice(values))
        elif what < 0.85:
            del at[last]
        elif isinstance(at, dict):
            at[draw.choice(TEXTS)] = copy.deepcopy(draw.choice(values))
    return data


def scratched(draw, raw):
    """Bytes with some taken away, put in or changed."""
    raw = bytearray(raw)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(raw) + 1)
        what = draw.random()
        if what < 0.4:
            raw[at : at + draw.randint(1, 9)] = b""
        elif what < 0.7:
            raw[at:at] = draw.choice(
                [b"\0", b"\xff", b"\x1b", b":", b"- ", b"\n", b"{", b"[", b"'", b'"', b"!", b"&", b"*", b",", b"%"]
            )
        elif at < len(raw):
            raw[at] ^= 1 << draw.randrange(8)
    return bytes(raw)


def dumped(draw, data):
    """Data as YAML, now and then scratched."""
    text = yaml.safe_dump(data, allow_unicode=draw.random() < 0.5, sort_keys=False).encode("utf-8", "surrogatepass")
    return scratched(draw, text) if draw.random() < 0.2 else text


def a_chip(draw, folder):
    base = parsed((bundled.folder("arch_configs") / f"{draw.choice(CHIPS)}.yaml").read_text(encoding="utf-8"))
    base.pop("published", None)
    if draw.random() < 0.3:
        base["published"] = {"vendor": "x", "peak_tops_int8": 5.0, "sram_mb": 2.0, "sources": {"a": "b"},
                             "results": [{"network": "net", "batch": 1, "throughput_per_s": 9.0, "source": "a"}]}  # fmt: skip
    (folder / "bad.yaml").write_bytes(dumped(draw, changed(draw, base, VALUES)))
    run = ["run", "net.py", "--chip", "bad.yaml"]
    others = [
        ["cost", "bad.yaml"],
        ["batch", "net.py", "--chip", "bad.yaml", "--batch", "1"],
        ["claim", "bad.yaml", "--network", "net.py"],
        ["compare", "bad.yaml", "--alone", "--network", "net.py"],
    ]
    return draw.choice([run, run, [*run, "--json", "-"], *others])


def a_network(draw, folder):
    lines = []
    for _ in range(draw.randint(1, 2)):
        node, what = draw.choice("xcrpdem"), draw.random()
        if what < 0.75:
            lines.append(f"change(graph, {node!r}, {draw.choice(FIELDS)}={draw.choice(DAMAGE)})")
        elif what < 0.85:
            lines.append(f"graph.add_edge({draw.choice('xcrpdem')!r}, {node!r}, operand={draw.choice(DAMAGE)})")
        elif what < 0.9:
            lines.append(f"graph.remove_node({node!r})")
        elif what < 0.95:
            lines.append(f"graph.add_node({draw.choice(DAMAGE)}, layer={draw.choice(DAMAGE)})")
        else:
            lines.append(f"graph.graph['name'] = {draw.choice(DAMAGE)}")
    source = NETWORK.replace("CHANGES", "\n    ".join(lines)).encode()
    (folder / "bad.py").write_bytes(scratched(draw, source) if draw.random() < 0.05 else source)
    return ["run", "bad.py", "--chip", "chip.yaml", *draw.choice([[], ["--layers"], ["--json", "-"]])]


def a_sheet(draw, folder):
    names = ["chip", "network", "image_size", "sequence_length", "batch", "precision", "throughput_per_s", "latency_ms",
             "peak_tops_int8", "sram_mb", "dram_devices", "price_usd"]  # fmt: skip
    good = dict(zip(names, ["x", "net", "", "", "1", "int8", "100", "10", "5", "2", "1", "9"], strict=True))
    for _ in range(draw.randint(1, 3)):
        good[draw.choice(names)] = draw.choice((*TEXTS, *NUMBERS))
    rows = "\n".join(draw.choice(",;\t,").join(cells) for cells in (good.keys(), good.values()))
    raw = f"{rows}\n".encode("utf-8", "surrogatepass")
    (folder / "bad.csv").write_bytes(scratched(draw, raw) if draw.random() < 0.3 else raw)
    return ["compare", "bad.csv", "--alone", "--published", "--network", "net.py"]


def a_plan(draw, folder):
    base = {"network": "net.py", "chip": "chip.yaml", "vary": {"clock_mhz": "100:200:x2", "dram.devices": [1, 2]},
            "set": {"overhead_us": 1}, "batch": 1, "precision": "int8", "design": "grid", "seed": 0, "chunk": 4}  # fmt: skip
    values = [
        *(value for value in VALUES if value != 2**31),
        *RANGES,
        "random:3",
        "latin:3",
        "random:0",
        "latin:1e400",
        "random:1e30",
        "grid:2",
    ]
    (folder / "plan.yaml").write_bytes(dumped(draw, changed(draw, base, values)))
    shutil.rmtree(folder / "planned", ignore_errors=True)
    return ["sweep", "--plan", "plan.yaml", "--out", "planned"]


def a_folder(draw, folder):
    shutil.rmtree(folder / "spoilt", ignore_errors=True)
    shutil.copytree(folder / "swept", folder / "spoilt")
    parts = sorted((folder / "spoilt").glob("part-*"))
    for _ in range(draw.randint(1, 2)):
        one, what = draw.choice([*parts, folder / "spoilt" / "plan.json"]), draw.random()
        if what < 0.6 and one.exists():
            one.write_bytes(scratched(draw, one.read_bytes()))
        elif what < 0.8:
            name = re.sub(r"\d{6}", f"{draw.choice([0, 1, 2, 999999]):06d}", one.name)
            source = folder / "swept" / draw.choice(parts).name
            one.with_name(name).write_bytes(source.read_bytes())
        else:
            one.unlink(missing_ok=True)
    return [draw.choice(["best", "pareto"]), "spoilt"]


KINDS = {
    "command": a_command, "chip": a_chip, "network": a_network, "sheet": a_sheet, "plan": a_plan, "folder": a_folder,
    "option": an_option,
}  # fmt: skip


def broken(code, out, err):
    """What of the law is broken, in words; empty where nothing is."""
    if code not in (0, 2):
        return f"exit code {code}"
    if "Traceback" in out + err:
        return "a traceback"
    lines = err.split("\n")[:-1]
    strange = [line for line in lines if not line.startswith("rooftile: ") and not NOTICE.match(line)]
    if strange:
        return f"a line of another kind: {strange[0][:100]!r}"
    if code == 2 and not any(line.startswith("rooftile: ") for line in lines):
        return "no line says why"
    if not (SAFE.fullmatch(out) and SAFE.fullmatch(err)):
        return "something that steers a terminal"
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_comes_in_the_law_holds(kind, place, capsys):
    wrong = []
    for number in range(max(1, int(COUNT * SHARES[kind]))):
        draw = random.Random(f"{SEED} {kind} {number}")
        arguments = KINDS[kind](draw, place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            code = cli.main(arguments)
        fault = broken(code, *capsys.readouterr())
        if fault:
            wrong.append(f"{kind} {number}: {[word[:80] for word in arguments]}: {fault}")
        if len(wrong) == MOST_SHOWN:
            break
    assert not wrong, "\n".join(wrong)


BAD = ("2.5EUR", "a\0b", "w" * 10_000)
"""A currency that nobody converts, what no file is called, and more than anybody means."""

FILES = ("--json", "--out", "--report", "--questions", "--page", "--write-as", "--plan")
"""Options of files, which may be called `2.5EUR`."""

FOREIGN = re.compile(
    r"is not a valid|Invalid value|validation error|Input should|type=|unable to parse|[Ee]rrno|codec|embedded null|scanner|"
    r"could not|expected <|mapping values"
)
"""Words of the parser of command lines, of models, of YAML, of the system and of Python."""


def asked_of(command):
    """A good command line, to which a bad value is added."""
    model = ["smollm2_135m", "--chip", "chip.yaml", "--prompt", "4", "--output", "2", "--param", "layers=1"]
    return {**BASES, "generate": model, "chips": [], "mcp": ["--check"], "serve": ["--check"]}.get(command, [])


@pytest.mark.parametrize("command", sorted(COMMANDS.commands))
def test_a_bad_value_of_any_option_is_told_in_our_words(command, place, capsys):
    wrong = []
    for option in COMMANDS.commands[command].params:
        name = option.opts[0]
        if not name.startswith("--") or getattr(option, "is_flag", False):
            continue
        for value in BAD[name in FILES :]:
            code = cli.main([command, *asked_of(command), name, value])
            line = (capsys.readouterr().err.strip().splitlines() or [""])[-1]
            if code != 2 or not line.startswith("rooftile: ") or len(line) > 1500 or FOREIGN.search(line):
                wrong.append(f"{name} {value[:10]!r}: {code}, {line[:200]}")
    assert not wrong, "\n".join(wrong)


def test_money_is_read_alike_everywhere(place, capsys):
    said = (
        "--rent: must be an amount of money such as 25USD (a bare number: USD), got '2.5EUR'; units: USD, $, US$, kUSD"
    )
    for words in (["generate", "smollm2_135m", "--chip", "inferx_x1"], ["compare", "smollm2_135m"]):
        assert cli.main([*words, "--rent", "2.5EUR"]) == 2
        assert capsys.readouterr().err == f"rooftile: {said}\n"
