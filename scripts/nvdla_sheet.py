"""The public performance sheet of NVDLA, repeated from its rules: cycles and DRAM traffic per layer, no on-chip SRAM.

    python scripts/nvdla_sheet.py                    per layer at the sheet's own sizing, and frames/s of seven sizings
    python scripts/nvdla_sheet.py --network alexnet  the other network
    python scripts/nvdla_sheet.py --odd              which odd rule bites at which layer
    python scripts/nvdla_sheet.py --buffers          frames/s of ResNet-50 with buffers of 32 to 512 KiB at 2.5 GB/s

From Python, `figures(network, sizing)` gives {layer: (mac_cycles, dram_kb, layer_cycles)}, and `odd_rules(network,
sizing)` names the rules that a comparison with another model must leave out. Several of these rules are peculiar to the
sheet; that is why they live here and not in the simulator. docs/validation_nvdla.md explains them.
"""

import argparse
import functools
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

DATA = Path(__file__).resolve().parent / "data" / "nvdla_sheet.yaml"
ATOM = 16
"""Channels are padded to a multiple of this many."""
KERNELS_IN_FLIGHT = 32
"""Output channels whose weights are in the buffer at a time: a kernel group of NVDLA at int8."""
DENSE_BATCH = 16
"""Items that share the weights of a dense layer in the sheet."""


class Sizing(NamedTuple):
    """One configuration: MAC units, convolution buffer [KiB], DRAM bandwidth [GB/s], clock [MHz]."""

    macs: int
    buffer_kb: float
    dram_gb_per_s: float
    clock_mhz: float = 1000.0


class Rules(NamedTuple):
    """What the two sheets do differently."""

    kernel_rounding: int
    """Output channels are rounded up to a multiple of it in the MAC cycles."""
    refetch: bool
    """Whether too small a buffer costs traffic."""
    dense_batch: int
    """The traffic of dense weights is divided by it."""


class Figures(NamedTuple):
    """One layer: cycles of the MACs, DRAM traffic [KiB], cycles of the layer."""

    mac_cycles: float
    dram_kb: float
    layer_cycles: float


class Layer(NamedTuple):
    """One row of the sheet: its inputs."""

    name: str
    type: str
    in_ch: int
    in_h: int
    out_ch: int
    kernel: int
    stride: int
    padded: bool
    ofmap_kb: float


SHEET = Sizing(macs=2048, buffer_kb=512, dram_gb_per_s=10)
RULES = {
    "resnet50": Rules(kernel_rounding=128, refetch=True, dense_batch=1),
    "alexnet": Rules(kernel_rounding=16, refetch=False, dense_batch=DENSE_BATCH),
}


@functools.cache
def load() -> dict[str, Any]:
    """The kept copy: layers and figures of both sheets, the sizings of the primer."""
    kept: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return kept


def layers(network: str) -> list[Layer]:
    """Rows of a sheet: what goes into its formulas."""
    return [Layer(*row[: len(Layer._fields)]) for row in load()[network]["rows"]]


def printed(network: str) -> dict[str, Figures]:
    """What the sheet itself shows for each layer at its own sizing."""
    table = load()[network]
    where = [table["columns"].index(name) for name in Figures._fields]
    return {row[0]: Figures(*(row[i] for i in where)) for row in table["rows"]}


def sizings() -> list[tuple[Sizing, str]]:
    """The seven sizings of the primer with the frames/s it prints for ResNet-50."""
    return [(Sizing(*row[:3]), row[3]) for row in load()["sizings"]["rows"]]


def up(number: float, multiple: int) -> int:
    """Round up to a multiple."""
    return math.ceil(number / multiple) * multiple


def unfolded_channels(layer: Layer) -> int:
    """Input channels after a stride is unfolded into channels, padded to the atom."""
    return up(layer.in_ch * layer.stride**2, ATOM)


def kernel_side(layer: Layer) -> int:
    """Side of the kernel as it is stored: over the stride after unfolding, 4 for a 3 x 3 in Winograd form."""
    return 4 if layer.kernel == 3 else math.ceil(layer.kernel / layer.stride)


