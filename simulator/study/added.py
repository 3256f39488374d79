"""What a runtime adds to a pass beside the work of the model: caches read again, and operations that are kernels of their own."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from simulator.chip.schema import Architecture
from simulator.graph.language import ACTIVATIONS, Decoder
from simulator.result.form import Result
from simulator.result.gains import bound_of
from simulator.study.repeating import rates_of
from simulator.study.runtimes import PIECE
from simulator.units import GPU_ROUND_CYCLES, GPU_VECTOR_L2_EFFICIENCY, MICRO

FLOAT, HALF, BLOCK = 4, 2, 36 / 32
"""Bytes of a number between two kernels, of its copy of 16 bits for a product, and of one in a block of 8 bits (`block_q8_1`)."""


POSITIONS_BYTES = 3.5
"""Moved for each number of queries, keys and values by a kernel before attention of prompts that rotates them and writes the
cache [B]. Fitted on attention of prompts on an A100 and an H100 (`kernel_rows`)."""

EXPERTS_US = 33.0
"""Of experts: gating, sorting, two products and the sum take so long to launch [us]. Fitted on an A100 and an H100
(`kernel_rows`)."""


class Moved(NamedTuple):
    """Bytes between kernels, and those of them that the cache does not hold, which pass the outer memory."""

    every: float
    missed: float


@dataclass(frozen=True)
class Alone:
    """Operations of a decoder, each a kernel that reads and writes the memory: what that adds to a pass that fuses them.

    Counted from the graph of llama.cpp and its CUDA kernels of May 2024 (`build_llama`, `ggml_cuda_op_mul_mat_cublas`,
    `ggml_cuda_mul_mat_batched_cublas`), for any decoder. way: `copies`: products take 16-bit copies of their inputs, and their
    results are copied back to 32 bits; `direct`: they read and write 32 bits; `blocks`: those of weights below 16 bits take
    copies in blocks of 8 bits and write 32 (`ggml_cuda_mul_mat_q`), others as `copies`; `inputs`: they take 16-bit copies and
    write 32 bits (`ggml_sycl_op_mul_mat_sycl` with oneDNN). weight: bytes of a stored weight.
    scores: attention too is single operations, through whose scores the memory goes. pairs: a normalisation and its scale are
    one kernel, as are an activation and the product with it, and the sum of all experts (`ggml_cuda_op_rms_norm_fused`,
    `ggml_swiglu_split`, `ggml_cuda_op_fused_add`). piece: tokens that are computed together. cached_bytes: of a shared cache,
    what serves tensors.
    """

    decoder: Decoder
    way: str
    weight: float = HALF
    scores: bool = True
    pairs: bool = False
    piece: int = PIECE
    cached_bytes: float = 0.0

    @property
    def copies(self) -> bool:
        """Whether products take and give 16-bit copies."""
        return self.way == "copies" or (self.way == "blocks" and self.weight >= HALF)

    @property
    def wide(self) -> int:
        """Products into a feed-forward: two where a gate is multiplied in."""
        return 2 if ACTIVATIONS[self.decoder.activation][1] else 1

    @property
    def copy_bytes(self) -> tuple[float, float]:
        """Added by each number that enters a product, and that leaves one: a copy is written and read; else it is wider."""
        if self.copies:
            return FLOAT + HALF, FLOAT + HALF
        if self.way == "inputs":
            return FLOAT + HALF, FLOAT - HALF
        return FLOAT + 2 * BLOCK - HALF if self.way == "blocks" else FLOAT - HALF, FLOAT - HALF

    def tensors(self, layer: int) -> list[tuple[int, float]]:
        """(numbers of a tensor, bytes that kernels move of it) of a token in a layer, by the length of the tensor.

        Each expert of a token has inputs and results of its own, which are then scaled and added up.
        """
        own, hidden, (into, out) = self.decoder, self.decoder.hidden, self.copy_bytes
        queries, kept = own.heads * own.head_dim, own.kv_heads * own.head_dim
        experts = own.has_experts(layer)
        width = own.active * own.expert_ffn + own.shared_ffn if experts else own.ffn
        normed = (2 if self.pairs else 4) * FLOAT  # scaled by a kernel of its own
        activated = (2 if self.wide == 1 else 3 if self.pairs else 2 + 3) * FLOAT
        attended = into + out if self.scores else 2 * (FLOAT - HALF)
        of_queries = (
            2 * FLOAT + 2 * FLOAT * self.scores + attended + into + out
        )  # turned, joined, attended, both products
        of_kept = 2 * FLOAT + 2 * (FLOAT + HALF) + 2 * out  # turned, stored, the products
        if own.qk_norm:
            of_queries, of_kept = of_queries + normed, of_kept + normed
        found = [
            (hidden, hidden * (2 * normed + 2 * 3 * FLOAT + (3 + self.wide) * into + 2 * out)),
            (queries, queries * of_queries),
            (kept, kept * of_kept),
            (width, width * (activated + into + self.wide * out)),
        ]
        if experts:
            summed = (own.active + 1 if self.pairs else 3 * (own.active - 1)) + 2 * own.active
            again = (own.active - 1) * (self.wide * into + out)
            found.append((own.active * hidden, hidden * (summed * FLOAT + again)))
        return found

    def token_bytes(self, layer: int) -> float:
        """Of a token in a layer. [B]"""
        return sum(size for _, size in self.tensors(layer))

    @property
    def score_bytes(self) -> int:
        """Of one score of attention, from the product that makes it to the one that uses it. [B]"""
        if not self.scores:
            return 0
        softmax, copied = 2 * FLOAT, self.copies or self.way == "inputs"
        written = HALF + HALF + FLOAT if self.copies else FLOAT
        return softmax + written + (FLOAT + HALF + HALF if copied else FLOAT)

    @property
    def kernels(self) -> int:
        """Of one layer, over prompts."""
        copied, attention = 2 if self.copies else int(self.way != "direct"), 2 if self.scores else 1
        return self._kernels(copied) + attention * (1 + copied * self.scores)

    def kernels_of_few(self, tokens: int) -> tuple[int, int]:
        """Of all layers, for so few new tokens, none of a prompt: all, and those of attention but one a layer.

        A product with one vector takes no copy of 16 bits; inputs of narrow weights become blocks of 8 (`quantize_q8_1`).
        Attention is two products and a softmax, or parts of the keys and their sum.
        """
        copied = 2 if self.copies and tokens > 1 else int(self.way != "direct" and self.weight < HALF)
        own, attention = self.decoder, 3 if self.scores else 2
        chosen, summed = (1, 1) if self.pairs else (5, own.active - 1)  # softmax, order, rows, sum, shares; `topk_moe`
        routed = 1 + chosen + 1 + summed
        every = own.layers * (self._kernels(copied) - self.scores + attention)
        return every + routed * sum(map(own.has_experts, range(own.layers))), own.layers * (attention - 1)

    def _kernels(self, copied: int) -> int:
        """Of one layer beside products of attention, where each product has so many for copies."""
        norms, turned, stored, softmax, joined, added = 2 + 2 * self.decoder.qk_norm, 2, 2, 1, 1, 2
        norms, activated = (norms, 1) if self.pairs else (2 * norms, self.wide)
        single = norms + turned + stored + (softmax + joined) * self.scores + added + activated
        return single + (4 + self.wide + 1) * (1 + copied)

    def pass_bytes(self, sequences: int, tokens: int, context: int) -> Moved:
        """Of all layers, for so many new tokens of each sequence behind a context. [B]"""
        own, together = self.decoder, min(self.piece, sequences * tokens)
        found: list[tuple[float, float]] = [
            (FLOAT * numbers * together, sequences * tokens * size)
            for layer in range(own.layers)
            for numbers, size in self.tensors(layer)
        ]
        for begin, end in self.pieces_of(tokens):
            scores = float(own.heads * (end - begin) * (context + end))
            found.append((FLOAT * scores, own.layers * sequences * scores * self.score_bytes))
        return moved_of(found, self.cached_bytes)

    def widened_bytes(self, tokens: int) -> Moved:
        """Of weights that are stored narrower than a product takes them, where it takes copies: all layers, once a piece. [B]

        A pass reads them as they are stored; the copies are written and read beside.
        """
        if self.way not in ("copies", "inputs") or self.weight >= HALF:
            return Moved(0.0, 0.0)
        own = self.decoder
        found: list[tuple[float, float]] = []
        heads = own.head_dim * (own.heads + own.kv_heads) / 2
        for begin, end in self.pieces_of(tokens):
            for layer in range(own.layers):
                experts = own.has_experts(layer)
                met, width = (own.experts_met(layer, end - begin), own.expert_ffn) if experts else (0, own.ffn)
                found.append((HALF * own.hidden * heads, 2.0 * HALF * own.attention_parameters))
                found.append((HALF * own.hidden * width, 2.0 * HALF * own.feed_forward_of(layer, met)))
        return moved_of(found, self.cached_bytes)

    def pieces_of(self, tokens: int) -> list[tuple[int, int]]:
        """(first, behind the last) token of each piece of a prompt. Scores of one are computed for all tokens up to its end."""
        return [(begin, min(begin + self.piece, tokens)) for begin in range(0, tokens, self.piece)]


def alone(found: Result, chip: Architecture, own: Alone, lengths: tuple[int, int, int], us_per_kernel: float) -> Result:
    """A pass over prompts whose operations are kernels of their own. lengths: sequences, new tokens, tokens before them."""
    sequences, tokens, context = lengths
    launched = len(own.pieces_of(sequences * tokens)) * own.decoder.layers * own.kernels
    gap_s = max(0.0, launched * us_per_kernel * 1e-6 - found.waterfall["overhead_s"])
    note = "the runtime computes each operation of a prompt in a kernel of its own, 32 bits between: time of memory and cache"
    between, widened = own.pass_bytes(sequences, tokens, context), own.widened_bytes(sequences * tokens)
    moved = Moved(between.every + widened.every, between.missed + widened.missed)
    return lengthened(found, chip, moved.missed, Further(held_s(moved, chip), gap_s), note)


def few(found: Result, chip: Architecture, own: Alone, tokens: int, floor_us: float) -> Result:
    """A pass over so few new tokens, none of a prompt, whose operations are kernels of their own.

    They follow each other as those of a graph (CUDA graphs: llama.cpp pull request 6766, of 8 May 2024; and while large products
    run, the processor is ahead with its launches). Each that the fused pass does not have takes a round of thread blocks too;
    what attention does to start stands for those of its kernels. floor_us: between two.
    """
    launched, of_attention = own.kernels_of_few(tokens)
    was_s = found.waterfall["overhead_s"]
    further = max(0.0, launched - of_attention - (was_s / chip.overhead_s if chip.overhead_s else 0.0))
    gap_s = launched * floor_us * MICRO + further * GPU_ROUND_CYCLES / chip.clock_hz - was_s
    note = "the runtime computes each operation of a token in a kernel of its own: time between them"
    return lengthened(found, chip, 0.0, Further(overhead=gap_s), note)


@dataclass(frozen=True)
class Served:
    """Kernels that libraries of servers run between the products of a decoder: what they add to a pass that fuses them.

    The activation and its product, of both results of the products before (`silu_and_mul` of vLLM, `doActivation` and gated
    activations of TensorRT-LLM); positions, and the cache, of the tokens of prompts (`applyBiasRopeUpdateKVCache`; of further
    tokens attention does it); the rows of tokens gathered for their experts and added up again (`expandInputRows`,
    `finalizeMoeRouting`). width: bytes of a number between kernels. into: of one that enters a product. cached_bytes: as of
    `Alone`.
    """

    decoder: Decoder
    width: float
    into: float
    cached_bytes: float = 0.0

    def kernels(self, prompts: bool) -> int:
        """Of one layer, but for those of experts; prompts: whether a pass has any."""
        return int(ACTIVATIONS[self.decoder.activation][1]) + prompts

    def pass_bytes(self, tokens: int, of_prompts: int) -> Moved:
        """Of all layers, for so many new tokens, some of them of prompts. [B]"""
        own, found = self.decoder, []
        turned = own.head_dim * (own.heads + 2 * own.kv_heads)
        for layer in range(own.layers):
            experts = own.has_experts(layer)
            wide = own.active * own.expert_ffn + own.shared_ffn if experts else own.ffn
            if ACTIVATIONS[own.activation][1]:  # two written in place of one, and read
                found.append((2 * self.width * wide * tokens, 4 * self.width * wide * tokens))
            found.append((self.width * turned * of_prompts, POSITIONS_BYTES * turned * of_prompts))
            if experts:
                gathered = float(own.active * own.hidden * tokens)
                found.append((self.width * gathered, 2 * (self.into + self.width) * gathered))
        return moved_of(found, self.cached_bytes)


def served(found: Result, chip: Architecture, own: Served, tokens: int, of_prompts: int) -> Result:
    """A pass with the kernels of a server between its products, over so many new tokens, some of them of prompts."""
    moved, decoder = own.pass_bytes(tokens, of_prompts), own.decoder
    gap_s = decoder.layers * own.kernels(of_prompts > 0) * chip.overhead_s
    gap_s += EXPERTS_US * MICRO * sum(map(decoder.has_experts, range(decoder.layers)))
    note = "the runtime runs kernels between products, such as activations: time of memory, cache and launches"
    return lengthened(found, chip, moved.missed, Further(held_s(moved, chip), gap_s), note)


def moved_of(found: Iterable[tuple[float, float]], cached_bytes: float) -> Moved:
    """The sum of (bytes of a tensor, bytes moved of it), where so much of a cache serves tensors."""
    every = missed = 0.0
    for size, moved in found:
        every += moved
        missed += moved * (max(0.0, 1.0 - cached_bytes / size) if size else 0.0)
    return Moved(every, missed)


def cache_bytes_per_s(chip: Architecture) -> float:
    """What kernels without products reach of the shared cache. [bytes/s]"""
    return float(chip.sram.bytes_per_cycle) * chip.clock_hz * GPU_VECTOR_L2_EFFICIENCY


def held_s(moved: Moved, chip: Architecture) -> float:
    """Seconds of what the cache holds; none where it holds nothing, whatever there is of a cache."""
    return (moved.every - moved.missed) / cache_bytes_per_s(chip) if moved.missed < moved.every else 0.0


def reread(found: Result, chip: Architecture, more_bytes: float, keys_bytes: float, cached_bytes: float) -> Result:
    """A pass that reads so many bytes of its cache again, with nothing beside it.

    keys_bytes: of the keys of one head, which a kernel reads for one after another of the queries that share them, as another
    does its values (thread blocks of `mul_mat_vec_p021_f16_f32` go head by head); where the chip's cache holds them they come
    from there. cached_bytes: of that, what serves tensors.
    """
    note = "the runtime reads the cache once for each query head: time of the memory or its cache, beside nothing"
    moved = moved_of([(keys_bytes, more_bytes)], cached_bytes)
    return lengthened(found, chip, moved.missed, Further(held_s(moved, chip)), note)


class Further(NamedTuple):
    """Seconds that a pass takes longer: for bytes of the cache, between kernels, on the lanes."""

    sram: float = 0.0
    overhead: float = 0.0
    vector: float = 0.0


def lengthened(found: Result, chip: Architecture, more_bytes: float, more: Further, note: str) -> Result:
    """A pass that moves so many bytes more of the outer memory, and takes further seconds, with nothing beside either."""
    rate = chip.outer_bytes_per_s
    if not rate:
        return found
    outer = "dram" if chip.dram is not None else "host"
    memory_s, period_s = more_bytes / rate, found.batch / found.throughput_per_s
    parts = {outer: memory_s, **more._asdict()}
    more_s = sum(parts.values())
    share = period_s / (period_s + more_s)
    falls = {
        name: {**fall, **{f"{part}_s": fall.get(f"{part}_s", 0.0) + value for part, value in parts.items()}}
        for name, fall in (("waterfall", found.waterfall), ("waterfall_period", found.waterfall_period))
    }
    figures: dict[str, Any] = {**falls, **rates_of(found, share), "latency_s": found.latency_s + more_s}
    figures["dram_bytes"] = found.dram_bytes + more_bytes
    figures["utilisation"] = found.utilisation * share
    figures["effective_utilisation"] = found.effective_utilisation * share
    if found.energy is not None:
        figures.update(_energy(found, f"{outer}_j", more_bytes, period_s + more_s))
    gains = {**found.gain_if_infinite}
    for roof in (name for name in parts if name != "overhead"):
        gains[roof] = gains.get(roof, 0.0) + parts[roof]
    fall = falls["waterfall_period"]
    worst = max((part for part in fall if part != "ideal_s"), key=fall.__getitem__)
    return replace(
        found,
        **figures,
        largest_loss=worst,
        gain_if_infinite=gains,
        bound_by=bound_of(gains, worst),
        notes=(*found.notes, note),
    )


def _energy(found: Result, item: str, more_bytes: float, period_s: float) -> dict[str, Any]:
    """Energy of the longer pass, and what follows from it."""
    was = dict(found.energy or {})
    added_j = was[item] * more_bytes / found.dram_bytes if found.dram_bytes else 0.0
    rest_j = was["static_w"] * period_s - was["static_j"]
    total_j = was["total_j"] + added_j + rest_j
    energy = {
        **was, item: was[item] + added_j, "static_j": was["static_j"] + rest_j, "total_j": total_j,
        "average_w": total_j / period_s,
    }  # fmt: skip
    more = {"energy": energy, "power_w": None if found.power_w is None else energy["average_w"]}
    if found.energy_per_inference_j is not None:
        more["energy_per_inference_j"] = total_j / found.batch
    return more
