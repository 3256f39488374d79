"""`rooftile cost` from options to output: report, JSON, pictures, and what goes wrong."""

import json
import os
import re
import subprocess
import sys

import pytest

from simulator import cli
from simulator.chip.load import load_chip
from simulator.cost.price import chip_cost
from simulator.errors import OptionError
from simulator.report import page
from simulator.report.charts import cost_chart

NAME = '</script><script>alert(1)</script><img src=x onerror=alert(2)>&"'


def run(capsys, *arguments):
    """(exit code, standard output, standard error) of one command line."""
    code = cli.main(["cost", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_report(capsys):
    code, out, err = run(capsys, "tpu_v4i")
    assert (code, err) == (0, "")
    assert out.startswith(
        "Google TPU v4i costs 276 (207 to 400) USD to build, memory included: a die of 439 (342 to 564) mm2"
    )
    assert "\ninside the calibration" in out
    cost = chip_cost(load_chip("tpu_v4i"))
    for text in ("MAC arrays", "interposer", "leakage and clocks", "90 % range", "defects/cm2"):
        assert text in out
    assert re.search(rf"^die +{cost.area_mm2.best:.0f} +100.0 %$", out, re.MULTILINE)
    assert re.search(rf"^all .* {cost.bill_usd.best:.2f} ", out, re.MULTILINE)
    assert f"Relative cost {cost.relative_cost.best:.1f} (" in out
    assert max(map(len, out.splitlines())) <= 120


def test_sources_name_every_coefficient(capsys):
    code, out, _ = run(capsys, "inferx_x1", "--sources")
    assert code == 0
    for text in ("fit: share", "McFarland", "recalled", "LLMCompass"):
        assert text in out
    code, out, _ = run(capsys, "inferx_x1", "--sources", "--json", "-")
    rows = json.loads(out)["coefficients"]
    assert len(rows) > 40
    assert all(row["sources"] and row["confidence"] for row in rows)


def test_json_is_one_document(capsys, tmp_path):
    code, out, _ = run(capsys, "inferx_x1", "--json", "-")
    data = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert data["bill_usd"]["low"] < data["bill_usd"]["best"] < data["bill_usd"]["high"]
    assert data["relative_cost"] == {"low": 1.0, "best": 1.0, "high": 1.0}
    place = tmp_path / "cost.json"
    assert run(capsys, "inferx_x1", "--json", str(place))[0] == 0
    assert json.loads(place.read_text()) == data


def test_outside_the_calibration(capsys):
    code, out, _ = run(capsys, "inferx_x1", "--set", "kind=gpu")
    assert code == 0
    assert "outside calibration: no GPU" in out
    assert "Bill" not in out
    assert "Relative" not in out
    data = json.loads(run(capsys, "inferx_x1", "--set", "kind=gpu", "--json", "-")[1])
    assert data["area_mm2"]["best"] is None
    assert data["bill_usd"] is None


def test_validate(capsys):
    code, out, err = run(capsys, "--validate")
    assert (code, err) == (0, "")
    for text in ("NorthPole", "V-Cache, second", "NVDLA 2048 MACs, 512 KiB", "left out of the fit 11.4 %", "15 of 15"):
        assert text in out
    data = json.loads(run(capsys, "--validate", "--json", "-")[1])
    assert len(data["chips"]) == 15
    assert len(data["nvdla"]) == 14


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "CHIP: missing; see 'rooftile cost --help'"),
        (["tpu_v1", "--validate"], "CHIP: must be left out with --validate, got 'tpu_v1'"),
        (["tpu_v1", "--plot", "cost.bmp"], "--plot: must end in .svg, .png, .pdf or .html, got 'cost.bmp'"),
        (["tpu_v1", "--plot", "no/x.svg"], "--plot: cannot write 'no/x.svg': there is no folder 'no'"),
        (["tpu_v1", "--json", "no/x"], "--json: cannot write 'no/x': there is no folder 'no'"),
        (["--validate", "--json", "no/x"], "--json: cannot write 'no/x': there is no folder 'no'"),
        (["tpu_v1", "--yield-model", "seed"], "--yield-model: unknown model 'seed'; did you mean 'seeds'?"),
        (["tpu_v1", "--set", "process_nm=2"], "Google TPU v1: process_nm: must be 3 to 65 nm for a cost, got 2"),
        (["tpu_v1", "--reference", "tpu_v9"], "unknown chip 'tpu_v9'; did you mean 'tpu' or 'tpu_v4' or 'tpu_v3'?"),
    ],
)
def test_bad_command_lines(arguments, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err == f"rooftile: {line}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_one_line(capsys, tmp_path, monkeypatch):
    def none(name):
        raise ImportError(name)

    monkeypatch.setattr(page.importlib, "import_module", none)
    code, _, err = run(capsys, "tpu_v1", "--plot", str(tmp_path / "x.svg"))
    assert code == 2
    assert err == (
        "rooftile: --plot: pictures need the extra 'charts': pip install 'rooftile[charts]', or '.[charts]' in a clone\n"
    )


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("html", b"<!DOCTYPE html>")])
def test_pictures_are_files_that_repeat(suffix, start, capsys, tmp_path):
    pytest.importorskip("vl_convert")
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    for place in (first, second):
        assert run(capsys, "tpu_v4i", "--plot", str(place))[0] == 0
    assert first.read_bytes().lstrip().startswith(start)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [first.name, second.name]


