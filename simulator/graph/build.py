"""Building a layer graph: each method of `NetworkBuilder` adds one node, works out its sizes and returns its output."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import networkx as nx

from simulator.errors import NetworkError, nearest
from simulator.graph.layer import Layer
from simulator.graph.output import Output
from simulator.graph.window import Need, Padding, image_needed, output_extent, pads_of
from simulator.reading.sizes import ImageSize, height_width
from simulator.store.foreign import printable
from simulator.vocabulary import ELEMENTWISE

__all__ = ["Graph", "NetworkBuilder", "Output", "Size"]

if TYPE_CHECKING:
    Graph: TypeAlias = nx.DiGraph[str]  # subscripted in the stubs only
else:
    Graph: TypeAlias = nx.DiGraph

Size: TypeAlias = int | tuple[int, int]
"""One number for both axes, or (height, width)."""


class NetworkBuilder:
    """Builds a layer graph node by node; the order of the calls is the run order.

    >>> net = NetworkBuilder("tiny")
    >>> x = net.input(3, 32, 32)
    >>> x = net.conv(x, 16, 3, padding=1, activation="relu")
    >>> x = net.dense(net.global_pool(x), 10)
    >>> graph = net.build()
    >>> [graph.nodes[name]["layer"].macs for name in graph]
    [0, 442368, 0, 0, 160]

    Every fault is a NetworkError that names the network and the layer. An image that is too small is reported by
    `build()`, together with the smallest that the whole network takes.
    """

    def __init__(self, name: str, parameters: Mapping[str, Any] | None = None) -> None:
        self._name = printable(str(name))
        self._graph: Graph = nx.DiGraph(name=self._name, parameters=dict(parameters or {}))
        self._counts: dict[str, int] = {}
        self._needs: dict[str, Need] = {}  # how many input rows and columns each node asks for
        self._windows: list[str] = []
        self._too_small = ""  # the first layer whose window does not fit

    def input(self, channels: int, height: int = 1, width: int = 1, name: str = "input") -> Output:
        """Add an input of the network."""
        name = self._named(name, "input")
        self._whole(name, channels=channels, height=height, width=width)
        layer = Layer(name, "input", out_channels=channels, out_height=height, out_width=width)
        return self._add(layer, {})

    def image(self, size: ImageSize, multiple: int = 1, channels: int = 3) -> Output:
        """Add an image as the input, padded to a multiple of so many pixels on both sides; a note of the graph says so."""
        try:
            rows, columns = height_width(size)
        except ValueError as error:
            self._fault("input", "size", str(error))
        padded = [-(-side // multiple) * multiple for side in (rows, columns)]
        if padded != [rows, columns]:
            self._graph.graph["notes"] = (f"padded from {rows}x{columns} to {padded[0]}x{padded[1]}",)
        return self.input(channels, padded[0], padded[1])

    def conv(
        self,
        x: Output,
        out_channels: int,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = False,
        activation: str = "",
        name: str = "",
    ) -> Output:
        """Add a convolution (out_channels of all groups together), then `activation` where one is named.

        `bias` counts one trained number a channel. A batch normalisation behind it folds into the convolution: leave
        `bias` False to count its weights only.
        """
        name = self._named(name, "conv")
        self._whole(name, out_channels=out_channels, groups=groups)
        if x.channels % groups or out_channels % groups:
            self._fault(name, "groups", f"must divide the {x.channels} inputs and {out_channels} outputs, got {groups}")
        window = self._window(name, x, kernel, stride, padding, dilation)
        layer = Layer(
            name,
            "conv",
            groups=groups,
            out_channels=out_channels // groups,
            in_channels=x.channels // groups,
            has_bias=bias,
            **window,
        )
        return self._activated(self._add(layer, {x.name: "inputs"}), activation)

    def depthwise(
        self,
        x: Output,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        bias: bool = False,
        activation: str = "",
        name: str = "",
    ) -> Output:
        """Add a convolution with one group a channel."""
        return self.conv(
            x,
            x.channels,
            kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=x.channels,
            bias=bias,
            activation=activation,
            name=name,
        )

    def dense(
        self,
        x: Output,
        out_channels: int,
        *,
        bias: bool = True,
        activation: str = "",
        steps: int = 1,
        loop: str = "",
        name: str = "",
    ) -> Output:
        """Add a dense layer over the channels, once for each row (a sequence lies along the height).

        Flatten an image first: `dense(x.flat(), ...)`. `steps`, `loop`: see `lstm`; here the rows are independent unless given.
        """
        name = self._named(name, "dense")
        self._whole(name, out_channels=out_channels)
        if x.width != 1:
            self._fault(name, "inputs", f"must be channels x rows, got {_shape(x)}; did you mean x.flat()?")
        layer = Layer(
            name,
            "dense",
            out_channels=out_channels,
            in_channels=x.channels,
            out_height=x.height,
            in_height=x.height,
            has_bias=bias,
            steps=self._steps(name, x, steps),
            loop=loop,
        )
        return self._activated(self._add(layer, {x.name: "inputs"}), activation)

    def lstm(self, x: Output, *, steps: int = 0, loop: str = "", bias: bool = False, name: str = "") -> Output:
        """Add the recurrent half of an LSTM over the rows of `x`, which are the products from below: four numbers a unit.

        The other half is a dense layer before it: `lstm(dense(x, 4 * units))` is the whole. `steps`: how many parts of the
        rows run one after another; each row unless given. `loop`: a name; layers that share it take turns in every step, so
        their weights are read again in every step unless they stay in SRAM for ever. Without it the weights may also stay for
        the steps of this layer alone.
        """
        name = self._named(name, "lstm")
        if x.channels % 4 or x.width != 1:
            self._fault(name, "inputs", f"must be rows of four numbers for each unit, got {_shape(x)}")
        units = x.channels // 4
        layer = Layer(
            name, "lstm", out_channels=x.channels, in_channels=units, out_height=x.height, in_height=x.height, has_bias=bias,
            steps=self._steps(name, x, steps or x.height), loop=loop,
        )  # fmt: skip
        self._add(layer, {x.name: "inputs"})
        return Output(name, units, x.height)

    def _steps(self, name: str, x: Output, steps: int) -> int:
        self._whole(name, steps=steps)
        if x.height % steps:
            self._fault(name, "steps", f"must divide the {x.height} rows of {x.name!r}, got {steps}")
        return steps

    def matmul(
        self,
        x: Output,
        second: Output,
        *,
        heads: int = 1,
        transposed: bool = False,
        steps: int = 1,
        loop: str = "",
        name: str = "",
    ) -> Output:
        """Multiply two activations, head by head: x is M rows x K, `second` K rows x N (`transposed`: N rows x K).

        Attention is `matmul(query, key, heads=h, transposed=True)` and then `matmul(probabilities, value, heads=h)`. `steps`,
        `loop`: as of a dense layer.
        """
        name = self._named(name, "matmul")
        self._whole(name, heads=heads)
        for operand in (x, second):
            if operand.width != 1:
                self._fault(name, "inputs", f"must be channels x rows, got {_shape(operand)}")
            if operand.channels % heads:
                self._fault(
                    name, "heads", f"must divide the {operand.channels} channels of {operand.name!r}, got {heads}"
                )
        reduction = x.channels // heads
        have, columns = (
            (second.channels // heads, second.height) if transposed else (second.height, second.channels // heads)
        )
        if have != reduction:
            self._fault(
                name, "inputs", f"must agree in the reduction, got {reduction} of {x.name!r}, {have} of {second.name!r}"
            )
        if x.name == second.name:
            self._fault(name, "inputs", f"must be two nodes, got {x.name!r} twice; put a 'copy' between")
        layer = Layer(
            name,
            "matmul",
            groups=heads,
            out_channels=columns,
            in_channels=reduction,
            out_height=x.height,
            in_height=x.height,
            steps=self._steps(name, x, steps),
            loop=loop,
        )
        return self._add(layer, {x.name: "inputs", second.name: "weights"})

    def additive_score(self, x: Output, second: Output, name: str = "") -> Output:
        """Compare each row of `x` with each row of `second`: their sum, its hyperbolic tangent, and a weighted total of that.

        The attention of D. Bahdanau et al.; outputs have a channel for each row of `second`.
        """
        name = self._named(name, "score")
        if x.channels != second.channels or x.width != 1 or second.width != 1 or x.name == second.name:
            self._mismatch(name, x, second)
        layer = Layer(
            name,
            "additive_score",
            out_channels=second.height,
            out_height=x.height,
            in_channels=x.channels,
            in_height=x.height,
            kernel_height=x.channels,
        )
        return self._add(layer, {x.name: "inputs", second.name: "inputs"})

    def vector(self, kind: str, *inputs: Output, name: str = "") -> Output:
        """Add elementwise work, a softmax or a normalisation: the outputs have the shape of the first input.

        Further inputs (of `add` and `mul`) have the same shape, or one row and column that is spread over all.
        """
        name = self._named(name, kind)
        if kind not in ELEMENTWISE:
            self._fault(name, "kind", f"must be elementwise, got {kind!r}{nearest(kind, ELEMENTWISE)}")
        wanted = (2, 99) if kind in ("add", "mul") else (1, 1)
        if not wanted[0] <= len(inputs) <= wanted[1]:
            self._fault(name, "inputs", f"must be {'two or more' if wanted[0] == 2 else 'one'}, got {len(inputs)}")
        x = inputs[0]
        for other in inputs[1:]:
            spread = other.channels == x.channels and (other.height, other.width) == (1, 1)
            if not spread and (other.channels, other.height, other.width) != (x.channels, x.height, x.width):
                self._mismatch(name, x, other)
        return self._add_vector(name, kind, inputs, x.channels, x.height, x.width)

    def add(self, *inputs: Output, activation: str = "", name: str = "") -> Output:
        """Add two or more tensors (a residual), then `activation`."""
        return self._activated(self.vector("add", *inputs, name=name), activation)

    def concat(self, *inputs: Output, name: str = "") -> Output:
        """Put tensors of one height and width behind each other along the channels."""
        name = self._named(name, "concat")
        if len(inputs) < 2:
            self._fault(name, "inputs", f"must be two or more, got {len(inputs)}")
        x = inputs[0]
        for other in inputs[1:]:
            if (other.height, other.width) != (x.height, x.width):
                self._mismatch(name, x, other)
        return self._add_vector(name, "concat", inputs, sum(i.channels for i in inputs), x.height, x.width)

    def pool(
        self,
        x: Output,
        kernel: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil: bool = False,
        name: str = "",
    ) -> Output:
        """Add maximum or average pooling; the stride is the kernel unless given. `ceil`: see `output_extent`."""
        name = self._named(name, "pool")
        window = self._window(name, x, kernel, kernel if stride is None else stride, padding, 1, ceil)
        layer = Layer(name, "pool", out_channels=x.channels, in_channels=x.channels, **window)
        return self._add(layer, {x.name: "inputs"})

    def global_pool(self, x: Output, name: str = "") -> Output:
        """Average (or maximum) of each channel."""
        # Not by way of `pool`: the window follows the image, so it asks for no smallest size.
        layer = Layer(
            self._named(name, "pool"),
            "pool",
            out_channels=x.channels,
            in_channels=x.channels,
            in_height=x.height,
            in_width=x.width,
            kernel_height=x.height,
            kernel_width=x.width,
            stride=(x.height, x.width),
        )
        return self._add(layer, {x.name: "inputs"})

    def resize(self, x: Output, factor: Size, name: str = "") -> Output:
        """Enlarge the image `factor` times: in both directions, or (in height, in width)."""
        name = self._named(name, "resize")
        rows, columns = self._pair(name, "factor", factor)
        out = self._add_vector(name, "resize", (x,), x.channels, x.height * rows, x.width * columns)
        self._needs[name] = Need(x.name, (lambda n: -(-n // rows), lambda n: -(-n // columns)))
        return out

    def embedding(self, x: Output, hidden: int, name: str = "") -> Output:
        """Look up one row of `hidden` numbers for each row of `x`; the rows read count as the layer's inputs."""
        name = self._named(name, "embedding")
        self._whole(name, hidden=hidden)
        layer = Layer(
            name, "embedding", out_channels=hidden, in_channels=hidden, out_height=x.height, in_height=x.height
        )
        return self._add(layer, {x.name: "inputs"})

    def build(self) -> Graph:
        """Return the finished graph. Raises NetworkError where the image is too small or there is no layer."""
        self._check_image()
        if not any(data["layer"].kind != "input" for _, data in self._graph.nodes(data=True)):
            raise NetworkError(f"{self._name}: must have at least one layer, got none")
        return self._graph

    def _check_image(self) -> None:
        if not self._too_small:
            return
        rows, columns = (max(image_needed(self._needs, name, axis) for name in self._windows) for axis in range(2))
        self._fault(
            self._too_small,
            "image",
            f"is too small for the window: the network's input must be at least {rows} x {columns} (height x width)",
        )

    def _window(
        self, name: str, x: Output, kernel: Size, stride: Size, padding: Padding, dilation: Size, ceil: bool = False
    ) -> dict[str, Any]:
        """Fields of a `Layer` with a sliding window; a window that does not fit is noted, and taken as one output."""
        k, s, d = (self._pair(name, *each) for each in (("kernel", kernel), ("stride", stride), ("dilation", dilation)))
        extents = (x.height, x.width)
        pads = pads_of(extents, k, s, d, padding)
        if pads is None:
            self._fault(name, "padding", f"must be 1, 2 or 4 whole numbers of at least 0, or 'same', got {padding!r}")
        outputs = [output_extent(extents[a], k[a], s[a], d[a], pads[2 * a], pads[2 * a + 1], ceil) for a in range(2)]

        def need(a: int) -> Callable[[int], int]:
            if padding == "same":
                return lambda n: (n - 1) * s[a] + 1
            return lambda n: max(1, (n - 1) * s[a] + d[a] * (k[a] - 1) + 1 - pads[2 * a] - pads[2 * a + 1])

        self._needs[name] = Need(x.name, (need(0), need(1)))
        self._windows.append(name)
        if min(outputs) < 1:
            self._too_small = self._too_small or name
        return {
            "out_height": max(1, outputs[0]),
            "out_width": max(1, outputs[1]),
            "kernel_height": k[0],
            "kernel_width": k[1],
            "stride": s,
            "dilation": d,
            "padding": pads,
            "in_height": x.height,
            "in_width": x.width,
        }

    def _pair(self, name: str, what: str, value: Size) -> tuple[int, int]:
        pair = value if isinstance(value, tuple) else (value, value)
        if len(pair) != 2:
            self._fault(name, what, f"must be one number or (height, width), got {value!r}")
        self._whole(name, **{what: pair[0]})
        self._whole(name, **{what: pair[1]})
        return pair

    def _add_vector(
        self, name: str, kind: str, inputs: tuple[Output, ...], channels: int, height: int, width: int
    ) -> Output:
        """Add vector work; its `in_` extents are those of the first input, the edges tell of the others."""
        x = inputs[0]
        layer = Layer(
            name,
            kind,
            out_channels=channels,
            out_height=height,
            out_width=width,
            in_channels=x.channels,
            in_height=x.height,
            in_width=x.width,
        )
        if len({i.name for i in inputs}) != len(inputs):
            self._fault(name, "inputs", "must be different nodes, got one twice; put a 'copy' between")
        return self._add(layer, dict.fromkeys((i.name for i in inputs), "inputs"))

    def _add(self, layer: Layer, operands: Mapping[str, str]) -> Output:
        if layer.name in self._graph:
            self._fault(layer.name, "name", "must be given once, got it twice")
        for producer in operands:
            if producer not in self._graph:
                self._fault(layer.name, "inputs", f"must come from this builder, got {producer!r}")
        self._graph.add_node(layer.name, layer=layer)
        for producer, operand in operands.items():
            self._graph.add_edge(producer, layer.name, operand=operand)
        if operands and layer.name not in self._needs:
            # Elementwise work needs as many rows as it gives; of a flattened image nothing asks for more than one.
            self._needs[layer.name] = Need(next(iter(operands)), (lambda n: n, lambda n: n))
        return Output(layer.name, layer.groups * layer.out_channels, layer.out_height, layer.out_width)

    def _activated(self, x: Output, activation: str) -> Output:
        return self.vector(activation, x, name=f"{x.name}_{activation}") if activation else x

    def _named(self, name: str, kind: str) -> str:
        """Return `name` made printable, or the kind with a running number."""
        if name:
            return printable(str(name))
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}{self._counts[kind]}"

    def _whole(self, name: str, **values: int) -> None:
        for what, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                self._fault(name, what, f"must be a whole number of at least 1, got {value!r}")

    def _mismatch(self, name: str, x: Output, other: Output) -> NoReturn:
        self._check_image()  # a window that did not fit was taken as one output: then that is the cause
        self._fault(name, "inputs", f"must have one shape, got {_shape(x)} and {_shape(other)}")

    def _fault(self, name: str, what: str, text: str) -> NoReturn:
        raise NetworkError(f"{self._name}: {name}: {what}: {text}")


def _shape(x: Output) -> str:
    """Shape of a tensor and where it comes from, for messages."""
    return f"{x.channels} x {x.height} x {x.width} of {x.name!r}"
