"""What readers make of a file before it becomes layers: operators in run order, on tensors of known sizes."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NoReturn

from simulator.errors import NetworkError

BITS_OF = {
    "float32": 32, "float": 32, "float64": 64, "double": 64, "float16": 16, "bfloat16": 16, "float8": 8, "float4": 4,
    "int64": 64, "int32": 32, "int16": 16, "int8": 8, "int4": 4, "int2": 2,
    "uint64": 64, "uint32": 32, "uint16": 16, "uint8": 8, "uint4": 4, "uint2": 2, "bool": 8, "string": 64,
}  # fmt: skip
"""Type of an element -> its storage. [bit]"""

CLASSES = ("understood", "approximated", "data movement only", "free", "unknown")
"""What became of an operator. Free: its result is known before the run, it goes into a layer beside it, or it moves nothing."""


@dataclass(eq=False, slots=True)
class Tensor:
    """A value of the file for one item: sizes, type of an element, and whether it is known before the run.

    data: a numpy array, of small constants only. stored: type in which a constant lies in the file, where it is another.
    items: the tensors of a sequence.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    constant: bool = False
    data: Any = None
    source: Any = None
    """What `data` can be read from, until somebody asks."""
    stored: str = ""
    items: "list[Tensor] | None" = None
    exact: bool = True
    """Whether the sizes are known, rather than an upper bound of what depends on data."""
    kind: Any = None
    """What its reader keeps of its type."""

    @property
    def elements(self) -> int:
        """Elements; 1 of a scalar."""
        return math.prod(self.shape)


@dataclass(eq=False, slots=True)
class Op:
    """One operator on tensors. `domain` is empty of ONNX's own. `status`: one of CLASSES, set where it becomes layers."""

    kind: str
    name: str
    inputs: list[Tensor | None]
    outputs: list[Tensor | None]
    attrs: dict[str, Any] = field(default_factory=dict)
    domain: str = ""
    status: str = ""
    absorbed: int = 0
    """Operators of the file that it stands for besides itself."""

    def input(self, number: int) -> Tensor | None:
        """An input, or None where it is left out."""
        return self.inputs[number] if number < len(self.inputs) else None

    def need(self, number: int) -> Tensor:
        """An input that must be there. Raises NetworkError."""
        found = self.input(number)
        if found is None:
            self.fault(f"must have input {number + 1}, got {sum(each is not None for each in self.inputs)} inputs")
        return found

    @property
    def output(self) -> Tensor:
        """Its first output."""
        found = next((each for each in self.outputs if each is not None), None)
        if found is None:
            self.fault("must have an output, got none")
        return found

    def fault(self, text: str) -> NoReturn:
        """Raise NetworkError about this operator."""
        raise NetworkError(f"{self.name} ({self.kind}): {text}")


class SizesMissingError(NetworkError):
    """Nobody knows the sizes of what a node makes. `read`: the operators before it; `nodes`: all of the file, by name."""

    read: "Model | None" = None
    nodes: "Counter[str] | None" = None


@dataclass(slots=True)
class Model:
    """A file as read: its operators in run order, what comes in and what goes out."""

    name: str
    ops: list[Op]
    inputs: list[Tensor]
    outputs: list[Tensor]
    notes: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    """Operators of the file by kind whose results are known before the run."""
