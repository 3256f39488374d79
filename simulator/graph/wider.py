"""What a builder of a layer graph adds beyond plain layers: elementwise work, transposed and 3-D convolutions, attention."""

import math
from typing import Any, TypedDict, Unpack

from simulator.errors import nearest
from simulator.graph.layer import Layer
from simulator.graph.nodes import Formats, Nodes, Size
from simulator.graph.output import Output
from simulator.graph.window import output_extent
from simulator.store.calls import usual
from simulator.vocabulary import ELEMENTWISE

Size3 = int | tuple[int, int, int]
"""One number for all three axes, or (frames, height, width)."""


class Finish(TypedDict, total=False):
    """What layers with weights may be given beside their shape."""

    bias: bool
    """One trained number an output channel, counted as parameters."""
    activation: str
    """Kind of the elementwise work behind the layer, "" for none."""
    name: str
    """Of the layer; its kind and a number unless given."""
    formats: Formats
    """Number formats that the network itself asks for, of the layer and its activation."""


PLAIN = Finish(bias=False, activation="", name="", formats=None)
"""Where nothing is said."""


class Wider(Nodes):
    """The layers of a builder that stand for more than one plain loop nest, and what they share."""

    def vector(self, kind: str, *inputs: Output, name: str = "", formats: Formats = None) -> Output:
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
        return self._add_vector(name, kind, inputs, x.channels, x.height, x.width, self._own(name, formats))

    def add(self, *inputs: Output, activation: str = "", name: str = "", formats: Formats = None) -> Output:
        """Add two or more tensors (a residual), then `activation`."""
        return self._activated(self.vector("add", *inputs, name=name, formats=formats), activation, formats)

    @usual(**PLAIN)
    def transposed(
        self,
        x: Output,
        out_channels: int,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Size | None = None,
        output_padding: Size | None = None,
        groups: int = 1,
        **more: Unpack[Finish],
    ) -> Output:
        """Add a transposed convolution: every input is spread over `kernel` outputs, `stride` apart.

        Outputs along an axis: (inputs - 1) x stride - 2 x padding + kernel + output_padding. MACs: one for each input, output
        channel and kernel element, those that the padding cuts off included. Padding is 0 and output_padding 0 unless given.
        """
        name = self._named(more["name"], "transposed")
        self._grouped(name, x, out_channels, groups)
        k, s = self._pair(name, "kernel", kernel), self._pair(name, "stride", stride)
        cut, over = self._least_pair(name, "padding", padding), self._least_pair(name, "output_padding", output_padding)
        if over[0] >= s[0] or over[1] >= s[1]:
            self._fault(name, "output_padding", f"must be below the stride {s[0]} x {s[1]}, got {over[0]} x {over[1]}")
        rows, columns = ((n - 1) * s[a] - 2 * cut[a] + k[a] + over[a] for a, n in enumerate((x.height, x.width)))
        if min(rows, columns) < 1:
            self._fault(name, "padding", f"must leave outputs, got {rows} x {columns}")
        return self._finished(
            name, "conv", x, more, groups=groups, out_channels=out_channels // groups, in_channels=x.channels // groups,
            out_height=rows, out_width=columns, kernel_height=k[0], kernel_width=k[1], stride=s,
            padding=(cut[0], cut[0], cut[1], cut[1]), in_height=x.height, in_width=x.width, transposed=True,
        )  # fmt: skip

    def _least_pair(self, name: str, what: str, value: Size | None) -> tuple[int, int]:
        """Two whole numbers of at least 0."""
        pair = value if isinstance(value, tuple) else (value or 0, value or 0)
        good = [each for each in pair if isinstance(each, int) and not isinstance(each, bool) and each >= 0]
        if len(good) != 2 or len(pair) != 2:
            self._fault(name, what, f"must be one whole number of at least 0 or (height, width), got {value!r}")
        return good[0], good[1]

    def video(self, channels: int, frames: int, height: int, width: int, name: str = "input") -> Output:
        """Add a video (or another volume) as an input. Frames lie along the height, the pixels of a frame along the width."""
        name = self._named(name, "input")
        self._whole(name, channels=channels, frames=frames, height=height, width=width)
        self._planes[name] = (height, width)
        return self._add(Layer(name, "input", out_channels=channels, out_height=frames, out_width=height * width))

    @usual(**PLAIN)
    def conv3d(
        self,
        x: Output,
        out_channels: int,
        kernel: Size3,
        *,
        stride: Size3 = 1,
        padding: Size3 = 0,
        dilation: Size3 = 1,
        groups: int = 1,
        **more: Unpack[Finish],
    ) -> Output:
        """Add a convolution over frames, rows and columns of a `video`, or of what a layer made of one.

        Sizes are one number or (frames, height, width). MACs, parameters and tensors are exact. Pixels of a frame are one axis,
        along which a window reaches as far as in the image: (kernel - 1) rows and columns.
        """
        name = self._named(more["name"], "conv3d")
        self._grouped(name, x, out_channels, groups)
        window = self._volume(name, x, kernel, stride, padding, dilation)
        inputs = x.channels // groups
        return self._finished(
            name, "conv", x, more, groups=groups, out_channels=out_channels // groups, in_channels=inputs, **window
        )

    def pool3d(
        self, x: Output, kernel: Size3, *, stride: Size3 | None = None, padding: Size3 = 0, name: str = ""
    ) -> Output:
        """Add maximum or average pooling over frames, rows and columns; the stride is the kernel unless given."""
        name = self._named(name, "pool3d")
        window = self._volume(name, x, kernel, kernel if stride is None else stride, padding, 1)
        return self._add(Layer(name, "pool", out_channels=x.channels, in_channels=x.channels, **window), [x])

    def _volume(
        self, name: str, x: Output, kernel: Size3, stride: Size3, padding: Size3, dilation: Size3
    ) -> dict[str, Any]:
        """Fields of a `Layer` whose window slides over a volume; its pixels become one axis with as many taps."""
        if self._planes.get(x.name, (0, 0))[0] * self._planes.get(x.name, (0, 0))[1] != x.width:
            self._fault(
                name, "inputs", f"must be a video, or made of one by layers that keep its pixels, got {x.name!r}"
            )
        given = {"kernel": kernel, "stride": stride, "dilation": dilation}
        k, s, d = (self._triple(name, what, value, 1) for what, value in given.items())
        pad = self._triple(name, "padding", padding, 0)
        extents = (x.height, *self._planes[x.name])
        out = [output_extent(extents[a], k[a], s[a], d[a], pad[a], pad[a]) for a in range(3)]
        if min(out) < 1:
            sizes = " x ".join(map(str, extents))
            self._fault(name, "inputs", f"must be at least as large as the window, got {sizes} (frames, height, width)")
        self._planes[name] = (out[1], out[2])
        pixels, taps = out[1] * out[2], k[1] * k[2]
        # The span of the window over the pixels of a frame, row behind row, is that of its taps: they lie evenly in it.
        span = (k[1] - 1) * d[1] * extents[2] + (k[2] - 1) * d[2] + 1
        step = max(1, -(-(x.width - (span - 1)) // pixels)) if taps == 1 else max(1, x.width // pixels)
        apart = max(1, (span - 1) // max(1, taps - 1))
        while math.gcd(apart, step) > 1:  # so that no input is skipped that the window reads
            apart -= 1
        over = max(0, (pixels - 1) * step + (taps - 1) * apart + 1 - x.width)
        return {
            "out_height": out[0],
            "out_width": pixels,
            "kernel_height": k[0],
            "kernel_width": taps,
            "stride": (s[0], step),
            "dilation": (d[0], apart),
            "padding": (pad[0], pad[0], over // 2, over - over // 2),
            "in_height": x.height,
            "in_width": x.width,
        }

    def _triple(self, name: str, what: str, value: Size3, least: int) -> tuple[int, int, int]:
        """Three whole numbers."""
        three = value if isinstance(value, tuple) else (value, value, value)
        good = [each for each in three if isinstance(each, int) and not isinstance(each, bool) and each >= least]
        if len(good) != 3 or len(three) != 3:
            self._fault(
                name, what, f"must be one whole number of at least {least} or (frames, height, width), got {value!r}"
            )
        return good[0], good[1], good[2]

    def attention(
        self,
        query: Output,
        key: Output,
        value: Output,
        *,
        heads: int,
        groups: int = 0,
        window: Size | None = None,
        name: str = "",
    ) -> Output:
        """Add softmax(Q K') V, head by head: two products and the softmax between.

        groups: heads of keys and values, each shared by heads / groups of the queries; as many as heads unless given. window:
        each position sees those of its own window alone, (height, width) pixels or so many rows of a sequence; windows must
        divide the positions. Without it each sees all.
        """
        name, groups = self._named(name, "attention"), groups or heads
        self._whole(name, heads=heads, groups=groups)
        if heads % groups:
            self._fault(name, "groups", f"must divide the {heads} heads, got {groups}")
        for x, parts in ((query, heads), (key, groups), (value, groups)):
            if x.channels % parts:
                self._fault(name, "heads", f"must divide the {x.channels} channels of {x.name!r}, got {parts}")
        depth, wide = query.channels // heads, value.channels // groups
        if key.channels // groups != depth or (key.height, key.width) != (value.height, value.width):
            self._mismatch(name, key, value)
        rows, windows = self._windows_of(name, query, window)
        keys, same = self._windows_of(name, key, window)
        if windows != same:
            self._mismatch(name, query, key)
        if len({query.name, key.name, value.name}) < 3:
            self._fault(name, "inputs", "must be three nodes; put a 'copy' between")
        rows *= heads // groups
        fixed: dict[str, Any] = {"groups": groups * windows, "out_height": rows, "in_height": rows}
        scores = self._add(
            Layer(f"{name}_scores", "matmul", in_channels=depth, out_channels=keys, **fixed), [query], key
        )
        shares = self._add_vector(f"{name}_softmax", "softmax", (scores,), scores.channels, scores.height, scores.width)
        context = Layer(f"{name}_context", "matmul", in_channels=keys, out_channels=wide, **fixed)
        found = self._add(context, [shares], value)
        return Output(found.name, heads * wide, query.height, query.width)

    def _windows_of(self, name: str, x: Output, window: Size | None) -> tuple[int, int]:
        """(positions of a window, windows) of a tensor."""
        if window is None:
            return x.height * x.width, 1
        sides = (window, 1) if isinstance(window, int) and x.width == 1 else self._pair(name, "window", window)
        self._whole(name, window=sides[0])
        if x.height % sides[0] or x.width % sides[1]:
            self._fault(
                name, "window", f"must divide {x.height} x {x.width} of {x.name!r}, got {sides[0]} x {sides[1]}"
            )
        return sides[0] * sides[1], x.height // sides[0] * (x.width // sides[1])

    def _finished(self, name: str, kind: str, x: Output, more: Finish, **sizes: Any) -> Output:
        """Add a layer of these sizes with what it was given beside them, and its activation."""
        layer = Layer(name, kind, has_bias=more["bias"], formats=self._own(name, more["formats"]), **sizes)
        return self._activated(self._add(layer, [x]), more["activation"], more["formats"])

    def _activated(self, x: Output, activation: str, formats: Formats = None) -> Output:
        return self.vector(activation, x, name=f"{x.name}_{activation}", formats=formats) if activation else x
