"""Runtimes: what of a language model's time belongs to the software that runs it. Few constants, by class, none by chip."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from simulator.chip.array import Array
from simulator.chip.change import changed_chip
from simulator.chip.schema import Architecture
from simulator.errors import OptionError, nearest
from simulator.graph.language import Decoder
from simulator.store.data import read_data
from simulator.units import (
    GPU_ARRAY_EFFICIENCY,
    GPU_ARRAY_EFFICIENCY_ASYNC,
    GPU_ARRAY_EFFICIENCY_DIRECT,
    GPU_L2_EFFICIENCY,
    GPU_STEP_CYCLES,
    MICRO,
    PORT_EFFICIENCY,
)
from simulator.vocabulary import IN_BLOCKS, WIDENING

USUAL, OTHER = "compiled", "npu"
"""Classes of runtimes of unknown families: on a GPU or beside stacked memory, as servers have it, and on any other chip."""


PIECE = 512
"""Tokens of a prompt that are computed together where nothing else is told: `n_ubatch` of llama.cpp."""

BLOCK = 32
"""Numbers of a block with one scale."""

BLOCK_BYTES, TILE, TAKEN = 36, 128, 256
"""Of 32 inputs in 8 bits and their scale (`block_q8_1`) [B]; rows and columns of outputs of a thread block; numbers of the
reduction whose weights it holds at once (`mmq_y`, `mmq_x`, `MMQ_ITER_K`, ggml/src/ggml-cuda/mmq.cuh)."""

CONVERTED, SCALED = 16, 2
"""Integers that a multiprocessor turns into floats a cycle, and operations of a lane for one of them: times the scale of the
weights; times that of the inputs and added (`vec_dot_q8_0_q8_1_mma`, ggml/src/ggml-cuda/mmq.cuh). 16: CUDA C++ Programming Guide,
throughput of native arithmetic instructions, "all other type conversions"; for every chip, though H100 may do more."""


WIDENED = 17 / 8
"""Operations of a lane for a weight of 4 bits that becomes a number of 16: eight together take 9 to become numbers, and 8 to be
shifted by their zero and scaled (`dequantize_s4_to_fp16x2`, and what follows in `gemm_forward_4bit_cuda_m16n128k32`, AutoAWQ)."""


@dataclass(frozen=True)
class Runtime:
    """A runtime by name, or a class of them."""

    name: str
    kind: str
    """Class whose constants it takes."""
    us_per_kernel: float | None
    """Between two operations of a chip whose file has no time of its own; None: as the model has it. [us]"""
    reads_by_head: bool = False
    """Attention of one new token reads the cache once for each query head."""
    windows: bool = True
    """Whether it keeps to the window of a model that has one."""
    most: int | None = None
    """Sequences at once."""
    alone: str = ""
    """What it computes a prompt with where each operation is a kernel of its own whose result goes through the memory in 32 bits:
    `copies` where products take and give 16-bit copies, `direct` where they do not, `blocks` where those of narrow weights take
    copies of 8 bits; empty: as the chip file fuses."""
    fused_attention: bool = False
    """Where operations are alone: all of attention is one kernel."""
    pairs: bool = False
    """Where operations are alone: some two that follow each other are one kernel; see `added.Alone`."""
    piece: int = PIECE
    """Where operations are alone: tokens of a prompt that are computed together."""
    served: bool = False
    """Whether kernels of its own run between products; see `added.Served`."""
    row_by_row: bool = False
    """Whether each row goes alone through a kernel for one vector, which turns every weight into a float anew; see
    `passing.rows_in_turn` for the rows of several sequences."""
    tile_rows: int = 0
    """Rows of a prompt that a thread block of its products of 4-bit weights has, which widens its weights; 0: as the model."""
    splits: int = 1
    """Parts of the reduction of such products, whose sums of 16 bits pass the memory."""
    score_bytes: int = 0
    """Moved of a score of attention over prompts, where that is single operations on numbers of 16 bits. [B]"""
    takes_free: bool = False
    """Whether caches take a share of the memory that weights leave, not caches and weights together a share of all."""
    half_sums: bool = False
    """Sums of 16-bit products have 16 bits."""
    vector_bytes: float | None = None
    """Most that a multiprocessor reads a cycle of 16-bit weights that meet a single vector; None: no such limit. [B]"""
    weight_operations: float | None = None
    """Operations of a lane that its kernel for further tokens takes to widen and multiply a weight of 4 bits, on a chip that is
    no GPU, as if lanes that it leaves idle worked too; None: the lanes of the chip widen weights, its array multiplies them."""
    known: bool = True
    hint: str = ""
    """What to say where none is told."""

    def on(self, chip: Architecture) -> Architecture:
        """The chip as this runtime uses it."""
        changes: dict[str, Any] = {}
        if self.us_per_kernel is not None and chip.overhead_us is None:
            changes["overhead_us"] = self.us_per_kernel
        if self.half_sums and chip.array is not None and chip.array.half_sums != 1.0:
            rates = {str(word): value for word, value in chip.array.rate.items()}
            changes["array.rate"] = {**rates, "fp16": rates["fp16"] * chip.array.half_sums}
        return changed_chip(chip, changes, f"runtime {self.name}")

    def on_one(self, chip: Architecture) -> Architecture:
        """The chip as this runtime uses it where 16-bit weights meet a single vector."""
        if self.vector_bytes is None or not chip.is_gpu or chip.array is None or chip.dram is None:
            return chip
        wide = self.vector_bytes * chip.array.count / PORT_EFFICIENCY
        return changed_chip(chip, {"dram.port_bytes_per_cycle": wide}, f"runtime {self.name}")

    def on_tokens(self, chip: Architecture, width: float) -> Architecture:
        """The chip as this runtime uses it for further tokens with weights of so many bytes, where it has a kernel of its own.

        The same instructions widen and multiply, so what they take stands for both.
        """
        if self.weight_operations is None or width >= 1.0 or chip.is_gpu:
            return chip
        operations = {str(word): value for word, value in chip.vector.operations.items()}
        operations[WIDENING] = self.weight_operations
        return changed_chip(chip, {"vector.operations": operations}, f"runtime {self.name}")

    def on_blocks(self, chip: Architecture, width: float) -> Architecture:
        """The chip as this runtime uses it for products of weights of so many bytes, below 16 bits, which take blocks of 8 bits.

        Each sum over a block leaves the matrix unit as an integer, becomes a float, and is scaled and added on the lanes, one
        after the other; the kernel's copies pass registers, also where the chip could do without.
        """
        if self.alone != "blocks" or width >= 2.0 or not chip.is_gpu or chip.array is None:
            return chip
        rates = {str(word): value for word, value in chip.array.rate.items()}
        if not {"int8", "fp16"} <= set(rates):
            return chip
        own = chip.array.rows * chip.array.columns
        each = 1.0 / (rates["int8"] * own)  # cycles of a multiply-accumulate, on one multiprocessor
        each += (1.0 / CONVERTED + SCALED * chip.array.count / chip.vector.lanes) / BLOCK
        each = each / GPU_ARRAY_EFFICIENCY + _loading(chip, width)
        return self._narrow(chip, min(rates["fp16"], 1.0 / (_usual_share(chip.array) * each * own)))

    def on_rows(self, chip: Architecture, width: float) -> Architecture:
        """The chip as this runtime uses it for prompts of weights of so many bytes, where it takes their rows one by one.

        A multiply-accumulate takes one weight that becomes a float (`gemv_kernel_g128` of AutoAWQ and llm-awq).
        """
        if not self.row_by_row or width >= 2.0 or not chip.is_gpu or chip.array is None:
            return chip
        own = chip.array.rows * chip.array.columns * _usual_share(chip.array)
        return self._narrow(chip, CONVERTED / own)

    def on_tiles(self, chip: Architecture, width: float) -> Architecture:
        """The chip as this runtime uses it for prompts of weights of so many bytes, where its thread blocks have few rows.

        Each block widens its weights on the lanes, then multiplies them, in turn; its copies pass registers.
        """
        if not self.tile_rows or width >= 2.0 or not chip.is_gpu or chip.array is None:
            return chip
        own = chip.array.rows * chip.array.columns
        rates = {str(word): value for word, value in chip.array.rate.items()}
        if "fp16" not in rates:
            return chip
        each = 1.0 / (rates["fp16"] * own) + WIDENED * chip.array.count / (self.tile_rows * chip.vector.lanes)
        return self._narrow(chip, GPU_ARRAY_EFFICIENCY / _usual_share(chip.array) / (each * own))

    def _narrow(self, chip: Architecture, rate: float) -> Architecture:
        """The chip with another rate of products of narrow weights."""
        rates = {} if chip.array is None else {str(word): value for word, value in chip.array.rate.items()}
        pairs = {f"{word}*fp16": rate for word in IN_BLOCKS}
        return changed_chip(chip, {"array.rate": {**rates, **pairs}}, f"runtime {self.name}")

    def reads_again(self, decoder: Decoder) -> int:
        """How many times more than once a token reads the cache."""
        return decoder.heads // decoder.kv_heads - 1 if self.reads_by_head and not decoder.latent else 0

    @property
    def note(self) -> str:
        """What to say where it is not known, or not told; else empty."""
        if self.known:
            return self.hint
        near = nearest(self.name, known_runtimes())
        told = near if "did you mean" in near else ""
        return f"runtime {self.name}: not known, so it takes the constants of its class, {self.kind}{told}"


def _loading(chip: Architecture, width: float) -> float:
    """Cycles of a multiply-accumulate to fetch its tiles from the cache, by the only thread block of a multiprocessor.

    A block has 128 x 128 outputs, with shared memory for no second one beside it. It takes weights of so many bytes and inputs,
    waits for all threads, multiplies, waits, takes further inputs for the same weights, and so on (`mul_mat_q_process_tile`).
    Other multiprocessors are elsewhere in that round, so the link of each is the limit, not the cache of all.
    """
    if chip.array is None:
        return 0.0
    rate = GPU_L2_EFFICIENCY * chip.interconnect.bytes_per_cycle / chip.array.count
    return (width + BLOCK_BYTES / BLOCK) / TILE / rate + 2 * GPU_STEP_CYCLES / (TILE * TILE * TAKEN)


def _usual_share(array: Array) -> float:
    """Share of the rate that kernels of a chip usually reach within a block."""
    if array.async_products:
        return GPU_ARRAY_EFFICIENCY_DIRECT
    return GPU_ARRAY_EFFICIENCY_ASYNC if array.async_copies else GPU_ARRAY_EFFICIENCY


MODEL_OWN = Runtime("", "", None)
"""No runtime is told: the time between kernels is the model's own."""


