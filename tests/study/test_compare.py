"""The comparison: figures from the library, quotients by hand, unfairness in words, sheets out and back."""

import csv
import io
import json
import sys

import pytest

from simulator import compare_chips, simulate
from simulator.chip.library import Entry, bundled_entries, entry
from simulator.chip.published import Published, Row
from simulator.cli import main
from simulator.errors import InfeasibleError, OptionError
from simulator.report.compare_tables import remarks_of as row_remarks
from simulator.report.labels import LETTER, Point, axes, place
from simulator.store import bundled
from simulator.store.foreign import printable
from simulator.study.alike import Question, batch_class
from simulator.study.compare import compare_entries
from simulator.study.ranking import rank_chips, ranking_of
from simulator.study.sheet import COLUMNS, questions, read_sheet

RESNET = Question("resnet50")


@pytest.fixture(scope="module")
def found():
    return compare_entries(bundled_entries().values(), RESNET, run=False)


def line(found, name):
    return next(one for one in found.lines if one.chip == name)


def test_the_whole_library_is_there_in_the_order_of_throughput(found):
    assert len(found.lines) == len(bundled_entries())
    best = [one.best_per_s for one in found.lines]
    known = [value for value in best if value is not None]
    assert known == sorted(known, reverse=True)
    assert len(known) >= 25
    assert best[len(known) :] == [None] * (len(best) - len(known))


def test_the_three_efficiencies_by_hand(found):
    t4 = line(found, "t4")
    figure = t4.published["batch_10"]
    rows = [r for r in bundled_entries()["t4"].published.results if r.network == "resnet50" and (r.batch or 0) >= 10]
    assert figure.throughput_per_s == max(r.throughput_per_s for r in rows if r.precision == "int8")
    assert figure.remarks == ()
    assert t4.per(figure, "peak_tops") == pytest.approx(figure.throughput_per_s / 130.25)
    assert t4.per(figure, "dram_devices") == pytest.approx(figure.throughput_per_s / 8)
    assert t4.per(figure, "sram_mb") == pytest.approx(figure.throughput_per_s / 4)
    groq = line(found, "groq_tsp")
    assert groq.published["batch_1"].throughput_per_s == 20400
    assert groq.per(groq.published["batch_1"], "dram_devices") is None  # no DRAM to divide by
    assert line(found, "goya").sram_mb is None


def test_what_a_file_alone_leaves_out_is_not_run():
    entries = [entry(name) for name in ("edge_tpu", "example_edge", "t4")]
    said = []
    order = rank_chips(entries, Question("alexnet"), "list-usd", {"price_usd": 100.0}, tell=said.append)
    assert said == ["edge_tpu"]
    assert [row.line.chip for row in order.rows] == ["edge_tpu"]
    assert (order.unranked, order.above) == ((), ("example_edge", "t4"))
    assert "not simulated: its file alone leaves it out of this ranking" in line(order.found, "t4").remarks
    free = rank_chips(entries[:2], Question("alexnet"), "list-usd", {}, tell=said.append)
    assert said == ["edge_tpu"] * 2
    assert free.unranked == ("example_edge",)
    usual = rank_chips(entries[2:], Question("alexnet"), "usd", {}, tell=said.append)  # stands in the other tables
    assert said[2:] == ["t4"]
    assert usual.found.lines[0].simulated["batch_1"] is not None


def test_a_limit_says_what_of(capsys):
    words = ["compare", "inferx_x1", "edge_tpu", "--network", "squeezenet@64", "--max-power", "75W"]
    assert main(words) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Limit: average power by the model, not TDP, at most 75 W. Above it, or not known to be within:" in out
    assert out.startswith("Best of 1 by throughput per USD of the bill at batch 10: inferx_x1")


def test_gaps_stay_gaps(found):
    assert line(found, "groq_tsp").published["batch_10"] is None
    assert line(found, "fsd").best_per_s is None


def test_unfair_rows_say_why(found):
    goya = line(found, "goya")
    assert any("needs 123 of 100 TOPS: beyond its compute bound" in text for text in row_remarks(goya))
    assert any("32 bits each" in text for text in row_remarks(goya))
    assert line(found, "v100").published["batch_10"].remarks == ("fp16, not int8",)
    assert "image of 256, not 224" in line(found, "jetson_nano").published["batch_1"].remarks
    assert line(found, "hanguang800").published["batch_10"].remarks == ("batch free",)
    assert line(found, "nvdla_2048").published["batch_1"].remarks == ("resnet50_v1, not resnet50",)
    assert any("275 TOPS" in text for text in line(found, "jetson_agx_orin").remarks)
    assert "share of a system of 4" in line(found, "tpu_v3").published["batch_10"].remarks


