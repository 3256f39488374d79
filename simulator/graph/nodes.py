"""What a builder of a layer graph stands on: the nodes and edges so far, names, windows, and faults in one line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, TypeAlias

from simulator.errors import NetworkError
from simulator.formats import own_formats
from simulator.graph import early
from simulator.graph.layer import Layer
from simulator.graph.output import Output
from simulator.graph.window import Need, Padding, image_needed, output_extent, pads_of
from simulator.store.foreign import printable

Graph: TypeAlias = early.Graph

Size: TypeAlias = int | tuple[int, int]
"""One number for both axes, or (height, width)."""

Formats: TypeAlias = Mapping[str, str] | None
"""{role of operands: number format} of a layer."""


_AS_MANY = (lambda n: n, lambda n: n)
"""Rows and columns that work asks for which needs as many as it gives."""


class Nodes:
    """The graph being built, and how a node is added to it."""

    def __init__(self, name: str, parameters: Mapping[str, Any] | None = None, formats: Formats = None) -> None:
        self._name = printable(str(name))
        self._formats = self._own(self._name, formats)
        self._graph: Graph = early.new_graph(name=self._name, parameters=dict(parameters or {}))
        self._counts: dict[str, int] = {}
        self._sizes: dict[str, int] = {}  # elements that each node gives
        self._needs: dict[str, Need] = {}  # how many input rows and columns each node asks for
        self._windows: list[str] = []
        self._planes: dict[str, tuple[int, int]] = {}  # rows and columns of the frames of a video
        self._too_small = ""  # the first layer whose window does not fit

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
        self,
        name: str,
        kind: str,
        inputs: tuple[Output, ...],
        channels: int,
        height: int,
        width: int,
        formats: tuple[tuple[str, str], ...] = (),
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
            formats=formats,
        )
        return self._add(layer, inputs)

    def _add(self, layer: Layer, inputs: Sequence[Output] = (), second: Output | None = None) -> Output:
        """Add a node that reads `inputs`, and a product's `second` activation."""
        if layer.name in self._graph:
            self._fault(layer.name, "name", "must be given once, got it twice")
        for read in (*inputs, *((second,) if second else ())):
            if read.name not in self._graph:
                self._fault(layer.name, "inputs", f"must come from this builder, got {read.name!r}")
        if self._formats:
            layer = replace(layer, formats=tuple({**dict(self._formats), **dict(layer.formats)}.items()))
        reads = self._reads(layer, inputs)
        self._graph.add_node(layer.name, layer=layer)
        self._sizes[layer.name] = layer.output_elements
        for producer, edge in reads.items():
            self._graph.add_edge(producer, layer.name, **edge)
        if second:
            self._graph.add_edge(second.name, layer.name, operand="weights")
        if inputs and layer.name not in self._needs:
            # Elementwise work needs as many rows as it gives; of a flattened image nothing asks for more than one.
            self._needs[layer.name] = Need(inputs[0].name, _AS_MANY)
            if inputs[0].name in self._planes and layer.name not in self._planes and inputs[0].width == layer.out_width:
                self._planes[layer.name] = self._planes[inputs[0].name]
        return Output(layer.name, layer.groups * layer.out_channels, layer.out_height, layer.out_width)

    def _own(self, name: str, formats: Formats) -> tuple[tuple[str, str], ...]:
        """Number formats as a layer carries them."""
        try:
            return own_formats(formats or {})
        except NetworkError as error:
            self._fault(name, "formats", str(error).removeprefix("precision: "))

    def _reads(self, layer: Layer, inputs: Sequence[Output]) -> dict[str, dict[str, Any]]:
        """Attributes of the edges of `inputs`; vector work that reads slices says how much, a compute layer's sizes do."""
        read: dict[str, int] = {}
        for x in inputs:
            have = self._sizes[x.name]
            if x.name in read and read[x.name] + x.elements > have:
                self._fault(layer.name, "inputs", "must be different nodes, got one twice; put a 'copy' between")
            read[x.name] = read.get(x.name, 0) + x.elements
        edges: dict[str, dict[str, Any]] = {}
        for name, elements in read.items():
            edges[name] = {"operand": "inputs"}
            if not layer.is_compute and elements < self._sizes[name]:
                edges[name]["elements"] = elements
        return edges

    def _named(self, name: str, kind: str) -> str:
        """Return `name` made printable, or the kind with a running number."""
        if name:
            return printable(str(name))
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}{self._counts[kind]}"

    def _grouped(self, name: str, x: Output, out_channels: int, groups: int) -> None:
        """Check the channels of a convolution: whole numbers that its groups divide."""
        self._whole(name, out_channels=out_channels, groups=groups)
        if x.channels % groups or out_channels % groups:
            self._fault(name, "groups", f"must divide the {x.channels} inputs and {out_channels} outputs, got {groups}")

    def _whole(self, name: str, **values: int) -> None:
        for what, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                self._fault(name, what, f"must be a whole number of at least 1, got {value!r}")

    def _mismatch(self, name: str, x: Output, other: Output) -> NoReturn:
        self._check_image()  # a window that did not fit was taken as one output: then that is the cause
        self._fault(name, "inputs", f"must have one shape, got {shape_text(x)} and {shape_text(other)}")

    def _fault(self, name: str, what: str, text: str) -> NoReturn:
        raise NetworkError(f"{self._name}: {name}: {what}: {text}")

    def _steps(self, name: str, x: Output, steps: int) -> int:
        self._whole(name, steps=steps)
        if x.height % steps:
            self._fault(name, "steps", f"must divide the {x.height} rows of {x.name!r}, got {steps}")
        return steps


def shape_text(x: Output) -> str:
    """Shape of a tensor and where it comes from, for messages."""
    return f"{x.channels} x {x.height} x {x.width} of {x.name!r}"
