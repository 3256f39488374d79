"""Everything that is no product: elementwise work, normalisations, pooling, reductions, and what moves bytes."""

from collections.abc import Callable

from simulator.graph.layer import Layer
from simulator.graph.output import Output
from simulator.graph.readers.emit_products import window_fields
from simulator.graph.readers.ir import Op, Tensor
from simulator.graph.readers.layers import Layers
from simulator.graph.readers.packed import part_number
from simulator.graph.readers.quantised import is_written

Emit = Callable[[Layers, Op], str]

_WORDS = {
    "relu": """Relu LeakyRelu PRelu Clip Abs Neg Sign Floor Ceil Round Not Max Min ThresholdedRelu Shrink Greater Less Equal
        GreaterOrEqual LessOrEqual And Or Xor IsNaN IsInf BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitShift Mod
        QLinearLeakyRelu QLinearRelu DynamicQuantizeLinear Binarizer""",
    "add": "Add Sub Sum Mean QLinearAdd BiasAdd CumSum Trilu",
    "mul": """Mul Div Reciprocal QLinearMul Where BatchNormalization Pow ImageScaler QLinearWhere Scaler CumProd
        RotaryEmbedding ConstantOfShape LabelEncoder ArrayFeatureExtractor""",
    "sigmoid": """Sigmoid HardSigmoid Exp Log Sqrt Erf Softplus Softsign Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh
        Atanh Elu Selu Celu QLinearSigmoid Atan2""",
    "tanh": "Tanh",
    "gelu": "Gelu FastGelu BiasGelu QuickGelu",
    "silu": "Swish HardSwish Mish SwiGLU",
    "softmax": """Softmax LogSoftmax Hardmax QLinearSoftmax BiasSoftmax SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss""",
    "layer_norm": """LayerNormalization SimplifiedLayerNormalization InstanceNormalization GroupNormalization RMSNormalization
        LpNormalization MeanVarianceNormalization Normalizer GroupNorm""",
    "local_norm": "LRN",
}
"""Kind of vector work -> operators that are it."""

_REDUCED = [
    "ReduceMean",
    "ReduceSum",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
    "ArgMax",
    "ArgMin",
    "QLinearReduceMean",
    "Det",
]
_POOLS = ["MaxPool", "AveragePool", "LpPool", "MaxUnpool_", "NhwcMaxPool", "QLinearAveragePool"]
_GLOBAL = ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "QLinearGlobalAveragePool"]
_VIEWS = [
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Identity",
    "Dropout",
    "Cast",
    "CastLike",
    "DequantizeLinear",
    "Expand",
    "SequenceConstruct",
    "SequenceInsert",
    "SequenceErase",
    "SequenceEmpty",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
    "DepthToSpace",
    "SpaceToDepth",
    "BitCast",
    "BiasDropout",
]
_PARTS = ["Slice", "Split", "Crop", "SequenceAt", "SplitToSequence"]
_COPIES = [
    "Transpose",
    "Pad",
    "Tile",
    "GatherElements",
    "GatherND",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "OneHot",
    "Compress",
    "ReverseSequence",
    "EyeLike",
    "TensorScatter",
    "CenterCropPad",
    "Col2Im",
    "NonZero",
    "ConcatFromSequence",
]
_RESIZES = ["Resize", "Upsample", "GridSample", "RoiAlign", "MaxRoiPool", "AffineGrid", "MaxUnpool"]
_SORTS = ["TopK", "Unique", "NonMaxSuppression"]


def elementwise(kind: str) -> Emit:
    """What adds one piece of vector work of that kind."""

    def emit(net: Layers, op: Op) -> str:
        if kind == "softmax" and op.output.elements < op.need(0).elements:  # a loss: one number of all scores
            return sorted_(net, op)
        first = [each for each in op.outputs if each is not None][:1]
        if first and first[0].elements == 1 and all(each is None or each.elements <= 1 for each in op.inputs):
            return one_number(net, op)
        net.vector(op, kind, op.inputs)
        for other in op.outputs[1:]:
            if other is not None and first:
                net.made[other] = tuple(
                    Output(e.name, max(1, min(other.elements, e.elements))) for e in net.reads(first[0])
                )
        return "understood"

    return emit


