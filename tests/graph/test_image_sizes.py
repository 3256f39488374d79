"""Images that are not square: every vision network takes height x width, and its work follows both sides."""

import json

import pytest
from profiles import by_night

from simulator.chip.library import entry
from simulator.cli import main
from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import asked_network, load_network, network_digest, network_parameters, summary
from simulator.run import simulate
from simulator.store import bundled

SEEING = [name for name in bundled.networks() if "image_size" in network_parameters(name)]

PADDED = {name: 32 for name in SEEING if name.startswith(("yolo", "ppyoloe", "dla", "centernet"))}
PADDED |= {"vit_b16": 16, "vit_l16": 16, "vit_b32": 32, "clip_vit_b32": 32, "swin_t": 32}
"""Networks that take multiples of so many pixels."""

MLP = '''"""A network of dense layers alone: 784 numbers, 128 units, ten classes."""

from simulator.graph.build import NetworkBuilder


def build(image_size: int = 28):
    net = NetworkBuilder("mlp")
    x = net.dense(net.input(1, image_size, image_size).flat(), 128, activation="relu")
    net.vector("softmax", net.dense(x, 10))
    return net.build()
'''

WIDE = '''"""A convolution over an image of any shape."""

from simulator import ImageSize
from simulator.graph.build import NetworkBuilder


def build(image_size: ImageSize = 32, image_size_again: int = 0):
    net = NetworkBuilder("wide")
    net.conv(net.image(image_size, 8), 16, 3, padding=1)
    return net.build()
'''


def layers_of(name, **params):
    return {key: data["layer"] for key, data in load_network(name, **params).nodes(data=True)}


@pytest.mark.parametrize("name", by_night(SEEING, SEEING[::3]))
def test_the_work_follows_height_and_width(name):
    """Windows are worked out along each side alone: a map is as high as that of a square of its height, as wide as that of one
    of its width; the products of a convolution are those of its pixels."""
    side, other = (512, 608) if name == "ssd_resnet34" else (256, 352)
    high, low = (layers_of(name, image_size=f"{each}x{each}") for each in (side, other))
    both = layers_of(name, image_size=f"{side}x{other}")
    assert both["input"].out_height == side
    assert both["input"].out_width == other
    assert list(both) == list(high) == list(low)
    for key, layer in both.items():
        if layer.kind != "conv":
            continue
        assert (layer.out_height, layer.out_width) == (high[key].out_height, low[key].out_width), key
        assert layer.macs * high[key].out_width == high[key].macs * layer.out_width, key
        assert layer.parameters == high[key].parameters


def test_twice_the_width_is_twice_the_work_of_a_network_of_convolutions():
    for name in ("yolov3", "yolov5s", "yolov8m_seg", "yolox_s", "retinaface_resnet50", "centernet_dla34"):
        square, wide = (summary(load_network(name, image_size=size))["macs"] for size in ("224x224", "224x448"))
        assert wide == 2 * square


def test_the_first_convolution_of_full_hd_by_hand():
    assert layers_of("resnet50", image_size="1080x1920")["conv1"].macs == 540 * 960 * 64 * 3 * 7 * 7
    assert layers_of("yolov5s", image_size="640x384")["conv0"].macs == 320 * 192 * 32 * 3 * 6 * 6
    flat = layers_of("vgg16", image_size="224x448")["fc6"]
    assert flat.macs == 512 * 7 * 14 * 4096