@cache
def known_runtimes() -> Mapping[str, Runtime]:
    """{name: runtime} of all that are known, and of the classes."""
    data = read_data("runtimes.yaml")
    found = {kind: Runtime(kind, kind, row["us_per_kernel"]) for kind, row in data["classes"].items()}
    for name, row in data["runtimes"].items():
        found[name] = _made(name, row, found[row["class"]])
    return found


def _made(name: str, row: Mapping[str, Any], kind: Runtime) -> Runtime:
    own = row.get("token_kernel")
    return Runtime(
        name,
        kind.name,
        kind.us_per_kernel,
        reads_by_head=row.get("cache_reads", "group") == "head",
        windows=row.get("windows", True),
        most=row.get("most"),
        alone=row.get("alone", ""),
        fused_attention=row.get("attention") == "fused",
        pairs=row.get("pairs") == "fused",
        served=row.get("between") == "kernels",
        row_by_row=row.get("prompts") == "rows",
        tile_rows=row.get("tile_rows", 0),
        splits=row.get("splits", 1),
        score_bytes=row.get("score_bytes", 0),
        takes_free=row.get("caches") == "free",
        half_sums=row.get("sums", "fp32") == "fp16",
        vector_bytes=row.get("vector_bytes"),
        weight_operations=own and own["cycles"] * own["lanes"] / (own["weights"] * own["tiles"]),
    )


