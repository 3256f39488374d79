"""SCALE-Sim topologies: rows of convolutions, or of matrix products, one behind the other.

Seven numbers are a convolution whose image is padded already, three a product M, N, K; both may have a ratio of sparsity behind
them. Files of its authors also have rows with a name alone, which begin another network, remarks in further columns, tabs between
the cells, and letters in the place of sizes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.errors import NetworkError, argument, nearest
from simulator.graph.check import LARGEST_EXTENT
from simulator.graph.layer import Layer
from simulator.graph.nodes import Graph, Nodes
from simulator.graph.output import Output
from simulator.graph.window import output_extent
from simulator.store.foreign import printable

CONVOLUTION = (
    "in_height",
    "in_width",
    "kernel_height",
    "kernel_width",
    "channels",
    "filters",
    "stride",
    "stride_width",
)
PRODUCT = ("M", "N", "K")
"""What the numbers of a row are."""

_RATIO = re.compile(r"\d+:\d+")
_LETTERS = re.compile(r"[A-Za-z_]\w{0,29}")
DEPTHWISE = "DP"
"""In a layer's name: its filters work on each channel alone."""


def topology(rows: Sequence[Sequence[str]], where: str, name: str, given: Mapping[str, Any]) -> Graph:
    """The graph of a table's rows. given: sizes by the letters that stand for them. Raises NetworkError."""
    net, before, apart, count = _Chain(name), None, 0, 0
    sparse, sections = False, 0
    sizes = _sizes(rows, where, given)
    for number, row in enumerate(rows, 1):
        cells, ratio = _cells(row)
        if not cells and row[0]:  # a heading
            before, sections = None, sections + 1
            continue
        sparse |= ratio is not None and len(set(ratio.split(":"))) > 1
        if len(cells) not in (3, 7, 8):
            raise NetworkError(
                f"{where}: layer {number}: must have 7 numbers (image, filter, channels, filters, stride) "
                f"or 3 (M, N, K), got {len(cells)}"
            )
        words = PRODUCT if len(cells) == len(PRODUCT) else CONVOLUTION
        numbers = [
            sizes[cell] if cell in sizes else _whole(cell, f"{where}: layer {number}: {word}")
            for cell, word in zip(cells, words, strict=False)
        ]
        label = net.called(row[0] or f"layer{number}")
        add = net.product if words is PRODUCT else net.convolution
        before, joined = add(label, numbers, before)
        apart, count = apart + (not joined and count > 0), count + 1
    if not count:
        raise NetworkError(f"{where}: must have at least one layer, got {len(rows)} headings")
    graph = net.build()
    notes = ["SCALE-Sim tables do not say what a layer reads: each reads the one above where it fits"]
    if sections > 1:
        notes.append(f"the table has {sections} networks: they run one after another")
    if apart:
        notes.append(f"{apart} of {count} layers do not fit the one above: they read from the outer memory")
    if net.cut:
        layers = "1 layer has a filter" if net.cut == 1 else f"{net.cut} layers have filters"
        notes.append(f"{layers} larger than the image, taken as large as the image")
    if sparse:
        notes.append("sparsity of the table is not modelled: all weights count")
    graph.graph["notes"] = tuple(notes)
    return graph


def _cells(row: Sequence[str]) -> tuple[list[str], str | None]:
    """(cells that are sizes, ratio of sparsity) of a row: what stands behind an empty cell or a # are remarks."""
    cells: list[str] = []
    for cell in row[1:]:
        if not cell or cell.startswith("#"):
            break
        cells.append(cell)
    ratio = cells.pop() if cells and _RATIO.fullmatch(cells[-1]) else None
    return cells, ratio


def _sizes(rows: Sequence[Sequence[str]], where: str, given: Mapping[str, Any]) -> dict[str, int]:
    """Sizes of the letters of a table. Raises NetworkError that names all that are missing, and for a name that it has not."""
    letters = dict.fromkeys(cell for row in rows for cell in _cells(row)[0] if _LETTERS.fullmatch(cell))
    for key in given:
        if key not in letters:
            raise NetworkError(
                f"{where}: {printable(key[:60])}: no size of the table has that name{nearest(key, letters)}"
            )
    if missing := [letter for letter in letters if letter not in given]:
        asked = " ".join(f"{argument('params')} {letter}=?" for letter in missing[:20])
        raise NetworkError(f"{where}: open sizes: add {asked}")
    return {letter: _whole(given[letter], f"{where}: {letter}") for letter in letters}


def _whole(value: Any, where: str) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= LARGEST_EXTENT:
        raise NetworkError(f"{where}: must be a whole number of 1 to {LARGEST_EXTENT:,}, got {printable(text[:60])!r}")
    return int(text)


class _Chain(Nodes):
    """Layers one behind the other. cut: those with a filter larger than their image."""

    cut = 0

    def called(self, name: str) -> str:
        """A name that no other layer has."""
        text, count = printable(name)[:150] or "layer", 1
        while text in self._graph:
            count += 1
            text = f"{printable(name)[:150]}#{count}"
        return text

    def convolution(self, name: str, numbers: Sequence[int], before: Output | None) -> tuple[Output, bool]:
        """A convolution, and whether it reads the layer above: rows and columns that that has not are padding."""
        height, width, rows, columns, channels, filters, stride, *more = numbers
        across = more[0] if more else stride
        self.cut += rows > height or columns > width
        groups = channels if DEPTHWISE in name else 1
        outs = [
            output_extent(side, min(side, size), step, 1, 0, 0)
            for side, size, step in ((height, rows, stride), (width, columns, across))
        ]
        joined = (
            before is not None
            and before.channels == channels
            and 0 <= height - before.height < max(2, rows)
            and 0 <= width - before.width < max(2, columns)
        )
        if not joined or before is None:
            before = self._source(name, channels, height, width)
        high, wide = height - before.height, width - before.width
        layer = Layer(
            name,
            "conv",
            groups=groups,
            out_channels=filters,
            in_channels=channels // groups,
            out_height=outs[0],
            out_width=outs[1],
            kernel_height=min(rows, height),
            kernel_width=min(columns, width),
            stride=(stride, across),
            in_height=before.height,
            in_width=before.width,
            padding=(high // 2, high - high // 2, wide // 2, wide - wide // 2),
        )
        return self._add(layer, [before]), joined

    def product(self, name: str, numbers: Sequence[int], before: Output | None) -> tuple[Output, bool]:
        """A product of M x K with weights K x N."""
        rows, columns, reduction = numbers
        joined = (
            before is not None and before.elements >= rows * reduction and before.elements % (rows * reduction) == 0
        )
        if not joined or before is None:
            before = self._source(name, reduction, rows, 1)
        layer = Layer(name, "dense", out_channels=columns, in_channels=reduction, out_height=rows, in_height=rows)
        return self._add(layer, [Output(before.name, rows * reduction)]), joined

    def _source(self, name: str, channels: int, height: int, width: int) -> Output:
        """What comes from the host, of the first layer, or from the outer memory."""
        first = len(self._graph) == 0
        layer = Layer(
            "input" if first else self.called(f"{name}_input"),
            "input",
            out_channels=channels,
            out_height=height,
            out_width=width,
            origin="" if first else "state",
        )
        return self._add(layer)

    def build(self) -> Graph:
        """The graph."""
        return self._graph
