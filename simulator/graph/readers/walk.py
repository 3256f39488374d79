"""ONNX nodes in run order on tensors of known sizes: shape arithmetic is worked out, the rest is inferred node by node."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import NetworkError, argument
from simulator.graph.readers.beside import Beside
from simulator.graph.readers.contrib import CONTRIB
from simulator.graph.readers.data_sizes import EXACT, upper_bound
from simulator.graph.readers.fold import FREE_SIZE, LARGEST, fold_operator
from simulator.graph.readers.ir import BITS_OF, Op, SizesMissingError, Tensor
from simulator.graph.readers.onnx_file import attributes, constant_of, first_line, full_name, type_name
from simulator.graph.readers.sequences import SEQUENCES
from simulator.graph.readers.wire import MOST_NODES
from simulator.store.foreign import printable

RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}
)
_SAME_NUMBERS = frozenset(
    {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Slice", "Split", "Gather"}
)
_SCALED = frozenset({"Mul", "Sub", "Add", "Div"})
LARGEST_TENSOR = 2**48
"""Elements."""

MOST_FOLDED = 2**28
"""Bytes of all constants that are worked out. Exports in use take a hundredth: a small file could else fill the memory."""

MOST_TOLD = 5
"""Other unknown operators in a message."""

Env = dict[str, Tensor]


@dataclass
class Given:
    """What the user said: sizes of tensors by name, turns of loops that depend on data."""

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    trips: int = 0


class Walk:
    """Goes through a model and appends operators to `ops`."""

    def __init__(self, onnx: Any, model: Any, where: str, beside: Beside | None, given: Given) -> None:
        self.onnx, self.where, self.beside, self.given = onnx, where, beside, given
        self.opsets = list(model.opset_import)
        self._versions = {each.domain: each.version for each in self.opsets}
        self._versions.setdefault("", self._versions.get("ai.onnx", 1 if not self.opsets else 17))
        self.ir_version = model.ir_version or 10
        self.ops: list[Op] = []
        self.notes: dict[str, None] = {}
        self.folded: dict[str, int] = {}
        self.turns = self.depth = self.bytes_folded = 0
        self.modern_scan = self._versions[""] >= 9
        self._schemas: dict[tuple[str, str], Any] = {}
        self._answers: dict[Any, list[tuple[int, str, Any]]] = {}
        self._names: dict[str, int] = {}
        self._order: list[Any] = []  # nodes of the graph that is walked

    # ---- graphs ----------------------------------------------------------------------------------------------------

    def constants(self, graph: Any) -> Env:
        """Initializers of a graph by name."""
        found = {each.name: constant_of(self.onnx, each, self.where, self.beside) for each in graph.initializer}
        for each in graph.sparse_initializer:
            found[each.values.name] = Tensor(
                printable(each.values.name),
                tuple(each.dims),
                type_name(self.onnx, each.values.data_type),
                constant=True,
            )
        return found

    def run(self, graph: Any, outer: Env, bound: Mapping[str, Tensor], sizes: Mapping[str, int]) -> list[Tensor]:
        """Walk a graph whose inputs are `bound`; return its outputs. sizes: of symbolic dimensions."""
        env: Env = {**outer, **self.constants(graph), **bound}
        declared = {each.name: each.type for each in (*graph.value_info, *graph.output)}
        outside, self._order = self._order, self._sorted(graph.node, env)
        for node in self._order:
            outputs = self._node(node, env, declared, sizes)
            for name, tensor in zip(node.output, outputs, strict=False):
                if name:
                    env[name] = tensor
        self._order = outside
        missing = [each.name for each in graph.output if each.name not in env]
        if missing:
            raise NetworkError(
                f"{self.where}: output {printable(missing[0])!r}: must be made by a node, got none that does"
            )
        return [env[each.name] for each in graph.output]

    def _sorted(self, nodes: Iterable[Any], env: Env) -> list[Any]:
        """Nodes so that each comes after what it reads. Raises NetworkError for a circle and for what nothing makes."""
        nodes, made = list(nodes), {}
        for node in nodes:
            for name in node.output:
                if name and name in made:
                    raise NetworkError(f"{self.where}: {printable(name)!r}: must be made by one node, got two")
                made[name] = node
        done, found, stack = set(env) | {""}, [], list(reversed(nodes))
        waiting: set[int] = set()
        placed: set[int] = set()
        while stack:
            node = stack[-1]
            if id(node) in placed:
                stack.pop()
                continue
            open_names = [name for name in _reads(node, made, self.where) if name not in done]
            if not open_names:
                stack.pop()
                placed.add(id(node))
                waiting.discard(id(node))
                done.update(node.output)
                found.append(node)
                continue
            producer = made.get(open_names[0])
            if producer is None:
                raise NetworkError(
                    f"{self.where}: {self._called(node)}: input {printable(open_names[0])!r}: must be an input, "
                    "a weight or made by a node, got none of them"
                )
            waiting.add(id(node))
            if id(producer) in waiting:
                raise NetworkError(f"{self.where}: {self._called(node)}: must not read what follows from it (a circle)")
            stack.append(producer)
        return found

    @staticmethod
    def _called(node: Any) -> str:
        """A node as messages name it."""
        name = node.name or next((each for each in node.output if each), "") or "node"
        return f"{printable(name[:120])} ({printable(node.op_type[:60])})"

    def _name(self, node: Any) -> str:
        """A name that no other operator has."""
        return self.name_of(node.name or next((each for each in node.output if each), "") or node.op_type)

    def name_of(self, text: str) -> str:
        """The same of a text."""
        name = printable(text[:150])
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    # ---- nodes -----------------------------------------------------------------------------------------------------

    def _node(self, node: Any, env: Env, declared: Mapping[str, Any], sizes: Mapping[str, int]) -> list[Tensor]:
        """Tensors that a node makes; what it does is appended to the operators."""
        from simulator.graph.readers import control  # noqa: PLC0415 (it walks again)

        domain = "" if node.domain == "ai.onnx" else node.domain
        inputs = [env[name] if name else None for name in node.input]
        attrs = attributes(self.onnx, node)
        kind = printable(node.op_type)
        if not domain and kind in control.CONTROL:
            return control.CONTROL[kind](self, node, inputs, attrs, env, sizes)
        op = Op(kind, self._name(node), inputs, [], attrs, domain)
        try:
            outputs = self._outputs(op, node, declared, sizes)
        except NetworkError as error:
            if str(error).startswith(self.where):
                raise
            raise NetworkError(f"{self.where}: {error}") from None
        op.outputs = [None if not name else each for name, each in zip(node.output, outputs, strict=False)]
        for name, each in zip(node.output, outputs, strict=False):
            each.name = printable(name)
            if each.elements > LARGEST_TENSOR:
                raise NetworkError(
                    f"{self.where}: {self._called(node)}: must have at most 2**48 elements, got {each.elements}"
                )
        self.append(op)
        return outputs

    def append(self, op: Op) -> None:
        """Add an operator, unless its results are known before the run."""
        if all(each is None or each.constant for each in op.outputs):
            self.folded[op.kind] = self.folded.get(op.kind, 0) + 1
            return
        self.ops.append(op)
        if len(self.ops) > MOST_NODES:
            raise NetworkError(
                f"{self.where}: must have at most {MOST_NODES:,} operators with loops unrolled, got more"
            )

    def _outputs(self, op: Op, node: Any, declared: Mapping[str, Any], sizes: Mapping[str, int]) -> list[Tensor]:
        """Outputs of a node that is no loop and no branch."""
        if op.kind == "Constant" and not op.domain:
            return [self._constant(op)]
        if op.kind in ("Shape", "Size") and not op.domain:
            return [_shape_of(op)]
        if op.kind in SEQUENCES and not op.domain:
            found = SEQUENCES[op.kind](op)
            if found is not None:
                return found
        constant = (
            all(each is None or each.constant for each in op.inputs) and op.kind not in RANDOM and op.kind != "Dropout"
        )
        constant = constant and bool(op.inputs)
        datas = [None if each is None else self.data(each) for each in op.inputs] if constant else []
        known = constant and all(
            data is not None for data, each in zip(datas, op.inputs, strict=True) if each is not None
        )
        outputs = self._inferred(op, node, declared, sizes)
        for each in outputs:
            each.constant = constant
            each.exact = each.exact and all(one is None or one.exact for one in op.inputs)
        _note_stored(op, outputs, constant)
        small = all(each.elements <= LARGEST for each in outputs) or op.kind in FREE_SIZE
        if known and small and not op.domain:
            values = fold_operator(op.kind, datas, {**op.attrs, "_outputs": len(node.output)})
            for tensor, value in zip(outputs, values or (), strict=False):
                tensor.data, tensor.shape, tensor.exact = value, tuple(value.shape), True
                self.bytes_folded += value.nbytes
            if self.bytes_folded > MOST_FOLDED:
                raise NetworkError("constants: must take at most 256 MiB where arithmetic is done on them, got more")
        return outputs

    def data(self, tensor: Tensor) -> Any:
        """Value of a small constant, or None."""
        if tensor.data is None and tensor.source is not None and tensor.elements <= LARGEST:
            tensor.data, tensor.source = tensor.source(), None
        return tensor.data

    def _constant(self, op: Op) -> Tensor:
        """What a Constant holds."""
        import numpy as np  # noqa: PLC0415

        attrs = op.attrs
        if "_value" in attrs:
            return constant_of(self.onnx, attrs["_value"], self.where, self.beside)
        if "sparse_value" in attrs:
            sparse = attrs["sparse_value"]
            return Tensor(op.name, tuple(sparse.dims), type_name(self.onnx, sparse.values.data_type), constant=True)
        for key, dtype in (
            ("value_float", "float32"),
            ("value_floats", "float32"),
            ("value_int", "int64"),
            ("value_ints", "int64"),
        ):
            if key in attrs:
                data = np.array(attrs[key], dtype)
                return Tensor(op.name, data.shape, dtype, constant=True, data=data)
        texts = attrs.get("value_strings", attrs.get("value_string", ""))
        return Tensor(op.name, (len(texts),) if isinstance(texts, list) else (), "string", constant=True)

    # ---- sizes -----------------------------------------------------------------------------------------------------

    def _inferred(self, op: Op, node: Any, declared: Mapping[str, Any], sizes: Mapping[str, int]) -> list[Tensor]:
        """Outputs with sizes: by the rule of a contributed operator, else by the onnx package, else as the file declares."""
        rule = CONTRIB.get(op.kind) if op.domain not in ("", "ai.onnx.ml") else None
        shapes: list[tuple[int | None, ...] | None] = [None] * len(node.output)
        dtypes = ["float32" if not op.inputs or op.inputs[0] is None else op.inputs[0].dtype] * len(node.output)
        if rule is not None:
            for place, (sides, dtype) in enumerate(rule(op)[: len(node.output)]):
                shapes[place], dtypes[place] = sides, dtype or dtypes[place]
        else:
            self._by_schema(op, node, shapes, dtypes)
        found = []
        for place, name in enumerate(node.output):
            given = self.given.shapes.get(name)
            told = _declared(declared[name], sizes) if name in declared else None
            shape: tuple[int | None, ...] | None = shapes[place]
            exact = True
            if given is not None:
                shape = given
            elif shape is None or None in shape:
                shape = _merged(shape, told)
            if name and (shape is None or None in shape):
                shape, exact = upper_bound(op, place, shape), op.kind in EXACT
                if shape is None:
                    why = "depend on data" if self._knows(node) else self._unknown(node)
                    raise SizesMissingError(
                        f"{self.where}: {self._called(node)}: the sizes of {printable(name)!r} {why}: "
                        f"give them, as with {argument('shape')} {printable(name)}=1x3"
                    )
                if not exact:
                    self.notes[f"sizes that depend on data are taken at their largest: {op.kind}"] = None
            found.append(Tensor(name, tuple(each or 0 for each in shape or ()), dtypes[place], exact=exact))
        return found

    def _by_schema(self, op: Op, node: Any, shapes: list[Any], dtypes: list[str]) -> None:
        """Fill in what the onnx package infers. Raises NetworkError for what it refuses."""
        schema = self._schema(op.domain, op.kind)
        if schema is None:
            return
        values = [None if each is None or each.elements > 1024 else self.data(each) for each in op.inputs]
        key = _alike(op, node, values)
        if key not in self._answers:
            self._answers[key] = self._asked(op, node, schema, values)
        for place, dtype, shape in self._answers[key]:
            dtypes[place] = dtype
            shapes[place] = shapes[place] if shape is None else shape

    def _asked(self, op: Op, node: Any, schema: Any, values: list[Any]) -> list[tuple[int, str, Any]]:
        """What the onnx package infers: (place of an output, type of its elements, sizes or None)."""
        types, data = {}, {}
        for name, tensor, value in zip(node.input, op.inputs, values, strict=True):
            if tensor is None:
                continue
            types[name] = self._type(tensor)
            if value is not None:
                data[name] = self.onnx.numpy_helper.from_array(value, name)
        try:
            found = self.onnx.shape_inference.infer_node_outputs(
                schema, node, types, data, opset_imports=self.opsets, ir_version=self.ir_version
            )
        except Exception as error:  # of the C++ library, whatever it is
            raise NetworkError(f"{self.where}: {self._called(node)}: {first_line(error)}") from None
        told = []
        for place, name in enumerate(node.output):
            if name not in found:
                continue
            kind = found[name].tensor_type if found[name].HasField("tensor_type") else found[name].sparse_tensor_type
            shape = None
            if kind.HasField("shape"):
                shape = tuple(each.dim_value if each.HasField("dim_value") else None for each in kind.shape.dim)
            told.append((place, type_name(self.onnx, kind.elem_type), shape))
        return told

    def _schema(self, domain: str, kind: str) -> Any:
        """Definition of an operator at the file's version of its set; None for one that the onnx package does not know."""
        key = (domain, kind)
        if key not in self._schemas:
            version = self._versions.get(domain, 1)
            try:
                self._schemas[key] = self.onnx.defs.get_schema(kind, version, domain)
            except Exception:
                self._schemas[key] = None
        return self._schemas[key]

    def _knows(self, node: Any) -> bool:
        """Whether there is a rule for the sizes of an operator."""
        domain = "" if node.domain == "ai.onnx" else node.domain
        return (domain not in ("", "ai.onnx.ml") and node.op_type in CONTRIB) or self._schema(
            domain, node.op_type
        ) is not None

    def _unknown(self, node: Any) -> str:
        """Say that an operator is unknown, how many nodes wait for what it makes, and which other operators are unknown too."""
        names, waiting = dict.fromkeys(node.output), 0
        for each in self._order:
            if each is not node and any(name in names for name in _reads(each, names, self.where)):
                waiting += 1
                names |= dict.fromkeys(each.output)
        strange = dict.fromkeys(full_name(each) for each in self._order if not self._knows(each))
        strange.pop(full_name(node), None)
        others = f" (unknown too: {', '.join([*strange][:MOST_TOLD])}{', ...' if len(strange) > MOST_TOLD else ''})"
        version = self._versions.get(node.domain)
        wait = f", and {waiting:,} {'node waits' if waiting == 1 else 'nodes wait'} for them" if waiting else ""
        return (
            f"are not known, as the operator {full_name(node)} is not{f' in version {version} of its set' if version else ''}"
            f"{others if strange else ''}{wait}"
        )

    def _type(self, tensor: Tensor) -> Any:
        """A tensor's type as the onnx package has it."""
        if tensor.kind is None:
            number = getattr(
                self.onnx.TensorProto, tensor.dtype.upper().replace("FLOAT32", "FLOAT").replace("FLOAT64", "DOUBLE"), 1
            )
            tensor.kind = self.onnx.helper.make_tensor_type_proto(number, tensor.shape)
            if tensor.items is not None:
                tensor.kind = self.onnx.helper.make_sequence_type_proto(
                    self.onnx.helper.make_tensor_type_proto(number, None)
                )
        return tensor.kind


