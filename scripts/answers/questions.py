"""Which questions two commits are asked: single runs spread over chips, networks and options, and sweeps of every kind.

A question is plain data, so that it can be kept in a file and sent to another process. Only what the public functions take
stands in it. The choice is made by cycles of lengths without a common factor: deterministic, spread, far from the full product.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Question = dict[str, Any]

NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("resnet50", {}),
    ("mobilenet_v2", {}),
    ("gnmt", {}),
    ("densenet121", {}),
    ("vit_b32", {}),
    ("squeezenet", {}),
    ("bert_base", {}),
    ("ssd_mobilenet_v1", {}),
    ("vgg16", {"image_size": 128}),
    ("rnnt", {"frames": 60, "symbols": 20}),
    ("efficientnet_b0", {}),
    ("yolov5n", {"image_size": 416}),
    ("resnet18", {}),
    ("inception_v1", {}),
    ("dlrm", {}),
    ("unet", {"image_size": 236}),
    ("yolov3_tiny", {}),
)
"""Small and large, depthwise, with many live tensors, recurrent, of matrix products, for detection and segmentation."""

PER_CHIP = 3
"""Networks that a chip is asked, five questions each: most of the time goes into frontiers, which these share."""

BATCHES = (1, 4, 1, 4, 1, 16, 4)
OVERLAPS = ("network", "layer", "none")

Changes = tuple[tuple[str, ...], ...]

FIRST: Changes = ((), ("schedule.sub_batches=false",), (), ("schedule.keep_weights=false",), ())
"""Changes of a network's first question on a chip, in turn; overlap and batch are chosen beside them."""

SECOND: Changes = (
    ("schedule.residency=none",),
    ("schedule.sub_batches=false",),
    ("schedule.residency=none", "schedule.sub_batches=false"),
    ("overhead_us=1.5",),
)
THIRD: Changes = (
    ("sram.capacity_mib=3.3",),
    ("clock_mhz=611", "sram.bytes_per_cycle=100"),
    ("schedule.keep_weights=false", "schedule.sub_batches=false"),
    ("sram.capacity_mib=0.06",),
    ("power_limit_w=6",),
    ("sram.capacity_mib=40",),
    ("vector.lanes=16", "vector.fuses=[]"),
)
FOURTH: Changes = (
    ("schedule.placement=space",),
    ("array.count=3",),
    ("schedule.placement=space", "sram.capacity_mib=20"),
    ("sram.managed=cache",),
    ("schedule.placement=space", "array.count=24"),
    ("interconnect.multicast=false",),
    ("array.winograd=true",),
)
FOURTH_OF_GPU: Changes = (
    ("power_limit_w=60",),
    ("array.count=11",),
    ("array.async_copies=true",),
    ("clock_mhz=700", "overhead_us=2"),
    ("vector.fuses=[relu]",),
)
FIFTH: Changes = ((), ("schedule.sub_batches=false",), ("schedule.placement=space",), ())
"""Of the last question, at another batch and precision."""

WITH_DRAM: Changes = (
    ("dram.devices=3",),
    ("host.link=pcie3-x4", "call_us=20"),
    ("dram.measured_efficiency=0.4",),
)


class Chip(NamedTuple):
    """What of a chip file the choice of questions needs."""

    name: str
    precisions: tuple[str, ...]
    has_dram: bool
    is_gpu: bool


