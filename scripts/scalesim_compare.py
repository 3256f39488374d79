"""Compute cycles of a systolic array: the `scalesim` package against closed forms, layer by layer of ResNet-50.

    python scripts/scalesim_compare.py                          closed forms against the figures kept in tests/golden
    python scripts/scalesim_compare.py --env DIR --make-env     make an environment for scalesim 3.0.0 and run it too
    python scripts/scalesim_compare.py --env DIR --write        use an environment made before, keep its figures
    python scripts/scalesim_compare.py --env DIR --complete     also complete runs, memory included, of a few layers

scalesim needs an environment of its own: it stops at the limits of an older numpy. This file runs in both, so that it
imports scalesim only as a worker (`--worker`), and nothing of the project at all.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any, NamedTuple

import yaml

PACKAGES = ("scalesim==3.0.0", "numpy<2", "pyyaml")
GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "scalesim_resnet50.yaml"
MODES = ("outputs", "weights", "inputs")
SIDES = (8, 32, 128)
SHORT = {"outputs": "os", "weights": "ws", "inputs": "is"}

COMPLETE = (("layer4.0.conv1", "weights", 128), ("layer4.1.conv2", "outputs", 128), ("layer3.1.conv1", "inputs", 32))
"""Layers, modes and sides small enough for a complete run: seconds each, a whole ResNet-50 takes many minutes."""

HEADER = """\
# Compute cycles without stalls of ResNet-50 (v1.5, 224 x 224, batch 1) on one systolic array, by the package scalesim.
unit: cycles of a layer, counted to the index of the last one (one less than their number), as the package does
origin: scalesim 3.0.0, its classes systolic_compute_os, _ws and _is, run by scripts/scalesim_compare.py
tolerance: 0
why: >-
  Both sides count whole cycles of the same array, so that nothing may differ. One cycle more in every fold is
  0.01 % to 4 % of a layer and above 1 % in 23 of the 486 cases only: a limit of 1 % would let most such mistakes pass.
