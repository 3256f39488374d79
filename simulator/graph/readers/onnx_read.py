"""An ONNX file as operators on tensors of known sizes: which sizes are open, what the user gave, what the batch is."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import NetworkError, argument, nearest
from simulator.graph.readers.beside import Beside
from simulator.graph.readers.files import no_size
from simulator.graph.readers.ir import Model, SizesMissingError, Tensor
from simulator.graph.readers.onnx_file import LARGEST_SIDE, names_of, need_onnx, parsed, type_name
from simulator.graph.readers.walk import Given, Walk
from simulator.graph.readers.wire import without_weights
from simulator.store.foreign import printable

Dims = list[int | str]
"""Sizes of an input: numbers, and names (or nothing) where they are open."""

LARGEST_INPUT = 2**31
"""Elements of an input."""


def read_onnx(path: Path, given: Mapping[str, Any] | None = None, size: str = "") -> Model:
    """Operators of an ONNX file for one item of the batch.

    given: sizes by tensor, as `1x3x224x224`; open sizes by their names in the file; and `trips`, the turns of loops that depend
    on data. size: what stands behind @, for the sizes that are open.

    Raises NetworkError, one line a fault.
    """
    return read_bytes(without_weights(path), printable(str(path)), Beside(path.parent), given or {}, size)


def read_bytes(raw: bytes, where: str, beside: Beside | None, given: Mapping[str, Any], size: str) -> Model:
    """The same of a file's bytes without large weights. beside: the files of its folder."""
    onnx = need_onnx(where)
    return model_of(onnx, parsed(onnx, raw, where), where, beside, given, size)


def model_of(onnx: Any, model: Any, where: str, beside: Beside | None, told: Mapping[str, Any], size: str) -> Model:
    """The same of a ModelProto at hand."""
    graph = model.graph
    inputs = _inputs(onnx, graph, where)
    open_names = {each for dims, _ in inputs.values() for each in dims or () if isinstance(each, str) and each}
    named = {name: value for name, value in told.items() if name == "trips" or name in open_names}
    given = {
        name: sizes_of(text, f"{where}: {argument('shape')} {printable(name)}")
        for name, text in told.items()
        if name not in named
    }
    _check_names(given, graph, open_names, where)
    trips = named.pop("trips", 0)
    if isinstance(trips, bool) or not isinstance(trips, int) or not 0 <= trips <= 10_000:
        raise NetworkError(f"{where}: trips: must be a whole number of 0 to 10,000, got {trips!r}")
    sizes = _named_sizes(named, where)
    notes = _bind_batch(inputs, given, sizes)
    notes += _at_odds(inputs, given)
    tensors = _sized(inputs, given, sizes, size, where)
    walk = Walk(onnx, model, where, beside, Given(given, trips))
    read = Model(where, walk.ops, list(tensors.values()), outputs=[], counts=walk.folded)
    try:
        read.outputs = walk.run(graph, {}, tensors, sizes)
    except SizesMissingError as error:
        error.read, error.nodes = read, names_of(graph)
        raise
    empty = [
        f"input {each.name} is empty: what is done with it takes no time" for each in read.inputs if not each.elements
    ]
    read.notes = [*notes, *empty, *walk.notes]
    read.parameters = {name: value for name, value in sizes.items() if name}
    return read


def sizes_of(text: str, where: str, such: str = "1x3x224x224") -> tuple[int, ...]:
    """Sizes as they are written: 1x3x224x224. such: as a message shows them. Raises NetworkError."""
    parts = [part.strip() for part in str(text).lower().split("x")] if str(text).strip() else []
    if str(text).strip() == "()":
        return ()
    if not parts or len(parts) > 12 or not all(part.isdecimal() and len(part) <= 12 for part in parts):
        raise NetworkError(f"{where}: must be sizes such as {such}, got {printable(str(text)[:60])!r}")
    found = tuple(int(part) for part in parts)
    if min(found) < 1 or max(found) > LARGEST_SIDE:
        raise NetworkError(f"{where}: each size must be 1 to {LARGEST_SIDE:,}, got {printable(str(text)[:60])!r}")
    return found


def _inputs(onnx: Any, graph: Any, where: str) -> dict[str, tuple[Dims | None, str]]:
    """{input: (sizes, element type)} of what comes from outside: not initializers. Sizes are None of an unknown rank."""
    constants = {each.name for each in graph.initializer} | {each.values.name for each in graph.sparse_initializer}
    found: dict[str, tuple[Dims | None, str]] = {}
    for each in graph.input:
        name = printable(each.name)
        if each.name in constants:
            continue
        kind = each.type
        while kind.HasField("optional_type"):
            kind = kind.optional_type.elem_type
        if not kind.HasField("tensor_type") and not kind.HasField("sparse_tensor_type"):
            what = kind.WhichOneof("value") or "value without a type"
            raise NetworkError(f"{where}: input {name}: must be a tensor, got a {what.replace('_type', '')}")
        tensor = kind.tensor_type if kind.HasField("tensor_type") else kind.sparse_tensor_type
        dims: Dims | None = None
        if tensor.HasField("shape"):
            dims = []
            for dim in tensor.shape.dim:
                if dim.HasField("dim_value"):
                    if not 0 <= dim.dim_value <= LARGEST_SIDE:
                        if dim.dim_value != -1:  # how some exporters write an open one
                            raise NetworkError(
                                f"{where}: input {name}: size: must be 1 to {LARGEST_SIDE:,}, got {dim.dim_value}"
                            )
                        dims.append("")
                    else:
                        dims.append(dim.dim_value)
                else:
                    dims.append(dim.dim_param)
        found[each.name] = (dims, type_name(onnx, tensor.elem_type))
    return found


