"""An ONNX file on the wire: weights are left out before anything is parsed, so that a file of gigabytes takes megabytes.

Protocol buffers nest: a field is a number, a wire type and, of type 2, a length and so many bytes. A message shorter than SMALL
holds no large weights, so only longer ones are looked into. What of a tensor is left out is its data; its sizes stay.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import NetworkError
from simulator.graph.readers.looks import LOOKED_AT, looks_like
from simulator.reading.names import near_file
from simulator.store.foreign import bytes_of, check_regular, printable

SMALL = 64 * 1024
"""Bytes of data that a tensor keeps: shape arithmetic needs no more."""

MOST_KEPT = 64 * 1024 * 1024
"""Bytes of a file besides its weights. The largest in use have a tenth of it."""

MOST_NODES = 100_000
"""Nodes of a file. Exports of the largest networks have 20,000."""

_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _FUNCTION, _SPARSE = range(7)
_TENSOR_DATA = frozenset({4, 5, 6, 7, 9, 10, 11})
_INSIDE: dict[int, dict[int, int]] = {
    _MODEL: {7: _GRAPH, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _TENSOR: {},
}
"""Message -> field -> the message that lies in it (onnx.proto)."""

_DEEPEST = 60


class _DamagedError(Exception):
    """The bytes are no such message."""


@dataclass
class _Budget:
    kept: int = MOST_KEPT
    nodes: int = MOST_NODES


def without_weights(path: Path) -> bytes:
    """Bytes of an ONNX file whose tensors of more than SMALL bytes have no data.

    Raises NetworkError for what is no regular file, no such message, or too large besides its weights.
    """
    name = printable(str(path))
    check_regular(path, NetworkError, lambda: near_file(path, (path.suffix,)))
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise NetworkError(f"{name}: must be an ONNX model, got an empty file")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw, memoryview(raw) as view:
                return stripped(view, name)
    except OSError:  # what cannot be mapped may be read, or said why not
        return stripped(memoryview(bytes_of(path, MOST_KEPT, NetworkError)), name)


def stripped(view: memoryview, name: str) -> bytes:
    """The same of bytes at hand."""
    parts: list[bytes | memoryview] = []
    try:
        _strip(view, 0, len(view), _MODEL, parts, _Budget(), name, 0)
        return b"".join(parts)
    except _DamagedError:
        raise NetworkError(f"{name}: must be an ONNX model, got {looks_like(view[:LOOKED_AT], onnx=False)}") from None
    finally:
        parts.clear()  # slices of a mapped file would keep it open


def _strip(
    view: memoryview,
    start: int,
    end: int,
    kind: int,
    parts: list[bytes | memoryview],
    left: _Budget,
    name: str,
    depth: int,
) -> int:
    """Append what is kept of one message to `parts`; return its bytes."""
    if depth > _DEEPEST:
        raise NetworkError(f"{name}: must nest at most {_DEEPEST} deep, got more")
    inside, total = _INSIDE[kind], 0
    for field, wire, at, body, stop in _fields(view, start, end):
        if (field == 1 and kind in (_GRAPH,)) or (kind == _FUNCTION and field == 7):
            left.nodes -= 1
            if left.nodes < 0:
                raise NetworkError(f"{name}: must have at most {MOST_NODES:,} nodes, got more")
        if wire == 2 and stop - body > SMALL:
            if kind == _TENSOR and field in _TENSOR_DATA:
                continue
            if field in inside:
                nested: list[bytes | memoryview] = []
                size = _strip(view, body, stop, inside[field], nested, left, name, depth + 1)
                head = _varint_bytes(field << 3 | 2) + _varint_bytes(size)
                parts.append(head)
                parts.extend(nested)
                total += len(head) + size
                continue
        left.kept -= stop - at
        if left.kept < 0:
            raise NetworkError(f"{name}: must have at most {MOST_KEPT:,} bytes besides its weights, got more")
        parts.append(bytes(view[at:stop]))
        total += stop - at
    return total


def _fields(view: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (field, wire type, where it begins, where its value begins, where it ends) of one message."""
    at = start
    while at < end:
        begin = at
        key, at = _varint(view, at, end)
        field, wire = key >> 3, key & 7
        body = at
        if wire == 0:
            _, at = _varint(view, at, end)
        elif wire == 1:
            at += 8
        elif wire == 2:
            length, body = _varint(view, at, end)
            at = body + length
        elif wire == 5:
            at += 4
        else:
            raise _DamagedError
        if at > end or field == 0:
            raise _DamagedError
        yield field, wire, begin, body, at


def _varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """(value, where it ends) of a number in groups of seven bits, the low ones first."""
    value = shift = 0
    while True:
        if at >= end or shift > 63:
            raise _DamagedError
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varint_bytes(value: int) -> bytes:
    """The opposite."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
