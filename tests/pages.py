"""What the pages show: their commands, the files they speak of, and which test runs each command.

A command runs once a suite where once is enough: on a terminal if it is the first of its kind, else in the process of the tests.
By day most ask of a small network what is written of a large one; by night each runs as it is written.
"""

import functools
import importlib.util
import json
import re
import shlex
from pathlib import Path

import profiles
import pytest

CLONE = Path(__file__).parents[1]
README = CLONE / "README.md"
PAGES = [README, *sorted((CLONE / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w-]+\.\w+)\n")
RUN_ELSEWHERE = {"gallery.md"}  # test_gallery runs these pages, and looks at what they answer
FIRST_RUN = ["run", "resnet50", "--chip", "inferx_x1", "--layers"]  # of ./scripts/run without arguments
PICTURE = re.compile(r"!\[[^\]]+\]\((?:docs/)?images/([\w-]+\.svg)\)")
LARGE = re.compile(r"^(?:resnet18|resnet50|squeezenet|bert_large|yolov3|yolov5s)(?:@(\d+)(x\d+)?)?(?=:|$)")
SIZE = re.compile(r"^image_size=\d+$")
AS_WRITTEN = ("--published", "--layers", "goya")
"""What a small network has no answer to, and the first command of all."""


@functools.cache
def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def commands(page):
    """(line, exit code) of every command of the project in the page's shell blocks."""
    for language, text in blocks(page):
        if language in ("bash", "console", "sh"):
            lines = text.replace("\\\n", " ").splitlines()
            for line in (line.removeprefix("$ ").strip() for line in lines):
                if line.startswith(("rooftile", "./scripts/")):
                    expected = re.search(r"# exit code (\d+)", line)
                    yield line, int(expected[1]) if expected else 0


def arguments_of(line):
    """What a shown command gives to `rooftile`; None where it is a script that only has to be there."""
    words = shlex.split(line, comments=True)
    if words[0] == "rooftile":
        return words[1:]
    if words[0] == "./scripts/run":
        return words[1:] or FIRST_RUN
    assert (CLONE / words[0]).stat().st_mode & 0o100, f"{words[0]}: must be executable"
    return None


def by_day(arguments, page=None):
    """A command as it is run by day: of a small network where nothing that it answers is looked at; by night as written.

    page: the one that shows it, and may show the picture that it draws.
    """
    drawn = PICTURE.findall(page.read_text(encoding="utf-8")) if page else ()
    if profiles.THOROUGH or any(word in drawn or word in AS_WRITTEN for word in arguments):
        return arguments
    # SqueezeNet at a size of the same kind: the searches for tiles are then a matter of moments.
    words = [SIZE.sub("image_size=64", word) for word in arguments]
    whole = any(word.startswith("image_size=") for word in words)
    if words[0] == "generate" and "--report" in words and not any(word.startswith("layers=") for word in words):
        words += ["--param", "layers=2"]
    if words[0] == "size" and "--vary" not in words:  # all the usual designs take seconds, and have a test of their own
        words += ["--vary", "sram.capacity_mib=1,2"]
    return [
        LARGE.sub(lambda found: "squeezenet" + ("" if whole else "@64x112" if found[2] else "@64"), w) for w in words
    ]


def make_files(page, folder):
    """Write the files that a page shows."""
    for _, text in blocks(page):
        if match := FILE.match(text):
            (folder / match[1]).write_text(text, encoding="utf-8")
    if page.name == "bring.md":
        make_models(folder)


def make_models(folder):
    """The files of others that docs/bring.md speaks of: a small ONNX model with open sizes, and two configurations."""
    onnx = pytest.importorskip("onnx")
    node, values = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    weights = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, (8, 3, 3, 3), [0.0] * 216)
    graph = onnx.helper.make_graph(
        [node("Conv", ["images", "w"], ["x"], pads=[1, 1, 1, 1]), node("Relu", ["x"], ["out"])],
        "small",
        [values("images", onnx.TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        [values("out", onnx.TensorProto.FLOAT, None)],
        [weights],
    )
    onnx.save(onnx.helper.make_model(graph), folder / "model.onnx")
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    for name, more in (("bert", {"vocab_size": 1000}), ("llama", {"vocab_size": 1000, "num_key_value_heads": 2})):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps({"model_type": name, **sizes, **more}), encoding="utf-8")


def names(pages):
    return [page.relative_to(CLONE).as_posix() for page in pages]


HERE = [page for page in PAGES if page.name not in RUN_ELSEWHERE]

WRITES = ("--plot", "--json", "--layers", "--uncertainty", "--validate", "--fit", "--out")
PLAIN = [README, CLONE / "docs" / "sweep.md"]
HAS_TERMINALS = importlib.util.find_spec("pty") is not None


@functools.cache
def on_terminals():
    """{(page, colour): [(arguments, exit code)]} of what runs on a terminal; of what is shown like another it is the first.

    A page that reads a folder of points has its own.
    """
    found, seen = {}, set()
    for page, colour in [(page, True) for page in HERE] + [(page, False) for page in PLAIN]:
        mine = found[page, colour] = []
        shown = [(arguments, code) for line, code in commands(page) if (arguments := arguments_of(line)) is not None]
        read = {arguments[1] for arguments, _ in shown if arguments[:1] in (["best"], ["pareto"])}
        for arguments, code in shown:
            # A sweep draws a bar, a study says what it does: that is a matter of the command, but for its pictures and files.
            options = {word for word in arguments if word in WRITES} if colour else ()
            key = colour, arguments[0] if arguments else "", *sorted(options)
            writes = "--out" in arguments and arguments[arguments.index("--out") + 1] in read
            if writes or key not in seen:
                seen.add(key)
                mine.append((arguments, code))
    return found


def in_process(page):
    """[(line, arguments, exit code)] of what a page shows and no terminal proves; what writes a folder is read by later ones."""
    elsewhere = [arguments for arguments, _ in on_terminals()[page, True]] if HAS_TERMINALS else []
    found = [(line, arguments_of(line), code) for line, code in commands(page)]
    return [
        (line, arguments, code)
        for line, arguments, code in found
        if arguments is not None and (arguments not in elsewhere or "--out" in arguments)
    ]


def shown_commands():
    """The arguments of all commands that the pages run."""
    return [arguments for page in HERE for line, _ in commands(page) if (arguments := arguments_of(line))]