@pytest.mark.parametrize(
    ("batch", "name"), [(1, "batch_1"), (2, None), (9, None), (10, "batch_10"), (None, "batch_10")]
)
def test_batch_classes(batch, name):
    assert batch_class(Row(network="x", batch=batch, throughput_per_s=1.0)) == name


def test_simulated_beside_published():
    both = compare_entries([entry("nvdla_64"), entry("goya")], RESNET, run=True)
    small = line(both, "nvdla_64")
    assert 0 < small.simulated["batch_1"].throughput_per_s <= small.simulated["batch_10"].throughput_per_s
    assert small.per(small.simulated["batch_1"], "peak_tops") < 1e12 / (2 * both.macs) * 2.25  # Winograd at most
    assert line(both, "goya").simulated == {"batch_1": None, "batch_10": None}
    data = both.to_dict()
    mine = next(one for one in data["lines"] if one["chip"] == "nvdla_64")["simulated"]["batch_1"]
    assert mine["throughput_per_dram"] == small.simulated["batch_1"].throughput_per_s


def test_the_large_batch_is_that_of_the_published_figure():
    found = compare_entries([entry("t4"), entry("nvdla_64"), entry("p4")], RESNET)
    t4 = line(found, "t4")
    assert t4.published["batch_10"].batch == t4.simulated["batch_10"].batch >= 10
    assert line(found, "nvdla_64").simulated["batch_10"].batch == 10  # nothing published
    assert line(found, "p4").simulated["batch_10"].batch == 128  # nothing published, and a GPU
    asked = compare_entries([entry("t4")], Question("resnet50", batch=16))
    assert line(asked, "t4").simulated["batch_10"].batch == 16


def test_a_chip_that_cannot_run_it_says_so(monkeypatch):
    def full(*_, **__):
        raise InfeasibleError("conv1 needs 9 bytes of SRAM, there are 8")

    monkeypatch.setattr("simulator.study.compare.simulate", full)
    alone = compare_entries([entry("nvdla_64")], RESNET).lines[0]
    assert alone.best_per_s is None
    assert alone.remarks == ("cannot run it: conv1 needs 9 bytes of SRAM, there are 8",)


def test_the_sheet_asks_for_what_is_missing_and_is_read_back(tmp_path):
    text = questions([bundled_entries()["goya"], bundled_entries()["t4"]], RESNET, {"image_size": 224})
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == tuple(column for column in COLUMNS if column != "sha256")
    goya = rows[0]
    assert (goya["chip"], goya["batch"], goya["throughput_per_s"]) == ("goya", "1", "8500")
    assert goya["please_fill"].split() == ["sram_mb", "dram_devices", "price_usd"]
    rows[0]["sram_mb"], rows[1]["sram_mb"], rows[0]["price_usd"] = "24", "24", "1,500"
    path = tmp_path / "vendors.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    back = read_sheet(path)
    assert [chip.name for chip in back] == ["goya (vendors.csv)", "t4 (vendors.csv)"]
    assert (back[0].sram_mb, back[0].published.list_price_usd, back[0].peak_tops) == (24, 1500, 100)
    again = compare_entries([*back, bundled_entries()["goya"]], RESNET, run=False)
    assert line(again, "goya (vendors.csv)").published["batch_1"].throughput_per_s == 8500
    assert line(again, "goya (vendors.csv)").per(again.lines[0].published["batch_1"], "sram_mb") is not None


def test_a_published_figure_is_of_the_same_network_only_if_its_parameters_are():
    chips = [entry("rk3588_core"), entry("rk3568")]
    silu = compare_entries(chips, Question("yolov5s"), run=False)
    assert {one.chip: one.published["batch_1"].throughput_per_s for one in silu.lines} == {
        "rk3588_core": 48.4,
        "rk3568": 19.3,
    }
    assert all(one.published["batch_1"].remarks == () for one in silu.lines)
    relu = compare_entries(chips, Question("yolov5s", {"activation": "relu"}), run=False)
    assert {one.chip: one.published["batch_1"].throughput_per_s for one in relu.lines} == {
        "rk3588_core": 66.1,
        "rk3568": 25.5,
    }


