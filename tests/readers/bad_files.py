"""Model files that nobody should trust: damaged ones, circles, sizes that are none, a million of something, bombs, ways out."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from random_onnx import model, turn
from tiny_tflite import STEPS, tflite

from simulator.graph.readers import wire
from simulator.graph.readers.flat import Table

node = helper.make_node
SIZES = {"zero": 0, "negative": -5, "2_40": 2**40}
MILLION = 1_000_000


def bad_files(folder: Path, large: bool = True) -> Iterator[Path]:
    """Write one after the other; each is to be refused in one line. large: also those that take long to write."""
    for write in (_onnx, _external, _onnx_bombs, _tflite, _configurations, _tables, *([_large] if large else [])):
        for name, raw in write(folder):
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(
                raw if isinstance(raw, bytes) else raw.encode() if isinstance(raw, str) else raw.SerializeToString()
            )
            yield path


def relu(shape: list[Any]) -> Any:
    return model([node("Relu", ["x"], ["y"])], {"x": shape}, {}, ["y"])


def _many(field: bytes) -> bytes:
    """A graph of a million nodes, each of them `field`."""
    each = b"\x0a" + wire._varint_bytes(len(field)) + field
    return b"\x08\x08\x3a" + wire._varint_bytes(MILLION * len(each)) + each * MILLION


def _onnx(_: Path) -> Iterator[tuple[str, Any]]:
    whole = relu([1, 4]).SerializeToString()
    yield "empty.onnx", b""
    yield "truncated.onnx", whole[: len(whole) // 2]
    yield "magic.onnx", b"PK\x03\x04" + bytes(range(256)) * 40
    yield "other.onnx", tflite()
    circle = [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])]
    yield "cyclic.onnx", model(circle, {"x": [1, 4]}, {}, ["b"])
    yield "self.onnx", model([node("Add", ["x", "a"], ["a"])], {"x": [1, 4]}, {}, ["a"])
    for word, size in SIZES.items():
        yield f"{word}.onnx", relu([1, size])
        weight = TensorProto(dims=[4, size], data_type=TensorProto.FLOAT, name="w")
        product = model([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 4]}, {}, ["y"])
        product.graph.initializer.append(weight)
        yield f"weight_{word}.onnx", product


def _external(folder: Path) -> Iterator[tuple[str, Any]]:
    (folder / "secret.bin").write_bytes(b"\0" * 64)
    (folder / "inside").mkdir()
    (folder / "inside" / "link").symlink_to(folder)
    (folder / "inside" / "weights.bin").symlink_to(folder / "secret.bin")
    places = [
        "/etc/passwd",
        "../secret.bin",
        "link/secret.bin",
        "weights.bin",
        "a/../../secret.bin",
        "..\\secret.bin",
        "",
    ]
    for number, where in enumerate(places):
        product = model([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 4]}, {"w": np.zeros((4, 4), np.float32)}, ["y"])
        weight = product.graph.initializer[0]
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = "location", where
        yield f"inside/external_{number}.onnx", product


def _onnx_bombs(_: Path) -> Iterator[tuple[str, Any]]:
    one = {"one": np.zeros((1,), np.float32)}
    big = np.array([2**30, 2**20], np.int64)
    grown = [node("Expand", ["one", "big"], ["e"]), node("Add", ["x", "e"], ["y"])]
    yield "expand.onnx", model(grown, {"x": [1, 1]}, {"big": big, **one}, ["y"])
    filled = [node("ConstantOfShape", ["big"], ["e"]), node("Add", ["x", "e"], ["y"])]
    yield "filled.onnx", model(filled, {"x": [1, 1]}, {"big": big}, ["y"])
    doubled = [
        node("Concat", [f"x{number}" if number else "x"] * 2, [f"x{number + 1}"], axis=0) for number in range(80)
    ]
    yield "doubled.onnx", model(doubled, {"x": [1, 4]}, {}, ["x80"])
    twice = np.array([2, 2], np.int64)
    tiled = [node("Tile", [f"x{number}" if number else "x", "t"], [f"x{number + 1}"]) for number in range(80)]
    yield "tiled.onnx", model(tiled, {"x": [1, 4]}, {"t": twice}, ["x80"])
    for deep in (10, 40, 200):
        yield f"branches_{deep}.onnx", _branches(deep)
    yield "functions.onnx", _functions(40)


def _within(field: int, raw: bytes) -> bytes:
    """Bytes as one field of a message."""
    return wire._varint_bytes(field << 3 | 2) + wire._varint_bytes(len(raw)) + raw


def _branches(deep: int) -> bytes:
    """A branch in a branch, deeper than the library itself would write it."""
    graph = relu([1, 4]).graph.SerializeToString()
    for _ in range(deep):
        branch = _within(1, b"then_branch") + _within(6, graph) + b"\xa0\x01\x05"
        graph = _within(1, _within(1, b"c") + _within(2, b"y") + _within(4, b"If") + _within(5, branch))
    return b"\x08\x08" + _within(7, graph) + _within(8, b"\x10\x11")


def _functions(deep: int) -> Any:
    """Functions that each call the one before twice: 2^deep nodes in place."""
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    found = model([node(f"F{deep}", ["x"], ["y"], domain="own")], {"x": [1, 4]}, {}, ["y"])
    found.opset_import.append(sets[1])
    for number in range(deep + 1):
        kind, domain = (f"F{number - 1}", "own") if number else ("Relu", "")
        steps = [node(kind, ["a"], ["m"], domain=domain), node(kind, ["m"], ["b"], domain=domain)]
        found.functions.append(helper.make_function("own", f"F{number}", ["a"], ["b"], steps, sets))
    return found


def _tflite(_: Path) -> Iterator[tuple[str, Any]]:
    whole = tflite()
    yield "empty.tflite", b""
    yield "truncated.tflite", whole[: len(whole) // 2]
    yield "magic.tflite", b"\x1c\0\0\0TFL2" + whole[8:]
    yield "cyclic.tflite", tflite(steps=(((4, 1), 2), ((2, 3), 4), ((4, 5), 6)))
    for word, size in {**SIZES, "2_40": 2**31 - 1}.items():
        yield f"{word}.tflite", tflite(first=(1, size, 8, 3))


def _shared(whole: bytes) -> bytes:
    """The same with a hundred thousand tensors that are all one, whose sizes are as many numbers."""
    root = Table(memoryview(whole), int.from_bytes(whole[:4], "little"))
    graph = next(root.tables(2))
    tensor, count, size = next(graph.tables(0)), 100_000, 32
    at = len(whole) + 4 + 4 * count  # where the one tensor lies: behind the list of tensors, before its sizes
    body = bytearray(whole[tensor._at : tensor._at + size])
    struct.pack_into("<i", body, 0, at - tensor._fields)
    for field in (0, 3):  # its sizes, and its name, which is what lies there
        place = tensor._place(field) - tensor._at
        struct.pack_into("<I", body, place, size - place)
    found = bytearray(whole)
    struct.pack_into("<I", found, graph._place(0), len(whole) - graph._place(0))
    listed = struct.pack(f"<{count + 1}I", count, *(at - len(whole) - 4 - 4 * number for number in range(count)))
    return bytes(found) + listed + bytes(body) + struct.pack(f"<{count + 1}I", count, *[1] * count)


LLAMA = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "vocab_size": 100,
}  # fmt: skip
BERT = {**LLAMA, "model_type": "bert"}


def _configurations(_: Path) -> Iterator[tuple[str, Any]]:
    whole = json.dumps(LLAMA)
    yield "empty.json", ""
    yield "truncated.json", whole[:40]
    yield "magic.json", b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    yield "deep.json", "[" * 500_000
    yield "digits.json", whole.replace("64", "9" * 5000)
    yield "words.json", '{"model_type": ["llama"]}'
    for key in ("hidden_size", "num_hidden_layers", "vocab_size"):
        for word, value in {**SIZES, "million": MILLION, "nan": float("nan"), "half": 64.5, "yes": True}.items():
            if value == MILLION and key != "num_hidden_layers":
                continue
            for kind, base in (("llama", LLAMA), ("bert", BERT)):
                yield f"{kind}_{key}_{word}.json", json.dumps({**base, key: value})


HEAD = "name,kind,reads,out_channels,out_height,out_width,in_channels,in_height,in_width\n"
SCALE = "Layer name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,\n"


def _tables(_: Path) -> Iterator[tuple[str, Any]]:
    for form in ("csv", "yaml"):
        yield f"empty.{form}", ""
        yield f"magic.{form}", b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    yield "truncated.csv", HEAD + "image,inp"
    yield "head.csv", HEAD
    yield "cyclic.csv", HEAD + "a,relu,b,3,8,8,3,8,8\nb,relu,a,3,8,8,3,8,8\n"
    yield "self.csv", HEAD + "a,relu,a,3,8,8,3,8,8\n"
    yield "cell.csv", HEAD + "a,relu," + "x" * 200_000 + ",3,8,8\n"
    for word, size in SIZES.items():
        yield f"{word}.csv", HEAD + f"image,input,,3,8,8,,,\na,conv,image,{size},8,8,3,8,8\n"
        yield f"scale_{word}.csv", SCALE + f"a,8,8,3,3,{size},4,1,\n"
        yield f"{word}.yaml", f"layers:\n- {{name: a, kind: relu, out_channels: {size}}}\n"
    yield "truncated.yaml", "layers:\n- {name: a, kind: rel"
    yield "cyclic.yaml", "layers:\n- {name: a, kind: relu, reads: b}\n- {name: b, kind: relu, reads: a}\n"
    yield "itself.yaml", "layers: &a [*a]\n"
    yield (
        "laughs.yaml",
        "a0: &a0 [x]\n"
        + "".join(f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 12))
        + "layers: *a11\n",
    )
    yield "deep.yaml", "layers: " + "[" * 100_000
    yield "run.yaml", "layers: !!python/object/apply:os.system ['true']\n"


def _large(_: Path) -> Iterator[tuple[str, Any]]:
    yield "million.onnx", _many(b"\x0a\x01x\x12\x01y\x22\x04Relu")
    yield "million.tflite", tflite(steps=STEPS * 40_000)
    yield "shared.tflite", _shared(tflite())
    yield "million.csv", HEAD + "".join(f"a{number},relu,,3,8,8\n" for number in range(100_000))
    yield "million.yaml", "layers:\n" + "- {name: a, kind: relu}\n" * 100_000
    yield "long.json", '{"model_type": "llama", "x": "' + "a" * 6_000_000 + '"}'
    small = {"big": np.array([16_384], np.int64)}
    several = [node("ConstantOfShape", ["big"], [f"c{number}"]) for number in range(9_000)]
    yield "constants.onnx", model([*several, node("Add", ["x", "c0"], ["y"])], {"x": [1, 16_384]}, small, ["y"])
    yield "branches_10000.onnx", _branches(10_000)
    turns = {"turns": np.array(2**40), "go": np.array(True)}
    yield "loop.onnx", model([node("Loop", ["turns", "go", "x"], ["y"], body=turn())], {"x": [1, 4]}, turns, ["y"])
