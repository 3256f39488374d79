"""Networks for images by their shapes, as configurations of Hugging Face have them: ConvNeXt, ResNet, RegNet,
EfficientNet, SegFormer, MobileViT.

Shapes of stages are texts such as 3x3x9x3. Factors and means that a layer learns are not counted as work.
"""

from dataclasses import dataclass

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from . import efficientnet, resnet
from ._encoders import _builder, _feed_forward, _Form
from .mobilenet import by_8

Stages = str


def _numbers(stages: Stages) -> list[int]:
    return [int(each) for each in stages.split("x")]


def convnext_network(
    image_size: ImageSize = 224, patch: int = 4, depths: Stages = "3x3x9x3", widths: Stages = "96x192x384x768", classes: int = 0,
    response_norm: bool = False, channels: int = 3,
) -> Graph:  # fmt: skip
    """ConvNeXt (Z. Liu et al., CVPR 2022): 7x7 of each channel, then four times as wide and back. response_norm: version 2."""
    net, counts, wide = NetworkBuilder("convnext"), _numbers(depths), _numbers(widths)
    x = net.image(image_size, patch * 2 ** (len(counts) - 1), channels)
    x = net.conv(x, wide[0], patch, stride=patch, bias=True, name="patches")
    x = net.vector("layer_norm", x, name="patches_norm")
    for stage, (count, width) in enumerate(zip(counts, wide, strict=True), 1):
        if stage > 1:
            x = net.vector("layer_norm", x, name=f"stage{stage}_norm")
            x = net.conv(x, width, 2, stride=2, bias=True, name=f"stage{stage}_halve")
        for number in range(1, count + 1):
            name = f"stage{stage}_block{number}"
            y = net.depthwise(x, 7, padding=3, bias=True, name=f"{name}_depthwise")
            y = net.vector("layer_norm", y, name=f"{name}_norm")
            y = net.conv(y, 4 * width, 1, bias=True, activation="gelu", name=f"{name}_widen")
            if response_norm:
                y = net.vector("layer_norm", y, name=f"{name}_response_norm")
            y = net.conv(y, width, 1, bias=True, name=f"{name}_narrow")
            x = net.add(y, x, name=f"{name}_add")
    pooled = net.vector("layer_norm", net.global_pool(x, name="pool"), name="norm")
    if classes:
        net.dense(pooled, classes, name="classifier")
    return net.build()


def resnet_network(
    image_size: ImageSize = 224, embedding: int = 64, depths: Stages = "3x4x6x3", widths: Stages = "256x512x1024x2048",
    bottleneck: bool = True, first_stride: int = 1, classes: int = 0, channels: int = 3,
) -> Graph:  # fmt: skip
    """ResNet with stages of any depth and width. first_stride: of the first stage, which follows a pool."""
    net = NetworkBuilder("resnet")
    x = net.image(image_size, channels=channels)
    x = net.global_pool(resnet_features(net, x, embedding, depths, widths, bottleneck, first_stride), name="pool")
    if classes:
        net.dense(x, classes, name="classifier")
    return net.build()


