"""ResNets of video (D. Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018).

R3D-18 as torchvision has it: clips of 16 frames of 112 x 112 pixels, basic blocks of two 3 x 3 x 3 convolutions.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output

STAGES = (64, 128, 256, 512)


def build_r3d_18(frames: int = 16, side: int = 112, classes: int = 400) -> Graph:
    """R3D-18: the residual network with 3-D convolutions throughout."""
    net = NetworkBuilder("r3d_18", {"frames": frames, "side": side, "classes": classes})
    x = net.video(3, frames, side, side)
    x = net.conv3d(x, 64, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), activation="relu", name="stem")
    for stage, width in enumerate(STAGES):
        for number in range(2):
            x = _block(net, x, f"layer{stage + 1}_{number}", width, 2 if stage and not number else 1)
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def _block(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    """Two 3 x 3 x 3 convolutions beside the identity, or beside a 1 x 1 x 1 where the shape changes."""
    short = x if stride == 1 else net.conv3d(x, width, 1, stride=stride, name=f"{name}_downsample")
    y = net.conv3d(x, width, 3, stride=stride, padding=1, activation="relu", name=f"{name}_conv1")
    y = net.conv3d(y, width, 3, padding=1, name=f"{name}_conv2")
    return net.add(y, short, activation="relu", name=name)


NETWORKS = {"r3d_18": build_r3d_18}
