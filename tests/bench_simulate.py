"""How long one answer takes with frontiers at hand: `pytest tests/bench_simulate.py --benchmark-enable`.

Medians of a warm process on one core. The goals stand beside the names: 1 ms at batch 1 with overlap `none` or `layer` and
no weights to keep, 5 ms with `network` or weights kept for ever, 20 ms with sub-batches.
"""

import pytest

from simulator.chip.load import load_chip
from simulator.graph.load import load_network
from simulator.run import simulate

CASES = {
    "resnet50 dpu layer, goal 1 ms": ("resnet50", "dpu_b4096", {}, 1),
    "bert_large dpu layer, goal 1 ms": ("bert_large", "dpu_b4096", {}, 1),
    "resnet50 example none, kept weights, goal 5 ms": ("resnet50", "example_edge", {"schedule.overlap": "none"}, 1),
    "resnet50 example layer, kept weights, goal 5 ms": ("resnet50", "example_edge", {"schedule.overlap": "layer"}, 1),
    "resnet50 example network, goal 5 ms": ("resnet50", "example_edge", {}, 1),
    "resnet50 x1 network, goal 5 ms": ("resnet50", "inferx_x1", {}, 1),
    "bert_large x1 network, goal 5 ms": ("bert_large", "inferx_x1", {}, 1),
    "resnet50 example layer batch 8, goal 20 ms": ("resnet50", "example_edge", {"schedule.overlap": "layer"}, 8),
    "resnet50 x1 network batch 8, goal 20 ms": ("resnet50", "inferx_x1", {}, 8),
}


@pytest.mark.parametrize("case", CASES)
def test_one_answer(benchmark, case):
    network, chip, settings, batch = CASES[case]
    graph, architecture = load_network(network), load_chip(chip, set=settings)
    simulate(graph, architecture, batch, gains=False)  # frontiers at hand
    result = benchmark(simulate, graph, architecture, batch, gains=False)
    assert result.throughput_per_s > 0.0
