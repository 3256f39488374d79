"""A sweep folder: resumed, refused, repaired, and never half written. Commands that read it back."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import polars as pl
import pytest

from simulator import sweep
from simulator.cli import main
from simulator.errors import OptionError
from simulator.graph.build import NetworkBuilder
from simulator.sweeps import folder as store
from simulator.sweeps import read
from simulator.sweeps.read import front

VARY = {"sram.capacity_mib": "1:8:x2", "clock_mhz": "100:1000:+100", "dram.devices": [1, 2]}
SETS = {"schedule.overlap": "layer"}


@pytest.fixture(scope="module")
def network():
    net = NetworkBuilder("small")
    net.conv(net.conv(net.input(3, 32, 32), 16, 3), 32, 3)
    return net.build()


def run(network, out, **more):
    return sweep(network, "example_edge", **{"vary": VARY, "set": SETS, "chunk": 16, "out": out, **more})


def test_parts_equal_the_table_and_stand_beside_the_plan(network, tmp_path):
    frame = run(network, tmp_path / "a")
    assert isinstance(frame, pl.LazyFrame)
    table = sweep(network, "example_edge", VARY, set=SETS)
    assert frame.collect().equals(table)
    assert [path.name[:11] for path in sorted((tmp_path / "a").glob("*.parquet"))] == [
        f"part-00000{i}" for i in range(5)
    ]
    plan = json.loads((tmp_path / "a" / "plan.json").read_text())
    assert plan["points"] == 80
    assert {"rooftile", "model", "network_digest", "chip_digest", "chunk", "vary", "design"} <= plan.keys()
    assert not list((tmp_path / "a").glob(".rooftile-*"))


def test_a_part_alone_says_what_made_it(network, tmp_path):
    run(network, tmp_path / "a")
    plan = store.read_plan_of(tmp_path / "a")
    made = pl.read_parquet_metadata(part_of(tmp_path / "a", 3))
    assert {key: made[f"rooftile.{key}"] for key in ("network", "network_digest", "chip", "chip_digest")} == {
        key: plan[key] for key in ("network", "network_digest", "chip", "chip_digest")
    }
    assert (made["rooftile.version"], made["rooftile.model_digest"]) == (plan["rooftile"], plan["model"])
    assert (made["rooftile.schema"], made["rooftile.command"]) == ("rooftile-sweep-1", "simulator.sweep")


def test_the_command_is_in_its_parts_and_draws_what_it_found(tmp_path, capsys):
    words = [
        "sweep",
        "squeezenet",
        "--chip",
        "example_edge",
        "--vary",
        "clock_mhz=400,800",
        "--out",
        str(tmp_path / "a"),
    ]
    assert main([*words, "--plot", str(tmp_path / "points.svg")]) == 0
    assert pl.read_parquet_metadata(part_of(tmp_path / "a", 0))["rooftile.command"].startswith(
        "rooftile sweep squeezenet --chip example_edge --vary clock_mhz=400,800 --out "
    )
    assert b"Pareto-optimal" in (tmp_path / "points.svg").read_bytes()


def test_a_run_goes_on_where_it_was_stopped(network, tmp_path):
    out = tmp_path / "a"
    seen = []

    def stop(done, points):
        seen.append((done, points))
        if done == 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(network, out, progress=stop)
    assert read.progress_of(out) == (32, 80)
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    draft = out / ".rooftile-0123456789ab.part-000004-01234567.parquet"
    draft.write_text("what a killed run leaves")
    (out / ".notes.tmp").write_text("of the user")
    frame = run(network, out, progress=lambda done, points: seen.append((done, points)))
    assert seen == [(0, 80), (16, 80), (32, 80), (32, 80), (48, 80), (64, 80), (80, 80)]
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept
    assert not draft.exists()
    assert (out / ".notes.tmp").exists()
    assert frame.collect().equals(sweep(network, "example_edge", VARY, set=SETS))


def test_a_changed_plan_is_refused_with_the_difference(network, tmp_path, monkeypatch):
    run(network, tmp_path)
    with pytest.raises(OptionError) as caught:
        run(network, tmp_path, vary={**VARY, "dram.devices": [1, 2, 3]}, chunk=20)
    where = f"out: {tmp_path / 'plan.json'}: made with another plan"
    assert str(caught.value).splitlines() == [
        f"{where}: points: was 80, now 120",
        f"{where}: chunk: was 16, now 20",
        f"{where}: vary.dram.devices.values: was [1, 2], now [1, 2, 3]",
    ]
    with pytest.raises(OptionError, match=r"chip_digest: was "):
        run(network, tmp_path, set={**SETS, "overhead_us": 1})
    monkeypatch.setattr(sys.modules["simulator.sweeps.run"], "model_digest", lambda: "another model")
    with pytest.raises(OptionError, match=r"model: was "):
        run(network, tmp_path)


def test_two_runs_on_one_folder(network, tmp_path):
    with (
        store.owned(tmp_path),
        pytest.raises(OptionError, match=r"another run is writing here"),
    ):
        run(network, tmp_path)
    run(network, tmp_path)  # the lock is free again


def test_a_damaged_part_is_named_and_computed_anew(network, tmp_path, capsys):
    whole = run(network, tmp_path).collect()
    part = sorted(tmp_path.glob("*.parquet"))[2]
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 1
    part.write_bytes(raw)
    with pytest.raises(OptionError) as caught:
        run(network, tmp_path)
    assert str(caught.value) == f"{part}: damaged; repair computes it again"
    assert main(["best", str(tmp_path)]) == 2
    assert f"{part}: damaged" in capsys.readouterr().err
    assert run(network, tmp_path, repair=True).collect().equals(whole)


def part_of(folder, number):
    return sorted(folder.glob(f"part-{number:06d}-*.parquet"))[0]


def test_a_part_is_of_its_plan_and_number_alone(network, tmp_path, capsys):
    whole = run(network, tmp_path / "a").collect()
    run(network, tmp_path / "b", set={**SETS, "overhead_us": 1})
    ours, foreign = part_of(tmp_path / "a", 1), part_of(tmp_path / "b", 1)
    again = ours.with_name(ours.name.replace("part-000001", "part-000002"))
    before = ours.read_bytes()
    # The part of another sweep, as many rows and a right checksum there; and a part of this one under another number.
    for content, name in ((foreign.read_bytes(), foreign.name), (before, again.name)):
        stranger = ours.with_name(name)
        stranger.write_bytes(content)
        assert main(["best", str(tmp_path / "a")]) == 2
        assert capsys.readouterr().err == f"rooftile: {stranger}: damaged; --repair computes it again\n"
        assert run(network, tmp_path / "a", repair=True).collect().equals(whole)
        assert not stranger.exists()
    assert ours.read_bytes() == before


def test_a_part_beyond_the_plan_is_not_read(network, tmp_path, capsys):
    whole = run(network, tmp_path).collect()
    part = part_of(tmp_path, 4)
    beyond = part.with_name(part.name.replace("part-000004", "part-000005"))
    beyond.write_bytes(part.read_bytes())
    assert read.progress_of(tmp_path) == (80, 80)
    assert read.scan(tmp_path).collect().equals(whole)
    assert main(["pareto", str(tmp_path)]) == 2
    line = f"{beyond}: must be numbered 0 to 4, as the plan's are; it is of another sweep, move it"
    assert capsys.readouterr().err == f"rooftile: {line}\n"
    with pytest.raises(OptionError, match=r"must be numbered 0 to 4"):
        run(network, tmp_path, repair=True)
    assert beyond.exists()


def test_parts_that_0_2_wrote_are_read(network, tmp_path):
    whole = run(network, tmp_path).collect()
    plan = json.loads((tmp_path / "plan.json").read_text())
    del plan[store.BOUND]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(OptionError, match=r"damaged"):
        read.scan(tmp_path, check=True)
    for part in tmp_path.glob("*.parquet"):
        raw = part.read_bytes()
        part.rename(part.with_name(f"{part.name[:11]}-{zlib.crc32(raw):08x}.parquet"))
    assert read.scan(tmp_path, check=True).collect().equals(whole)
    first, second = part_of(tmp_path, 1), part_of(tmp_path, 2)
    twice = first.with_name(first.name.replace("000001", "000002"))
    twice.write_bytes(first.read_bytes())
    with pytest.raises(OptionError) as caught:
        read.scan(tmp_path, check=True)
    late, early = sorted((twice, second), reverse=True)
    assert str(caught.value) == f"{late}: must be there once, got {early.name} too; move one"
    twice.unlink()
    short = pl.read_parquet(first).head(15)
    first.unlink()
    raw = write_parquet(short)
    lying = tmp_path / f"part-000001-{zlib.crc32(raw):08x}.parquet"
    lying.write_bytes(raw)
    with pytest.raises(OptionError) as caught:
        read.scan(tmp_path, check=True)
    assert str(caught.value) == f"{lying}: damaged; repair computes it again"


def write_parquet(frame):
    data = io.BytesIO()
    frame.write_parquet(data)
    return data.getvalue()


PLANS = [
    "[]", "[" * 100_000, '{"points": "80", "chunk": 16}', '{"points": 80, "chunk": 0}', '{"points": 80.0, "chunk": 16}',
    '{"points": 1e400, "chunk": 16}', '{"points": ' + "9" * 5000 + ', "chunk": 1}', '{"points": 80, "chunk": 16, "vary": 3}',
    '{"points": 80, "chunk": 16, "vary": [{"key": 3}]}', "nothing", "\0",
]  # fmt: skip


@pytest.mark.parametrize("text", PLANS, ids=[text[:40] for text in PLANS])
def test_a_plan_that_is_none_is_damaged(text, tmp_path, capsys):
    (tmp_path / "plan.json").write_text(text)
    assert main(["best", str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err == f"rooftile: {tmp_path / 'plan.json'}: damaged; delete the folder or choose another\n"
    )


def test_what_the_system_refuses_is_one_line_and_leaves_nothing(network, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "plain").write_text("")
    with pytest.raises(OptionError, match=r"^out: must be a folder, got the file"):
        run(network, tmp_path / "plain")
    with pytest.raises(OptionError, match=r"cannot write: Not a directory"):
        run(network, tmp_path / "plain" / "below")
    monkeypatch.setattr(os, "fsync", full)
    out = tmp_path / "a"
    with pytest.raises(OptionError) as caught:
        run(network, out)
    assert str(caught.value) == f"out: {out}: cannot write: No space left on device; finished parts are kept"
    assert [path.name for path in out.iterdir()] == [".lock"]


def test_folders_that_are_none(tmp_path):
    with pytest.raises(OptionError, match=r"is not a sweep folder: there is no plan.json"):
        read.scan(tmp_path)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(OptionError, match=r"plan.json: damaged"):
        read.scan(tmp_path)
    (tmp_path / "plan.json").write_text('{"points": 1, "chunk": 1}')
    with pytest.raises(OptionError, match=r"has no parts yet"):
        read.scan(tmp_path)
    (tmp_path / "plan.json").unlink()
    (tmp_path / "part-000000-00000000.parquet").write_text("")
    with pytest.raises(OptionError, match=r"has parts but no plan.json"):
        store.begin(tmp_path, {})


def test_a_killed_run_loses_at_most_the_chunk_in_hand(tmp_path):
    out = tmp_path / "a"
    command = ["sweep", "alexnet", "--chip", "dpu_b4096", "--vary", "clock_mhz=100:1000:/200",
               "--vary", "overhead_us=0:9:/200", "--out", str(out), "--chunk", "500"]  # fmt: skip
    script = "import sys; from simulator.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while len(list(out.glob("part-*"))) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there, points = read.progress_of(out)
    assert points == 40_000
    assert there >= 1500
    assert store.checked_parts(out, repair=False)
    assert main(command) == 0
    assert read.progress_of(out) == (40_000, 40_000)
    assert read.scan(out).select(pl.struct("clock_mhz", "overhead_us").n_unique()).collect().item() == 40_000
    assert not list(out.glob(".rooftile-*"))


def test_ctrl_c_is_130_and_says_what_is_kept(tmp_path, capsys, monkeypatch):
    def interrupted(*_args, **_more):
        raise KeyboardInterrupt

    out = tmp_path / "a"
    command = [
        "sweep",
        "alexnet",
        "--chip",
        "dpu_b4096",
        "--vary",
        "clock_mhz=1,2,3",
        "--chunk",
        "2",
        "--out",
        str(out),
    ]
    assert main(command) == 0
    assert "3 of 3 points in" in capsys.readouterr().out
    sorted(out.glob("*.parquet"))[1].unlink()
    monkeypatch.setattr(sys.modules["simulator.sweeps.run"], "chunk_table", interrupted)
    assert main(command) == 130
    assert f"2 of 3 points are kept in {out}; the same command goes on" in capsys.readouterr().err


def test_fronts_equal_brute_force():
    rng = np.random.default_rng(1)
    for columns in (2, 3):
        goals = rng.integers(0, 12, (200, columns)).astype(float)
        kept = front(goals)
        brute = [
            at for at, row in enumerate(goals)
            if not any(((other <= row).all() and (other < row).any()) or ((other == row).all() and before < at)
                       for before, other in enumerate(goals))
        ]  # fmt: skip
        assert sorted(kept.tolist()) == brute
        assert (np.diff(goals[kept, 0]) >= 0).all()


def test_best_and_pareto(network, tmp_path, capsys):
    table = run(network, tmp_path).collect()
    limit = float(table["relative_cost"].median())
    assert (
        main(["best", str(tmp_path), "--max", f"relative_cost={limit}", "--by", "throughput_per_usd", "--json", "-"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    cheap = table.filter(pl.col("relative_cost") <= limit)
    assert found[0]["throughput_per_usd"] == cheap["throughput_per_usd"].max()
    assert len(found) == 10
    assert (
        main(["best", str(tmp_path), "--by", "latency", "--min", "sram.capacity_mib=2", "--top", "1", "--json", "-"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found[0]["latency_s"] == table.filter(pl.col("sram.capacity_mib") >= 2)["latency_s"].min()
    assert main(["pareto", str(tmp_path), "--of", "throughput,cost", "--json", "-"]) == 0
    points = json.loads(capsys.readouterr().out)
    rates, costs = [p["throughput_per_s"] for p in points], [p["relative_cost"] for p in points]
    assert rates == sorted(rates, reverse=True)
    assert costs == sorted(costs, reverse=True)
    assert rates[0] == table["throughput_per_s"].max()
    assert main(["best", str(tmp_path), "--max", "cost=0"]) == 0
    assert capsys.readouterr().out == "No point is within the limits.\n"
    assert main(["pareto", str(tmp_path)]) == 0
    assert "Pareto-optimal points in throughput, relative cost, power in W" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["best", "nowhere"], "nowhere: is not a sweep folder: there is no plan.json"),
        (["best", ".", "--max", "cost"], "--max: must be COLUMN=VALUE, such as relative_cost=2, got 'cost'"),
        (["best", ".", "--max", "cost=a"], "--max: must be COLUMN=VALUE, such as relative_cost=2, got 'cost=a'"),
        (["best", ".", "--by", "trougput"], "--by trougput: unknown column 'trougput'; did you mean 'throughput'"),
        (["best", ".", "--by", "largest_loss"], "--by largest_loss: must be a column of numbers, got 'largest_loss'"),
        (["best", ".", "--top", "0"], "--top: must be a whole number of at least 1, got 0"),
        (["pareto", ".", "--of", "cost"], "--of: must name at least two columns, such as throughput,cost, got 'cost'"),
        (["pareto", ".", "--of", "cost,relative_cost"], "--of: must name each column once, got 'cost,relative_cost'"),
        (["sweep", "alexnet", "--chip", "tpu_v1"], "--vary: missing; see 'rooftile sweep --help'"),
        (["sweep", "alexnet", "--vary", "batch=1"], "--chip: missing; see 'rooftile sweep --help'"),
        (["sweep", "alexnet", "--vary", "batch=1", "--chip", "tpu_v1"], "--out: missing; see 'rooftile sweep --help'"),
        (["sweep", "--plan", "nothing.yaml"], "nothing.yaml: no such file"),
    ],
)
def test_bad_command_lines(arguments, line, network, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(network, tmp_path, vary={"batch": [1]})
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"rooftile: {line}")
    assert error.count("\n") == 1


def test_a_plan_file_is_the_same_as_options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(
        "network: alexnet\nchip: dpu_b4096\nvary: {clock_mhz: [100, 200], sram.capacity_mib: '1:4:x2'}\nset: {overhead_us: 2}\n"
    )
    assert main(["sweep", "--plan", "plan.yaml", "--out", "a"]) == 0
    options = ["--vary", "clock_mhz=100,200", "--vary", "sram.capacity_mib=1:4:x2", "--set", "overhead_us=2"]
    assert main(["sweep", "alexnet", "--chip", "dpu_b4096", *options, "--out", "b"]) == 0
    assert read.scan("a").collect().equals(read.scan("b").collect())
    assert (tmp_path / "a" / "plan.json").read_text() == (tmp_path / "b" / "plan.json").read_text()
    assert main(["sweep", "--plan", "plan.yaml", "--vary", "batch=1", "--out", "c"]) == 0
    assert read.scan("c").collect().height == 1


def test_the_first_point_is_solved_where_ctrl_c_reaches(network, monkeypatch):
    """Kernels compile on the main thread: threads could not be interrupted before they are done."""
    engine = sys.modules["simulator.sweeps.run"]
    seen, fill = [], engine.fill

    def noted(block, rows, *others, **more):
        seen.append((threading.current_thread() is threading.main_thread(), len(rows)))
        fill(block, rows, *others, **more)

    monkeypatch.setattr(engine, "fill", noted)
    table = sweep(network, "example_edge", VARY, set=SETS, chunk=40)
    assert seen[0] == (True, 1)
    assert not any(on_main for on_main, _ in seen[1:])
    assert sum(rows for _, rows in seen[1:]) == len(table) == 80
