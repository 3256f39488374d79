"""What a network is in words: its name, the size of its input, and what else is not as usual."""

import functools
from collections.abc import Mapping
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.build import Graph
from simulator.graph.load import network_parameters
from simulator.store import bundled

SIZES = ("image_size", "sequence_length", "phase", "prompt", "context")
"""Parameters that are said as the size of the input."""


def subject_of(graph: Graph) -> str:
    """`yolov5s at 640 x 640, activation=relu`; `bert_base at 128 tokens`; `gpt2, decode of 1 token behind 1,024`."""
    given: Mapping[str, Any] = graph.graph.get("parameters", {})
    changed = (f"{key}={value}" for key, value in unusual(graph).items() if key not in SIZES)
    return ", ".join((name_of(graph) + (_passed(graph, given) if "phase" in given else _size(given)), *changed))


def name_of(graph: Graph) -> str:
    """The name of a network; `network` of one that has none."""
    return str(graph.graph.get("name", "network"))


def unusual(graph: Graph) -> dict[str, Any]:
    """Parameters of a bundled network that are not its defaults; none of the user's own, whose defaults are not known."""
    given: Mapping[str, Any] = graph.graph.get("parameters", {})
    if not given:  # as of a graph made in Python, whose name would be looked for among all there are, at every run
        return {}
    try:
        name = name_of(graph)
        usual = network_parameters(name) if bundled.network_name(name) is None else _usual(name)
    except NetworkError:
        return {}
    return {key: value for key, value in given.items() if usual.get(key, value) != value}


@functools.cache
def _usual(name: str) -> dict[str, Any]:
    """Defaults of a bundled network, which do not change; do not change them."""
    return network_parameters(name)


def _passed(graph: Graph, given: Mapping[str, Any]) -> str:
    """Tokens of a pass of a language model, and how many come before them; empty for what only has such a parameter."""
    if "prompt" not in given or "tokens" not in graph:
        return ""
    new = int(given["prompt"]) or graph.nodes["tokens"]["layer"].out_height // int(given.get("sequences", 1))
    behind = f" behind {given['context']:,}" if given.get("context") else ""
    return f", {given['phase']} of {new:,} token{'' if new == 1 else 's'}{behind}"


def _size(given: Mapping[str, Any]) -> str:
    """The size of the input, behind a name; empty where it has none."""
    if "image_size" in given:
        height, _, width = str(given["image_size"]).partition("x")
        return f" at {height} x {width or height}"
    return f" at {given['sequence_length']:,} tokens" if "sequence_length" in given else ""
