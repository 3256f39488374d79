"""Patterns that exporters spell out become the operator they are: gelu, silu, normalisations, softmax; scales and biases go
into the product before them.

A cluster is what begins at one tensor x and uses nothing else but constants: however an exporter orders its steps, what it
contains says which function of x it is. It ends where everything that it made, and every further use of x in it, has come
together in one tensor.
"""

from collections.abc import Sequence

from simulator.graph.readers.ir import Op, Tensor
from simulator.graph.readers.products import CONVOLUTIONS, PACKED, PRODUCTS

VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear",
                   "DequantizeLinear"})  # fmt: skip
"""Operators that move nothing: their first input under other sizes or in another number format."""

_STEPS = frozenset({
    "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Reciprocal", "Erf", "Tanh", "Sigmoid", "HardSigmoid", "Softplus", "Exp", "Clip",
    "Relu", "Neg", "Abs", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceSumSquare", "ReduceL2", "Max", "Min", "Cast", "Identity",
    "Softmax_", "Log", "ReduceLogSumExp", "Greater", "Less", "Where", "Expand",
})  # fmt: skip
_REDUCTIONS = frozenset({"ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL2"})
LONGEST = 24
"""Operators of a cluster."""

Consumers = dict[Tensor, list[Op]]


def consumers_of(ops: Sequence[Op], outputs: Sequence[Tensor]) -> Consumers:
    """Tensor -> the operators that read it; an output of the file has one more reader."""
    found: Consumers = {}
    for op in ops:
        for each in dict.fromkeys(one for one in op.inputs if one is not None):
            found.setdefault(each, []).append(op)
    end = Op("", "end", [], [])
    for each in outputs:
        found.setdefault(each, []).append(end)
    return found


def fused(ops: Sequence[Op], outputs: Sequence[Tensor]) -> tuple[list[Op], list[Op]]:
    """(operators with patterns as one each, those that went into another)."""
    consumers, place = consumers_of(ops, outputs), {op: number for number, op in enumerate(ops)}
    gone: dict[Op, Op | None] = {}
    for op in ops:
        x = op.input(0)
        if op in gone or op.kind not in _STEPS or op.domain or x is None:
            continue
        for start in dict.fromkeys(each for each in op.inputs if each is not None and not each.constant):
            cluster = _cluster(start, op, consumers, place, gone)
            kind = _longest(cluster, start, consumers)
            if kind is None:
                continue
            name, members = kind
            last = members[-1]
            one = Op(name, last.name, [start], [last.output], {"axis": -1}, absorbed=len(members) - 1)
            gone.update(dict.fromkeys(members))
            gone[last] = one
            break
    kept = [gone.get(op) or op for op in ops if op not in gone or gone[op] is not None]
    inside = [op for op in ops if op in gone]
    for op in inside:
        op.status = "understood"
    return kept, inside


def _cluster(
    start: Tensor, first: Op, consumers: Consumers, place: dict[Op, int], gone: dict[Op, Op | None]
) -> list[Op]:
    """Operators in run order that begin at `start` and read nothing else but constants and each other."""
    inside: dict[Tensor, None] = {start: None}
    found: list[Op] = []
    waiting = sorted((op for op in consumers.get(start, ()) if op in place), key=place.__getitem__)
    if not waiting or waiting[0] is not first:
        return []
    seen = set(waiting)
    while waiting and len(found) < LONGEST:
        op = waiting.pop(0)
        if op.kind not in _STEPS or op.domain or op in gone or len(op.outputs) != 1:
            continue
        if not all(each is None or each.constant or each in inside for each in op.inputs):
            seen.discard(op)
            continue
        found.append(op)
        inside[op.output] = None
        more = [each for each in consumers.get(op.output, ()) if each in place and each not in seen]
        seen.update(more)
        waiting = sorted([*waiting, *more], key=place.__getitem__)
    return found


def _longest(cluster: Sequence[Op], start: Tensor, consumers: Consumers) -> tuple[str, list[Op]] | None:
    """What the shortest closed beginning of a cluster is that is known, with the scale and shift behind it."""
    for count in range(2, len(cluster) + 1):
        members = list(cluster[:count])
        if not _closed(members, cluster, start, consumers):
            continue
        kind = _kind(members, start)
        if kind is None:
            continue
        for op in cluster[count:]:  # scale and shift belong to it
            behind = op.kind == "Mul" or (kind == "LayerNormalization" and op.kind in ("Add", "Mul", "Cast"))
            others = [each for each in op.inputs if each is not members[-1].output]
            alone = len(consumers.get(members[-1].output, ())) == 1
            small = all(each is not None and each.constant for each in others)
            scale = kind == "LayerNormalization" or all(each is None or each.elements == 1 for each in others)
            if not (behind and alone and small and scale and op.output.shape == members[-1].output.shape):
                break
            members.append(op)
        return (kind, members)
    return None


def _closed(members: Sequence[Op], cluster: Sequence[Op], start: Tensor, consumers: Consumers) -> bool:
    """Whether nothing but the last result is used outside, and no later operator of the cluster needs x again."""
    inside = set(members)
    for op in members[:-1]:
        if any(each not in inside for each in consumers.get(op.output, ())):
            return False
    later = [op for op in cluster if op not in inside]
    return not any(start in op.inputs for op in later) and members[-1].output.elements == start.elements