def _named_sizes(named: Mapping[str, Any], where: str) -> dict[str, int]:
    """Sizes that were given by their names in the file. Raises NetworkError."""
    for name, value in named.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_SIDE:
            raise NetworkError(f"{where}: {printable(name)}: must be a whole number of at least 1, got {value!r}")
    return dict(named)


def _bind_batch(
    inputs: Mapping[str, tuple[Dims | None, str]], given: Mapping[str, tuple[int, ...]], sizes: dict[str, int]
) -> list[str]:
    """Take open first dimensions as the batch, of which a layer graph has one item; return what is to be told of fixed ones."""
    fixed = all(dims and isinstance(dims[0], int) for name, (dims, _) in inputs.items() if name not in given)
    for name, (dims, _) in inputs.items():
        if dims and isinstance(dims[0], str) and name not in given:
            if dims[0]:
                sizes.setdefault(dims[0], 1)
            else:
                dims[0] = 1
    firsts = {
        dims[0] for dims, _ in inputs.values() if dims and len(dims) > 1 and isinstance(dims[0], int) and 0 not in dims
    }
    firsts |= {given[name][0] for name in inputs if len(given.get(name, ())) > 1}
    if (
        fixed
        and len(firsts) == 1
        and (first := firsts.pop()) != 1
        and all(dims and len(dims) > 1 for dims, _ in inputs.values())
    ):
        return [f"an item is what the file computes at once: its first sizes are {first}"]
    return []


def _at_odds(inputs: Mapping[str, tuple[Dims | None, str]], given: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What is to be told of sizes that have one name in the file, and were given as several."""
    found: dict[str, dict[int, None]] = {}
    for name, (dims, _) in inputs.items():
        for each, value in zip(dims or (), given.get(name, ()), strict=False):
            if isinstance(each, str) and each:
                found.setdefault(each, {})[value] = None
    return [
        f"size {printable(name)} of the file was given as {' and '.join(map(str, values))}"
        for name, values in found.items()
        if len(values) > 1
    ]


def _sized(
    inputs: Mapping[str, tuple[Dims | None, str]],
    given: Mapping[str, tuple[int, ...]],
    sizes: dict[str, int],
    size: str,
    where: str,
) -> dict[str, Tensor]:
    """Inputs with all their sizes. Raises NetworkError that names all that are open at once."""
    found: dict[str, Tensor] = {}
    missing: list[str] = []
    behind = list(sizes_of(size, f"{where}@{printable(size)}", "640 or 480x640")) if size else []
    used, most = False, 0
    for name, (dims, dtype) in inputs.items():
        shape = given.get(name)
        if shape is None and dims is not None:
            known: list[int | None] = [each if isinstance(each, int) else sizes.get(each or "\0") for each in dims]
            places = [place for place, each in enumerate(known) if each is None]
            most = max(most, len(places))
            if behind and len(behind) <= len(places):  # several are height and width: no one size stands for the other
                used = True
                for number, place in enumerate(places[-len(behind) :] if len(behind) > 1 else places):
                    known[place] = behind[number] if len(behind) > 1 else behind[0]
            if None not in known:
                shape = tuple(each for each in known if each is not None)
            else:
                missing.append(
                    f"{argument('shape')} {printable(name)}=" + "x".join("?" if e is None else str(e) for e in known)
                )
        elif shape is None:
            missing.append(f"{argument('shape')} {printable(name)}=?")
        elif dims is not None and len(dims) != len(shape):
            raise NetworkError(
                f"{where}: {argument('shape')} {printable(name)}: must have {len(dims)} sizes, got {len(shape)}"
            )
        if shape is not None:
            found[name] = Tensor(printable(name), shape, dtype)
            _bind(dims, shape, sizes)
            if not found[name].elements:  # what it holds is known: nothing
                found[name].constant, found[name].data = True, _nothing(shape, dtype)
            if found[name].elements > LARGEST_INPUT:
                raise NetworkError(
                    f"{where}: input {printable(name)}: must have at most 2**31 elements, got {found[name].elements}"
                )
    if len(behind) > most > 0:
        raise NetworkError(
            f"{where}@{printable(size)}: must be at most {most} size{'s' if most > 1 else ''}, as many as an input has open, "
            f"got {len(behind)}"
        )
    if missing:
        raise NetworkError(f"{where}: open sizes: add {' '.join(missing)}")
    if behind and not used:
        no_size(where, size)
    return found


def _nothing(shape: tuple[int, ...], dtype: str) -> Any:
    """An empty array, of which the onnx package learns sizes."""
    import numpy as np  # noqa: PLC0415

    return np.zeros(shape, dtype if dtype in ("float32", "float64", "float16", "int64", "int32", "bool") else "float32")


def _bind(dims: Dims | None, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Learn the values of names from the sizes that were given."""
    for each, value in zip(dims or (), shape, strict=False):
        if isinstance(each, str) and each:
            sizes[each] = value


def _check_names(given: Mapping[str, Any], graph: Any, open_names: Iterable[str], where: str) -> None:
    """Raise NetworkError for a name that is no tensor's and no open size's."""
    known = {each.name for each in graph.input} | {name for node in graph.node for name in node.output}
    for name in given:
        if name not in known:
            names = [*(each.name for each in graph.input), *open_names, "trips"]
            raise NetworkError(
                f"{where}: {printable(name)}: no input and no open size has that name{nearest(name, names)}"
            )
