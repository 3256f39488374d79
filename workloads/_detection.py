"""Detectors with transformers by their shapes, as configurations of Hugging Face have them: DETR and YOLOS.

What is counted is as in `_encoders.py`: what is added to queries and keys for their places is not.
"""

from dataclasses import dataclass

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from ._encoders import _after, _before, _builder, _Form, _see
from ._encoders_more import _after_memory
from ._vision import Stages, resnet_features


@dataclass(frozen=True)
class _Detr:
    """DETR (N. Carion et al., ECCV 2020): a ResNet, an encoder of its pixels, a decoder of `queries` boxes. before: layers
    normalise before each part. classes: with the one for no object."""

    image_size: ImageSize = "800x1333"
    depths: Stages = "3x4x6x3"
    widths: Stages = "256x512x1024x2048"
    bottleneck: bool = True
    hidden: int = 256
    layers: int = 6
    heads: int = 8
    ffn: int = 2048
    decoder_layers: int = 6
    decoder_heads: int = 8
    decoder_ffn: int = 2048
    queries: int = 100
    classes: int = 92
    before: bool = False
    channels: int = 3

    def graph(self) -> Graph:
        net = NetworkBuilder("detr")
        x = net.image(self.image_size, 32, self.channels)
        x = resnet_features(net, x, 64, self.depths, self.widths, self.bottleneck)
        x = net.conv(x, self.hidden, 1, bias=True, name="input_projection").rows()
        form = _Form(self.heads, self.ffn, activation="relu")
        for number in range(1, self.layers + 1):
            x = (_before if self.before else _after)(net, x, f"encoder{number}", form)
        memory = net.vector("layer_norm", x, name="encoder_norm") if self.before else x
        form = _Form(self.decoder_heads, self.decoder_ffn, activation="relu")
        y = _table(net, self.queries, self.hidden, self.queries, "queries")
        for number in range(1, self.decoder_layers + 1):
            name = f"decoder{number}"
            y = _before(net, y, name, form, memory) if self.before else _after_memory(net, y, name, form, memory)
        y = net.vector("layer_norm", y, name="decoder_norm")
        net.dense(y, self.classes, name="classes")
        _box(net, y)
        return net.build()


@dataclass(frozen=True)
class _Yolos:
    """YOLOS (Y. Fang et al., NeurIPS 2021): a ViT with a row more for each box. places: rows of the tables of places, that before
    the first layer and, with `each`, that before each other one."""

    image_size: ImageSize = "512x864"
    patch: int = 16
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    boxes: int = 100
    places: int = 1829
    each: bool = True
    classes: int = 92
    channels: int = 3

    def graph(self) -> Graph:
        net, form = NetworkBuilder("yolos"), _Form(self.heads, self.ffn)
        x = _see(net, self.image_size, self.patch, self.hidden, 1 + self.boxes, self.channels)
        x = net.add(x, _table(net, x.height, self.hidden, self.places, "places0"), name="places0_add")
        for number in range(1, self.layers + 1):
            x = _before(net, x, f"layer{number}", form)
            if self.each and number < self.layers:
                own = f"places{number}"
                x = net.add(x, _table(net, x.height, self.hidden, self.places, own), name=f"{own}_add")
        x = net.vector("layer_norm", Output(x.name, self.hidden, self.boxes), name="norm")
        y = net.dense(x, self.hidden, activation="relu", name="classes1")
        y = net.dense(y, self.hidden, activation="relu", name="classes2")
        net.dense(y, self.classes, name="classes3")
        _box(net, x)
        return net.build()


def _table(net: NetworkBuilder, rows: int, hidden: int, table_rows: int, name: str) -> Output:
    """Rows of a table that the network holds."""
    asked = net.input(1, rows, name=f"{name}_rows", origin="state")
    return net.embedding(asked, hidden, f"{name}_table", table_rows=table_rows)


def _box(net: NetworkBuilder, x: Output) -> None:
    """Four numbers of each row, through two layers."""
    for number in (1, 2):
        x = net.dense(x, x.channels, activation="relu", name=f"box{number}")
    net.dense(x, 4, activation="sigmoid", name="box3")


detr_network = _builder(_Detr)
yolos_network = _builder(_Yolos)