def test_ranking_by_bill_and_by_list_price(monkeypatch):
    monkeypatch.setattr(
        sys.modules[compare_entries.__module__], "_large_batch", lambda *_: 1
    )  # the batch that is asked for alone
    chips = [entry(name) for name in ("inferx_x1", "tpu_v1", "goya", "t4")]
    found = compare_entries(chips, Question("resnet50", batch=1))
    bill, listed = ranking_of(found, "usd"), ranking_of(found, "list-usd")
    assert [row.line.chip for row in bill.rows] == ["inferx_x1", "tpu_v1"]
    assert set(bill.unranked) == {"goya", "t4"}
    assert {row.line.chip for row in listed.rows} == {"inferx_x1", "t4"}
    x1 = next(row for row in bill.rows if row.line.chip == "inferx_x1")
    run = simulate("resnet50", "inferx_x1", 1)
    assert (x1.figure.batch, x1.figure.power_w, x1.value) == (1, run.power_w, run.throughput_per_usd)
    other = next(row for row in listed.rows if row.line.chip == "inferx_x1")
    assert other.value == pytest.approx(run.throughput_per_list_usd) == run.throughput_per_s / 99
    assert ranking_of(found, "throughput").rows[0].line.chip == "goya"


def test_published_figures_are_limited_by_the_published_power(capsys):
    names = ("nnpi_1100", "t4", "goya")
    found = compare_entries([entry(name) for name in names], RESNET, run=False)
    watts = {name: entry(name).published.tdp_w for name in names}
    order = ranking_of(found, "tdp", {"tdp_w": 100.0})
    assert order.above == ("goya",)
    assert [(row.line.chip, row.value) for row in order.rows] == [
        (row.line.chip, row.figure.throughput_per_s / watts[row.line.chip]) for row in order.rows
    ]
    assert {row.line.chip for row in order.rows} == {"nnpi_1100", "t4"}
    assert main(["compare", *names, "--network", "resnet50", "--published", "--max-power", "100W"]) == 0
    assert "Limit: published TDP at most 100 W. Above it, or not known to be within: goya" in " ".join(
        capsys.readouterr().out.split()
    )