def runtime_of(name: str | None, chip: Architecture) -> Runtime:
    """A runtime or a class by name. One that is not known takes the class of its family (`vllm-0.12` that of `vllm-0.11`), else
    the usual one on such a chip, and says so; without a name nothing is changed.

    Raises OptionError for what is no name.
    """
    known, serves = known_runtimes(), chip.is_gpu or _has_stacks(chip)
    if name is None:
        if serves or chip.overhead_us is not None:
            return MODEL_OWN
        return replace(MODEL_OWN, hint=untold([chip.overhead_s / MICRO]))
    if name in known:
        return known[name]
    if not re.fullmatch(r"[a-z][a-z0-9.+_-]{0,60}", name):
        raise OptionError(key="runtime", must="be a name such as vllm-0.11, or a class: compiled, eager, npu", got=name)
    family = name.partition("-")[0]
    kin = [one.kind for one in known.values() if one.name.partition("-")[0] == family]
    kind = known[kin[-1] if kin else USUAL if serves else OTHER]
    return replace(kind, name=name, known=False)


def untold(gaps_us: Sequence[float]) -> str:
    """What is taken where no runtime is told. gaps_us: between two operations, of one chip or of several. [us]"""
    words = [f"{gap:.2g}" for gap in (min(gaps_us), max(gaps_us))]
    taken = " to ".join(dict.fromkeys(words)) + (" us, by chip," if words[0] != words[1] else " us")
    own = known_runtimes()[OTHER].us_per_kernel
    return f"no runtime is told, so {taken} pass between two operations; runtimes of class {OTHER} take {own:g}"


def _has_stacks(chip: Architecture) -> bool:
    """Whether its memory is stacked, as that of servers."""
    return chip.dram is not None and (chip.dram.family or chip.dram.part).startswith("hbm")
