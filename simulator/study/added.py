"""What a runtime adds to a pass beside the work of the model: caches read again, and operations that are kernels of their own."""

from dataclasses import dataclass, replace
from typing import Any

from simulator.chip.schema import Architecture
from simulator.graph.language import ACTIVATIONS, Decoder
from simulator.result.form import Result
from simulator.result.gains import bound_of
from simulator.study.repeating import rates_of

FLOAT, HALF, BLOCK = 4, 2, 36 / 32
"""Bytes of a number between two kernels, of its copy of 16 bits for a product, and of one in a block of 8 bits (`block_q8_1`)."""

PIECE = 512
"""Tokens of a prompt that are computed together: `n_ubatch` of llama.cpp."""


@dataclass(frozen=True)
class Alone:
    """Operations of a decoder, each a kernel that reads and writes the memory: what that adds to a pass that fuses them.

    Counted from the graph of llama.cpp and its CUDA kernels of May 2024 (`build_llama`, `ggml_cuda_op_mul_mat_cublas`,
    `ggml_cuda_mul_mat_batched_cublas`), for any decoder. way: `copies`: products take 16-bit copies of their inputs, and their
    results are copied back to 32 bits; `direct`: they read and write 32 bits; `blocks`: those of weights below 16 bits take
    copies in blocks of 8 bits and write 32 (`ggml_cuda_mul_mat_q`), others as `copies`. weight: bytes of a stored weight.
    scores: attention too is single operations, through whose scores the memory goes.
    """

    decoder: Decoder
    way: str
    weight: float = HALF
    scores: bool = True

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
        return FLOAT + 2 * BLOCK - HALF if self.way == "blocks" else FLOAT - HALF, FLOAT - HALF

    def token_bytes(self, width: int) -> float:
        """Of a token in one layer whose feed-forward has that width. [B]"""
        own = self.decoder
        queries, kept = own.heads * own.head_dim, own.kv_heads * own.head_dim
        norms = 2 * 4 * own.hidden + (4 * (queries + kept) if own.qk_norm else 0)  # scaled by a kernel of its own
        turned, joined, added = 2 * (queries + kept), 2 * queries * self.scores, 2 * 3 * own.hidden
        activated = (2 + 3 * (self.wide - 1)) * width
        stored = 2 * kept * (FLOAT + HALF)
        into = 3 * own.hidden + queries + self.wide * own.hidden + width
        out = queries + 2 * kept + 2 * own.hidden + self.wide * width
        copied_in, copied_out = self.copy_bytes
        attended = queries * (copied_in + copied_out if self.scores else 2 * (FLOAT - HALF))
        single = FLOAT * (norms + turned + joined + added + activated) + stored + attended
        return single + copied_in * into + copied_out * out

    @property
    def score_bytes(self) -> int:
        """Of one score of attention, from the product that makes it to the one that uses it. [B]"""
        if not self.scores:
            return 0
        softmax = 2 * FLOAT
        return softmax + (2 * (HALF + FLOAT) + 2 * HALF if self.copies else 2 * FLOAT)

    @property
    def kernels(self) -> int:
        """Of one layer."""
        products, attention = 4 + self.wide + 1, 2 if self.scores else 1
        norms, turned, stored, softmax, joined, added = 4 + 4 * self.decoder.qk_norm, 2, 2, 1, 1, 2
        single = norms + turned + stored + (softmax + joined) * self.scores + added + self.wide
        copied = 2 if self.copies else int(self.way == "blocks")
        return single + products * (1 + copied) + attention * (1 + copied * self.scores)

    def pass_bytes(self, tokens: int, context: int) -> float:
        """Of all layers, for so many new tokens of one sequence behind a context. [B]"""
        own = self.decoder
        widths = [
            own.active * own.expert_ffn + own.shared_ffn if own.has_experts(layer) else own.ffn
            for layer in range(own.layers)
        ]
        scores = own.heads * sum((end - begin) * (context + end) for begin, end in pieces_of(tokens))
        return float(sum(tokens * self.token_bytes(width) + scores * self.score_bytes for width in widths))

    def widened_bytes(self, tokens: int) -> float:
        """Of weights that are stored narrower than a product takes them, where it takes copies: all layers, once a piece. [B]"""
        if self.way != "copies" or self.weight >= HALF:
            return 0.0
        own, found = self.decoder, 0
        for begin, end in pieces_of(tokens):
            found += own.layers * own.attention_parameters
            for layer in range(own.layers):
                met = own.experts_met(layer, end - begin) if own.has_experts(layer) else 0
                found += own.feed_forward_of(layer, met)
        return found * (self.weight + 2 * HALF)


def pieces_of(tokens: int) -> list[tuple[int, int]]:
    """(first, behind the last) token of each piece of a prompt. Scores of a piece are computed for all tokens up to its end."""
    return [(begin, min(begin + PIECE, tokens)) for begin in range(0, tokens, PIECE)]


def alone(found: Result, chip: Architecture, own: Alone, lengths: tuple[int, int, int], us_per_kernel: float) -> Result:
    """A pass over prompts whose operations are kernels of their own. lengths: sequences, new tokens, tokens before them."""
    sequences, tokens, context = lengths
    launched = len(pieces_of(sequences * tokens)) * own.decoder.layers * own.kernels
    gap_s = max(0.0, launched * us_per_kernel * 1e-6 - found.waterfall["overhead_s"])
    note = "the runtime computes each operation of a prompt in a kernel of its own, with 32 bits between: time of the memory"
    moved = sequences * own.pass_bytes(tokens, context) + own.widened_bytes(sequences * tokens)
    return lengthened(found, chip, moved, gap_s, note)


def reread(found: Result, chip: Architecture, more_bytes: float) -> Result:
    """A pass that reads so many bytes more of the outer memory, with nothing beside it."""
    note = "the runtime reads the cache once for each query head: time of the memory, beside nothing"
    return lengthened(found, chip, more_bytes, 0.0, note)


def lengthened(found: Result, chip: Architecture, more_bytes: float, gap_s: float, note: str) -> Result:
    """A pass that moves so many bytes more, and waits so long, with nothing beside either."""
    rate = chip.outer_bytes_per_s
    if not rate:
        return found
    outer = "dram" if chip.dram is not None else "host"
    memory_s, period_s = more_bytes / rate, found.batch / found.throughput_per_s
    more_s, share = memory_s + gap_s, period_s / (period_s + memory_s + gap_s)
    falls = {
        name: {
            **fall,
            f"{outer}_s": fall.get(f"{outer}_s", 0.0) + memory_s,
            "overhead_s": fall.get("overhead_s", 0.0) + gap_s,
        }
        for name, fall in (("waterfall", found.waterfall), ("waterfall_period", found.waterfall_period))
    }
    figures: dict[str, Any] = {**falls, **rates_of(found, share), "latency_s": found.latency_s + more_s}
    figures["dram_bytes"] = found.dram_bytes + more_bytes
    figures["utilisation"] = found.utilisation * share
    figures["effective_utilisation"] = found.effective_utilisation * share
    if found.energy is not None:
        figures.update(_energy(found, f"{outer}_j", more_bytes, period_s + more_s))
    gains = {**found.gain_if_infinite, outer: found.gain_if_infinite.get(outer, 0.0) + memory_s}
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
