"""More encoders by their shapes, of the same parts: DeBERTa, ModernBERT, BART and kin, SigLIP, Wav2Vec2 and HuBERT.

What is counted is as in `_encoders.py`. Rotations of queries and keys are not counted as work.
"""

from dataclasses import dataclass

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from ._encoders import _after, _attend, _before, _builder, _feed_forward, _Form, _see, _words


@dataclass(frozen=True)
class _Deberta:
    """DeBERTa (P. He et al., ICLR 2021): scores also of contents against relative places, and of places against contents.

    span: rows of the table of places on either side. whole: all of them are read, however short the sequence (version 2).
    shared: places go through the queries' and keys' own layers. to_place, from_place: which of the two scores there are.
    kernel: of a convolution beside the first layer; 0 without.
    """

    sequence_length: int = 128
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    vocabulary: int = 50265
    positions: int = 0
    types: int = 0
    embedding: int = 0
    span: int = 512
    whole: bool = False
    shared: bool = False
    key_bias: bool = False
    to_place: bool = True
    from_place: bool = True
    kernel: int = 0

    def graph(self) -> Graph:
        net = NetworkBuilder("deberta")
        narrow = self.embedding or self.hidden
        x = _words(net, self.sequence_length, narrow, self.vocabulary + self.positions + self.types, name="embedding")
        if narrow != self.hidden:
            x = net.dense(x, self.hidden, bias=False, name="embedding_projection")
        x = net.vector("layer_norm", x, name="embedding_norm")
        places = None
        if self.to_place or self.from_place:
            rows = 2 * (self.span if self.whole else min(self.span, self.sequence_length))
            asked = net.input(1, rows, name="distances", origin="state")
            places = net.embedding(asked, self.hidden, "places", table_rows=2 * self.span)
            if self.whole:
                places = net.vector("layer_norm", places, name="places_norm")
        form, first = _Form(self.heads, self.ffn), x
        for number in range(1, self.layers + 1):
            name = f"layer{number}"
            y = self._attention(net, x, places, name)
            x = net.vector("layer_norm", net.add(y, x, name=f"{name}_add1"), name=f"{name}_norm1")
            y = _feed_forward(net, x, name, form)
            x = net.vector("layer_norm", net.add(y, x, name=f"{name}_add2"), name=f"{name}_norm2")
            if self.kernel and number == 1:
                pad = (self.kernel // 2, 0)
                y = net.conv(
                    first, self.hidden, (self.kernel, 1), padding=pad, bias=True, activation="tanh", name="conv"
                )
                x = net.vector("layer_norm", net.add(y, x, name="conv_add"), name="conv_norm")
        return net.build()

    def _attention(self, net: NetworkBuilder, x: Output, places: Output | None, name: str) -> Output:
        """Three kinds of scores, added, and the projection."""
        heads, width = self.heads, self.hidden
        query = net.dense(x, width, name=f"{name}_query")
        key = net.dense(x, width, bias=self.key_bias, name=f"{name}_key")
        value = net.dense(x, width, name=f"{name}_value")
        scores = net.matmul(query, key, heads=heads, transposed=True, name=f"{name}_scores")
        found = [scores]
        for wanted, part, own, other in (
            (self.to_place, "to_place", query, "key"), (self.from_place, "from_place", key, "query"),
        ):  # fmt: skip
            if wanted and places is not None:
                bias = self.key_bias or other == "query"
                shares = f"{name}_{other}" if self.shared else ""
                far = net.dense(places, width, bias=bias, name=f"{name}_{part}_{other}", shares=shares)
                far = net.matmul(own, far, heads=heads, transposed=True, name=f"{name}_{part}_scores")
                # Of each row the scores of the distances to the others.
                far = Output(far.name, scores.channels, scores.height)
                found.append(net.vector("copy", far, name=f"{name}_{part}_gather"))
        summed = net.add(*found, name=f"{name}_scores_add") if len(found) > 1 else scores
        weights = net.vector("softmax", summed, name=f"{name}_softmax")
        context = net.matmul(weights, value, heads=heads, name=f"{name}_context")
        return net.dense(context, width, name=f"{name}_projection")


@dataclass(frozen=True)
class _Modern:
    """ModernBERT (B. Warner et al., 2024): gated layers without biases. window: tokens that most layers see of each other."""

    sequence_length: int = 128
    hidden: int = 768
    layers: int = 22
    heads: int = 12
    ffn: int = 1152
    vocabulary: int = 50368
    window: int = 128

    def graph(self) -> Graph:
        net = NetworkBuilder("modernbert")
        x = _words(net, self.sequence_length, self.hidden, self.vocabulary, name="embedding")
        x = net.vector("layer_norm", x, name="embedding_norm")
        form = _Form(self.heads, self.ffn, bias=False, gated=True)
        for number in range(1, self.layers + 1):
            x = _before(net, x, f"layer{number}", form)
        net.vector("layer_norm", x, name="norm")
        graph = net.build()
        if self.sequence_length > self.window:
            note = f"approximated: layers that see {self.window:,} tokens of each other are counted as if they saw all"
            graph.graph["notes"] = (*graph.graph.get("notes", ()), note)
        return graph


@dataclass(frozen=True)
class _Bart:
    """BART, mBART, Pegasus, Marian: a sequence, and one pass of the decoder over output_length tokens, which has seen as many.

    before: normalises before each part, as mBART and Pegasus do. positions: rows of each of the two tables of places.
    """

    sequence_length: int = 128
    output_length: int = 1
    hidden: int = 768
    layers: int = 6
    heads: int = 12
    ffn: int = 3072
    decoder_layers: int = 6
    decoder_heads: int = 12
    decoder_ffn: int = 3072
    vocabulary: int = 50265
    positions: int = 1026
    before: bool = False
    activation: str = "gelu"

    def graph(self) -> Graph:
        net = NetworkBuilder("bart")
        form = _Form(self.heads, self.ffn, activation=self.activation)
        x = _words(net, self.sequence_length, self.hidden, self.positions)
        x = x if self.before else net.vector("layer_norm", x, name="words_norm")
        for number in range(1, self.layers + 1):
            x = (_before if self.before else _after)(net, x, f"encoder{number}", form)
        memory = net.vector("layer_norm", x, name="encoder_norm") if self.before else x
        form = _Form(self.decoder_heads, self.decoder_ffn, activation=self.activation)
        before = net.input(1, self.output_length, name="tokens_before")
        y = net.embedding(before, self.hidden, "words_before", table_rows=self.positions)
        y = y if self.before else net.vector("layer_norm", y, name="words_before_norm")
        for number in range(1, self.decoder_layers + 1):
            y = (_before if self.before else _after_memory)(net, y, f"decoder{number}", form, memory)
        if self.before:
            y = net.vector("layer_norm", y, name="decoder_norm")
        net.dense(y, self.vocabulary, bias=False, name="head")
        return net.build()


def _after_memory(net: NetworkBuilder, x: Output, name: str, form: _Form, memory: Output) -> Output:
    """A decoder's layer that normalises behind each residual and asks `memory` too."""
    y = _attend(net, x, x, name, form)
    x = net.vector("layer_norm", net.add(y, x, name=f"{name}_add1"), name=f"{name}_norm1")
    y = _attend(net, x, memory, f"{name}_cross", form)
    x = net.vector("layer_norm", net.add(y, x, name=f"{name}_add_cross"), name=f"{name}_norm_cross")
    y = _feed_forward(net, x, name, form)
    return net.vector("layer_norm", net.add(y, x, name=f"{name}_add2"), name=f"{name}_norm2")


@dataclass(frozen=True)
class _Siglip:
    """SigLIP (X. Zhai et al., ICCV 2023): an image, whose patches a learnt row asks, and a text, whose last row counts."""

    image_size: ImageSize = 224
    sequence_length: int = 64
    patch: int = 16
    vision_hidden: int = 768
    vision_layers: int = 12
    vision_heads: int = 12
    vision_ffn: int = 3072
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    vocabulary: int = 32000
    positions: int = 64

    def graph(self) -> Graph:
        net = NetworkBuilder("siglip")
        x = _see(net, self.image_size, self.patch, self.vision_hidden, 0)
        form = _Form(self.vision_heads, self.vision_ffn)
        for number in range(1, self.vision_layers + 1):
            x = _before(net, x, f"vision{number}", form)
        x = net.vector("layer_norm", x, name="vision_norm")
        probe = net.input(self.vision_hidden, 1, name="probe", origin="state")
        x = _attend(net, probe, x, "vision_pool", form)
        y = net.vector("layer_norm", x, name="vision_pool_norm")
        net.add(_feed_forward(net, y, "vision_pool", form), x, name="vision_pool_add")
        y = _words(net, self.sequence_length, self.hidden, self.vocabulary + self.positions)
        for number in range(1, self.layers + 1):
            y = _before(net, y, f"text{number}", _Form(self.heads, self.ffn))
        y = net.vector("layer_norm", Output(y.name, self.hidden, 1), name="text_norm")
        net.dense(y, self.vision_hidden, name="text_projection")
        return net.build()


@dataclass(frozen=True)
class _Speech:
    """Wav2Vec2 (A. Baevski et al., NeurIPS 2020) and HuBERT: sound, of which sequence_length frames come out, 50 a second.

    channels, kernels, strides: of the convolutions, as 512x512. normed: all of them are normalised, not the first alone. before:
    layers normalise before each part. place_kernel, place_groups: of the convolution that says where a frame is. letters: of the
    output, 0 without.
    """

    sequence_length: int = 499
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    channels: str = "512x512x512x512x512x512x512"
    kernels: str = "10x3x3x3x3x2x2"
    strides: str = "5x2x2x2x2x2x2"
    conv_bias: bool = False
    normed: bool = False
    before: bool = False
    place_kernel: int = 128
    place_groups: int = 16
    letters: int = 32

    def graph(self) -> Graph:
        net, form = NetworkBuilder("speech"), _Form(self.heads, self.ffn)
        channels, kernels, strides = (
            [int(each) for each in text.split("x")] for text in (self.channels, self.kernels, self.strides)
        )
        samples = self.sequence_length
        for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
            samples = (samples - 1) * stride + kernel
        x = net.input(1, samples, name="sound")
        for number, (wide, kernel, stride) in enumerate(zip(channels, kernels, strides, strict=True), 1):
            x = net.conv(x, wide, (kernel, 1), stride=(stride, 1), bias=self.conv_bias, name=f"conv{number}")
            if self.normed or number == 1:
                x = net.vector("layer_norm", x, name=f"conv{number}_norm")
            x = net.vector("gelu", x, name=f"conv{number}_gelu")
        x = net.dense(net.vector("layer_norm", x, name="sound_norm"), self.hidden, name="sound_projection")
        pad = (self.place_kernel // 2, 0)
        y = net.conv(
            x, self.hidden, (self.place_kernel, 1), padding=pad, groups=self.place_groups, bias=True, activation="gelu",
            name="places",
        )  # fmt: skip
        x = net.add(Output(y.name, self.hidden, x.height), x, name="places_add")
        x = x if self.before else net.vector("layer_norm", x, name="places_norm")
        for number in range(1, self.layers + 1):
            x = (_before if self.before else _after)(net, x, f"layer{number}", form)
        x = net.vector("layer_norm", x, name="norm") if self.before else x
        if self.letters:
            net.dense(x, self.letters, name="letters")
        return net.build()


deberta_network = _builder(_Deberta)
modern_network = _builder(_Modern)
bart_network = _builder(_Bart)
siglip_network = _builder(_Siglip)
speech_network = _builder(_Speech)
