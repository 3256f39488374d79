"""Vision transformers (A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021), and the half of CLIP that sees
(A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021).

The pixels of a patch are gathered by one convolution; patches are rows of a sequence, with one row more for the class. That row
and the places of the patches are trained numbers that are added: one piece of vector work, their parameters not counted, as those
of the normalisations. CLIP's own gelu counts as a gelu.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .bert import attend


def build_vit_b16(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """ViT-Base of 16 x 16 pixels a patch."""
    return _build("vit_b16", 16, 12, 768, 12, image_size, classes)


def build_vit_b32(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """ViT-Base of 32 x 32 pixels a patch."""
    return _build("vit_b32", 32, 12, 768, 12, image_size, classes)


def build_vit_l16(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """ViT-Large of 16 x 16 pixels a patch."""
    return _build("vit_l16", 16, 24, 1024, 16, image_size, classes)


def build_clip_vit_b32(image_size: ImageSize = 224, features: int = 512) -> Graph:
    """CLIP on ViT-Base of 32 x 32 pixels a patch: the features of an image."""
    net = NetworkBuilder("clip_vit_b32", {"image_size": image_size, "features": features})
    x = _patches(net, 32, 768, image_size, bias=False)
    x = _encode(net, net.vector("layer_norm", x, name="norm0"), 12, 12)
    net.dense(x, features, bias=False, name="project")
    return net.build()


def _build(name: str, patch: int, layers: int, hidden: int, heads: int, image_size: ImageSize, classes: int) -> Graph:
    """Patches, encoder layers, classifier."""
    net = NetworkBuilder(name, {"image_size": image_size, "classes": classes})
    x = _encode(net, _patches(net, patch, hidden, image_size, bias=True), layers, heads)
    net.dense(x, classes, name="fc")
    return net.build()


def _patches(net: NetworkBuilder, patch: int, hidden: int, image_size: ImageSize, bias: bool) -> Output:
    """Rows of the patches and one more, with their places added."""
    x = net.conv(net.image(image_size, patch), hidden, patch, stride=patch, bias=bias, name="patches").rows()
    return net.vector("copy", Output(x.name, hidden, x.height + 1), name="places")


def _encode(net: NetworkBuilder, x: Output, layers: int, heads: int) -> Output:
    """Encoder layers that normalise before they look; of the last, the row of the class."""
    for number in range(1, layers + 1):
        name = f"layer{number}"
        y = attend(net, net.vector("layer_norm", x, name=f"{name}_norm1"), name, heads)
        x = net.add(y, x, name=f"{name}_add1")
        y = net.vector("layer_norm", x, name=f"{name}_norm2")
        y = net.dense(y, 4 * x.channels, activation="gelu", name=f"{name}_ffn1")
        x = net.add(net.dense(y, x.channels, name=f"{name}_ffn2"), x, name=f"{name}_add2")
    return net.vector("layer_norm", Output(x.name, x.channels), name="norm")


NETWORKS = {
    "vit_b16": build_vit_b16,
    "vit_b32": build_vit_b32,
    "vit_l16": build_vit_l16,
    "clip_vit_b32": build_clip_vit_b32,
}