def _kind(members: Sequence[Op], start: Tensor) -> str | None:
    """Which function a cluster is; None for none that is known."""
    kinds = [op.kind for op in members]
    has = set(kinds)
    reduces = [op for op in members if op.kind.startswith("Reduce")]
    if reduces:
        if "Exp" in has and "ReduceSum" in has and ("Div" in has or "Mul" in has):
            return "Softmax"
        normal = has & _REDUCTIONS and ("Div" in has or "Reciprocal" in has or "Pow" in has)
        root = "Sqrt" in has or "ReduceL2" in has or kinds.count("Pow") > 1
        return "LayerNormalization" if normal and root and kinds[-1] in ("Div", "Mul", "Add", "Cast") else None
    if "Erf" in has and "Mul" in has:
        return "Gelu"
    if "Tanh" in has and "Softplus" in has and "Mul" in has:
        return "Mish"
    if "Tanh" in has and "Mul" in has and ("Pow" in has or kinds.count("Mul") >= 4):
        return "Gelu"
    twice = sum(start in op.inputs for op in members) > 1
    if has <= {"Sigmoid", "Mul", "Cast"} and "Sigmoid" in has and "Mul" in has and twice:
        return "Swish"
    hard = "HardSigmoid" in has or "Clip" in has or ("Max" in has and "Min" in has) or "Relu" in has
    if (
        hard
        and "Mul" in has
        and twice
        and has <= {"HardSigmoid", "Clip", "Max", "Min", "Relu", "Mul", "Add", "Div", "Cast"}
    ):
        return "HardSwish"
    return None


# ---- scales and biases -----------------------------------------------------------------------------------------------


def absorbed(ops: Sequence[Op], outputs: Sequence[Tensor]) -> dict[Op, Op]:
    """Operators that cost nothing because they go into the product before them (or, a scale, behind them): itself -> it.

    A batch normalisation, a bias and a scale of each channel go into the weights; a scale alone goes into any product.
    """
    consumers = consumers_of(ops, outputs)
    maker: dict[Tensor, Op] = {each: op for op in ops for each in op.outputs if each is not None}
    found: dict[Op, Op] = {}
    for op in ops:
        if op.domain or op.kind not in ("Add", "Sub", "Mul", "Div", "BatchNormalization"):
            continue
        moving = [each for each in op.inputs if each is not None and not each.constant]
        fixed = [each for each in op.inputs if each is not None and each.constant]
        if len(moving) != 1 or not fixed or (op.kind != "BatchNormalization" and moving[0].shape != op.output.shape):
            continue
        scalar = op.kind in ("Mul", "Div") and all(each.elements == 1 for each in fixed)
        if op.kind == "Div" and moving[0] is not op.input(0):
            continue
        host = _host(moving[0], maker, consumers, found)
        if host is not None and (scalar or _fits(op, host, fixed)):
            found[op] = host
            if op.kind == "Add":
                host.attrs["_bias"] = True
        elif scalar and (ahead := _ahead(op.output, consumers)) is not None:
            found[op] = ahead
    return found


def is_product(op: Op) -> bool:
    """Whether an operator runs on the MAC array."""
    return op.kind in PRODUCTS or op.kind in CONVOLUTIONS


def is_weighted(op: Op) -> bool:
    """Whether a product has weights of its own, into which scales fold."""
    if op.kind in CONVOLUTIONS or op.kind in PACKED:
        return True
    if op.kind == "Einsum":
        return any(each is not None and each.constant for each in op.inputs)
    second = op.input(PRODUCTS.get(op.kind, 1))
    return second is not None and second.constant


def _host(x: Tensor, maker: dict[Tensor, Op], consumers: Consumers, found: dict[Op, Op]) -> Op | None:
    """The product that alone feeds `x`, through views and what was absorbed; None without."""
    for _ in range(16):
        if len(consumers.get(x, ())) != 1:
            return None
        op = maker.get(x)
        if op is None:
            return None
        if is_product(op):
            return op
        if op not in found and op.kind not in VIEWS and op.kind != "Transpose":
            return None
        x = next((each for each in op.inputs if each is not None and not each.constant), x)
    return None


def _fits(op: Op, host: Op, fixed: Sequence[Tensor]) -> bool:
    """Whether constants have one number a channel of a product with weights."""
    if not is_weighted(host):
        return False
    if op.kind == "BatchNormalization":
        return True
    shape, each = host.output.shape, fixed[0]
    channels = (shape[1] if host.kind in CONVOLUTIONS and len(shape) > 1 else shape[-1]) if shape else 1
    return each.elements in (1, channels) or (
        host.kind == "Gemm" and each.elements <= host.output.elements // max(1, shape[0])
    )


def _ahead(x: Tensor, consumers: Consumers) -> Op | None:
    """A product that alone reads `x`, through views; None without."""
    for _ in range(8):
        readers = consumers.get(x, [])
        if len(readers) != 1:
            return None
        op = readers[0]
        if is_product(op):
            return op
        if op.kind not in VIEWS and op.kind != "Transpose":
            return None
        x = op.output
    return None
