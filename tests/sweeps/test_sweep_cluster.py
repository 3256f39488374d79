"""A sweep on a Dask cluster of processes equals the local one byte for byte, whatever happens to its workers."""

import json
import os
import pickle
import signal
import sys

import pytest

from simulator import load_chip, load_network, sweep
from simulator.cli import main
from simulator.errors import OptionError
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import network_digest
from simulator.sweeps import cluster as rooms
from simulator.sweeps import read
from simulator.sweeps.groups import Space
from simulator.sweeps.plan import plan_of

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

VARY = {"sram.capacity_mib": "1:8:x2", "clock_mhz": "100:1000:+100", "dram.devices": [1, 2]}
SETS = {"schedule.overlap": "layer"}


@pytest.fixture(scope="module")
def network():
    net = NetworkBuilder("small")
    net.conv(net.conv(net.input(3, 32, 32), 16, 3), 32, 3)
    return net.build()


@pytest.fixture(scope="module")
def workers():
    """Two processes, each with a nanny that starts it again."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster


def run(network, out, **more):
    return sweep(network, "example_edge", **{"vary": VARY, "set": SETS, "chunk": 8, "out": out, **more})


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_a_worker_killed_in_mid_run_changes_no_byte(network, workers, tmp_path):
    run(network, tmp_path / "here")
    told, seen = [], []

    def progress(done, points):
        seen.append(done)
        if len(seen) == 3:
            os.kill(next(iter(workers.workers.values())).pid, signal.SIGKILL)

    frame = run(network, tmp_path / "there", scheduler=workers.scheduler_address, progress=progress, tell=told.append)
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert sum(name.startswith("part-") for name in files(tmp_path / "there")) == 10
    assert seen[0] == 0
    assert seen[-1] == 80
    assert told == ["2 threads on 1 machine; kernels are compiled first"]
    assert frame.collect().height == 80


def test_an_interrupted_run_goes_on_here_or_there(network, workers, tmp_path):
    def stop(done, points):
        if done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(network, tmp_path / "a", scheduler=workers, progress=stop)
    there, points = read.progress_of(tmp_path / "a")
    assert 16 <= there < points
    run(network, tmp_path / "a")  # goes on without the cluster
    run(network, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    sorted((tmp_path / "a").glob("part-*"))[4].unlink()
    with distributed.Client(workers, set_as_default=False) as client:  # and with it again
        run(network, tmp_path / "a", scheduler=client)
        assert client.status == "running"
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_worker_that_differs_is_refused(network, workers, tmp_path, monkeypatch):
    monkeypatch.setattr(rooms, "facts", lambda: {"rooftile": "0.0.1", "model": "m", "numpy": "0"})
    with pytest.raises(OptionError) as caught:
        run(network, tmp_path / "a", scheduler=workers)
    line = str(caught.value)
    assert line.startswith("scheduler: a worker differs: rooftile is ")
    assert "0.0.1 here" in line
    assert "install the same on both" in line
    assert read.progress_of(tmp_path / "a") == (0, 80)


def test_in_flight_is_bounded(network, workers, tmp_path, monkeypatch):
    most = []
    start = rooms._Flight.start

    def counted(flight, number):
        start(flight, number)
        most.append(len(flight.futures))

    monkeypatch.setattr(rooms._Flight, "start", counted)
    run(network, tmp_path / "a", scheduler=workers, chunk=2)
    assert len(most) == 40
    assert max(most) <= rooms.AHEAD * 2


def test_networks_travel_by_name_or_as_graphs(network):
    def space(given, vary):
        return Space(plan_of(vary), load_chip("example_edge"), lambda values: load(given, values))

    def load(given, values):
        return load_network(given, **values) if isinstance(given, str) else given

    by_name = rooms.recipe_of(space("alexnet", {"param.image_size": [224, 256]}), "alexnet", {})
    assert by_name.network == "alexnet"
    again = pickle.loads(pickle.dumps(by_name)).space()
    assert network_digest(again.graph({"param.image_size": 256})) == network_digest(
        load_network("alexnet", image_size=256)
    )
    as_graph = rooms.recipe_of(space(network, {"batch": [1]}), network, {})
    assert network_digest(pickle.loads(pickle.dumps(as_graph)).space().graph()) == network_digest(network)


def test_a_folder_with_a_configuration_travels_as_its_graph(tmp_path, monkeypatch):
    shapes = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 100,
    }
    config = tmp_path / "mine" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({**shapes, "num_key_value_heads": 2, "intermediate_size": 128}))
    monkeypatch.chdir(tmp_path)
    space = Space(plan_of({"batch": [1]}), load_chip("example_edge"), lambda values: load_network("mine", **values))
    digest = network_digest(load_network("mine"))
    sent = pickle.dumps(rooms.recipe_of(space, "mine", {}))
    config.unlink()  # on another machine it never was
    assert network_digest(pickle.loads(sent).space().graph()) == digest


def test_a_network_file_with_parameters_travels_as_its_graphs(workers, tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text(
        "from simulator.graph.build import NetworkBuilder\n"
        "def build(width: int = 8):\n"
        "    net = NetworkBuilder('mine')\n"
        "    net.conv(net.input(3, 16, 16), width, 3)\n"
        "    return net.build()\n"
    )
    vary = {"param.width": [8, 16], "clock_mhz": [100, 200]}
    sweep(str(path), "example_edge", vary, set=SETS, out=tmp_path / "a", scheduler=workers)
    sweep(str(path), "example_edge", vary, set=SETS, out=tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    monkeypatch.setattr(rooms, "MOST_GRAPHS", 1)
    with pytest.raises(OptionError, match=r"vary param.width: a network of your own may have at most 1 listed"):
        sweep(str(path), "example_edge", vary, set=SETS, out=tmp_path / "c", scheduler=workers)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("nothing", "--scheduler: must be an address such as tcp://host:8786, or a .json file, got 'nothing'"),
        ("none.json", "--scheduler: none.json: no such file"),
        ("broken.json", "--scheduler: broken.json: must be a scheduler file, with an address such as tcp://host:8786"),
        ("other.json", "--scheduler: other.json: must be a scheduler file, with an address such as tcp://host:8786"),
        ("found.json", "--scheduler: no scheduler answers at 'found.json': "),
        ("tcp://127.0.0.1:9", "--scheduler: no scheduler answers at 'tcp://127.0.0.1:9': "),
    ],
)
def test_addresses_that_are_none(address, line, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rooms, "CONNECT_S", 0.5)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text('{"address":')
    (tmp_path / "other.json").write_text('{"address": ["tcp://127.0.0.1:9"]}')
    (tmp_path / "found.json").write_text('{"address": "tcp://127.0.0.1:9"}')
    command = ["sweep", "alexnet", "--chip", "dpu_b4096", "--vary", "batch=1", "--out", "a", "--scheduler", address]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"rooftile: {line}")
    assert error.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_without_the_extra_or_a_folder(network, tmp_path, monkeypatch):
    with pytest.raises(OptionError, match=r"scheduler: needs a folder"):
        run(network, None, scheduler="tcp://127.0.0.1:8786")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OptionError, match=r"pip install 'rooftile\[cluster\]'"):
        run(network, tmp_path / "a", scheduler="tcp://127.0.0.1:8786")


@pytest.mark.thorough  # it waits for connections that do not come
def test_a_cluster_that_goes_away_is_one_line(network, tmp_path):
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=":0", silence_logs=50
    )

    def progress(done, points):
        if done == 2:
            cluster.close()

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "2s"}),
        pytest.raises(OptionError, match=r"the cluster is gone; finished parts are kept"),
    ):
        run(network, tmp_path / "a", scheduler=cluster.scheduler_address, chunk=2, progress=progress)
    there, points = read.progress_of(tmp_path / "a")
    assert 2 <= there < points
