"""`--phase`, `--context` and `--prompt`: the same answers as with `--param`, for every command that takes a network."""

import json

import pytest

from simulator.cli import main
from simulator.cli.app import app

TINY = ["--param", "layers=1", "--param", "vocabulary=1000", "--precision", "fp16"]
MODEL = "smollm2_135m"
TAKE = ("run", "compare", "memory", "sweep", "claim", "explain", "lint", "sensitivity", "size", "batch")


def answer(capsys, *words):
    assert main([*words, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    return {key: value for key, value in found.items() if key not in ("command", "made", "answered")}


def test_every_command_with_a_network_takes_a_phase(capsys):
    for name in TAKE:
        assert main([name, "--help"]) == 0
        told = capsys.readouterr().out
        assert "--phase" in told, name
        assert "--context" in told, name
    known = {command.name for command in app.registered_commands}
    assert set(TAKE) <= known


def test_a_run_is_that_of_the_parameters(capsys):
    chip = ["--chip", "a100", *TINY]
    short = answer(capsys, "run", MODEL, *chip, "--phase", "decode", "--context", "300")
    long = answer(capsys, "run", MODEL, *chip, "--param", "phase=decode", "--param", "context=300")
    assert short == long
    prompt = answer(capsys, "run", MODEL, *chip, "--phase", "prefill", "--prompt", "64")
    assert prompt["macs"] > 10 * short["macs"]


def test_a_comparison_of_passes_and_of_requests(capsys):
    both = ["--param", "layers=1", "--param", "vocabulary=1000"]
    one = answer(capsys, "compare", MODEL, "l4", "--phase", "decode", "--context", "300", *both, "--by", "throughput")
    assert [row["chip"] for row in one["ranking"]["rows"]] == ["l4"]
    request = ["--prompt", "64", "--output", "4", *both, "--by", "throughput"]
    named = answer(capsys, "compare", "l4", "--network", MODEL, *request)
    assert named["rows"][0]["tokens_per_s"] > 0
    assert named["rows"] == answer(capsys, "compare", MODEL, "l4", *request)["rows"]
    slow = answer(capsys, "compare", MODEL, "l4", *request, "--runtime", "eager")
    assert slow["runtime"] == "eager"
    assert slow["rows"][0]["tokens_per_s"] < named["rows"][0]["tokens_per_s"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", MODEL, "--chip", "a100", "--phase", "decod"), "--phase: must be prefill or decode, got 'decod'; did you mean"),
        (("run", "squeezenet", "--chip", "a100", "--phase", "decode"), "--phase: squeezenet has no phases"),
        (("run", "squeezenet", "--chip", "a100", "--context", "9"), "--context: squeezenet has no phases"),
        (("run", MODEL, "--chip", "a100", "--phase", "decode", "--param", "phase=decode"), "--phase: phase: given twice"),
        (("compare", MODEL, "l4", "--phase", "decode", "--output", "9"), "--output: must be left out with --phase"),
        (("compare", MODEL, "l4", "--phase", "decode", "--rent", "9"), "--rent: must be left out with --phase"),
        (("compare", "--network", "squeezenet", "--runtime", "eager"), "--runtime: need a language model"),
        (("size", "--network", MODEL, "--network", "bert_base", "--phase", "decode"), "--phase: must be left out with several"),
        (("run", MODEL, "--chip", "a100", "--phase", "decode", "--batch", "0"), "--batch: must be a whole number of at least 1"),
        (("run", MODEL, "--chip", "a100", "--phase", "decode", "--param", "kv_heads=2"), "kv_heads: must divide the 9 heads"),
        (("run", "mixtral_8x7b", "--chip", "a100", "--param", "experts=0"), "experts: must be at least 1"),
        (("run", MODEL, "--chip", "a100", "--phase", "decode", "--precision", "int5"), "int5"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(capsys, words, told):
    assert main(list(words)) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_context_beyond_the_model_is_noted(capsys):
    assert main(["run", MODEL, "--chip", "a100", *TINY, "--phase", "decode", "--context", "9000"]) == 0
    assert "beyond the 8,192 tokens" in " ".join(capsys.readouterr().out.split())
    assert main(["generate", MODEL, "--chip", "a100", "--param", "layers=1", "--prompt", "9000", "--output", "2"]) == 0
    assert " ".join(capsys.readouterr().out.split()).count("beyond the 8,192 tokens") == 1


def test_a_batch_of_a_model_with_experts_says_whose_they_are(capsys):
    """The items of a batch share all weights; the tokens of one item meet experts of their own."""
    line = ["mixtral_8x7b", "--chip", "tpu_v5e", "--param", "layers=1", "--phase", "decode"]
    for command, batch, words in (
        ("run", "2", "experts: all 2 items of a batch meet the same ones"),
        ("batch", "1,2", "the items of a batch of mixtral_8x7b meet the same experts"),
        ("run", "1", ""),
    ):
        assert main([command, *line, "--batch", batch]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert words in said
        assert said.count("parameter `sequences`") == bool(words)


def test_what_does_not_fit_says_what_would(capsys):
    assert main(["generate", "llama3_8b", "--chip", "l4", "--prompt", "100000", "--output", "9", "--batch", "4"]) == 2
    error = capsys.readouterr().err
    assert "no batch fits, the longest context at this batch" in error
    assert "4 times the memory would do" in error


def test_an_answer_says_what_an_inference_of_a_language_model_is(capsys):
    """Neither its name nor `per second` says how many tokens."""
    line = ["run", "smollm2_135m", "--chip", "example_edge", "--param", "layers=1"]
    for more, words in (
        ([], "an inference of smollm2_135m is a prompt of 512 tokens (`--prompt`); `rooftile generate` gives tokens/s"),
        (["--prompt", "64"], "is a prompt of 64 tokens"),
        (["--phase", "decode", "--context", "100"], "is one token behind 100 others (`--context`)"),
    ):
        assert main([*line, *more]) == 0
        assert words in " ".join(capsys.readouterr().out.split())
    assert main(["explain", "smollm2_135m", "example_edge", "inferx_x1", "--param", "layers=1", "--format", "csv"]) == 0
    said = capsys.readouterr()
    assert "a prompt of 512 tokens" in said.err
    assert "tokens" not in said.out
    assert main(["run", "squeezenet@64", "--chip", "example_edge"]) == 0
    assert "an inference of" not in capsys.readouterr().out