def test_chips_without_a_bill_are_ranked_all_the_same(capsys):
    """By list price where that ranks as many as throughput does; what was asked for stays what it is."""
    line = ["compare", "t4", "goya", "--network", "ResNet-50"]
    assert main(line) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(
        "No chip can be ranked by throughput per USD of the bill, so here by throughput. Best of 2 by "
    )
    assert "GPU has no bill" not in said
    assert main(["compare", "t4", "ga106", "--network", "resnet50", "--published"]) == 0
    assert "so here by throughput per USD of list price. Best of" in " ".join(capsys.readouterr().out.split())
    assert main([*line, "--by", "usd"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("No chip can be ranked by throughput per USD of the bill. ")
    assert "t4; `--by list-usd` ranks those with a list price" in said or "goya; `--by list-usd`" in said


def test_mine_is_marked_and_named_first(tmp_path, capsys):
    mine = tmp_path / "mychip.yaml"
    text = bundled.chips()["example_edge"].read_text(encoding="utf-8")
    mine.write_text(text.replace("devices: 1", "devices: 2", 1), encoding="utf-8")
    assert main(["compare", str(mine), "inferx_x1", "tpu_v1", "--network", "squeezenet@64", "--format", "md"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("mychip is ")
    assert " of 3 by throughput per USD of the bill" in out.splitlines()[0]
    assert out.count("| > mychip |") == 5


def test_files_of_one_name_are_told_apart(tmp_path, capsys, monkeypatch):
    """Files in two folders, a variant beside its file, a file with the name of a bundled chip; who is named twice is one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    text = bundled.chips()["example_edge"].read_text(encoding="utf-8")
    for name in ("mine.yaml", "a/mine.yaml", "t4.yaml"):
        (tmp_path / name).write_text(
            f"{text}variants: {{fast: {{name: fast, set: {{clock_mhz: 900}}}}}}\n", encoding="utf-8"
        )
    words = ["mine.yaml", "a/mine.yaml", "mine.yaml:fast", "t4.yaml", "t4", "t4", "t4.yaml"]
    assert main(["compare", *words, "--network", "squeezenet@64", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {line["chip"] for line in found["lines"]} == {*words}
    assert len(found["lines"]) == len(found["chip_digests"]) == 5
    order = compare_chips("squeezenet@64", ["mine.yaml", "mine.yaml:fast"])
    assert [row.line.chip for row in order.rows] == ["mine.yaml:fast", "mine.yaml"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_sheets_of_any_spreadsheet(tmp_path, delimiter):
    path = tmp_path / "v.csv"
    rows = [("chip", "network", "throughput_per_s", "power_w"), ("x", "resnet50", '"1,500"', ""), ("y", "", "", "2.5")]
    path.write_text("\ufeff" + "".join(delimiter.join(row) + "\r\n" for row in rows), encoding="utf-8")
    first, second = read_sheet(path)
    assert first.published.results[0].throughput_per_s == 1500
    assert first.published.tdp_w is None
    assert second.published.tdp_w == 2.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chip,throughput\nx,1\n", "v.csv:1: throughput: unknown column; did you mean 'throughput_per_s'"),
        ("network\nresnet50\n", "v.csv:1: chip: missing"),
        (
            "chip,sram_mb\nx,lots\n",
            "v.csv:2: sram_mb: must be a plain number of at least 0, such as 1500 or 1.5, got 'lots'",
        ),
        (
            "chip,sram_mb\nx,nan\n",
            "v.csv:2: sram_mb: must be a plain number of at least 0, such as 1500 or 1.5, got 'nan'",
        ),
        ("chip,power_w\nx,5%\n", "v.csv:2: power_w: must be a plain number above 0, such as 1500 or 1.5, got '5%'"),
        ("chip,power_w\nx,1.5k\n", "power_w: must be a plain number above 0, such as 1500 or 1.5, got '1.5k'"),
        ("chip;power_w\nx;1,5\n", "power_w: must be a plain number above 0, such as 1500 or 1.5, got '1,5'"),
        ("chip,batch\nx,1.5\n", "v.csv:2: batch: must be a whole number, got '1.5'"),
        ("chip,throughput_per_s\nx,5\n", "v.csv:2: network: missing"),
        ("chip\nx,5\n", "v.csv:2: must have 1 cells, got more"),
        ("chip\n\n", "v.csv: must have at least one chip"),
        ("", "v.csv:1: chip: missing"),
    ],
)
def test_faults_of_a_sheet_are_one_line(tmp_path, text, message):
    path = tmp_path / "v.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError) as caught:
        read_sheet(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["=1+1", "\t=1+1", "  @sum", "\r+1", "\n-1", "\tplain"])
def test_no_cell_of_the_sheet_is_a_formula(name):
    chip = Entry(name, name, "accelerator", Published(), None)
    text = questions([chip], Question("resnet50"), {})
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["chip"] for row in rows] == ["'" + printable(name)] * 2


def test_labels_do_not_collide():
    points = [Point(f"chip_{i}", 10 ** (0.3 + 0.07 * (i % 6)), 10 ** (0.3 + 0.08 * (i // 6))) for i in range(30)]
    frame = axes(points, 520, 400)
    labels = place(points, frame)
    assert all(label.clear for label in labels)
    boxes = []
    for label in labels:
        x, y = frame.pixel(label.x, label.y)
        half = LETTER * len(label.label) / 2
        boxes.append((x - half, y - 6, x + half, y + 6))
    for i, a in enumerate(boxes):
        assert a[0] >= -1e-6
        assert a[2] <= 520 + 1e-6
        assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in boxes[:i])


def test_points_without_a_label_take_their_own_place_alone():
    crowd = [Point("", 10 ** (0.4 + 0.02 * i), 10 ** (0.4 + 0.02 * i)) for i in range(80)]
    first, *others = place(
        [Point("a_long_label", 20, 5), *crowd], axes([Point("", 1, 1), Point("", 100, 100)], 520, 400)
    )
    assert first.clear
    assert [(label.x, label.y) for label in others] == [(point.x, point.y) for point in crowd]


def test_the_command(tmp_path, capsys):
    picture, sheet = tmp_path / "c.svg", tmp_path / "q.csv"
    assert main(["compare", "t4", "goya", "--network", "resnet50", "--published", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "Throughput per TOPS of peak" in out
    assert "beyond its compute bound" in " ".join(out.split())
    assert "goya" in picture.read_text(encoding="utf-8")
    assert main(["compare", "goya", "--network", "resnet50", "--questions", str(sheet)]) == 0
    assert main(["compare", str(sheet), "--network", "resnet50", "--published", "--json", "-"]) == 0
    chips = [row["chip"] for row in json.loads(capsys.readouterr().out)["lines"]]
    assert {"goya (q.csv)", "goya", "t4"} < set(chips)
    for others, wanted in ((["--alone"], ["goya (q.csv)"]), (["t4"], ["goya (q.csv)", "t4"])):
        assert main(["compare", str(sheet), *others, "--network", "resnet50", "--published", "--json", "-"]) == 0
        assert sorted(row["chip"] for row in json.loads(capsys.readouterr().out)["lines"]) == wanted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["t4"], "--network: missing"),
        (["t5", "--network", "resnet50"], "unknown chip 't5'; did you mean 't4'"),
        (["t4", "--network", "resnet5"], "did you mean"),
        (["t4", "--network", "resnet50", "--by", "dollar"], "--by: must be one of usd, list-usd"),
        (["t4", "--network", "resnet50", "--plot", "x.gif"], "--plot: must end in"),
        (["none.csv", "--network", "resnet50"], "none.csv: no such file"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(["compare", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
