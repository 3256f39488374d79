"""A file's operators as a layer graph, with what of it was understood: the last step of every reader of graphs."""

from simulator.errors import NetworkError, argument
from simulator.graph.nodes import Graph
from simulator.graph.readers.coverage import CERTAIN, DOUBT, Coverage
from simulator.graph.readers.emit_attention import ATTENTION_RULES, packed
from simulator.graph.readers.emit_products import PRODUCT_RULES, convolution
from simulator.graph.readers.emit_recurrent import RECURRENT_RULES
from simulator.graph.readers.emit_vector import VECTOR_RULES, elementwise, moved, view
from simulator.graph.readers.ir import Model, Op, Tensor
from simulator.graph.readers.layers import Layers
from simulator.graph.readers.patterns import VIEWS, absorbed, consumers_of, fused, is_product
from simulator.graph.readers.products import op_macs
from simulator.graph.readers.quantised import carry, stored_types

_RULES = {**VECTOR_RULES, **RECURRENT_RULES, **ATTENTION_RULES, **PRODUCT_RULES}
_ONNX = ("", "com.microsoft", "ai.onnx.ml", "ai.onnx.contrib", "com.microsoft.nchwc", "tflite", "torch")


def layers_of(model: Model, name: str) -> Graph:
    """The layer graph of a model; its `inspection` says what was understood, its `notes` what a reader of the answer must know.

    Raises NetworkError where nothing is left to run.
    """
    net, coverage = Layers(name), Coverage()
    ops, inside = fused(model.ops, model.outputs)
    into = absorbed(ops, model.outputs)
    net.consumers = consumers_of(ops, model.outputs)
    net.types = stored_types(ops, net.consumers, into)
    makers = {each: op for op in ops for each in op.outputs if each is not None}
    _inputs(net, model)
    try:
        for op in ops:
            before = net.macs
            op.status = _emit(net, op, into, makers)
            net.note_results(op)
            guess = _might_multiply(op) if op.status == "unknown" else net.macs - before
            coverage.note(op, guess)
    except NetworkError as error:
        text = str(error)
        raise NetworkError(text if text.startswith(name) else f"{name}: {text}") from None
    graph: Graph = net.graph  # type: ignore[assignment]
    notes = list(model.notes)
    if not any(data["layer"].kind != "input" for _, data in graph.nodes(data=True)):
        notes.insert(0, _copied(net, model, ops))
    told = coverage.told(model.counts, inside)
    if told["unknown_ops"]:
        notes.insert(0, f"operators that are not known are taken as vector work: {', '.join(told['unknown_ops'][:5])}")
    if (share := told["coverage"]["macs"]) < CERTAIN:
        notes.insert(
            0,
            f"{DOUBT} {100 * share:.1f} % of the multiply-accumulates are certain; `rooftile networks` shows why,"
            " asked to inspect the file",
        )
    graph.graph["notes"] = tuple(notes)
    graph.graph["inspection"] = told
    graph.graph["formats"] = {layer: formats for layer, formats in net.formats.items() if layer in graph}
    carry(graph, net.formats, net.results)
    return graph


def known(name: str) -> bool:
    """Whether an operator is, by its name with its domain where that is not ONNX's own."""
    domain, _, kind = name.rpartition(".")
    return domain in _ONNX and (kind in _RULES or kind in ("DeformConv", "CausalConvWithState"))


def _copied(net: Layers, model: Model, ops: list[Op]) -> str:
    """Have what comes out copied from what comes in, where no operator takes time by itself; say so.

    Raises NetworkError where nothing that comes out depends on an input.
    """
    for at, tensor in enumerate(each for each in model.outputs if net.reads(each)):
        copy = Op("Identity", tensor.name or f"output{at}", [tensor], [Tensor(tensor.name, tensor.shape, tensor.dtype)])
        net.vector(copy, "copy", copy.inputs)
        net.note_results(copy)
    if all(data["layer"].kind == "input" for _, data in net.graph.nodes(data=True)):  # type: ignore[attr-defined]
        empty = [f"{each.name} ({'x'.join(map(str, each.shape))})" for each in model.inputs if not each.elements]
        other = f"; {argument('shape')} gives it other sizes"
        known_all = all(each.constant for each in model.outputs)
        why = "what comes out is known before the run" if known_all else "nothing that comes out is made from an input"
        why = f": input {', '.join(empty[:5])} is empty{other}" if empty else f": {why}"
        raise NetworkError(f"{model.name}: must have at least one layer that works on an input, got none{why}")
    free = ", ".join(list(dict.fromkeys(op.kind for op in ops))[:5])
    return f"no operator takes time by itself{f' ({free})' if free else ''}: what comes out is taken as a copy"