def test_positions_of_attention_are_height_times_width():
    layers = layers_of("vit_b16", image_size="224x448")
    rows = 14 * 28 + 1
    assert layers["layer1_scores"].macs == rows * rows * 768
    assert layers["layer1_query"].macs == rows * 768 * 768
    pixels = (640 // 32) * (384 // 32)
    scores = layers_of("yolo11n", image_size="640x384")["attention1_scores"]
    assert scores.out_height == pixels
    assert scores.groups * scores.out_channels == scores.groups * pixels


@pytest.mark.parametrize("name", by_night(PADDED, [*PADDED][::3]))
def test_sizes_between_are_padded_and_it_is_said(name):
    step = PADDED[name]
    padded = tuple(-(-side // step) * step for side in (1080, 1916))
    graph = load_network(name, image_size="1080x1916")
    assert graph.graph["notes"] == (f"padded from 1080x1916 to {padded[0]}x{padded[1]}",)
    assert graph.graph["parameters"]["image_size"] == "1080x1916"
    assert network_digest(graph) == network_digest(load_network(name, image_size=f"{padded[0]}x{padded[1]}"))
    assert "notes" not in load_network(name).graph


def test_unet_is_padded_where_it_pads():
    assert load_network("unet", padding="same", image_size="100x200").graph["notes"] == (
        "padded from 100x200 to 112x208",
    )
    assert "notes" not in load_network("unet", image_size="572x700").graph


def test_networks_that_have_a_width_take_both_in_one():
    for name in ("resnet50_reid", "lane_resnet18", "deeplab_mobilenet_v2"):
        one = load_network(name, image_size="320x160")
        two = load_network(name, image_size=320, image_width=160)
        assert network_digest(one) == network_digest(two)
        assert one.graph["parameters"] == two.graph["parameters"]
    with pytest.raises(NetworkError, match="image_width: must be left out where image_size is height x width"):
        load_network("resnet50_reid", image_size="320x160", image_width=160)


def test_a_square_in_words_is_the_square():
    square = load_network("resnet50", image_size="224x224")
    assert square.graph["parameters"] == load_network("resnet50").graph["parameters"]
    assert load_network("resnet50", image_size=(224, 448)).graph["parameters"]["image_size"] == "224x448"


def test_a_size_behind_the_name(tmp_path):
    assert load_network("YOLOv3@640x384").graph["parameters"]["image_size"] == "640x384"
    assert load_network("bert_base@64").graph["parameters"]["sequence_length"] == 64
    assert load_network("resnet50@1e3").graph["parameters"]["image_size"] == 1000
    place = tmp_path / "mlp.py"
    place.write_text(MLP, encoding="utf-8")
    assert summary(load_network(f"{place}@14"))["macs"] == 14 * 14 * 128 + 1280
    assert asked_network(f"{place}@14", {}) == (str(place), {"image_size": 14})
    assert asked_network("ResNet-50@320", {"classes": 10}) == ("resnet50", {"classes": 10, "image_size": 320})
    there = tmp_path / "a@b"
    there.mkdir()
    (there / "mlp.py").write_text(MLP, encoding="utf-8")
    assert load_network(str(there / "mlp.py")).graph["parameters"] == {"image_size": 28}


@pytest.mark.parametrize(
    ("name", "params", "line"),
    [
        ("yolov3@", {}, "network: 'yolov3@': must have a size behind @, such as yolov3@608"),
        (
            "yolov3@0",
            {},
            "yolov3@0: image_size: must be a whole number of at least 1, or height x width such as 1080x1920",
        ),
        ("yolov3@5ms", {}, "yolov3@5ms: image_size: must be a whole number"),
        ("yolov3@64", {"image_size": 32}, "yolov3@64: image_size: given twice"),
        ("dlrm@64", {}, "dlrm@64: dlrm has no image_size or sequence_length to set; leave @64 out"),
        ("resnet50@9999999", {}, "resnet50: image_size: must be at most 1,000,000"),
        ("resnet50", {"image_size": "9999999x5"}, "resnet50: image_size: must be at most 1,000,000 on a side"),
    ],
)
def test_sizes_that_are_none(name, params, line):
    with pytest.raises(NetworkError) as caught:
        load_network(name, **params)
    assert str(caught.value).startswith(line)


def test_a_file_takes_height_and_width_where_it_says_so(tmp_path):
    place = tmp_path / "wide.py"
    place.write_text(WIDE, encoding="utf-8")
    assert load_network(f"{place}@30x64").graph["notes"] == ("padded from 30x64 to 32x64",)
    square = tmp_path / "mlp.py"
    square.write_text(MLP, encoding="utf-8")
    with pytest.raises(
        NetworkError, match="image_size: must be a whole number, got '28x56'; for height x width annotate it"
    ):
        load_network(square, image_size="28x56")


def test_the_builder_refuses_what_is_no_size():
    with pytest.raises(NetworkError, match="net: input: size: must be a whole number of at least 1, or height x width"):
        NetworkBuilder("net").image("big")


def test_the_padding_is_a_note_of_the_result(capsys, tmp_path):
    assert main(["run", "yolov5n@1080x1920", "--chip", "example_edge"]) == 0
    assert "Note: padded from 1080x1920 to 1088x1920" in capsys.readouterr().out
    asked = simulate(load_network("yolov5n@60x100"), "example_edge")
    assert asked.notes[0] == "padded from 60x100 to 64x128"
    assert asked.latency_s == simulate(load_network("yolov5n@64x128"), "example_edge").latency_s
    place = tmp_path / "mlp.py"
    place.write_text(MLP, encoding="utf-8")
    arguments = ["--at-least", "1000/s", "--vary", "sram.capacity_mib=512KiB,1", "--no-bundled", "--json", "-"]
    assert main(["size", f"{place}@28", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["winner"] is not None


def test_every_command_that_takes_a_network_takes_a_size_and_a_file(tmp_path, capsys):
    place = tmp_path / "mlp.py"
    place.write_text(MLP, encoding="utf-8")
    network, chip = f"{place}@14", ["--chip", "example_edge"]
    asked = [
        ["run", network, *chip], ["lint", network, *chip], ["batch", network, *chip, "--batch", "1,2"],
        ["sensitivity", network, *chip], ["explain", network, "example_edge", "inferx_x1"],
        ["memory", network, *chip, "--sram", "512KiB,1MiB", "--dram", "1"],
        ["claim", "example_edge", "--network", network, "--throughput", "30fps"],
        ["compare", "example_edge", "--network", network],
        ["compare", "example_edge", "inferx_x1", "--network", network, "--uncertainty", "--draws", "100"],
        ["sweep", network, *chip, "--vary", "clock_mhz=500MHz,1GHz", "--out", str(tmp_path / "points")],
    ]  # fmt: skip
    for arguments in asked:
        assert main(arguments) == 0, (arguments, capsys.readouterr().err)


def test_results_of_a_file_say_height_and_width_and_any_spelling(tmp_path):
    chip = bundled.chips()["t4"].read_text(encoding="utf-8")
    row = "    - {network: ResNet-50 v1.5, image_size: 1080x1920, throughput_per_s: 7}\n"
    head, results, tail = chip.partition("  results:\n")
    place = tmp_path / "mine.yaml"
    place.write_text(head + results + row + tail, encoding="utf-8")
    found = entry(str(place)).published.results[0]
    assert (found.network, found.image_size) == ("resnet50", "1080x1920")
