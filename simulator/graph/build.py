"""Building a layer graph: each method of `NetworkBuilder` adds one node, works out its sizes and returns its output."""

from dataclasses import replace
from typing import Any, Unpack

from simulator.errors import NetworkError, nearest
from simulator.graph.layer import Layer
from simulator.graph.nodes import Formats, Graph, Size, shape_text
from simulator.graph.output import Output
from simulator.graph.wider import PLAIN, Finish, Wider
from simulator.graph.window import Need, Padding
from simulator.reading.sizes import ImageSize, height_width
from simulator.store.calls import usual
from simulator.vocabulary import ORIGINS

__all__ = ["Graph", "NetworkBuilder", "Output", "Size"]


class NetworkBuilder(Wider):
    """Builds a layer graph node by node; the order of the calls is the run order.

    >>> net = NetworkBuilder("tiny")
    >>> x = net.input(3, 32, 32)
    >>> x = net.conv(x, 16, 3, padding=1, activation="relu")
    >>> x = net.dense(net.global_pool(x), 10)
    >>> graph = net.build()
    >>> [graph.nodes[name]["layer"].macs for name in graph]
    [0, 442368, 0, 0, 160]

    `formats`, of a call or of all layers: the number formats that the network itself asks for, {role: format} with the roles
    and words of docs/formats.md. A layer keeps its own where none are asked for when it is run.

    Every fault is a NetworkError that names the network and the layer. An image that is too small is reported by
    `build()`, together with the smallest that the whole network takes.
    """

    def input(
        self, channels: int, height: int = 1, width: int = 1, name: str = "input", *, origin: str = "host"
    ) -> Output:
        """Add an input of the network. `origin`: "host", or "state" for what lies in the outer memory already, as `state`."""
        name = self._named(name, "input")
        self._whole(name, channels=channels, height=height, width=width)
        layer = Layer(name, "input", out_channels=channels, out_height=height, out_width=width)
        return self._add(replace(layer, origin=self._origin(name, origin)))

    def state(self, channels: int, height: int = 1, width: int = 1, *, name: str = "") -> Output:
        """Add what lies in the outer memory between passes, one copy an item: a cache of keys, a table, a recurrent state.

        It crosses no host link; every pass reads of it what its readers ask for.
        """
        return self.input(channels, height, width, self._named(name, "state"), origin="state")

    def output(self, x: Output, *, origin: str = "host", into: Output | None = None) -> Output:
        """Say where the whole of a layer's output goes, and return `x`: to the host where nothing reads it, as it does untold;
        with `origin` "state" to the outer memory, for passes to come, whatever else reads it.

        `into`: the state of this network that it becomes a part of, so that it takes no room of its own.
        """
        layer = self._graph.nodes[x.name]["layer"] if x.name in self._graph else None
        if layer is None or layer.kind == "input":
            self._fault(x.name, "output", "must be the output of a layer of this builder")
        origin, target = self._origin(x.name, origin), ""
        if into is not None:
            state = self._graph.nodes[into.name]["layer"] if into.name in self._graph else None
            if not origin or state is None or not state.is_state_input:
                self._fault(x.name, "into", f"must be a state of this builder, and origin 'state', got {into.name!r}")
            target = into.name
        self._graph.nodes[x.name]["layer"] = replace(layer, origin=origin, into=target)
        return x

    def _origin(self, name: str, origin: str) -> str:
        """An origin as a layer has it: nothing of what comes from the host or goes there."""
        if origin not in ORIGINS:
            self._fault(
                name, "origin", f"must be one of {', '.join(ORIGINS)}, got {origin!r}{nearest(str(origin), ORIGINS)}"
            )
        return "" if origin == ORIGINS[0] else origin

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

    @usual(**PLAIN)
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
        **more: Unpack[Finish],
    ) -> Output:
        """Add a convolution (out_channels of all groups together), then `activation` where one is named.

        `bias` counts one trained number a channel. A batch normalisation behind it folds into the convolution: leave
        `bias` False to count its weights only.
        """
        name = self._named(more["name"], "conv")
        self._grouped(name, x, out_channels, groups)
        window = self._window(name, x, kernel, stride, padding, dilation)
        inputs = x.channels // groups
        return self._finished(
            name, "conv", x, more, groups=groups, out_channels=out_channels // groups, in_channels=inputs, **window
        )

    @usual(**PLAIN)
    def depthwise(
        self,
        x: Output,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        **more: Unpack[Finish],
    ) -> Output:
        """Add a convolution with one group a channel."""
        window: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        return self.conv(x, x.channels, kernel, groups=x.channels, **window, **more)

    @usual(**{**PLAIN, "bias": True})
    def dense(
        self,
        x: Output,
        out_channels: int,
        *,
        steps: int = 1,
        loop: str = "",
        role: str = "",
        shares: str = "",
        **more: Unpack[Finish],
    ) -> Output:
        """Add a dense layer over the channels, once for each row (a sequence lies along the height).

        Flatten an image first: `dense(x.flat(), ...)`. `steps`, `loop`: see `lstm`; here the rows are independent unless given.
        `role`: "head" for the output of a language model, which may have a number format of its own. `shares`: name of a layer
        before with the same weights, which are counted there alone.
        """
        name = self._named(more["name"], "dense")
        self._whole(name, out_channels=out_channels)
        if x.width != 1:
            self._fault(name, "inputs", f"must be channels x rows, got {shape_text(x)}; did you mean x.flat()?")
        return self._finished(
            name, "dense", x, more, out_channels=out_channels, in_channels=x.channels, out_height=x.height, in_height=x.height,
            steps=self._steps(name, x, steps), loop=loop, role=role, shares=shares,
        )  # fmt: skip

    def lstm(
        self, x: Output, *, steps: int = 0, loop: str = "", bias: bool = False, name: str = "", formats: Formats = None
    ) -> Output:
        """Add the recurrent half of an LSTM over the rows of `x`, which are the products from below: four numbers a unit.

        The other half is a dense layer before it: `lstm(dense(x, 4 * units))` is the whole. `steps`: how many parts of the
        rows run one after another; each row unless given. `loop`: a name; layers that share it take turns in every step, so
        their weights are read again in every step unless they stay in SRAM for ever. Without it the weights may also stay for
        the steps of this layer alone.
        """
        name = self._named(name, "lstm")
        if x.channels % 4 or x.width != 1:
            self._fault(name, "inputs", f"must be rows of four numbers for each unit, got {shape_text(x)}")
        units = x.channels // 4
        layer = Layer(
            name, "lstm", out_channels=x.channels, in_channels=units, out_height=x.height, in_height=x.height, has_bias=bias,
            steps=self._steps(name, x, steps or x.height), loop=loop, formats=self._own(name, formats),
        )  # fmt: skip
        self._add(layer, [x])
        return Output(name, units, x.height)

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
        formats: Formats = None,
    ) -> Output:
        """Multiply two activations, head by head: x is M rows x K, `second` K rows x N (`transposed`: N rows x K).

        Attention is `matmul(query, key, heads=h, transposed=True)` and then `matmul(probabilities, value, heads=h)`. `steps`,
        `loop`: as of a dense layer.
        """
        name = self._named(name, "matmul")
        self._whole(name, heads=heads)
        for operand in (x, second):
            if operand.width != 1:
                self._fault(name, "inputs", f"must be channels x rows, got {shape_text(operand)}")
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
            formats=self._own(name, formats),
        )
        return self._add(layer, [x], second)

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
        return self._add(layer, [x, second])

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
        return self._add(layer, [x])

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
        return self._add(layer, [x])

    def resize(self, x: Output, factor: Size, name: str = "") -> Output:
        """Enlarge the image `factor` times: in both directions, or (in height, in width)."""
        name = self._named(name, "resize")
        rows, columns = self._pair(name, "factor", factor)
        out = self._add_vector(name, "resize", (x,), x.channels, x.height * rows, x.width * columns)
        self._needs[name] = Need(x.name, (lambda n: -(-n // rows), lambda n: -(-n // columns)))
        return out

    def embedding(
        self, x: Output, hidden: int, name: str = "", *, table_rows: int = 0, formats: Formats = None
    ) -> Output:
        """Look up one row of `hidden` numbers for each row of `x`; the rows read count as the layer's inputs.

        `table_rows`: of the whole table, which then counts as parameters and takes room in the outer memory.
        """
        name = self._named(name, "embedding")
        self._whole(name, hidden=hidden)
        if table_rows != 0:
            self._whole(name, table_rows=table_rows)
        layer = Layer(
            name, "embedding", out_channels=hidden, in_channels=hidden, out_height=x.height, in_height=x.height,
            table_rows=table_rows, formats=self._own(name, formats),
        )  # fmt: skip
        return self._add(layer, [x])

    def build(self) -> Graph:
        """Return the finished graph. Raises NetworkError where the image is too small or there is no layer."""
        self._check_image()
        if not any(data["layer"].kind != "input" for _, data in self._graph.nodes(data=True)):
            raise NetworkError(f"{self._name}: must have at least one layer, got none")
        return self._graph