def mac_cycles(layer: Layer, rules: Rules, sizing: Sizing) -> float:
    """Padded channels x out pixels x padded out channels x kernel / (stride^2 x MACs), over 2.25 for a 3 x 3.

    The kernel over the stride is not rounded up here (7 / 2 = 3.5), though the stored weights are.
    """
    side = layer.in_h if layer.padded else layer.in_h - layer.kernel + 1
    pixels = math.ceil(side / layer.stride) ** 2
    batch = DENSE_BATCH if layer.type == "fc" else 1
    out_channels = up(layer.out_ch * batch, rules.kernel_rounding) / batch
    winograd = 2.25 if layer.kernel == 3 else 1.0
    work = unfolded_channels(layer) * pixels * out_channels * layer.kernel**2
    return work / layer.stride**2 / sizing.macs / winograd


def operands_kb(layer: Layer) -> tuple[float, float]:
    """Weights and inputs of a layer [KiB]."""
    channels = unfolded_channels(layer)
    weights = channels * kernel_side(layer) ** 2 * layer.out_ch / 1024
    inputs = channels * math.ceil(layer.in_h / layer.stride) ** 2 / 1024
    return weights, inputs


def reads_kb(layer: Layer, rules: Rules, sizing: Sizing) -> float:
    """DRAM reads of weights and inputs [KiB]: the smaller of the two is resident, the other passes by.

    A resident operand larger than the room left for it is taken in parts, and the other is read once for each part.
    Room for resident weights is the buffer less `kernel` rows of the inputs; room for resident inputs is the buffer
    less the weights of one kernel group, but at least half the buffer.
    """
    weights, inputs = operands_kb(layer)
    if layer.type == "fc":
        weights /= rules.dense_batch
    if not rules.refetch:
        return weights + inputs
    channels = unfolded_channels(layer)
    if weights <= inputs:
        row = channels * math.ceil(layer.in_h / layer.stride) / 1024
        return weights + inputs * math.ceil(weights / (sizing.buffer_kb - layer.kernel * row))
    group = KERNELS_IN_FLIGHT * channels * kernel_side(layer) ** 2 / 1024
    room = max(sizing.buffer_kb - group, sizing.buffer_kb / 2)
    return inputs + weights * math.ceil(inputs / room)


def layer_figures(layer: Layer, rules: Rules, sizing: Sizing) -> Figures:
    """One layer: the time is the longer of MACs and DRAM.

    Traffic in KiB is divided by the bandwidth as if a KiB were 1000 bytes; the DRAM cycles are rounded up.
    """
    cycles = mac_cycles(layer, rules, sizing)
    residual = layer.ofmap_kb if "elwise" in layer.type else 0.0
    traffic = reads_kb(layer, rules, sizing) + layer.ofmap_kb + residual
    dram = math.ceil(traffic * sizing.clock_mhz / sizing.dram_gb_per_s)
    return Figures(cycles, traffic, max(cycles, dram))


def figures(network: str = "resnet50", sizing: Sizing = SHEET) -> dict[str, Figures]:
    """{layer: (mac_cycles, dram_kb, layer_cycles)} by the sheet's rules, in the sheet's order."""
    return {layer.name: layer_figures(layer, RULES[network], sizing) for layer in layers(network)}


def frames_per_s(network: str = "resnet50", sizing: Sizing = SHEET) -> float:
    """Frames per second: clock / sum of the layers' cycles."""
    return sizing.clock_mhz * 1e6 / sum(row.layer_cycles for row in figures(network, sizing).values())


def odd_rules(network: str = "resnet50", sizing: Sizing = SHEET) -> dict[str, tuple[str, ...]]:
    """{layer: names of the odd rules that change its figures}; () where another model should agree.

    - `out_channels_128`: out channels rounded up to 128 at every MAC count;
    - `in_channels_16`: in channels padded to 16;
    - `unfolding`: a stride that does not divide the kernel stores the weights padded (1 x 1 stride 2: four times);
    - `refetch`: the coarse refetch rule where a better tiling needs less traffic;
    - `wrong_shape`: the sheet's row is not the network's layer;
    - `pooled_residual`: the residual input counted at the size after the pool;
    - `dense_batch`: dense weights shared by 16 items.
    """
    rules = RULES[network]
    return {layer.name: _odd(layer, rules, sizing) for layer in layers(network)}


