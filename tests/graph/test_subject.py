"""Networks in words: the size of their input is said, and what is not as usual."""

import pytest

from simulator import load_network, simulate
from simulator.graph.build import NetworkBuilder
from simulator.graph.subject import subject_of


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("resnet50", {}, "resnet50 at 224 x 224"),
        ("yolov5s", {"image_size": "640x384", "activation": "relu"}, "yolov5s at 640 x 384, activation=relu"),
        ("bert_base", {"sequence_length": 4096}, "bert_base at 4,096 tokens"),
        ("dlrm", {}, "dlrm"),
        ("dlrm", {"width": 64}, "dlrm, width=64"),
        ("smollm2_135m", {"layers": 2}, "smollm2_135m, prefill of 512 tokens, layers=2"),
        ("smollm2_135m", {"prompt": 7, "context": 1000}, "smollm2_135m, prefill of 7 tokens behind 1,000"),
        ("smollm2_135m", {"phase": "decode", "context": 9}, "smollm2_135m, decode of 1 token behind 9"),
        ("smollm2_135m", {"phase": "decode", "sequences": 3}, "smollm2_135m, decode of 1 token, sequences=3"),
    ],
)
def test_words(name, params, words):
    assert subject_of(load_network(name, **params)) == words


def test_a_network_of_ones_own_is_its_name():
    net = NetworkBuilder("mine")
    net.dense(net.input(8, 1, 1), 8)
    assert simulate(net.build(), "eyeriss", precision="int16").subject == "mine"