def test_a_chips_name_cannot_run_in_a_page():
    pytest.importorskip("vl_convert")
    chip = load_chip("inferx_x1").model_copy(update={"name": NAME})
    text = page.html(cost_chart(chip_cost(chip, draws=0)))
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    # What the page's script reads is the name as it was.
    assert "\\u003c/script>\\u003cscript>alert(1)" in text
    assert "\ue000" not in text
    # No script or style comes from elsewhere.
    assert not re.search(r"""<(?:script|link)[^>]+(?:src|href)\s*=""", text)
    svg = page.content(cost_chart(chip_cost(chip, draws=0)), ".svg").decode()
    assert "<script" not in svg
    assert "<img" not in svg


def test_a_name_of_any_letters_is_in_the_page_as_it_is():
    pytest.importorskip("vl_convert")
    chip = load_chip("inferx_x1").model_copy(update={"name": "a\ue000é{"})
    assert "a\\ue000\\u00e9{" in page.html(cost_chart(chip_cost(chip, draws=0)))


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    pytest.importorskip("vl_convert")
    place = tmp_path / "x.svg"
    place.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OptionError, match=r"^--plot: cannot write '.*x.svg': No space left on device$"):
        page.save("--plot", cost_chart(chip_cost(load_chip("inferx_x1"), draws=0)), str(place))
    assert place.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.svg"]


def test_charts_are_imported_only_for_a_picture():
    code = (
        "import sys; from simulator.cli import main; main(['cost', 'inferx_x1', '--json', '/dev/null']);"
        " print([m for m in ('altair', 'vl_convert', 'numba') if m in sys.modules], file=sys.stderr)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stderr.strip() == "[]"


def test_the_csv_has_all_that_the_tables_show(capsys):
    assert cli.main(["cost", "inferx_x1", "--format", "csv"]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    best = rows[0].index("best")
    for of, total in (("area", 50.17), ("peak power", 21.34)):
        parts = [float(row[best]) for row in rows if row[0] == of]
        assert parts[-1] == total == pytest.approx(sum(parts[:-1]), rel=1e-3)
    assert [row[3:6] for row in rows if row[:2] == ["bill", "all"]] == [["18.36", "23.46", "32.28"]]
    assert cli.main(["cost", "--validate", "--format", "csv"]) == 0
    kinds = {line.split(",")[0] for line in capsys.readouterr().out.splitlines()}
    assert kinds == {"of", "die", "block", "NVDLA sizing"}