def chips_of(checkout: Path) -> list[Chip]:
    """Bundled chips that can be simulated: their files have an array."""
    found = []
    for path in sorted((checkout / "arch_configs").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^array:", text, re.MULTILINE):
            rate = re.search(r"^  rate: *\{(.*?)\}", text, re.MULTILINE)
            names = re.findall(r"(\w+):", rate[1]) if rate else ["int8"]
            has_dram, is_gpu = (re.search(key, text, re.MULTILINE) is not None for key in ("^dram:", "^  kind: sm"))
            found.append(Chip(path.stem, tuple(names), has_dram, is_gpu))
    return found


def questions(checkout: Path) -> list[Question]:
    """All questions about the chips of a checkout; each has a label that no other has."""
    asked: dict[str, Question] = {}
    for each in itertools.chain(sweeps(), runs(chips_of(checkout)), refused()):
        asked.setdefault(label_of(each), {"label": label_of(each), **each})
    return list(asked.values())


def label_of(question: Mapping[str, Any]) -> str:
    """A question in one line."""
    words = [question["kind"], question["network"]]
    words += [f"{key}={value}" for key, value in question["params"].items()]
    words += [f"on {question['chip']}", f"batch={question['batch']}", question["precision"], *question["set"]]
    if question["kind"] == "sweep":
        words += [question["design"], *(f"{key}={value}" for key, value in question["vary"].items())]
    elif question["gains"]:
        words.append("gains")
    return " ".join(words)


def run(
    network: str, params: dict[str, Any], chip: str, batch: int, precision: str, changes: Sequence[str], gains: bool
) -> Question:
    return {
        "kind": "run", "network": network, "params": params, "chip": chip, "batch": batch, "precision": precision,
        "set": list(changes), "gains": gains,
    }  # fmt: skip


def runs(chips: Sequence[Chip]) -> Iterator[Question]:
    """Each chip with some of the networks; questions that share frontiers stand together."""
    turn = itertools.count()
    for number, chip in enumerate(chips):
        third = THIRD + WITH_DRAM if chip.has_dram else THIRD
        fourth, fifth = (FOURTH_OF_GPU, FIFTH[:2]) if chip.is_gpu else (FOURTH, FIFTH)
        for place in range(PER_CHIP):
            at = next(turn)
            network, params = NETWORKS[(number * PER_CHIP + place) % len(NETWORKS)]
            first, other = (BATCHES[(at + step) % len(BATCHES)] for step in (0, 3))
            precision, another, third_one = (
                chip.precisions[(3 * place + step) % len(chip.precisions)] for step in range(3)
            )
            for step, changes in enumerate((FIRST, SECOND, third, fourth, fifth)):
                options = [f"schedule.overlap={OVERLAPS[(at // 2 + step) % 3]}", *changes[at % len(changes)]]
                last, gains = step == 4, (at + step) % 4 == 0
                own = {3: third_one, 4: another}.get(step, precision)
                yield run(network, params, chip.name, other if last else first, own, options, gains)
            if place == 0:  # as the file is, what a user asks first
                yield run(network, params, chip.name, 1, chip.precisions[0], [], True)


def refused() -> Iterator[Question]:
    """Questions that are answered by an error in words."""
    yield run("resnet18", {}, "inferx_x2", 1, "int8", [], False)
    yield run("resnet5", {}, "inferx_x1", 1, "int8", [], False)
    yield run("resnet18", {"image_sise": 3}, "inferx_x1", 1, "int8", [], False)
    yield run("resnet18", {"image_size": 3}, "inferx_x1", 1, "int8", [], False)
    yield run("resnet18", {}, "inferx_x1", 0, "int8", [], False)
    yield run("resnet18", {}, "inferx_x1", 1, "fp8", [], False)
    yield run("resnet18", {}, "inferx_x1", 1, "int8", ["sram.capasity_mib=16"], False)
    yield run("resnet18", {}, "inferx_x1", 1, "int8", ["sram.capacity_mib=0.001"], False)
    yield run("resnet18", {}, "inferx_x1", 1, "int8", ["power_limit_w=0.01"], False)
    yield run("resnet18", {}, "bm1684", 1, "int8", [], False)
    yield sweep("resnet18", "inferx_x1", {"sram.capasity_mib": "1:8:x2"})
    yield sweep("resnet18", "inferx_x1", {"sram.capacity_mib": "8:1:x2"})
    yield sweep("resnet18", "inferx_x1", {"precision": "int8,fp8"})


def sweep(
    network: str,
    chip: str,
    vary: dict[str, str],
    *changes: str,
    batch: int = 1,
    precision: str = "int8",
    design: str = "grid",
    **params: Any,
) -> Question:
    return {
        "kind": "sweep", "network": network, "params": params, "chip": chip, "batch": batch, "precision": precision,
        "set": list(changes), "vary": vary, "design": design,
    }  # fmt: skip


LAYER, NONE, AHEAD = "schedule.overlap=layer", "schedule.overlap=none", "schedule.overlap=network"
ALONE, SPACE, WHOLE = "schedule.residency=none", "schedule.placement=space", "schedule.sub_batches=false"
FETCHED = "schedule.keep_weights=false"


def sweeps() -> Iterator[Question]:
    """Every way that points are solved: in one kernel, by SRAM size, with sub-batches, one by one, and side by side."""
    yield from grids()
    yield from own_sizes()
    yield from groups()
    yield from other_chips()


def grids() -> Iterator[Question]:
    """Many points a size of the SRAM."""
    sram, clock = {"sram.capacity_mib": "0.5:64:x2"}, {"clock_mhz": "300:1500:/12"}
    memory = {"dram.devices": "1,2,4"}
    full = {**sram, **clock, **memory, "overhead_us": "0,0.7,5"}
    yield sweep("resnet50", "example_edge", full, LAYER)
    yield sweep("mobilenet_v2", "example_edge", full, NONE)
    yield sweep("resnet18", "example_edge", full, AHEAD)
    yield sweep("squeezenet", "example_edge", full, AHEAD, FETCHED)
    yield sweep("densenet121", "inferx_x1", {**sram, **clock, **memory}, LAYER, FETCHED)
    yield sweep("resnet50", "example_edge", full, LAYER, ALONE)
    yield sweep("mobilenet_v2", "inferx_x1", {**sram, **clock, **memory}, AHEAD, ALONE)
    yield sweep("resnet18", "example_edge", {**sram, **clock, **memory}, NONE, ALONE, batch=4)
    yield sweep("resnet18", "example_edge", {"sram.capacity_mib": "2:16:x2", **clock, **memory}, LAYER, batch=4)
    yield sweep(
        "mobilenet_v2",
        "example_edge",
        {"sram.capacity_mib": "2,6", "clock_mhz": "300:1500:/9", **memory},
        AHEAD,
        batch=4,
    )
    yield sweep("resnet50", "inferx_x1", {**sram, **clock, **memory}, AHEAD, WHOLE, batch=4)


def own_sizes() -> Iterator[Question]:
    """Each point its own size of the SRAM, or few points to share one."""
    drawn = {"sram.capacity_mib": "0.3:40", "clock_mhz": "200:1600", "dram.devices": "1:4"}
    yield sweep("resnet50", "example_edge", drawn, LAYER, design="random:800")
    yield sweep("resnet18", "inferx_x1", drawn, NONE, FETCHED, design="random:2000")
    yield sweep("resnet18", "example_edge", drawn, AHEAD, design="random:400")
    yield sweep("mobilenet_v2", "example_edge", drawn, AHEAD, FETCHED, design="latin:300")
    yield sweep("inception_v1", "example_edge", drawn, LAYER, ALONE, design="random:1000")
    yield sweep("resnet18", "example_edge", drawn, LAYER, batch=4, design="random:200")
    yield sweep("squeezenet", "inferx_x1", drawn, AHEAD, batch=4, design="random:200")
    yield sweep("resnet50", "example_edge", {"sram.capacity_mib": "1:32:/60", "clock_mhz": "400,700,1300,1900"}, AHEAD)
    yield sweep("bert_base", "inferx_x1", drawn, LAYER, design="random:500", precision="bf16")


def groups() -> Iterator[Question]:
    """Keys that make groups: arrays, batches, precisions, sizes of the network, options."""
    sram, clock = {"sram.capacity_mib": "1:16:x2"}, {"clock_mhz": "400:1200:/6"}
    yield sweep("resnet18", "example_edge", {"array.rows": "16,24,64", "array.count": "1,4,6", **sram, **clock}, LAYER)
    yield sweep("squeezenet", "example_edge", {"array.columns": "8:64:x2", **sram, "clock_mhz": "400:1200:/30"}, AHEAD)
    yield sweep("resnet18", "inferx_x1", {"batch": "1,2,4,8", **sram, **clock}, LAYER, WHOLE)
    yield sweep("mobilenet_v2", "example_edge", {"batch": "1,4", "precision": "int8,int16,bf16", **sram, **clock}, NONE)
    yield sweep(
        "resnet18", "example_edge", {"schedule.overlap": "none,layer,network", **sram, "clock_mhz": "400:1200:/20"}
    )
    yield sweep(
        "resnet18", "example_edge", {"param.image_size": "96,128,224", **sram, **clock, "dram.devices": "1,2"}, LAYER
    )
    yield sweep(
        "resnet18",
        "example_edge",
        {"dram.part": "lpddr4-4266-x32,ddr4-2400-x64", **sram, **clock, "vector.lanes": "32,256"},
        LAYER,
    )
    yield sweep(
        "resnet18",
        "example_edge",
        {"sram.managed": "software,cache", "schedule.sub_batches": "true,false", **sram, **clock},
        LAYER,
        batch=2,
    )
    yield sweep(
        "gnmt",
        "example_edge",
        {"dram.measured_efficiency": "0.3:0.9:/10", "dram.port_bytes_per_cycle": "8,16,32", **sram, **clock},
        AHEAD,
    )


def other_chips() -> Iterator[Question]:
    """Placement in space, no DRAM, weights on a path of their own, GPUs, power limits, rows of the kernel, too small an SRAM."""
    space = {"sram.capacity_mib": "2:32:x2", "clock_mhz": "400:1200:/6", "array.count": "4,16,60"}
    clock = {"clock_mhz": "400:1600:/20"}
    yield sweep("resnet18", "example_edge", {**space, "dram.devices": "1,2"}, SPACE)
    yield sweep("mobilenet_v2", "inferx_x1", {**space, "overhead_us": "0,1"}, SPACE, batch=4)
    yield sweep("resnet50", "groq_tsp", {"sram.capacity_mib": "20:320:x2", **clock, "overhead_us": "0,0.2,2"})
    yield sweep("mobilenet_v2", "edge_tpu", {"sram.capacity_mib": "1:16", "clock_mhz": "200:800"}, design="random:500")
    yield sweep(
        "resnet18",
        "groq_tsp",
        {"sram.capacity_mib": "4:64:x2", "clock_mhz": "300:900:/4", "array.count": "4,60"},
        SPACE,
    )
    yield sweep("resnet50", "t4", {**clock, "dram.devices": "4,8,16", "overhead_us": "0,4,9"})
    yield sweep(
        "resnet18",
        "jetson_agx_orin",
        {"sram.capacity_mib": "1:16:x2", **clock, "array.count": "4,8,16"},
        precision="fp16",
    )
    yield sweep("resnet50", "a100", {"power_limit_w": "100,200,300,400", **clock, "batch": "1,4"})
    yield sweep(
        "resnet18",
        "example_edge",
        {"sram.capacity_mib": "1:16:x2", **clock, "dram.devices": "1,2,4"},
        LAYER,
        "power_limit_w=4",
    )
    yield sweep(
        "squeezenet", "example_edge", {"power_limit_w": "2,3,5", "sram.capacity_mib": "1:16:x2", **clock}, AHEAD
    )
    yield sweep(
        "resnet50", "tpu_v1", {"sram.capacity_mib": "2:32:x2", **clock, "dram.devices": "1,2,4"}, AHEAD, batch=1
    )
    yield sweep(
        "resnet18",
        "tpu_v1",
        {"sram.capacity_mib": "1:32", "clock_mhz": "300:900"},
        LAYER,
        design="random:600",
        batch=16,
    )
    yield sweep("resnet18", "eyeriss", {"sram.capacity_mib": "0.03:1:x2", **clock}, precision="int16")
    yield sweep("mobilenet_v2", "nvdla_32", {"sram.capacity_mib": "0.001:0.5:/30", **clock}, LAYER)
    yield sweep(
        "resnet18", "dpu_b4096_x2", {"sram.capacity_mib": "0.1:4:/30", **clock, "dram.port_bytes_per_cycle": "16,64"}
    )