def _odd(layer: Layer, rules: Rules, sizing: Sizing) -> tuple[str, ...]:
    weights, inputs = operands_kb(layer)
    dense = layer.type == "fc"
    applies = {
        "out_channels_128": not dense and up(layer.out_ch, rules.kernel_rounding) != up(layer.out_ch, ATOM),
        "in_channels_16": layer.in_ch * layer.stride**2 % ATOM != 0,
        "unfolding": layer.kernel % layer.stride != 0,
        "refetch": rules.refetch and reads_kb(layer, rules, sizing) > weights + inputs,
        "wrong_shape": layer.name == "Res2a_branch2a" or (layer.name == "conv1" and not layer.padded),
        "pooled_residual": layer.name == "Res5c_branch2c",
        "dense_batch": dense and rules.dense_batch > 1,
    }
    return tuple(name for name, bites in applies.items() if bites)


def folded_frames_per_s(sizing: Sizing) -> float:
    """Frames per second of ResNet-50 without the unfolding of 1 x 1 layers: the pixels that a stride skips are not read."""
    rules = RULES["resnet50"]
    plain = [
        layer._replace(in_h=layer.in_h // layer.stride, stride=1) if layer.kernel == 1 else layer
        for layer in layers("resnet50")
    ]
    return sizing.clock_mhz * 1e6 / sum(layer_figures(layer, rules, sizing).layer_cycles for layer in plain)


def show_buffers() -> None:
    """Print what a buffer is worth, with and without the unfolding."""
    print(f"{'buffer KiB':>10s}{'frames/s':>10s}{'not unfolded':>14s}")
    for buffer_kb in (32, 64, 128, 256, 512):
        sizing = Sizing(2048, buffer_kb, 2.5)
        print(f"{buffer_kb:10d}{frames_per_s(sizing=sizing):10.2f}{folded_frames_per_s(sizing):14.2f}")


def show_layers(network: str) -> float:
    """Print rules against the sheet's own figures; return the largest relative difference."""
    worst = 0.0
    print(f"{'layer':16s}{'mac cycles':>14s}{'sheet':>14s}{'dram KiB':>12s}{'sheet':>12s}{'cycles':>12s}{'sheet':>12s}")
    own, theirs = figures(network), printed(network)
    for name, row in own.items():
        cells = "".join(
            f"{mine:{w}.{d}f}{other:{w}.{d}f}"
            for mine, other, w, d in zip(row, theirs[name], (14, 12, 12), (1, 3, 0), strict=True)
        )
        error = max(abs(mine / other - 1) for mine, other in zip(row, theirs[name], strict=True))
        worst = max(worst, error)
        print(f"{name:16s}{cells}{error:10.1e}")
    print(f"frames/s {frames_per_s(network):.3f}, the sheet {load()[network]['totals']['fps']}")
    return worst


def show_odd(network: str) -> None:
    """Print the odd rules layer by layer."""
    for name, rules in odd_rules(network).items():
        print(f"{name:16s}{', '.join(rules) or '-'}")


def main() -> int:
    """Command line; 0 when all layers and sizings agree."""
    parser = argparse.ArgumentParser(description="the public NVDLA performance sheet, from its rules")
    parser.add_argument("--network", choices=sorted(RULES), default="resnet50")
    parser.add_argument("--odd", action="store_true", help="which odd rule bites where")
    parser.add_argument("--buffers", action="store_true", help="what a buffer of 32 to 512 KiB is worth")
    options = parser.parse_args()
    if options.buffers:
        show_buffers()
        return 0
    if options.odd:
        show_odd(options.network)
        return 0
    worst = show_layers(options.network)
    agrees = worst < 1e-5
    if options.network == "resnet50":
        for sizing, text in sizings():
            fps = frames_per_s(sizing=sizing)
            decimals = len(text.partition(".")[2])
            same = f"{fps:.{decimals}f}" == text
            agrees = agrees and same
            chip = f"{sizing.macs:5d} MACs {sizing.buffer_kb:4g} KiB {sizing.dram_gb_per_s:4g} GB/s"
            print(f"{chip}: {fps:8.3f} frames/s, printed {text}")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
