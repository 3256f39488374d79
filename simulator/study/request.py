"""A request to a language model on a chip: its passes, what they take, and what has to fit the memory."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from simulator.chip.change import changed_chip
from simulator.chip.load import chip_digest
from simulator.chip.schema import Architecture
from simulator.errors import NetworkError
from simulator.formats import Formats, formats_of
from simulator.graph.build import Graph
from simulator.graph.language import Decoder, decoders
from simulator.graph.load import load_network
from simulator.graph.shallow import depths
from simulator.lower.array import target_of
from simulator.lower.room import Room, room_of
from simulator.lower.rows import lower
from simulator.result.form import Result
from simulator.result.room import in_parts
from simulator.run import simulate
from simulator.schedule.few import least_beside
from simulator.schedule.machines import machines_of
from simulator.schedule.pools import pool_source
from simulator.store.memory import Memory, one_each
from simulator.study.added import HALF, Alone, Served, alone, few, reread, served
from simulator.study.contexts import spent_behind
from simulator.study.growing import Growing, Spent
from simulator.study.passing import Passing, rows_in_turn, with_passing
from simulator.study.pieces import in_pieces
from simulator.study.repeating import Depth, repeated, streams
from simulator.study.runtimes import MODEL_OWN, Runtime
from simulator.units import GPU_KERNEL_FLOOR_US

MOST_PASSES = 16
"""In memory: each holds the schedule of a few layers."""

_passes: Memory[tuple[Any, ...], Result] = Memory(MOST_PASSES, one_each)


MOST_GRAPHS = 24
"""In memory, of passes: each of a few layers, or of all where they stay in the SRAM."""

TRIES = 8
"""Steps to the largest batch of a model with experts, each of which comes some hundred times closer."""

_rooms: Memory[tuple[Any, ...], tuple[float, Room]] = Memory(1024, one_each)
"""What prompts take that are one item."""

_graphs: Memory[tuple[Any, ...], Graph] = Memory(MOST_GRAPHS, one_each)


@dataclass(frozen=True)
class Speculation:
    """Tokens that a draft guesses and the model checks in one pass."""

    count: int
    """Guessed at a time."""
    accept: float
    """Probability that a guess is taken where those before it were."""
    draft: "Question | None"
    """Who guesses; None: nothing that takes time."""

    @property
    def tokens(self) -> float:
        """Come out of a pass on average: those taken in a row, and the one that the model itself gives.

        Leviathan, Kalman, Matias, "Fast Inference from Transformers via Speculative Decoding", 2023, equation 1.
        """
        if self.accept == 1.0:
            return self.count + 1.0
        return (1.0 - self.accept ** (self.count + 1)) / (1.0 - self.accept)


@dataclass(frozen=True)
class Question:
    """A model on a chip, and a request of so many sequences."""

    model: str
    decoder: Decoder
    shapes: dict[str, Any]
    chip: Architecture
    precision: str
    prompt: int
    output: int
    batch: int
    runtime: Runtime = MODEL_OWN
    speculation: Speculation | None = None
    together: int | None = None
    """Prompts in one pass; None: those of the batch."""

    # ---- passes ----------------------------------------------------------------------------------------------------

    def run(self, phase: str, prompt: int, context: int, **more: int) -> Result:
        """One pass of the batch, kept in memory. more: other parameters of the builder, such as a chunk beside."""
        if self.model not in decoders():  # a file may change
            return self._run(phase, prompt, context, **more)
        key = (*self._key, self.batch, phase, prompt, context, *sorted(more.items()))
        return _passes.get(key) or _passes.put(key, self._run(phase, prompt, context, **more))

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        """What a pass depends on beside its size."""
        chip = self.chip.name, chip_digest(self.chip)
        return self.model, repr(sorted(self.shapes.items())), chip, self.precision, self.runtime

    def _run(self, phase: str, prompt: int, context: int, **more: int) -> Result:
        if phase == "prefill" and self.runtime.alone and self.chip.is_gpu and not more:
            lengths = self.batch, prompt, context
            found = in_pieces(
                self._piece, self.chip, lengths, self.runtime.piece, 1 if self.decoder.experts else self.batch
            )
        else:
            found = self._fused(phase, prompt, context, **more)
        again = self.runtime.reads_again(self.decoder) if phase == "decode" else 0
        if again:
            kept = self.batch * self.cache_bytes(context)
            keys_bytes = self.cache_bytes(context) / (2 * self.decoder.layers * self.decoder.kv_heads)
            found = reread(found, self.chip, again * kept, keys_bytes, self._cached_bytes)
        found = self._served(found, phase, prompt, **more)
        if self.chip.is_gpu:
            found = self._passing(found, phase, prompt, context)
        return self._alone(found, phase, prompt, context, **more)

    def _passing(self, found: Result, phase: str, prompt: int, context: int) -> Result:
        """The pass with what the runtime passes through memory and cache beside it."""
        software = self.runtime
        width = self.formats.weights.width
        own = Passing(self.decoder, width, software.splits, software.score_bytes, self._cached_bytes)
        if phase == "prefill":
            return with_passing(found, self.chip, own, (self.batch, prompt, context))
        return rows_in_turn(found, self.chip, own, self.batch * prompt) if software.row_by_row else found

    def _served(self, found: Result, phase: str, prompt: int, **more: int) -> Result:
        """The pass where the runtime has kernels of its own between products."""
        if not (self.runtime.served and self.chip.is_gpu):
            return found
        tokens, beside = self.batch * prompt, more.get("chunks", 0) * more.get("chunk", 0)
        activations = self.formats.activations.width
        own = Served(self.decoder, max(HALF, activations), activations, self._cached_bytes)
        return served(found, self.chip, own, tokens + beside, beside + tokens * (phase == "prefill"))

    @cached_property
    def _cached_bytes(self) -> float:
        """Of a shared cache, what serves tensors."""
        return target_of(self.chip, self.precision).cached_bytes

    def more_behind(self, context: int) -> Spent:
        """What the runtime's own kernels add to a token of each sequence, whatever it is behind."""
        own = self.runtime.served or self.runtime.alone or self.runtime.row_by_row
        if not (own and self.chip.is_gpu):
            return 0.0, 0.0
        with_them, without = spent(self.run("decode", 1, context)), spent(self._fused("decode", 1, context))
        return with_them[0] - without[0], with_them[1] - without[1]

    def _fused(self, phase: str, prompt: int, context: int, **more: int) -> Result:
        """The pass where what the chip file fuses is one kernel."""
        return repeated(
            self.pass_of(phase, prompt, context, **more), self.decoder, self.chip, self.formats.weights.width
        )

    def _piece(self, sequences: int, tokens: int, context: int) -> Result:
        """A pass over new tokens of so many sequences."""
        return replace(self, batch=sequences)._fused("prefill", tokens, context)

    def _alone(self, found: Result, phase: str, prompt: int, context: int, **more: int) -> Result:
        """The pass where the runtime computes with kernels of single operations; of few tokens, only their number counts."""
        software, gap_us = self.runtime, self.chip.overhead_us
        sequences, tokens, before = self.batch, prompt, context
        if phase == "decode":
            sequences, tokens, before = more.get("chunks", 0), more.get("chunk", 0), more.get("chunk_context", 0)
        if not (software.alone and self.chip.is_gpu):
            return found
        own = Alone(
            self.decoder, software.alone, self.formats.weights.width, not software.fused_attention, software.pairs,
            software.piece, self._cached_bytes,
        )  # fmt: skip
        if not (sequences and tokens):
            floor_us = GPU_KERNEL_FLOOR_US if gap_us == software.us_per_kernel else gap_us  # a file's own figure stands
            return few(found, self.chip, own, self.batch * prompt, floor_us or 0.0)
        return alone(found, self.chip, own, (sequences, tokens, before), gap_us or 0.0)

    def pass_of(self, phase: str, prompt: int, context: int, **more: int) -> Callable[[int], Result]:
        """The pass of so many layers: as many items as the batch, or one item that holds all where they share experts."""

        alone = phase == "decode" and self.batch * prompt == 1 and not more and self.meets_one

        def of(layers: int) -> Result:
            graph, items = self.graph_of(phase, layers, prompt=prompt, context=context, **more)
            chip = self._one if alone else self._by_rows if phase == "prefill" else self._further
            return simulate(graph, chip, items, self.precision)

        return of

    @property
    def meets_one(self) -> bool:
        """Whether kernels of the runtime for a single vector limit how fast weights are read."""
        wide = self.formats.weights.width >= 2.0  # others have kernels of their own
        return self.runtime.vector_bytes is not None and wide and self.chip.is_gpu

    @cached_property
    def _one(self) -> Architecture:
        """The chip where weights meet a single vector."""
        return self.runtime.on_one(self._whole)

    @cached_property
    def _further(self) -> Architecture:
        """The chip where further tokens come out."""
        return self.runtime.on_tokens(self._whole, self.formats.weights.width)

    @cached_property
    def _by_rows(self) -> Architecture:
        """The chip where the runtime may take the rows of prompts one by one, or few together."""
        return self.runtime.on_tiles(self.runtime.on_rows(self._whole, wide := self.formats.weights.width), wide)

    @cached_property
    def _whole(self) -> Architecture:
        """The chip with batches run as a whole: no runtime takes a pass over sequences in parts that it was not asked for."""
        return changed_chip(self.working, {"schedule.sub_batches": False})

    @cached_property
    def working(self) -> Architecture:
        """The chip as fast as the runtime's products of such weights are."""
        return self.runtime.on_blocks(self.chip, self.formats.weights.width)

    def graph_of(self, phase: str, layers: int, **more: int) -> tuple[Any, int]:
        """The network of a pass with so many layers, and the items of it that make the batch."""
        one = bool(self.decoder.experts or more.get("chunk"))
        graph = self._graph(layers, phase=phase, sequences=self.batch if one else 1, **more)
        return graph, 1 if one else self.batch

    def _graph(self, layers: int, **given: Any) -> Any:
        """One object for equal passes, so that what is derived from it is kept; of a file, which may change, always a new one."""
        if self.model not in decoders():
            return load_network(self.model, **{**self.shapes, "layers": layers}, **given)
        key = self.model, repr(sorted(self.shapes.items())), layers, *sorted(given.items())
        found = _graphs.get(key)
        return found or _graphs.put(key, load_network(self.model, **{**self.shapes, "layers": layers}, **given))

    def token(self, context: int) -> Spent:
        """Seconds and joules of a token of each sequence behind so many."""
        own = self.speculation
        if own is None:
            return spent(self.run("decode", 1, context))
        seconds, joules = spent(self.check_of(context))
        if own.draft is not None:
            guess = spent(own.draft.run("decode", 1, context))
            seconds, joules = seconds + own.count * guess[0], joules + own.count * guess[1]
        return seconds / own.tokens, joules / own.tokens

    def prompts_of(self, prefill: Result) -> Spent:
        """Seconds and joules of the pass over the prompts, and of a draft's before it."""
        own, draft = spent(prefill), self.draft
        if draft is None:
            return own
        other = spent(draft.run("prefill", self.prompt, 0))
        return own[0] + other[0], own[1] + other[1]

    def check_of(self, context: int) -> Result:
        """The pass of the model itself that gives further tokens: of one, or of all that were guessed."""
        if self.speculation is None:
            return self.run("decode", 1, context)
        rows = self.speculation.count + 1
        return self.run("decode", rows, context, words=rows)

    # ---- capacity --------------------------------------------------------------------------------------------------

    @cached_property
    def formats(self) -> Formats:
        """Those of the operands."""
        return formats_of(self.precision, () if self.chip.array is None else tuple(self.chip.array.rate))

    @property
    def weights_bytes(self) -> float:
        """All of the model, and of a draft."""
        return self.decoder.weight_bytes(self.formats) + (self.draft.weights_bytes if self.draft else 0.0)

    def cache_bytes(self, tokens: int) -> float:
        """Of one sequence after so many tokens."""
        return self.decoder.cache_bytes(tokens, self.formats)

    def kept_bytes(self, tokens: int) -> float:
        """The same, and what a draft keeps."""
        return self.cache_bytes(tokens) + (self.draft.cache_bytes(tokens) if self.draft else 0.0)

    @property
    def draft(self) -> "Question | None":
        """Who guesses, if anybody."""
        return None if self.speculation is None else self.speculation.draft

    @property
    def tokens(self) -> int:
        """In the cache when the last token comes out."""
        return self.prompt + self.output - 1

    @cached_property
    def activations(self) -> float:
        """Bytes between the layers of one sequence's prompt, at the most."""
        return self._prompt[0]

    @cached_property
    def _prompt(self) -> tuple[float, Room]:
        """Of one sequence, as of `_rooms_of`."""
        return self._rooms_of(1)

    def _rooms_of(self, sequences: int) -> tuple[float, Room]:
        """Of the prompts of one item that holds so many: bytes between the layers, in and out; what the largest pass that is
        scheduled takes.
        """
        found = depths(self.decoder) if streams(self.decoder, self.chip, self.formats.weights.width) else None
        layers = found or (self.decoder.layers,)
        given = {"phase": "prefill", "prompt": self.prompt, "context": 0, "sequences": sequences}
        rooms = [room_of(lower(self._graph(each, **given), self.chip, 1, self.precision)) for each in layers]
        first, last = rooms[0], rooms[-1]
        ends = first.ends if found is None else Depth(self.decoder.layers, *found).at(first.ends, last.ends)
        return float(last.activations + ends), last

    def activation_bytes(self) -> float:
        """Those of the prompts of a pass; of one where the chip may take them in parts."""
        if self._in_one:
            return self._rooms[0]
        return self.activations * (1 if self._parts else self.together or self.batch)

    @property
    def _in_one(self) -> bool:
        """Whether the prompts of the batch are one item, whose experts get shares that do not grow evenly."""
        return self.decoder.experts > 0 and self.together is None

    @cached_property
    def _rooms(self) -> tuple[float, Room]:
        """Of the batch as one item, as of `_rooms_of`."""
        key = (*self._key, self.prompt, self.batch)
        known = _rooms.get(key) if self.model in decoders() else None  # a file may change
        if known is not None:
            return known
        try:
            return _rooms.put(key, self._rooms_of(self.batch))
        except NetworkError:  # layers are too large to be built: what so many take one by one
            active, one = self._prompt
            return active * self.batch, one.times(self.batch)

    @property
    def _parts(self) -> bool:
        return in_parts(self._whole) and not self.decoder.experts

    @property
    def capacity_bytes(self) -> int | None:
        """Of the DRAM, where it is known; of the SRAM where caches stay there."""
        if self.chip.keeps_states:
            return int(machines_of(self.chip).capacity_bytes[0])
        return self.chip.dram_capacity_bytes or None

    @cached_property
    def kept_each(self) -> float:
        """Bytes of a sequence that stay, to its last token; a pass over prompts keeps what a window leaves out later."""
        drafted = self.draft.cache_bytes(self.prompt) if self.draft else 0.0
        return max(self.kept_bytes(self.tokens), float(self._prompt[1].states) + drafted)

    @cached_property
    def least_beside(self) -> float:
        """SRAM that some step of the passes takes at least, beside caches. [B]"""
        passes = [("prefill", self.prompt, 0, self._by_rows), ("decode", 1, self.tokens - 1, self._further)]
        found = [0.0]
        for phase, prompt, context, chip in passes[: self.output]:
            graph, items = self.graph_of(phase, self.decoder.layers, prompt=prompt, context=context)
            pool = pool_source(graph, chip, self.precision)(items)
            found += [least_beside(pool, step) for step in range(len(pool.steps))]
        return max(found)

    @property
    def largest_batch(self) -> int | None:
        """Sequences that fit to the last token; None where nothing is known to limit them."""
        if self.capacity_bytes is None:
            return None
        if self.chip.keeps_states:
            return self._largest_kept(self.capacity_bytes)
        if self._in_one:
            return self._largest_in_one(self.capacity_bytes)
        apart = self._parts or self.together is not None
        once = self.weights_bytes + (self.activation_bytes() if apart else 0.0)
        each = self.kept_bytes(self.tokens) + (0.0 if apart else self.activations)
        largest = int((self.capacity_bytes - once) // each)
        if self.together is None:  # a pass over prompts keeps what a window leaves out later
            largest = min(largest, self._prompt[1].largest_batch(self.capacity_bytes, self._parts))
        return max(0, largest)

    def _largest_kept(self, capacity_bytes: float) -> int:
        """The same where caches stay in the SRAM, beside the smallest tiles, whatever is left of the weights."""
        tiles = of_batch(self, 1).least_beside
        size = int(max(0.0, capacity_bytes - tiles) // self.kept_each)
        with suppress(NetworkError):  # layers too large to be built: that is said where they are asked for
            while size and size * self.kept_each + of_batch(self, size).least_beside > capacity_bytes:
                size -= 1
        return size

    def _largest_in_one(self, capacity_bytes: float) -> int:
        """The same where the batch is one item: nearly so many bytes a sequence, and sought from there."""

        def needs(size: int) -> float:
            return of_batch(self, size).needed_bytes - self.weights_bytes

        left, size, tried = capacity_bytes - self.weights_bytes, 1, 0
        while tried < TRIES and (better := max(1, int(left * size // needs(size)))) != size:
            size, tried = better, tried + 1
        while size and needs(size) > left:
            size -= 1
        while needs(size + 1) <= left:
            size += 1
        return size

    @property
    def middle(self) -> int:
        """Tokens that the further tokens of a request are behind on average."""
        return self.prompt + (self.output - 2) // 2

    @property
    def needed_bytes(self) -> float:
        """Of the outer memory: when the last token comes out, or for the prompts, which keep what a window leaves out later."""
        own = self.weights_bytes + self.batch * self.kept_bytes(self.tokens) + self.activation_bytes()
        if self.together is not None:
            return own
        one, items = (self._rooms[1], 1) if self._in_one else (self._prompt[1], self.batch)
        active = one.activations * (1 if self._parts else items)
        return max(own, float(one.weights + items * (one.states + one.ends) + active))


def of_batch(asked: Question, batch: int) -> Question:
    """The same with another batch, of a draft too."""
    own = asked.speculation
    if own is not None and own.draft is not None:
        own = replace(own, draft=of_batch(own.draft, batch))
    return replace(asked, batch=batch, speculation=own)


def growing_of(asked: Question) -> Growing | None:
    """The tokens behind the first, by the context that each meets; None where there is none."""
    if asked.output == 1:
        return None
    growing = Growing(asked.token, asked.prompt, asked.tokens - 1)
    growing.cut([max(1, asked.decoder.window) - 1])
    growing.told(spent_behind(asked, growing.likely()))
    return growing


def spent(result: Result) -> Spent:
    """Seconds and joules of a pass; no joules where its energy is not known."""
    return result.latency_s, result.energy["total_j"] if result.energy else 0.0