def one_number(net: Layers, op: Op) -> str:
    """Arithmetic on a single number, such as a scale: nothing that a chip would notice."""
    reads = next((net.reads(each) for each in op.inputs if net.reads(each)), ())
    for out in op.outputs:
        if out is not None and reads:
            net.made[out] = tuple(Output(each.name, 1) for each in reads[:1])
    return "free"


def window(net: Layers, op: Op) -> str:
    """Pooling with a sliding window."""
    x, out = op.need(0), op.output
    if op.kind.startswith("Nhwc") or op.attrs.get("channels_last"):
        x, out = (Tensor(each.name, (each.shape[0], each.shape[-1], *each.shape[1:-1])) for each in (x, out))
    if len(x.shape) < 3 or not out.elements:
        op.fault(f"must have an input of 3 axes or more, got {len(x.shape)}")
    kernel = [int(each) for each in op.attrs.get("kernel_shape") or [1] * (len(x.shape) - 2)]
    layer = Layer(
        net.unique(op.name),
        "pool",
        out_channels=out.shape[1],
        in_channels=x.shape[1],
        **window_fields(op, x.shape, out.shape, kernel),
    )
    made = net._add(layer, [net.one(op.need(0), op.need(0).elements, op.name)])
    for each in op.outputs:
        if each is not None:
            net.made[each] = (Output(made.name, each.elements),)
    return "understood"


def reduced(net: Layers, op: Op) -> str:
    """A sum, a mean, a maximum over axes."""
    x = op.need(0)
    if x.elements <= 1:
        return one_number(net, op)
    net.reduced(op, x, op.outputs)
    return "understood"


def view(net: Layers, op: Op) -> str:
    """The first input under other sizes; the first that is made by a layer, where a sequence begins empty."""
    open_ones = [each for each in op.inputs if each is not None and not each.constant]
    x = next((each for each in open_ones if net.reads(each)), open_ones[0] if open_ones else None)
    if x is None:
        return "free"
    net.view(op, x, op.outputs)
    if x in net.parts:
        for out in op.outputs:
            if out is not None:
                net.parts[out] = net.parts[x]
    return "free"


def quantised(net: Layers, op: Op) -> str:
    """A tensor in narrower numbers: as it is written, unless it is also read as it was."""
    if not is_written(op, net.types):
        return view(net, op)
    net.vector(op, "mul", [op.need(0)])
    return "understood"


def part(net: Layers, op: Op) -> str:
    """Some of a tensor, which whoever reads it reads: nothing moves. Parts of a product that are layers are those layers."""
    x = op.need(0)
    parts = net.parts.get(x)
    if parts and op.kind == "Split" and len(op.outputs) == len(parts):
        for out, each in zip(op.outputs, parts, strict=True):
            if out is not None:
                net.made[out] = (each,)
        return "free"
    if parts and op.kind in ("Slice", "Gather") and op.output.elements * len(parts) == x.elements:
        net.made[op.output] = (parts[part_number(op, x, len(parts), net.consumers)],)
        return "free"
    return view(net, op)