columns: [layer, pixels, reduction, out_channels, {columns}]
rows:
"""


class Product(NamedTuple):
    """A layer as a matrix product: pixels x reduction by reduction x out_channels."""

    name: str
    pixels: int
    reduction: int
    out_channels: int


def resnet50() -> list[Product]:
    """The 53 convolutions and the dense layer of ResNet-50 v1.5 (stride in the 3 x 3) at 224 x 224, batch 1."""
    products = [Product("conv1", 112 * 112, 3 * 49, 64)]
    channels, side = 64, 56
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
        for block in range(blocks):
            stem = f"layer{stage}.{block}"
            inside = side // 2 if block == 0 and stage > 1 else side
            products.append(Product(f"{stem}.conv1", side * side, channels, width))
            products.append(Product(f"{stem}.conv2", inside * inside, 9 * width, width))
            products.append(Product(f"{stem}.conv3", inside * inside, width, 4 * width))
            if block == 0:
                products.append(Product(f"{stem}.downsample", inside * inside, channels, 4 * width))
            channels, side = 4 * width, inside
    products.append(Product("fc", 1, 2048, 1000))
    return products


def closed_form(mode: str, rows: int, columns: int, product: Product) -> int:
    """Cycles of one layer on a rows x columns array that keeps `mode` in place, counted as scalesim does.

    Every fold takes the same time, a ragged one too, and the next starts when the last value of this one has left:

    - outputs: pixels on the rows, out channels on the columns, reduction + rows + columns - 2 cycles a fold;
    - weights: reduction on the rows, out channels on the columns, rows to load, then pixels + rows + columns - 2;
    - inputs: reduction on the rows, pixels on the columns, rows to load, then out_channels + rows + columns - 2.

    The layer's last cycle has the index (folds x cycles of a fold) - 1. Source: scalesim 3.0.0, scalesim/compute.
    """
    _, pixels, reduction, out_channels = product
    skew = rows + columns - 2
    if mode == "outputs":
        return -(-pixels // rows) * -(-out_channels // columns) * (reduction + skew) - 1
    if mode == "weights":
        return -(-reduction // rows) * -(-out_channels // columns) * (rows + pixels + skew) - 1
    return -(-reduction // rows) * -(-pixels // columns) * (rows + out_channels + skew) - 1


def column(mode: str, side: int) -> str:
    """Name of a column of the kept table."""
    return f"{mode}_{side}"


def load_golden(path: Path = GOLDEN) -> dict[Product, dict[str, int]]:
    """Kept figures: {product: {"outputs_8": cycles, ...}}."""
    kept = yaml.safe_load(path.read_text(encoding="utf-8"))
    names = kept["columns"][4:]
    return {Product(*row[:4]): dict(zip(names, row[4:], strict=True)) for row in kept["rows"]}


def worst_error(figures: dict[Product, dict[str, int]]) -> dict[str, tuple[float, str]]:
    """{column: (largest relative difference of the closed form, its layer)}."""
    worst = {}
    for mode in MODES:
        for side in SIDES:
            key = column(mode, side)
            errors = [(abs(closed_form(mode, side, side, p) / row[key] - 1), p.name) for p, row in figures.items()]
            worst[key] = max(errors, key=lambda error: error[0])
    return worst


# ---- inside scalesim's environment ------------------------------------------------------------------------------


def worker() -> None:
    """Figures for all layers, modes and sides as JSON on standard output (needs scalesim)."""
    table = {
        product.name: {column(mode, side): stall_free_cycles(mode, side, product) for mode in MODES for side in SIDES}
        for product in resnet50()
    }
    json.dump(table, sys.stdout)


def stall_free_cycles(mode: str, side: int, product: Product) -> int:
    """Cycles from scalesim's own class: its folds x the rows of the demand matrices that it makes for one of them.

    Asking for the matrices of all folds takes gigabytes for the first layers; all folds have matrices of one height,
    because the ragged ones are padded. The operands hold no addresses here: cycles do not depend on them.
    """
    import importlib  # noqa: PLC0415 - only the worker has scalesim

    import numpy as np  # noqa: PLC0415
    from scalesim.scale_config import scale_config  # type: ignore[import-not-found]  # noqa: PLC0415

    config = scale_config()
    config.array_rows = config.array_cols = side
    config.valid_conf_flag = True  # else it refuses to tell the array's size
    name = f"systolic_compute_{SHORT[mode]}"
    array: Any = getattr(importlib.import_module(f"scalesim.compute.{name}"), name)()

    def operand(rows: int, columns: int) -> Any:
        return np.broadcast_to(np.zeros(1), (rows, columns))

    array.set_params(
        config_obj=config,
        ifmap_op_mat=operand(product.pixels, product.reduction),
        filter_op_mat=operand(product.reduction, product.out_channels),
        ofmap_op_mat=operand(product.pixels, product.out_channels),
    )
    folds = array.row_fold * array.col_fold
    array.row_fold = array.col_fold = array.row_fold_demand_matrices = 1
    heights = {matrix.shape[0] for matrix in array.get_demand_matrices()}
    if len(heights) != 1:
        raise SystemExit(f"{product.name}: {mode}: demand matrices of different heights {sorted(heights)}")
    return int(folds * heights.pop()) - 1


# ---- outside ----------------------------------------------------------------------------------------------------


def make_environment(folder: Path) -> None:
    """A virtual environment with scalesim, outside the project's."""
    venv.create(folder, with_pip=True)
    subprocess.run([python_of(folder), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)


def python_of(folder: Path) -> str:
    """The interpreter of an environment."""
    windows = folder / "Scripts" / "python.exe"
    return str(windows if windows.exists() else folder / "bin" / "python")


def run_worker(folder: Path) -> dict[Product, dict[str, int]]:
    """Figures of scalesim, run in its environment."""
    command = [python_of(folder), str(Path(__file__).resolve()), "--worker"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    table = json.loads(done.stdout)
    return {product: table[product.name] for product in resnet50()}


def complete_run(folder: Path, product: Product, mode: str, side: int) -> int:
    """ "Compute cycles" of a complete scalesim run of one layer, with memories large enough never to stall."""
    settings: dict[str, dict[str, Any]] = {
        "general": {"run_name": "one"},
        "architecture_presets": {
            "ArrayHeight": side,
            "ArrayWidth": side,
            **{f"{memory}SramSzkB": 16384 for memory in ("Ifmap", "Filter", "Ofmap")},
            "IfmapOffset": 0,
            "FilterOffset": 100_000_000,
            "OfmapOffset": 200_000_000,
            "Bandwidth": 10,
            "Dataflow": SHORT[mode],
            "MemoryBanks": 1,
            "ReadRequestBuffer": 32,
            "WriteRequestBuffer": 32,
        },
        "layout": {
            f"{operand}{key}": value
            for operand in ("Ifmap", "Filter")
            for key, value in (
                ("CustomLayout", False),
                ("SRAMBankBandwidth", 10),
                ("SRAMBankNum", 10),
                ("SRAMBankPort", 2),
            )
        },
        "sparsity": {
            "SparsitySupport": "false",
            "SparseRep": "ellpack_block",
            "OptimizedMapping": "false",
            "BlockSize": 8,
            "RandomNumberGeneratorSeed": 40,
        },
        "run_presets": {"InterfaceBandwidth": "CALC", "UseRamulatorTrace": False},
    }
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        lines = [f"[{part}]\n" + "".join(f"{k} : {v}\n" for k, v in keys.items()) for part, keys in settings.items()]
        (work / "one.cfg").write_text("".join(lines))
        _, pixels, reduction, out_channels = product
        (work / "one.csv").write_text(f"Layer, M, N, K,\n{product.name}, {pixels}, {out_channels}, {reduction},\n")
        options = ["-c", "one.cfg", "-t", "one.csv", "-l", "one.csv", "-p", "out", "-i", "gemm"]
        command = [python_of(folder), "-m", "scalesim.scale", *options]
        subprocess.run(command, check=True, capture_output=True, cwd=work)
        report = (work / "out" / "one" / "COMPUTE_REPORT.csv").read_text().splitlines()
    heads, values = ([cell.strip() for cell in line.split(",")] for line in report[:2])
    row = dict(zip(heads, values, strict=False))
    if float(row["Stall Cycles"]) != 0:
        raise SystemExit(f"{product.name}: {mode}: stalled, {row['Stall Cycles']} cycles: give it larger memories")
    return int(float(row["Total Cycles"]))


def write_golden(figures: dict[Product, dict[str, int]], path: Path = GOLDEN) -> None:
    """Keep figures as the tests read them."""
    names = [column(mode, side) for mode in MODES for side in SIDES]
    lines = [HEADER.replace("{columns}", ", ".join(names))]
    for product, row in figures.items():
        cells = [*map(str, product), *(str(row[name]) for name in names)]
        lines.append(f"- [{', '.join(cells)}]\n")
    path.write_text("".join(lines), encoding="utf-8")


def show(figures: dict[Product, dict[str, int]]) -> float:
    """Print scalesim's cycles and the closed form's error per layer; return the worst of all."""
    names = [column(mode, side) for mode in MODES for side in SIDES]
    print(f"{'layer':20s}" + "".join(f"{name:>14s} {'':8s}" for name in names))
    for product, row in figures.items():
        cells = []
        for mode in MODES:
            for side in SIDES:
                cycles = row[column(mode, side)]
                error = closed_form(mode, side, side, product) / cycles - 1
                cells.append(f"{cycles:14d} {error:+8.3%}")
        print(f"{product.name:20s}" + "".join(cells))
    worst = worst_error(figures)
    for name, (error, layer) in worst.items():
        print(f"worst of {name}: {error:.4%} ({layer})")
    return max(error for error, _ in worst.values())


def main() -> int:
    """Command line; 0 when every layer is within 1 %."""
    parser = argparse.ArgumentParser(description="scalesim against closed forms, ResNet-50 layer by layer")
    parser.add_argument("--env", type=Path, help="virtual environment of scalesim")
    parser.add_argument("--make-env", action="store_true", help="make that environment first")
    parser.add_argument("--write", action="store_true", help="keep scalesim's figures in tests/golden")
    parser.add_argument("--complete", action="store_true", help="also complete runs of a few layers")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker()
        return 0
    if options.env is None and (options.make_env or options.write or options.complete):
        parser.error("--make-env, --write and --complete need --env DIR")
    if options.make_env:
        make_environment(options.env)
    figures = run_worker(options.env) if options.env else load_golden()
    worst = show(figures)
    if options.complete:
        for name, mode, side in COMPLETE:
            product = next(p for p in resnet50() if p.name == name)
            cycles = complete_run(options.env, product, mode, side)
            expected = figures[product][column(mode, side)]
            print(f"complete run of {name}, {mode}, {side} x {side}: {cycles} cycles, from its classes {expected}")
            worst = max(worst, abs(cycles / expected - 1))
    if options.write:
        write_golden(figures)
    return 0 if worst <= 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