def _alike(op: Op, node: Any, values: Iterable[Any]) -> Any:
    """What inferred sizes depend on: equal for nodes that differ in their names alone, of which deep networks are full."""
    if any(each is not None and (each.items is not None or each.dtype == "string") for each in op.inputs):
        return object()  # a sequence, or words: what is in them counts too
    inputs = [None if each is None else (each.dtype, each.shape) for each in op.inputs]
    numbers = [None if each is None else each.tobytes() for each in values]
    attributes = [each.SerializeToString() for each in node.attribute]
    outputs = [bool(name) for name in node.output]
    return op.kind, op.domain, tuple(inputs), tuple(numbers), tuple(attributes), tuple(outputs)


def _note_stored(op: Op, outputs: list[Tensor], constant: bool) -> None:
    """Note the narrower type in which the file has what an operator makes: weights are widened, scaled and shifted on the way."""
    if not outputs or not op.inputs or op.inputs[0] is None:
        return
    first = op.inputs[0]
    narrow = constant and op.kind == "Cast" and BITS_OF.get(first.dtype, 32) <= 8 and first.elements > 1
    if op.kind.startswith("Dequantize") or narrow:
        outputs[0].stored = first.dtype
    elif constant and op.kind in _SCALED:
        whole = max((each for each in op.inputs if each is not None), key=lambda each: each.elements)
        outputs[0].stored = whole.stored
    elif constant or op.kind in _SAME_NUMBERS:
        outputs[0].stored = first.stored