def gathered(net: Layers, op: Op) -> str:
    """Rows of a table: of a constant one an embedding, of an activation a part where the places are known, else a copy."""
    table, places = op.need(0), op.need(1)
    if op.kind == "GatherBlockQuantized" or (table.constant and not places.constant):
        hidden = max(1, op.output.elements // max(1, places.elements))
        rows = max(1, places.elements)
        reads = net.reads(places)
        if not reads:
            return "free"
        layer = Layer(
            net.unique(op.name), "embedding", out_channels=hidden, in_channels=hidden, out_height=rows, in_height=rows,
            table_rows=max(1, table.elements // hidden) if len(table.shape) > 1 else 0,
        )  # fmt: skip
        made = net._add(layer, net._merged(reads))
        net.made[op.output] = (Output(made.name, op.output.elements),)
        net.note_format(made.name, places, table)
        return "understood"
    if places.constant and places.elements <= 1:
        return part(net, op)
    net.vector(op, "copy", [table, places])
    return "data movement only"


def moved(kind: str) -> Emit:
    """What adds one piece of work that moves bytes."""

    def emit(net: Layers, op: Op) -> str:
        if kind == "copy" and op.kind == "Transpose" and keeps_order(op):
            return view(net, op)
        if kind == "concat":
            reads = [each for each in op.inputs if each is not None and not each.constant and each.elements]
            if len(reads) == 1 and op.output.elements == reads[0].elements:
                return view(net, op)
        net.vector(op, kind, op.inputs)
        return "data movement only"

    return emit


def keeps_order(op: Op) -> bool:
    """Whether a transposition leaves all elements where they are: only axes of 1 change places."""
    x = op.need(0)
    perm = op.attrs.get("perm") or list(range(len(x.shape)))[::-1]
    kept = [int(each) for each in perm if 0 <= int(each) < len(x.shape) and x.shape[int(each)] != 1]
    return kept == sorted(kept)


def sorted_(net: Layers, op: Op) -> str:
    """The largest, the different, the boxes that are left: vector work on all of the input, taken as five operations each."""
    all_of = Tensor(op.name, (max(each.elements for each in op.inputs if each is not None),))
    net.vector(op, "softmax", op.inputs, [all_of])
    for out in op.outputs:
        if out is not None and out.elements:
            net.view(op, all_of, [out])
    return "approximated"


def skip_norm(net: Layers, op: Op) -> str:
    """A residual and its normalisation in one operator."""
    total = op.outputs[3] if len(op.outputs) > 3 and op.outputs[3] is not None else Tensor(op.name, op.need(0).shape)
    net.vector(op, "add", op.inputs[:2], [total], "_add")
    net.vector(op, "layer_norm", [total])
    return "understood"


def embedded(net: Layers, op: Op) -> str:
    """EmbedLayerNormalization: rows of two or three tables, their sum, its normalisation."""
    ids, out = op.need(0), op.output
    hidden = out.shape[-1]
    layer = Layer(
        net.unique(f"{op.name}_words"), "embedding", out_channels=hidden, in_channels=hidden, out_height=ids.elements,
        in_height=ids.elements, table_rows=max(1, op.need(2).elements // max(1, hidden)),
    )  # fmt: skip
    words = Tensor(op.name, out.shape)
    net.made[words] = (net._add(layer, net._merged(net.reads(ids))),)
    net.vector(op, "layer_norm", [words])
    return "understood"


VECTOR_RULES: dict[str, Emit] = {
    **{word: elementwise(kind) for kind, words in _WORDS.items() for word in words.split()},
    **dict.fromkeys(_POOLS, window),
    **dict.fromkeys((*_REDUCED, *_GLOBAL), reduced),
    **dict.fromkeys(_VIEWS, view),
    "QuantizeLinear": quantised,
    **dict.fromkeys(_PARTS, part),
    **dict.fromkeys(("Gather", "GatherBlockQuantized"), gathered),
    **dict.fromkeys(_COPIES, moved("copy")),
    **dict.fromkeys(_RESIZES, moved("resize")),
    **dict.fromkeys(("Concat", "QLinearConcat"), moved("concat")),
    **dict.fromkeys(_SORTS, sorted_),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), skip_norm),
    **dict.fromkeys(("EmbedLayerNormalization", "QEmbedLayerNormalization"), embedded),
    **dict.fromkeys(
        ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial", "Range",
         "HannWindow", "HammingWindow", "BlackmanWindow"),
        elementwise("sigmoid"),
    ),
}  # fmt: skip
"""Operator -> what adds its layers."""
