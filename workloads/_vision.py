"""Networks for images by their shapes, as configurations of Hugging Face have them: ConvNeXt, ResNet, EfficientNet, SegFormer.

Shapes of stages are texts such as 3x3x9x3. Factors and means that a layer learns are not counted as work.
"""

from dataclasses import dataclass

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from . import efficientnet, resnet
from ._encoders import _builder, _Form

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
    x = net.global_pool(x, name="pool")
    if classes:
        net.dense(x, classes, name="classifier")
    return net.build()


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
