"""Files that nobody here wrote: the onnx package's cases, and models inside wheels that were fetched to a folder.

ROOFTILE_MODELS=FOLDER python -m pytest -s -q tests/readers/test_others.py prints how many cases load, and how many tensors agree
with ONNX Runtime. Any number of the wheels that .ci/nightly names may lie there; nothing of them is kept here.
"""

import os
from collections import Counter
from pathlib import Path

import onnx
import onnx.backend.test.loader
import pytest
from random_onnx import graph_of, ran

from simulator.errors import NetworkError
from simulator.graph.load import load_network
from simulator.graph.readers.onnx_read import read_onnx

MODELS = os.environ.get("ROOFTILE_MODELS", "")
PATHS = sorted(Path(MODELS).rglob("*.onnx")) if MODELS else []
LITE = sorted(Path(MODELS).rglob("*.tflite")) if MODELS else []
pytestmark = [
    pytest.mark.wheels,
    pytest.mark.skipif(not MODELS, reason="ROOFTILE_MODELS names no folder"),
    pytest.mark.filterwarnings("ignore"),
]
LEAST_MODELS = 25
"""Models of so many are run by ONNX Runtime, where all the wheels were fetched."""


def test_node_cases_load_or_are_refused_in_one_line():
    cases, told = onnx.backend.test.loader.load_model_tests(kind="node"), []
    for case in cases:
        try:
            graph_of(case.model)
        except NetworkError as error:  # anything else is a fault
            told.append(str(error))
    assert not any("\n" in text for text in told)
    refused = Counter(" ".join(text.split(": ")[-1].split(", got")[0].split()[:8]) for text in told)
    loaded = len(cases) - refused.total()
    print(f"\n{loaded:,} of {len(cases):,} node cases load; the others: {refused.most_common(8)}")
    assert len(cases) >= 1800
    assert loaded > 0.95 * len(cases)


def test_model_cases_load() -> None:
    kinds = ("simple", "pytorch-converted", "pytorch-operator")
    cases, told = [case for kind in kinds for case in onnx.backend.test.loader.load_model_tests(kind=kind)], []
    for case in cases:
        try:
            load_network(Path(case.model_dir) / "model.onnx")
        except NetworkError as error:
            told.append(f"{case.name}: {str(error).split(': ', 1)[1]}")
    print(f"\n{len(cases) - len(told)} of {len(cases)} model cases load; not: {told}")
    assert len(cases) >= 140
    assert len(told) <= 2


def told_of(path: Path) -> tuple[dict[str, str], str]:
    """(sizes by name, size behind @) that open a model of a wheel. Raises NetworkError."""
    told = {"silero_vad.onnx": {"input": "1x512", "state": "2x1x128"}}.get(path.name, {})
    try:
        load_network(path, **told)
    except NetworkError as error:
        if "open sizes: add" not in str(error):
            raise
    else:
        return told, ""
    return {}, "512" if "silero" in path.name else "48x192" if "_cls_" in path.name else "64"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_models_of_wheels_load_once_their_sizes_are_given(path):
    told, size = told_of(path)
    graph = load_network(f"{path}@{size}" if size else path, **told)
    assert graph.graph["inspection"]["unknown_ops"] == []


@pytest.mark.parametrize("path", LITE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_tflite_models_of_wheels_load(path):
    graph = load_network(path)
    assert graph.graph["inspection"]["coverage"]["macs"] > 0.99
    assert graph.graph["inspection"]["coverage"]["nodes"] > 0.95


def test_all_sizes_of_models_of_wheels_are_those_of_onnx_runtime():
    agreed, models, left = 0, 0, []
    for path in PATHS:
        told, size = told_of(path)
        ours = read_onnx(path, told, size)
        model = onnx.load(path, load_external_data=False)
        tops = {name for node in model.graph.node for name in node.output}
        found = {
            each.name: each.shape for op in ours.ops for each in op.outputs if each is not None and each.name in tops
        }
        try:
            want = ran(onnx.load(path), {each.name: list(each.shape) for each in ours.inputs}, list(found))
        except Exception as error:  # of ONNX Runtime: its own limits, and data that are missing on purpose
            left.append(f"{path.name}: {str(error)[:80]}")
            continue
        assert found == want, path.name
        agreed, models = agreed + len(found), models + 1
    print(f"\n{agreed:,} tensors of {models} models agree with ONNX Runtime; not run: {left}")
    assert models >= LEAST_MODELS or len(PATHS) < LEAST_MODELS
