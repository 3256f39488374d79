"""Opening an ONNX file: what is wrong with it is told in one line before anything is worked out."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.readers.beside import Beside
from simulator.graph.readers.fold import LARGEST, NUMPY_TYPES
from simulator.graph.readers.ir import Tensor
from simulator.graph.readers.looks import looks_like
from simulator.graph.readers.wire import MOST_NODES, SMALL
from simulator.store.foreign import printable

LARGEST_SIDE = 2**31
"""Of a tensor along one axis."""

OLDEST = 1
"""Operator sets are read from here on; the checks of shapes go back as far."""


def need_onnx(where: str) -> Any:
    """The onnx package. Raises NetworkError that says how to get it."""
    try:
        import onnx  # noqa: PLC0415 (an extra)
        import onnx.numpy_helper  # noqa: PLC0415
        import onnx.shape_inference  # noqa: PLC0415
    except ImportError:
        raise NetworkError(f"{where}: reading ONNX needs the onnx package: pip install 'rooftile[onnx]'") from None
    return onnx


def parsed(onnx: Any, raw: bytes, name: str) -> Any:
    """A ModelProto of bytes without large weights, its own functions put in place. Raises NetworkError."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    model = onnx.ModelProto()
    try:
        model.ParseFromString(raw)
    except (DecodeError, ValueError, RecursionError):
        raise NetworkError(f"{name}: must be an ONNX model, got {looks_like(raw, onnx=False)}") from None
    if not model.HasField("graph") or not model.graph.node:
        # Bytes of many a file happen to be a message of fields that nobody knows.
        if not model.ir_version and not model.producer_name and not model.opset_import:
            raise NetworkError(f"{name}: must be an ONNX model, got {looks_like(raw, onnx=False)}")
        raise NetworkError(f"{name}: must be an ONNX model with at least one node, got none")
    newest = onnx.defs.onnx_opset_version()
    for each in model.opset_import:
        if each.domain in ("", "ai.onnx") and not OLDEST <= each.version <= newest:
            raise NetworkError(
                f"{name}: opset: must be {OLDEST} to {newest}, which this onnx package knows, got {each.version}"
            )
    return _inlined(onnx, model, name) if model.functions else model


