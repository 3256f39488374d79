"""Ultra Fast Lane Detection (Z. Qin et al., "Ultra Fast Structure-aware Deep Lane Detection", ECCV 2020) on ResNet-18.

For CULane: an image of 288 x 800, four lanes at 18 heights, each in one of 200 columns or none. After training the branch that
segments is left out.
"""

from simulator.graph.build import Graph, NetworkBuilder

from .resnet import basic, stages, stem, stride_of


def build_lane_resnet18(image_size: int = 288, image_width: int = 800, cells: int = 201, anchors: int = 18) -> Graph:
    """Lane detection. `image_size`: height; `cells`: columns and none; `anchors`: heights at which lanes are looked for."""
    settings = {"image_size": image_size, "image_width": image_width, "cells": cells, "anchors": anchors}
    net = NetworkBuilder("lane_resnet18", settings)
    x = stem(net, net.input(3, image_size, image_width))
    for stage in range(4):
        x = stages(net, x, stage, 2, basic, stride_of(stage, last=False))
    x = net.conv(x, 8, 1, bias=True, name="reduce")
    x = net.dense(x.flat(), 2048, activation="relu", name="fc1")
    net.dense(x, 4 * cells * anchors, name="fc2")
    return net.build()


NETWORKS = {"lane_resnet18": build_lane_resnet18}
