"""What a runtime passes through memory and cache beside a pass: sums of split products, scores of attention, weights again."""

from dataclasses import dataclass

from simulator.chip.schema import Architecture
from simulator.graph.language import ACTIVATIONS, Decoder
from simulator.result.form import Result
from simulator.study.added import HALF, Further, Moved, held_s, lengthened, moved_of
from simulator.study.runtimes import CONVERTED
from simulator.units import GPU_L2_EFFICIENCY


@dataclass(frozen=True)
class Passing:
    """Tensors that a runtime makes beside those of the model, for the prompts of a pass.

    weight: bytes of a stored weight. splits: parts of the reduction of products of weights below 16 bits; each writes sums of 16
    bits, which a kernel reads to add them up. score_bytes: moved of a score. cached_bytes: as of `Alone`.
    """

    decoder: Decoder
    weight: float
    splits: int = 1
    score_bytes: int = 0
    cached_bytes: float = 0.0

    def outputs(self, layer: int) -> tuple[int, ...]:
        """Of each product of a layer, the numbers of a token: queries, keys and values are one; all experts of a token."""
        own = self.decoder
        experts = own.has_experts(layer)
        wide = own.active * own.expert_ffn + own.shared_ffn if experts else own.ffn
        into = 2 if ACTIVATIONS[own.activation][1] else 1
        down = own.hidden * (own.active + bool(own.shared_ffn) if experts else 1)
        return (own.head_dim * (own.heads + 2 * own.kv_heads), own.hidden, *(wide,) * into, down)

    def products(self, layer: int) -> tuple[int, ...]:
        """Weights that a token meets in each product of a layer, in the order of `outputs`."""
        own = self.decoder
        heads, outputs = own.head_dim * own.heads, self.outputs(layer)
        wide = outputs[2]
        within = (own.hidden * outputs[0], heads * own.hidden, *(own.hidden * each for each in outputs[2:-1]))
        return (*within, wide * own.hidden)

    def pass_bytes(self, sequences: int, tokens: int, context: int) -> Moved:
        """Of all layers, for so many new tokens of each sequence behind a context. [B]"""
        own, found = self.decoder, []
        for layer in range(own.layers):
            if self.splits > 1 and self.weight < HALF:
                sums = [float(self.splits * HALF * sequences * tokens * numbers) for numbers in self.outputs(layer)]
                found += [(size, 2.0 * size) for size in sums]
            scores = float(own.heads * sequences * tokens * (context + tokens))
            found.append((HALF * scores, self.score_bytes * scores))
        return moved_of(found, self.cached_bytes)


def with_passing(found: Result, chip: Architecture, own: Passing, lengths: tuple[int, int, int]) -> Result:
    """A pass over prompts with what the runtime passes between its kernels. lengths: sequences, new tokens, tokens before."""
    moved = own.pass_bytes(*lengths)
    if not moved.every:
        return found
    note = "the runtime passes sums of split products and scores of attention between kernels: time of memory and cache"
    return lengthened(found, chip, moved.missed, Further(held_s(moved, chip)), note)


def rows_in_turn(found: Result, chip: Architecture, own: Passing, rows: int) -> Result:
    """A pass over so few rows, each of which goes alone through a kernel for one vector, one row behind the other.

    Thread blocks of the first row come before those of the second (rows are the slowest side of the grid of `gemv_kernel_g128`).
    So the first reads the weights from the memory, as the pass has it; a further one reads them from the cache, where that holds
    a product, and turns each into a float.
    """
    rate = chip.outer_bytes_per_s
    if own.weight >= HALF or chip.array is None or not rate or rows < 2:
        return found
    converted = CONVERTED * chip.array.count * chip.clock_hz
    cache = chip.sram.bytes_per_cycle * chip.clock_hz * GPU_L2_EFFICIENCY
    missed = again_s = turned_s = 0.0
    for layer in range(own.decoder.layers):
        for weights in own.products(layer):
            size = own.weight * weights
            moved = moved_of([(size, size)], own.cached_bytes)
            read_s = (moved.every - moved.missed) / cache + moved.missed / rate
            missed += moved.missed
            again_s += (moved.every - moved.missed) / cache
            turned_s += max(0.0, weights / converted - read_s)
    more = rows - 1
    note = "the runtime takes rows one by one: time to read the weights again and to turn them into floats"
    return lengthened(found, chip, more * missed, Further(more * again_s, vector=more * turned_s), note)
