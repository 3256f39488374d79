"""Every command and every Python example of the pages works as written.

A code block marked `bash` or `console` is run line by line in an empty folder; a command that must fail says so in a
comment, `# exit code 2`. A picture of docs/images that a page shows is what one of its commands draws. A block of another
language whose first line is a comment with a file's name (`# mychip.yaml`) makes that file for the commands of its page. Blocks
marked `python` are run.
"""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from pictures import check_same

from simulator.cli import main

CLONE = Path(__file__).parents[2]
README = CLONE / "README.md"
PAGES = [README, *sorted((CLONE / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
RESULT = re.compile(r"^```console\n\$ (rooftile [^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w-]+\.\w+)\n")
PICTURE = re.compile(r"!\[[^\]]+\]\((?:docs/)?images/([\w-]+\.svg)\)")
RUN_ELSEWHERE = {"gallery.md"}  # test_gallery runs these pages, and looks at what they answer
FIRST_RUN = ["run", "resnet50", "--chip", "inferx_x1", "--layers"]  # of ./scripts/run without arguments


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


@pytest.mark.parametrize("page", HERE, ids=names(HERE))
def test_examples(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_files(page, tmp_path)
    for line, code in commands(page):
        arguments = arguments_of(line)
        if arguments is None:
            continue
        got = main(arguments)
        err = capsys.readouterr().err
        assert got == code, f"{line}\n{err}"
    for name in PICTURE.findall(page.read_text(encoding="utf-8")):
        check_same(tmp_path / name, CLONE / "docs" / "images" / name)
    for language, text in blocks(page):
        if language == "python" and not FILE.match(text):
            exec(compile(text, str(page), "exec"), {"__name__": "__example__"})


def test_the_result_in_the_readme_is_what_the_command_prints(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "92")
    text = README.read_text(encoding="utf-8")
    command, shown = RESULT.search(text).groups()
    assert main(shlex.split(command)[1:]) == 0
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines()) + "\n"
    if os.environ.get("UPDATE_DOCS"):
        README.write_text(text.replace(shown, printed), encoding="utf-8")
    else:
        assert shown == printed, "UPDATE_DOCS=1 pytest tests/docs/test_docs.py writes the new one"


def test_the_first_run_is_what_the_script_runs():
    script = (CLONE / "scripts" / "run").read_text(encoding="utf-8")
    assert f"set -- {' '.join(FIRST_RUN)}\n" in script


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{target}: no such file"


def test_the_index_names_every_page():
    text = (CLONE / "docs" / "index.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert page.name == "index.md" or f"({page.name})" in text, f"{page.name}: must be in the index"