def _inlined(onnx: Any, model: Any, name: str) -> Any:
    """A model without functions of its own: each call is replaced by what it stands for."""
    from onnx.inliner import inline_local_functions  # noqa: PLC0415

    functions = {(each.domain, each.name): each for each in model.functions}
    sizes: dict[Any, int] = {}

    def size(nodes: Any, above: tuple[Any, ...]) -> int:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in functions:
                if key in above:
                    raise NetworkError(f"{name}: function {printable(node.op_type)}: must not call itself")
                if key not in sizes:
                    sizes[key] = size(functions[key].node, (*above, key))
                total += sizes[key]
            total += 1
            for attribute in node.attribute:
                for graph in (attribute.g, *attribute.graphs):
                    total += size(graph.node, above) if graph.node else 0
        if total > MOST_NODES:
            raise NetworkError(f"{name}: must have at most {MOST_NODES:,} nodes with its functions in place, got more")
        return total

    try:
        size(model.graph.node, ())
        return inline_local_functions(model)
    except RecursionError:
        raise NetworkError(f"{name}: functions: nest too deep") from None
    except NetworkError:
        raise
    except Exception as error:  # of the C++ library
        raise NetworkError(f"{name}: functions: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """The first line of what a library says, made printable and short."""
    text = " ".join(str(error).split())
    return printable(text[:200]) or type(error).__name__


def attributes(onnx: Any, node: Any) -> dict[str, Any]:
    """Attributes of a node as plain values: numbers, text, lists, arrays; graphs as they are."""
    found: dict[str, Any] = {}
    for each in node.attribute:
        if each.type in (each.INT, each.FLOAT):
            found[each.name] = each.i if each.type == each.INT else each.f
        elif each.type == each.STRING:
            found[each.name] = each.s.decode("utf-8", "replace")
        elif each.type in (each.INTS, each.FLOATS):
            found[each.name] = list(each.ints if each.type == each.INTS else each.floats)
        elif each.type == each.STRINGS:
            found[each.name] = [text.decode("utf-8", "replace") for text in each.strings]
        elif each.type == each.TENSOR:
            found[each.name] = array_of(onnx, each.t)
            found["_" + each.name] = each.t
        elif each.type == each.SPARSE_TENSOR:
            found[each.name] = each.sparse_tensor
        elif each.type == each.GRAPH:
            found[each.name] = each.g
        elif each.name and not each.type:  # written before attributes had types
            found[each.name] = each.s.decode("utf-8", "replace") if each.s else list(each.ints) or each.i or each.f
    return found


def type_name(onnx: Any, number: int) -> str:
    """Name of an element type: float32, int8, ..."""
    if number in NUMPY_TYPES:
        return NUMPY_TYPES[number]
    try:
        return str(onnx.TensorProto.DataType.Name(number)).lower()
    except ValueError:
        return "undefined"


def array_of(onnx: Any, tensor: Any) -> Any:
    """A small tensor as an array; None where its data are large, missing or damaged."""
    count = 1
    for side in tensor.dims:
        if side < 0 or side > LARGEST_SIDE:
            return None
        count *= side
    if count > LARGEST or tensor.data_type not in NUMPY_TYPES or tensor.data_location == tensor.EXTERNAL:
        return None
    try:
        return onnx.numpy_helper.to_array(tensor)
    except Exception:  # too few bytes, types that do not fit: its sizes are known all the same
        return None


def constant_of(onnx: Any, tensor: Any, where: str, beside: Beside | None) -> Tensor:
    """An initializer. beside: the files of its folder. Raises NetworkError for sizes that are none and data outside of it."""
    name = printable(tensor.name)
    for side in tensor.dims:
        if not 0 <= side <= LARGEST_SIDE:
            raise NetworkError(f"{where}: {name}: size: must be 0 to {LARGEST_SIDE:,}, got {side}")
    found = Tensor(name, tuple(tensor.dims), type_name(onnx, tensor.data_type), constant=True)
    if tensor.data_location == tensor.EXTERNAL:
        found.source = _external(tensor, f"{where}: {name}", beside)
    else:
        found.source = lambda: array_of(onnx, tensor)
    return found


def _external(tensor: Any, where: str, beside: Beside | None) -> Callable[[], Any]:
    """What reads the data of a small tensor that lies in a file of its own, in the model's folder."""
    keys: Mapping[str, str] = {each.key: each.value for each in tensor.external_data}
    location = keys.get("location", "")
    if beside is None or not location or "\0" in location:
        raise NetworkError(
            f"{where}: external data: must name a file in the model's folder, got {printable(location)!r}"
        )
    if not beside.has(location):
        raise NetworkError(f"{where}: external data: must lie in the model's folder, got {printable(location)!r}")

    def read() -> Any:
        import numpy as np  # noqa: PLC0415

        try:
            offset, length = int(keys.get("offset", 0)), int(keys.get("length", 0))
            if not 0 < length <= SMALL or offset < 0 or tensor.data_type not in NUMPY_TYPES:
                return None
            raw = beside.part(location, offset, length)
            return None if raw is None else np.frombuffer(raw, NUMPY_TYPES[tensor.data_type]).reshape(tensor.dims)
        except ValueError:
            return None  # the weights may be others: sizes are known without them

    return read


def full_name(node: Any) -> str:
    """Name of a node's operator, with its domain where that is not ONNX's own."""
    return printable(f"{'' if node.domain in ('', 'ai.onnx') else node.domain[:60] + '.'}{node.op_type[:60]}")


def names_of(graph: Any) -> Counter[str]:
    """Nodes of a graph and of those inside of it, by the names of their operators."""
    found, graphs = Counter[str](), [graph]
    while graphs:
        for node in graphs.pop().node:
            found[full_name(node)] += 1
            graphs += [one for each in node.attribute for one in (each.g, *each.graphs) if one.node]
    return found
