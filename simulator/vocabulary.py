"""The model's words, one table a word: number formats, operands, kinds of layers, what time is lost to, and what binds.

Every other file takes its lists of these words from here; the types of a chip file are made of them too.
"""

# ---- number formats ------------------------------------------------------------------------------------------------

BITS: dict[str, float] = {
    "int4": 4, "fp4": 4, "bfp4": 4.5, "int8": 8, "int16": 16, "fp8": 8, "bfp8": 8.5, "fp16": 16, "bf16": 16, "tf32": 32,
    "fp32": 32,
}  # fmt: skip
"""Number format in which an array may multiply -> storage of one element. [bit] Others: `data/formats.yaml`."""

PRECISIONS = tuple(BITS)
"""Number formats in the order in which they are listed."""

PAIRS = tuple(f"{weights}*{inputs}" for weights in PRECISIONS for inputs in PRECISIONS if weights != inputs)
"""Weights of one format with inputs of another, as an array may multiply them without widening either."""

FLOATS = tuple(word for word in PRECISIONS if not word.startswith("int"))
"""Those with an exponent, of their own or of a block."""

IN_BLOCKS = ("int4", "int8", "fp4")
"""Formats of stored weights that software multiplies in blocks of one scale."""

HALVES = ("fp16", "bf16")
"""What 16 bits are: the first that a chip has a rate for."""

GENERATING = (*HALVES, "int8")
"""Those of a language model unless one is given: the first that a chip has a rate for."""

ROLES = ("weights", "activations", "cache", "head", "embedding")
"""What may have a number format of its own: weights, tensors between layers, state that lies in the outer memory, the weights of
a language model's output, and tables of embeddings."""

# ---- operands ------------------------------------------------------------------------------------------------------

OPERANDS = ("inputs", "weights", "outputs")
"""What a layer reads and writes, in the order of every table."""

STATIONARY = ("weights", "outputs", "inputs", "rows")
"""What may stay in the units of an array: an operand, or rows of the kernel (row stationary)."""

ORIGINS = ("host", "state")
"""Where an input of a network comes from, and where an output goes: over the host link, or the outer memory, where it stays."""

# ---- kinds of layers -----------------------------------------------------------------------------------------------

COMPUTE = frozenset({"conv", "dense", "matmul", "lstm"})
"""Kinds that run on the MAC array. Every other kind is vector work (or `input`)."""

WEIGHTED = COMPUTE - {"matmul"}
"""Kinds with weights of their own, the same for every item."""

VECTOR_OPERATIONS: dict[str, float] = {
    "input": 0.0,
    "concat": 1.0,
    "copy": 1.0,
    "relu": 1.0,
    "add": 1.0,
    "mul": 1.0,
    "pool": 1.0,  # per kernel element, see `Layer.vector_operations`
    "resize": 1.0,
    "embedding": 1.0,
    "gelu": 4.0,
    "silu": 4.0,
    "sigmoid": 4.0,
    "tanh": 4.0,
    "softmax": 5.0,  # maximum, subtract, exponential, sum, divide
    "layer_norm": 5.0,  # mean, variance (two passes), normalise, scale and shift
    "local_norm": 5.0,
    "additive_score": 7.0,  # per kernel element: add, hyperbolic tangent, multiply and add
}
"""Operations per output element of each vector kind, counted from its definition (max, exp, sum, ... one each)."""

VECTOR_KINDS = tuple(word for word in VECTOR_OPERATIONS if word != "input")
"""Kinds that a vector unit works on: an input is there already."""

WIDENING = "dequantize"
"""What a vector unit does to a weight on its way into an array that multiplies wider ones: one operation unless said."""

OWN_OPERATIONS = (*VECTOR_KINDS, WIDENING)
"""What a chip may give its own operations for."""

PLAIN = frozenset({"input", "copy", "concat", "add", "mul", "resize"})
"""Kinds that do no more than move or add."""

ELEMENTWISE = frozenset(VECTOR_KINDS) - {"concat", "pool", "resize", "embedding", "additive_score"}
"""Vector kinds whose output has the shape of each input."""

FUSED = (
    "relu",
    "add",
    "pool",
    "mul",
    "gelu",
    "silu",
    "sigmoid",
    "tanh",
    "softmax",
    "layer_norm",
    "local_norm",
    "concat",
    "resize",
    "attention",
)
"""What a chip may do on the way out of its array: vector kinds, and the whole of an attention at once."""

# ---- where time goes -----------------------------------------------------------------------------------------------

ROOF_OF = {
    "ideal_s": "array",
    "edges_s": "array",
    "fill_drain_s": "array",
    "weight_loading_s": "array",
    "interconnect_s": "interconnect",
    "sram_s": "sram",
    "vector_s": "vector",
    "overhead_s": "overhead",
    "dram_s": "dram",
    "host_s": "host",
    "power_s": "power",
}
"""The parts of a waterfall in the order in which they are filled, and the roof that each belongs to."""

WATERFALL = tuple(ROOF_OF)
"""Parts of a waterfall in order; `pipeline_s` follows where layers lie side by side."""

PIPELINE = "pipeline_s"
"""What a stage waits for the slowest one of its pipeline; it counts as the array."""

CAUSES = {
    "ideal_s": "multiplying, every unit busy",
    "edges_s": "idle units at tile edges",
    "fill_drain_s": "array fill and drain",
    "weight_loading_s": "loading weights into the array",
    "interconnect_s": "interconnect",
    "sram_s": "SRAM ports",
    "vector_s": "vector unit",
    "overhead_s": "command overhead",
    "dram_s": "waiting for DRAM",
    "host_s": "waiting for the host",
    "power_s": "held back by the power limit",
    PIPELINE: "waiting for the slowest stage",
}
"""What each part of a waterfall means, for people, in the order shown."""

ROOF_NAMES = {
    "array": "MAC array",
    "interconnect": "interconnect",
    "sram": "SRAM ports",
    "vector": "vector unit",
    "overhead": "command overhead",
    "dram": "DRAM",
    "host": "host link",
    "power": "power limit",
}
"""Names of the roofs as a person reads them."""

ROOFS = tuple(dict.fromkeys(ROOF_OF.values()))
"""What a network can be bound by, in the order in which the first of equals counts."""

ON_CHIP = ROOFS[:3]
"""Roofs inside the frontier of a layer: the array and its feed."""

ARRAY_PARTS = tuple(part for part, roof in ROOF_OF.items() if roof == "array")
"""Parts of a waterfall in which the array is at work."""