def _inputs(net: Layers, model: Model) -> None:
    """Add the inputs of a file; those that only serve as weights are weights."""
    for tensor in model.inputs:
        readers = net.consumers.get(tensor, [])
        weights = readers and all(
            is_product(op) and op.kind != "Einsum" and tensor is not op.input(0) and _is_conv(op) for op in readers
        )
        if weights:
            net.weights.add(tensor)
            continue
        if not tensor.elements:
            continue
        source = Op("Input", tensor.name or "input", [], [tensor])
        made = net._placed(source, "input", (), tensor.shape, [tensor])
        net.from_host(made.name)
        net.note_results(source)


def _is_conv(op: Op) -> bool:
    return op.kind not in (
        "MatMul",
        "Gemm",
        "FusedMatMul",
        "MatMulInteger",
        "QLinearMatMul",
        "TransposeMatMul",
        "QGemm",
    )


def _emit(net: Layers, op: Op, into: dict[Op, Op], makers: dict[Tensor, Op]) -> str:
    """Add the layers of one operator and say of which class it is."""
    if op in into or all(each is None or not each.elements for each in op.outputs):
        return _passed(net, op)
    if op.kind == "Transpose" and _at_a_product(net, op, makers, into):
        return view(net, op)
    rule = _RULES.get(op.kind) if op.domain in _ONNX else None
    if op.kind == "Attention" and op.domain:
        rule = packed
    if op.kind in ("DeformConv", "CausalConvWithState"):
        convolution(net, op)
        return "approximated"
    if rule is None:
        elementwise("sigmoid")(net, op)
        _rest(net, op)
        return "unknown"
    status = rule(net, op)
    if status == "unknown":
        moved("mul")(net, op)
    if op.absorbed and op.kind in ("Gelu", "Swish"):
        return "understood"
    return status


def _passed(net: Layers, op: Op) -> str:
    """What goes into a product before or behind it: its output is its input."""
    moving = next((each for each in op.inputs if each is not None and not each.constant and net.reads(each)), None)
    if moving is not None:
        net.view(op, moving, op.outputs[:1])
        if moving in net.parts:
            net.parts[op.output] = net.parts[moving]
    return "free"


def _rest(net: Layers, op: Op) -> None:
    """Give every output of an unknown operator a place to be read from."""
    first = next((net.reads(each) for each in op.outputs if net.reads(each)), ())
    for each in op.outputs:
        if each is not None and not net.reads(each):
            net.made[each] = first


def _at_a_product(net: Layers, op: Op, makers: dict[Tensor, Op], into: dict[Op, Op]) -> bool:
    """Whether a transposition lies on the way into or out of the MAC array, where it is only a matter of addresses."""
    x: Tensor | None = op.input(0)
    for _ in range(6):
        maker = makers.get(x) if x is not None else None
        if maker is None:
            break
        if is_product(maker) or maker.kind in ("Attention", "MultiHeadAttention", "LSTM", "GRU"):
            return True
        if (
            maker.kind not in VIEWS
            and maker.kind not in ("Split", "Slice", "Gather", "Transpose")
            and maker not in into
        ):
            break
        x = next((each for each in maker.inputs if each is not None and not each.constant), None)
    return _only_products(net, op.output, 0, into)


def _only_products(net: Layers, x: Tensor, depth: int, into: dict[Op, Op]) -> bool:
    """Whether everything that reads a tensor, through views and parts, is a product."""
    readers = net.consumers.get(x, [])
    if not readers or depth > 6:
        return False
    for op in readers:
        if (is_product(op) and op.kind not in ("Conv", "ConvTranspose")) or op.kind in (
            "Attention",
            "MultiHeadAttention",
            "LSTM",
            "GRU",
        ):
            continue
        through = op.kind in VIEWS or op.kind in ("Split", "Slice", "Gather", "Transpose", "Expand") or op in into
        if not through or not all(_only_products(net, out, depth + 1, into) for out in op.outputs if out is not None):
            return False
    return True


def _might_multiply(op: Op) -> int:
    """MACs that an unknown operator might do: each row of its result with each of its weights, and all it reads at least once."""
    out = max((each.elements for each in op.outputs if each is not None), default=0)
    rows = max(
        (each.elements // each.shape[-1] for each in op.outputs if each is not None and each.shape and each.shape[-1]),
        default=1,
    )
    weights = sum(each.elements for each in op.inputs if each is not None and each.constant and len(each.shape) > 1)
    reads = sum(each.elements for each in op.inputs if each is not None)
    return max(out, reads, rows * weights, op_macs(op))