def resnet_features(
    net: NetworkBuilder, x: Output, embedding: int, depths: Stages, widths: Stages, bottleneck: bool, first_stride: int = 1
) -> Output:  # fmt: skip
    """The same up to its last stage, of an image."""
    x = net.conv(x, embedding, 7, stride=2, padding=3, activation="relu", name="conv1")
    x = net.pool(x, 3, stride=2, padding=1, name="pool1")
    for stage, (count, width) in enumerate(zip(_numbers(depths), _numbers(widths), strict=True), 1):
        for number in range(1, count + 1):
            stride = (first_stride if stage == 1 else 2) if number == 1 else 1
            name = f"stage{stage}_block{number}"
            if bottleneck:
                x = resnet.bottleneck_v1_5(net, x, name, width // 4, stride)
            else:
                x = resnet.basic(net, x, name, width, stride)
    return x


@dataclass(frozen=True)
class _Regnet:
    """RegNet (I. Radosavovic et al., CVPR 2020): blocks of 1x1, 3x3 in groups of `group` channels, 1x1. squeeze: Y, else X."""

    image_size: ImageSize = 224
    embedding: int = 32
    depths: Stages = "2x6x12x2"
    widths: Stages = "128x192x512x1088"
    group: int = 64
    squeeze: bool = True
    first_stride: int = 2
    classes: int = 0
    channels: int = 3

    def graph(self) -> Graph:
        net = NetworkBuilder("regnet")
        x = net.image(self.image_size, channels=self.channels)
        x = net.conv(x, self.embedding, 3, stride=2, padding=1, activation="relu", name="conv0")
        for stage, (count, width) in enumerate(zip(_numbers(self.depths), _numbers(self.widths), strict=True), 1):
            for number in range(1, count + 1):
                stride = (self.first_stride if stage == 1 else 2) if number == 1 else 1
                x = self._block(net, x, f"stage{stage}_block{number}", width, stride)
        x = net.global_pool(x, name="pool")
        if self.classes:
            net.dense(x, self.classes, name="classifier")
        return net.build()

    def _block(self, net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
        """Three convolutions, and the means that weigh the channels, beside the image or a 1x1 of it."""
        short, groups = x, max(1, width // self.group)
        if stride != 1 or x.channels != width:
            short = net.conv(x, width, 1, stride=stride, name=f"{name}_branch1")
        y = net.conv(x, width, 1, activation="relu", name=f"{name}_branch2a")
        y = net.conv(y, width, 3, stride=stride, padding=1, groups=groups, activation="relu", name=f"{name}_branch2b")
        if self.squeeze:
            y = efficientnet.excite(net, y, name, max(1, round(x.channels / 4)), "relu")
        y = net.conv(y, width, 1, name=f"{name}_branch2c")
        return net.add(y, short, activation="relu", name=name)


regnet_network = _builder(_Regnet)


def efficientnet_network(
    image_size: ImageSize = 224, width: float = 1.0, depth: float = 1.0, classes: int = 1000
) -> Graph:
    """EfficientNet, as wide and deep as its two factors say."""
    return efficientnet.classic(width, depth, image_size, classes)


@dataclass(frozen=True)
class _Segformer:
    """SegFormer (E. Xie et al., NeurIPS 2021): attention to a smaller image. labels: of pixels; classes: of the whole image."""

    image_size: ImageSize = 512
    depths: Stages = "2x2x2x2"
    widths: Stages = "32x64x160x256"
    heads: Stages = "1x2x5x8"
    reductions: Stages = "8x4x2x1"
    kernels: Stages = "7x3x3x3"
    strides: Stages = "4x2x2x2"
    ratio: int = 4
    decoder: int = 256
    labels: int = 0
    classes: int = 0
    channels: int = 3

    def graph(self) -> Graph:
        net = NetworkBuilder("segformer")
        x, seen = net.image(self.image_size, 32, self.channels), []
        lists = (self.depths, self.widths, self.heads, self.reductions, self.kernels, self.strides)
        for stage, (count, width, many, less, kernel, stride) in enumerate(zip(*map(_numbers, lists), strict=True), 1):
            x = net.conv(x, width, kernel, stride=stride, padding=kernel // 2, bias=True, name=f"stage{stage}_patches")
            x = net.vector("layer_norm", x, name=f"stage{stage}_patches_norm")
            form = _Form(many, self.ratio * width)
            for number in range(1, count + 1):
                x = _mixed(net, x, f"stage{stage}_block{number}", form, less)
            x = net.vector("layer_norm", x, name=f"stage{stage}_norm")
            seen.append(x)
        if self.classes:
            net.dense(net.global_pool(x, name="pool"), self.classes, name="classifier")
        if self.labels:
            self._label(net, seen)
        return net.build()

    def _label(self, net: NetworkBuilder, seen: list[Output]) -> None:
        """All stages as large as the first, as many channels each, and what each pixel is."""
        wide = []
        for stage, part in enumerate(seen, 1):
            y = net.conv(part, self.decoder, 1, bias=True, name=f"decoder{stage}")
            factor = seen[0].height // part.height
            wide.append(y if stage == 1 else net.resize(y, factor, name=f"decoder{stage}_resize"))
        y = net.conv(net.concat(*wide, name="decoder_concat"), self.decoder, 1, activation="relu", name="decoder_fuse")
        net.conv(y, self.labels, 1, bias=True, name="labels")


segformer_network = _builder(_Segformer)


def _mixed(net: NetworkBuilder, x: Output, name: str, form: _Form, less: int) -> Output:
    """Attention to an image of 1 / less of the sides, and a feed-forward layer with a 3x3 of each channel inside."""
    y = net.vector("layer_norm", x, name=f"{name}_norm1")
    memory = y
    if less > 1:
        memory = net.conv(y, x.channels, less, stride=less, bias=True, name=f"{name}_reduce")
        memory = net.vector("layer_norm", memory, name=f"{name}_reduce_norm")
    query = net.dense(y.rows(), x.channels, name=f"{name}_query")
    key, value = (net.dense(memory.rows(), x.channels, name=f"{name}_{part}") for part in ("key", "value"))
    y = net.attention(query, key, value, heads=form.heads, name=f"{name}_attention")
    y = net.dense(y, x.channels, name=f"{name}_projection").image(x.height, x.width)
    x = net.add(y, x, name=f"{name}_add1")
    y = net.vector("layer_norm", x, name=f"{name}_norm2")
    y = net.conv(y, form.ffn, 1, bias=True, name=f"{name}_ffn1")
    y = net.depthwise(y, 3, padding=1, bias=True, activation="gelu", name=f"{name}_depthwise")
    y = net.conv(y, x.channels, 1, bias=True, name=f"{name}_ffn2")
    return net.add(y, x, name=f"{name}_add2")


@dataclass(frozen=True)
class _MobileVit:
    """MobileViT (S. Mehta and M. Rastegari, ICLR 2022): inverted residuals, and attention among the pixels that have one place
    in their patches. necks: channels of the stem, of five stages and before the classifier; widths: of the three transformers.
    """

    image_size: ImageSize = 256
    necks: Stages = "16x32x64x96x128x160x640"
    widths: Stages = "144x192x240"
    heads: int = 4
    ratio: float = 2.0
    expand: float = 4.0
    patch: int = 2
    classes: int = 0
    channels: int = 3

    def graph(self) -> Graph:
        net, necks = NetworkBuilder("mobilevit"), _numbers(self.necks)
        x = net.image(self.image_size, 32 * self.patch, self.channels)
        x = net.conv(x, necks[0], 3, stride=2, padding=1, activation="silu", name="conv_stem")
        for stage, (count, stride) in enumerate(((1, 1), (3, 2)), 1):
            for number in range(1, count + 1):
                name = f"stage{stage}_block{number}"
                x = self._inverted(net, x, name, necks[stage], stride if number == 1 else 1)
        for stage, (layers, width) in enumerate(zip((2, 4, 3), _numbers(self.widths), strict=True), 3):
            x = self._inverted(net, x, f"stage{stage}_block1", necks[stage], 2)
            x = self._transformed(net, x, f"stage{stage}", width, layers)
        x = net.conv(x, necks[6], 1, activation="silu", name="conv_last")
        x = net.global_pool(x, name="pool")
        if self.classes:
            net.dense(x, self.classes, name="classifier")
        return net.build()

    def _inverted(self, net: NetworkBuilder, x: Output, name: str, channels: int, stride: int) -> Output:
        """1x1 that widens, 3x3 of each channel, 1x1 that narrows."""
        y = net.conv(x, by_8(round(x.channels * self.expand)), 1, activation="silu", name=f"{name}_expand")
        y = net.depthwise(y, 3, stride=stride, padding=1, activation="silu", name=f"{name}_depthwise")
        y = net.conv(y, channels, 1, name=f"{name}_project")
        return net.add(y, x, name=f"{name}_add") if stride == 1 and x.channels == channels else y

    def _transformed(self, net: NetworkBuilder, x: Output, name: str, width: int, layers: int) -> Output:
        """Transformers between convolutions, beside the image as it was."""
        y = net.conv(x, x.channels, 3, padding=1, activation="silu", name=f"{name}_conv1")
        y = net.conv(y, width, 1, name=f"{name}_conv2").rows()
        alike = y.height // self.patch**2  # pixels that have one place in their patches
        form = _Form(self.heads, int(self.ratio * width), activation="silu")
        for number in range(1, layers + 1):
            own = f"{name}_layer{number}"
            z = net.vector("layer_norm", y, name=f"{own}_norm1")
            query, key, value = (net.dense(z, width, name=f"{own}_{part}") for part in ("query", "key", "value"))
            z = net.attention(query, key, value, heads=self.heads, window=alike, name=f"{own}_attention")
            y = net.add(net.dense(z, width, name=f"{own}_projection"), y, name=f"{own}_add1")
            z = net.vector("layer_norm", y, name=f"{own}_norm2")
            y = net.add(_feed_forward(net, z, own, form), y, name=f"{own}_add2")
        y = net.vector("layer_norm", y, name=f"{name}_norm").image(x.height, x.width)
        y = net.conv(y, x.channels, 1, activation="silu", name=f"{name}_projection")
        y = net.concat(x, y, name=f"{name}_concat")
        return net.conv(y, x.channels, 3, padding=1, activation="silu", name=f"{name}_fusion")


mobilevit_network = _builder(_MobileVit)