def _reads(node: Any, made: Mapping[str, Any], where: str) -> list[str]:
    """Names that a node reads, also from inside its graphs where a node of this graph makes them."""
    found = list(node.input)
    graphs, depth = [each for attribute in node.attribute for each in (attribute.g, *attribute.graphs) if each.node], 0
    while graphs:
        depth += 1
        if depth > MOST_NODES:
            raise NetworkError(f"{where}: graphs: must nest less")
        graph = graphs.pop()
        inside = {name for each in graph.node for name in each.output}
        for each in graph.node:
            found += [name for name in each.input if name in made and name not in inside]
            graphs += [one for attribute in each.attribute for one in (attribute.g, *attribute.graphs) if one.node]
        found += [each.name for each in graph.output if each.name in made and each.name not in inside]
    return found


def _shape_of(op: Op) -> Tensor:
    """Sizes of a tensor, as numbers."""
    import numpy as np  # noqa: PLC0415

    shape = op.need(0).shape
    if op.kind == "Size":
        data = np.array(math.prod(shape), np.int64)
    else:
        data = np.array(shape[slice(op.attrs.get("start"), op.attrs.get("end"))], np.int64)
    return Tensor(op.name, data.shape, "int64", constant=True, data=data)


def _declared(kind: Any, sizes: Mapping[str, int]) -> tuple[int | None, ...] | None:
    """Sizes that the file declares of a tensor; None for those that are open."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(
        each.dim_value if each.HasField("dim_value") and each.dim_value >= 0 else sizes.get(each.dim_param)
        for each in dims
    )


def _merged(one: tuple[int | None, ...] | None, two: tuple[int | None, ...] | None) -> tuple[int | None, ...] | None:
    """What either of two descriptions of a tensor's sizes knows."""
    if one is None or two is None or len(one) != len(two):
        return two if one is None else one
    return tuple(a if a is not None else b for a, b in zip(one, two, strict=True))
