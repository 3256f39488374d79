"""How long a file of 1,000 nodes takes, from its bytes to the throughput: python -m pytest -s -q tests/readers/test_speed.py."""

import time

import numpy as np
import onnx
from onnx import helper
from random_onnx import model

from simulator import load_chip, simulate
from simulator.graph.load import load_network
from simulator.graph.readers import onnx_kept

NODES, SECONDS = 1_000, 1.0
"""Of the processor: other programs on the machine do not count."""


def residual_network():
    """Convolutions with a silu spelled out, each added to what it reads."""
    nodes, weights, x = [], {}, "x"
    for number in range(NODES // 4):
        weights[f"w{number}"] = np.zeros((16, 16, 3, 3), np.float32)
        nodes += [
            helper.make_node("Conv", [x, f"w{number}"], [f"c{number}"], pads=[1] * 4, name=f"conv{number}"),
            helper.make_node("Sigmoid", [f"c{number}"], [f"s{number}"]),
            helper.make_node("Mul", [f"c{number}", f"s{number}"], [f"m{number}"]),
            helper.make_node("Add", [f"m{number}", x], [f"a{number}"]),
        ]
        x = f"a{number}"
    return model(nodes, {"x": ["N", 16, 32, 32]}, weights, [x])


def test_a_thousand_nodes_take_less_than_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_kept, "_onnx_version", lambda: None)  # the graph is not kept on disk
    path, chip = tmp_path / "model.onnx", load_chip("inferx_x1")
    onnx.save(residual_network(), path)
    taken = []
    for _ in range(4):  # the first one compiles, and fetches tilings
        began = time.process_time()
        graph = load_network(path)
        loaded = time.process_time()
        assert simulate(graph, chip).throughput_per_s > 0.0
        taken.append((time.process_time() - began, loaded - began))
    best, load = min(taken[1:])
    print(f"\n{NODES:,} nodes: {best:.2f} s of the processor, {load:.2f} of them to read, infer and fuse")
    assert best < SECONDS
