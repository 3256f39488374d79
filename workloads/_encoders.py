"""Encoders, and encoders with decoders, by their shapes: BERT and kin, ViT, Swin, CLIP, Whisper, T5.

As in bert.py: splitting and joining heads moves nothing, a scale folds into weights, masks and trained places are not counted as
work; tables of words and places are counted as parameters, normalisations are not. A decoder's rows see all rows before them and
themselves; the whole square of its scores is counted. Each builder takes what a configuration says of its shapes.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize


@dataclass(frozen=True)
class _Form:
    """What the layers of a network have in common."""

    heads: int
    ffn: int
    size: int = 0
    """Numbers a head; 0: the heads share the width."""
    bias: bool = True
    key_bias: bool = True
    activation: str = "gelu"
    gated: bool = False
    shares: str = ""
    """Name of a layer before, whose weights are those of this one; empty: its own."""

    def owner(self, part: str) -> str:
        """The part of that layer."""
        return f"{self.shares}_{part}" if self.shares else ""


def _attend(net: NetworkBuilder, x: Output, memory: Output, name: str, form: _Form) -> Output:
    """Queries of `x` against keys and values of `memory`, and the projection behind them."""
    heads, bias = form.heads, form.bias
    width = heads * form.size if form.size else x.channels
    query = net.dense(x, width, bias=bias, name=f"{name}_query", shares=form.owner("query"))
    key = net.dense(memory, width, bias=bias and form.key_bias, name=f"{name}_key", shares=form.owner("key"))
    value = net.dense(memory, width, bias=bias, name=f"{name}_value", shares=form.owner("value"))
    scores = net.matmul(query, key, heads=heads, transposed=True, name=f"{name}_scores")
    weights = net.vector("softmax", scores, name=f"{name}_softmax")
    context = net.matmul(weights, value, heads=heads, name=f"{name}_context")
    return net.dense(context, x.channels, bias=bias, name=f"{name}_projection", shares=form.owner("projection"))


def _feed_forward(net: NetworkBuilder, x: Output, name: str, form: _Form) -> Output:
    """Up, the activation or a gate, and down."""
    wide = net.dense(
        x, form.ffn, bias=form.bias, activation=form.activation, name=f"{name}_ffn1", shares=form.owner("ffn1")
    )
    if form.gated:
        gate = net.dense(x, form.ffn, bias=form.bias, name=f"{name}_gate")
        wide = net.vector("mul", wide, gate, name=f"{name}_mul")
    return net.dense(wide, x.channels, bias=form.bias, name=f"{name}_ffn2", shares=form.owner("ffn2"))


def _after(net: NetworkBuilder, x: Output, name: str, form: _Form) -> Output:
    """A layer that normalises behind each residual, as BERT."""
    y = _attend(net, x, x, name, form)
    x = net.vector("layer_norm", net.add(y, x, name=f"{name}_add1"), name=f"{name}_norm1")
    y = _feed_forward(net, x, name, form)
    return net.vector("layer_norm", net.add(y, x, name=f"{name}_add2"), name=f"{name}_norm2")


def _before(net: NetworkBuilder, x: Output, name: str, form: _Form, memory: Output | None = None) -> Output:
    """A layer that normalises before each part, as ViT; with `memory`, one that asks it too, as a decoder does."""
    y = net.vector("layer_norm", x, name=f"{name}_norm1")
    x = net.add(_attend(net, y, y, name, form), x, name=f"{name}_add1")
    if memory is not None:
        y = net.vector("layer_norm", x, name=f"{name}_norm_cross")
        x = net.add(_attend(net, y, memory, f"{name}_cross", form), x, name=f"{name}_add_cross")
    y = net.vector("layer_norm", x, name=f"{name}_norm2")
    return net.add(_feed_forward(net, y, name, form), x, name=f"{name}_add2")


def _words(net: NetworkBuilder, rows: int, hidden: int, table_rows: int, name: str = "words") -> Output:
    """Rows of an embedding table, one for each token that comes in."""
    return net.embedding(net.input(1, rows, name="tokens"), hidden, name, table_rows=table_rows)


@dataclass(frozen=True)
class _Text:
    """BERT, RoBERTa, DistilBERT, ELECTRA, ALBERT. types: kinds of segments. pooler: a dense layer on the first row. embedding:
    width of the tables, where a dense layer widens what is read of them; 0: as the rest. groups: layers of each group share
    their weights; 0: none do."""

    sequence_length: int = 128
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    vocabulary: int = 30522
    positions: int = 512
    types: int = 0
    pooler: bool = False
    embedding: int = 0
    groups: int = 0

    def graph(self) -> Graph:
        net = NetworkBuilder("encoder")
        narrow, rows = self.embedding or self.hidden, self.vocabulary + self.positions + self.types
        x = _words(net, self.sequence_length, narrow, rows, name="embedding")
        x = net.vector("layer_norm", x, name="embedding_norm")
        if narrow != self.hidden:
            x = net.dense(x, self.hidden, name="embedding_projection")
        owners: dict[int, str] = {}
        for number in range(1, self.layers + 1):
            group = (number - 1) * self.groups // self.layers if self.groups else number
            x = _after(net, x, f"layer{number}", _Form(self.heads, self.ffn, shares=owners.get(group, "")))
            owners.setdefault(group, f"layer{number}")
        if self.pooler:
            net.dense(Output(x.name, self.hidden, 1), self.hidden, activation="tanh", name="pooler")
        return net.build()


@dataclass(frozen=True)
class _Vision:
    """ViT, DeiT, BEiT, DINOv2. more_rows: beside those of the patches. classes: of the head, 0 without. places: rows of a table
    of places that is read apart; 0 without. gated: layers have a gate."""

    image_size: ImageSize = 224
    patch: int = 16
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    more_rows: int = 1
    classes: int = 0
    channels: int = 3
    places: int = 0
    gated: bool = False

    def graph(self) -> Graph:
        net = NetworkBuilder("vision")
        x = _see(net, self.image_size, self.patch, self.hidden, self.more_rows, self.channels)
        if self.places:
            asked = net.input(1, x.height, name="rows", origin="state")
            x = net.add(x, net.embedding(asked, self.hidden, "table", table_rows=self.places), name="places_add")
        form = _Form(self.heads, self.ffn, activation="silu" if self.gated else "gelu", gated=self.gated)
        for number in range(1, self.layers + 1):
            x = _before(net, x, f"layer{number}", form)
        x = net.vector("layer_norm", x, name="norm")
        if self.classes:
            net.dense(Output(x.name, self.hidden, 1), self.classes, name="classifier")
        return net.build()


def _see(
    net: NetworkBuilder,
    image_size: ImageSize,
    patch: int,
    hidden: int,
    more_rows: int,
    channels: int = 3,
    bias: bool = True,
) -> Output:
    """Patches as rows, and more rows, with their places added."""
    x = net.conv(net.image(image_size, patch, channels), hidden, patch, stride=patch, bias=bias, name="patches").rows()
    return net.vector("copy", Output(x.name, hidden, x.height + more_rows), name="places")


def swin_network(
    image_size: int = 224, patch: int = 4, hidden: int = 96, depths: str = "2x2x6x2", heads: str = "3x6x12x24", window: int = 7,
    ratio: int = 4, classes: int = 0,
) -> Graph:  # fmt: skip
    """Swin (Z. Liu et al., ICCV 2021): attention in windows, images padded to whole ones; stages of half the sides."""
    net = NetworkBuilder("swin")
    side = -(-image_size // patch)
    x = net.conv(net.image(side * patch), hidden, patch, stride=patch, bias=True, name="patches").rows()
    x = net.vector("layer_norm", x, name="patches_norm")
    width = hidden
    counts, crowds = ([int(each) for each in text.split("x")] for text in (depths, heads))
    for stage, (layers, many) in enumerate(zip(counts, crowds, strict=False), 1):
        for number in range(1, layers + 1):
            x = _windows(net, x, f"stage{stage}_layer{number}", many, side, min(window, side), ratio * width)
        if stage < len(counts):
            half = -(-side // 2)
            merged = (
                net.vector("copy", x, name=f"stage{stage}_gather")
                if side % 2 == 0
                else net.resize(x, (2, 1), name=f"stage{stage}_pad")
            )
            merged = net.vector("layer_norm", Output(merged.name, 4 * width, half * half), name=f"stage{stage}_norm")
            x, side, width = net.dense(merged, 2 * width, bias=False, name=f"stage{stage}_merge"), half, 2 * width
    x = net.vector("layer_norm", x, name="norm")
    pooled = net.global_pool(x, name="pool")
    if classes:
        net.dense(pooled, classes, name="classifier")
    return net.build()


def _windows(net: NetworkBuilder, x: Output, name: str, heads: int, side: int, window: int, ffn: int) -> Output:
    """A layer whose rows attend to those of their window: as many groups of heads as there are windows."""
    across = -(-side // window)
    windows, rows = across * across, window * window
    y = net.vector("layer_norm", x, name=f"{name}_norm1")
    if windows * rows != x.height:
        y = Output(
            net.resize(y, (-(-windows * rows // x.height), 1), name=f"{name}_pad").name, x.channels, windows * rows
        )
    parts = [net.dense(y, x.channels, name=f"{name}_{part}") for part in ("query", "key", "value")]
    query, key, value = (Output(each.name, x.channels * windows, rows) for each in parts)
    scores = net.matmul(query, key, heads=heads * windows, transposed=True, name=f"{name}_scores")
    weights = net.vector("softmax", scores, name=f"{name}_softmax")
    found = net.matmul(weights, value, heads=heads * windows, name=f"{name}_context")
    y = net.dense(Output(found.name, x.channels, x.height), x.channels, name=f"{name}_projection")
    x = net.add(y, x, name=f"{name}_add1")
    y = net.vector("layer_norm", x, name=f"{name}_norm2")
    return net.add(_feed_forward(net, y, name, _Form(heads, ffn)), x, name=f"{name}_add2")


@dataclass(frozen=True)
class _Clip:
    """CLIP: an image and a text, and the features of both."""

    image_size: ImageSize = 224
    sequence_length: int = 77
    patch: int = 32
    vision_hidden: int = 768
    vision_layers: int = 12
    vision_heads: int = 12
    vision_ffn: int = 3072
    hidden: int = 512
    layers: int = 12
    heads: int = 8
    ffn: int = 2048
    vocabulary: int = 49408
    features: int = 512

    def graph(self) -> Graph:
        net = NetworkBuilder("clip")
        x = net.vector(
            "layer_norm", _see(net, self.image_size, self.patch, self.vision_hidden, 1, bias=False), name="vision_norm0"
        )
        for number in range(1, self.vision_layers + 1):
            x = _before(net, x, f"vision{number}", _Form(self.vision_heads, self.vision_ffn))
        x = net.vector("layer_norm", Output(x.name, self.vision_hidden, 1), name="vision_norm")
        net.dense(x, self.features, bias=False, name="vision_projection")
        y = _words(net, self.sequence_length, self.hidden, self.vocabulary + self.sequence_length)
        for number in range(1, self.layers + 1):
            y = _before(net, y, f"text{number}", _Form(self.heads, self.ffn))
        y = net.vector("layer_norm", Output(y.name, self.hidden, 1), name="text_norm")
        net.dense(y, self.features, bias=False, name="text_projection")
        return net.build()


@dataclass(frozen=True)
class _Whisper:
    """Whisper: 2 x sequence_length frames of sound, and one pass of the decoder over output_length tokens."""

    sequence_length: int = 1500
    output_length: int = 1
    mels: int = 80
    hidden: int = 384
    layers: int = 4
    heads: int = 6
    ffn: int = 1536
    decoder_layers: int = 4
    vocabulary: int = 51865
    positions: int = 448

    def graph(self) -> Graph:
        net, form = NetworkBuilder("whisper"), _Form(self.heads, self.ffn, key_bias=False)
        x = net.conv(
            net.input(self.mels, 2 * self.sequence_length, name="sound"),
            self.hidden,
            (3, 1),
            padding=(1, 0),
            bias=True,
            activation="gelu",
            name="conv1",
        )
        x = net.conv(x, self.hidden, (3, 1), stride=(2, 1), padding=(1, 0), bias=True, activation="gelu", name="conv2")
        for number in range(1, self.layers + 1):
            x = _before(net, x, f"encoder{number}", form)
        memory = net.vector("layer_norm", x, name="encoder_norm")
        y = _words(net, self.output_length, self.hidden, self.positions + self.sequence_length)
        for number in range(1, self.decoder_layers + 1):
            y = _before(net, y, f"decoder{number}", form, memory)
        y = net.vector("layer_norm", y, name="decoder_norm")
        net.dense(y, self.vocabulary, bias=False, name="head")
        return net.build()


@dataclass(frozen=True)
class _T5:
    """T5: a sequence, and one pass of the decoder over output_length tokens."""

    sequence_length: int = 512
    output_length: int = 1
    hidden: int = 512
    layers: int = 6
    decoder_layers: int = 6
    heads: int = 8
    head_dim: int = 64
    ffn: int = 2048
    gated: bool = False
    vocabulary: int = 32128
    tied: bool = True

    def graph(self) -> Graph:
        net = NetworkBuilder("t5")
        activation = "gelu" if self.gated else "relu"
        form = _Form(self.heads, self.ffn, self.head_dim, bias=False, activation=activation, gated=self.gated)
        x = _words(net, self.sequence_length, self.hidden, 0 if self.tied else self.vocabulary)
        for number in range(1, self.layers + 1):
            x = _before(net, x, f"encoder{number}", form)
        memory = net.vector("layer_norm", x, name="encoder_norm")
        y = net.embedding(net.input(1, self.output_length, name="tokens_before"), self.hidden, "words_before")
        for number in range(1, self.decoder_layers + 1):
            y = _before(net, y, f"decoder{number}", form, memory)
        y = net.vector("layer_norm", y, name="decoder_norm")
        net.dense(y, self.vocabulary, bias=False, name="head")
        return net.build()


def _builder(family: Any) -> Callable[..., Graph]:
    """The builder of a family: its shapes are the parameters."""

    def build(**shapes: Any) -> Graph:
        graph: Graph = family(**shapes).graph()
        return graph

    build.__signature__ = inspect.signature(family)  # type: ignore[attr-defined]
    return build


text_network = _builder(_Text)
vision_network = _builder(_Vision)
clip_network = _builder(_Clip)
whisper_network = _builder(_Whisper)
t5_network = _builder(_T5)
