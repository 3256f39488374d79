"""A request to a language model, from the prompt to the last token: times, rates, what has to fit, energy and money.

Static: a batch starts and ends together. The prompts are one pass; each further token is a pass over the growing cache.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.cost.priced import priced
from simulator.cost.serving import Rates, usd_per_s
from simulator.errors import InfeasibleError, NetworkError, OptionError, nearest
from simulator.formats import Formats, formats_of
from simulator.graph.language import Decoder, decoders
from simulator.graph.load import is_decoder_file, load_network, network_parameters
from simulator.lower.room import room_of
from simulator.lower.rows import lower
from simulator.result.form import Result
from simulator.result.room import in_parts
from simulator.run import simulate
from simulator.store.bundled import network_name
from simulator.store.calls import public
from simulator.store.shown import Shown
from simulator.study.growing import Growing
from simulator.study.repeating import depths, repeated
from simulator.study.subject import chip_of
from simulator.units import GIB
from simulator.vocabulary import GENERATING

OWN = ("phase", "prompt", "context", "sequences")
"""Parameters of a model that the question sets."""


@dataclass(frozen=True, repr=False)
class Generation(Shown):
    """What `generate` finds: the names are those of the JSON. Times of the whole batch. [s, B, J, USD]"""

    model: str
    chip: str
    chips: int
    plan: None
    batch: int
    prompt: int
    output: int
    formats: dict[str, str]
    runtime: None
    mode: str
    ttft_s: float
    """Time to the first token: the pass over the prompts."""
    tpot_s: float | None
    """Mean time of the further tokens; None where there is none."""
    tpot_first_s: float | None
    tpot_last_s: float | None
    latency_s: float
    tokens_per_s: float
    tokens_per_s_per_user: float | None
    requests_per_s: float
    joules_per_token: float | None
    """All energy over the tokens that come out."""
    usd_per_million_tokens: float | None
    usd_per_million_input_tokens: float | None
    usd_per_million_output_tokens: float | None
    weights_bytes: float
    cache_bytes: float
    """Of all sequences when the last token comes out."""
    activation_bytes: float
    capacity_bytes: int | None
    """None where there is no DRAM or its size is not known."""
    largest_batch: int | None
    """None where nothing is known to limit it."""
    bound_by: str
    """Of the phase that takes longer."""
    prefill: Result
    decode: Result | None
    """At the mean context."""
    steps: tuple[tuple[int, float], ...]
    """(context, seconds) of the tokens that were worked out; between them time is linear."""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `prefill` and `decode` as of a run."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        passes = {"prefill": self.prefill.to_dict(), "decode": self.decode and self.decode.to_dict()}
        return {**data, **passes, "notes": list(self.notes), "steps": [list(step) for step in self.steps]}


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

    def run(self, phase: str, prompt: int, context: int, gains: bool = False) -> Result:
        """One pass of the batch."""
        return repeated(
            self.pass_of(phase, prompt, context, gains), self.decoder, self.chip, self.formats.weights.width
        )

    def pass_of(self, phase: str, prompt: int, context: int, gains: bool = False) -> Callable[[int], Result]:
        """The pass of so many layers: as many items as the batch, or one item that holds all where they share experts."""

        def of(layers: int) -> Result:
            graph = self._graph(phase, prompt, context, self.batch, layers)
            return simulate(graph, self.chip, 1 if self.decoder.experts else self.batch, self.precision, gains)

        return of

    def _graph(self, phase: str, prompt: int, context: int, batch: int, layers: int) -> Any:
        held = batch if self.decoder.experts else 1
        shapes = {**self.shapes, "layers": layers}
        return load_network(self.model, **shapes, phase=phase, prompt=prompt, context=context, sequences=held)

    # ---- capacity --------------------------------------------------------------------------------------------------

    @cached_property
    def formats(self) -> Formats:
        """Those of the operands."""
        return formats_of(self.precision, () if self.chip.array is None else tuple(self.chip.array.rate))

    @property
    def weights_bytes(self) -> float:
        """All of the model."""
        return self.decoder.weight_bytes(self.formats)

    def cache_bytes(self, tokens: int) -> float:
        """Of one sequence after so many tokens."""
        return self.decoder.cache_bytes(tokens, self.formats)

    @property
    def tokens(self) -> int:
        """In the cache when the last token comes out."""
        return self.prompt + self.output - 1

    @cached_property
    def activations(self) -> float:
        """Bytes between the layers of one sequence's prompt, at the most."""
        room = room_of(
            lower(
                self._graph("prefill", self.prompt, 0, 1, (depths(self.decoder) or (self.decoder.layers,))[0]),
                self.chip,
                1,
                self.precision,
            )
        )
        return room.activations + room.ends

    def activation_bytes(self) -> float:
        """Those of the batch; of one sequence where the chip may take the batch in parts."""
        return self.activations * (1 if self._parts else self.batch)

    @property
    def _parts(self) -> bool:
        return in_parts(self.chip) and not self.decoder.experts

    @property
    def capacity_bytes(self) -> int | None:
        """Of the DRAM, where it is known."""
        return self.chip.dram_capacity_bytes or None

    @property
    def largest_batch(self) -> int | None:
        """Sequences that fit to the last token; None where nothing is known to limit them."""
        if self.capacity_bytes is None:
            return None
        once = self.weights_bytes + (self.activations if self._parts else 0.0)
        each = self.cache_bytes(self.tokens) + (0.0 if self._parts else self.activations)
        return max(0, int((self.capacity_bytes - once) // each))

    def check_room(self) -> None:
        """Raise InfeasibleError where weights, caches and activations do not fit, saying what would."""
        largest = self.largest_batch
        if largest is None or self.capacity_bytes is None or self.batch <= largest:
            return
        cache = self.batch * self.cache_bytes(self.tokens)
        need = self.weights_bytes + cache + self.activation_bytes()
        held = ", ".join(
            f"{what} {size / GIB:,.4g}"
            for what, size in (
                ("weights", self.weights_bytes), ("cache", cache), ("activations", self.activation_bytes())
            )
        )  # fmt: skip
        fits = f"the largest batch that fits is {largest:,}" if largest else "no batch fits"
        devices = -(-need // self.capacity_bytes)
        raise InfeasibleError(
            f"{self.chip.name}: dram.capacity_gib: {self.model} at batch {self.batch:,} and {self.tokens:,} tokens needs "
            f"{need / GIB:,.4g} GiB of DRAM ({held}), got {self.capacity_bytes / GIB:,.4g} GiB; {fits}{self._longest()}; "
            f"{devices:,.0f} times the memory would do"
        )

    def _longest(self) -> str:
        """The longest context that fits at this batch, in words; empty where not even a token does."""
        room = (self.capacity_bytes or 0) - self.weights_bytes - self.activation_bytes()
        low, high = 0, self.tokens
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.batch * self.cache_bytes(middle) <= room else (low, middle - 1)
        return f", the longest context at this batch {low:,} tokens" if low else ""


@public
def generate(
    model: str,
    chip: Architecture | str,
    *,
    prompt: int,
    output: int,
    batch: int | str = 1,
    precision: str | None = None,
    mode: str = "static",
    chips: int = 1,
    price: Rates | float | None = None,
    params: dict[str, Any] | None = None,
    set: Settings | None = None,
) -> Generation:
    """Answer a batch of requests to a language model.

    model: a bundled one (`rooftile networks`); params: shapes of it that are changed, such as layers=2. prompt, output: tokens
    in and out of each request. batch: requests together, or "max" for the most that fit. precision: number formats, see
    `simulate`; fp16 unless given, where the chip has it. price: what a chip costs [USD], or `Rates`. mode, chips: "static" and 1,
    others come later.

    Raises NetworkError, ChipError and OptionError for bad input, InfeasibleError where the DRAM is too small.
    """
    asked = asked_of(model, chip_of(chip, set), (prompt, output, batch), precision, dict(params or {}))
    if mode != "static":
        raise OptionError(f"mode: must be 'static', got {mode!r}; others come later")
    if chips != 1:
        raise OptionError(f"chips: must be 1, got {chips!r}; systems of several chips come later")
    if batch == "max":
        if asked.largest_batch is None:
            raise OptionError("batch: must be a number where the capacity of the DRAM is not known, got 'max'")
        asked = replace(asked, batch=max(1, asked.largest_batch))
    asked.check_room()
    return _answered(asked, price if isinstance(price, Rates) else Rates(price_usd=price))


def asked_of(
    model: str, chip: Architecture, lengths: tuple[int, int, int | str], precision: str | None, params: dict[str, Any]
) -> Question:
    """The question, checked."""
    name = network_name(str(model))
    if name is None and is_decoder_file(str(model)):
        name = str(model)
    elif name is None or name not in decoders():
        raise NetworkError(f"model: must be a bundled language model, got {model!r}{nearest(str(model), decoders())}")
    for key in OWN:
        if key in params:
            raise OptionError(f"params: {key}: must be left out, the question sets it")
    for what, value in zip(("prompt", "output", "batch"), lengths, strict=True):
        if (what, value) != ("batch", "max") and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            or_max = " or 'max'" if what == "batch" else ""
            raise OptionError(f"{what}: must be a whole number of at least 1{or_max}, got {value!r}")
    graph = load_network(name, **{**params, "prompt": 1, "layers": 1})  # checks the shapes
    shapes = {key: value for key, value in {**network_parameters(name), **params}.items() if key not in OWN}
    prompt, output, batch = lengths
    rates = {} if chip.array is None else chip.array.rate
    usual = next((word for word in GENERATING if word in rates), GENERATING[0])
    chosen = precision or str(graph.graph.get("precision", usual))
    chip.peak_tops(chosen)  # tells a precision that the chip has not
    first = 1 if isinstance(batch, str) else batch
    return Question(name, Decoder(**shapes), params, chip, chosen, prompt, output, first)


def _answered(asked: Question, rates: Rates) -> Generation:
    """The passes, and what follows from them."""
    prefill = asked.run("prefill", asked.prompt, 0, gains=True)
    further, batch = asked.output - 1, asked.batch
    growing = growing_of(asked)
    decode = asked.run("decode", 1, asked.prompt + (further - 1) // 2, gains=True) if growing else None
    seconds, joules = growing.sums() if growing else (0.0, 0.0)
    ttft_s = prefill.latency_s
    latency_s = ttft_s + seconds
    first_j = _spent(prefill)[1]
    energy = None if prefill.energy is None else (first_j, joules)
    cost = _usd(asked, rates, (ttft_s, seconds), energy)
    tokens = batch * asked.output
    longest = prefill if decode is None or ttft_s > seconds else decode
    return Generation(
        model=asked.model,
        chip=asked.chip.name,
        chips=1,
        plan=None,
        batch=batch,
        prompt=asked.prompt,
        output=asked.output,
        formats=asked.formats.names(),
        runtime=None,
        mode="static",
        ttft_s=ttft_s,
        tpot_s=seconds / further if further else None,
        tpot_first_s=growing.first if growing else None,
        tpot_last_s=growing.last if growing else None,
        latency_s=latency_s,
        tokens_per_s=tokens / latency_s,
        tokens_per_s_per_user=further / seconds if further else None,
        requests_per_s=batch / latency_s,
        joules_per_token=None if energy is None else sum(energy) / tokens,
        usd_per_million_tokens=None if cost is None else 1e6 * sum(cost.usd) / tokens,
        usd_per_million_input_tokens=None if cost is None else 1e6 * cost.usd[0] / (batch * asked.prompt),
        usd_per_million_output_tokens=None if cost is None or not further else 1e6 * cost.usd[1] / (batch * further),
        weights_bytes=asked.weights_bytes,
        cache_bytes=batch * asked.cache_bytes(asked.tokens),
        activation_bytes=asked.activation_bytes(),
        capacity_bytes=asked.capacity_bytes,
        largest_batch=asked.largest_batch,
        bound_by=longest.bound_by,
        prefill=prefill,
        decode=decode,
        steps=growing.points() if growing else (),
        notes=_notes(asked, prefill, decode, "no price: give one, or a rent" if cost is None else cost.note),
    )


def growing_of(asked: Question) -> Growing | None:
    """The tokens behind the first, by the context that each meets; None where there is none."""
    if asked.output == 1:
        return None
    growing = Growing(lambda context: _spent(asked.run("decode", 1, context)), asked.prompt, asked.tokens - 1)
    growing.cut([max(1, asked.decoder.window) - 1])
    return growing


def _spent(result: Result) -> tuple[float, float]:
    """Seconds and joules of a pass; no joules where its energy is not known."""
    return result.latency_s, result.energy["total_j"] if result.energy else 0.0


@dataclass(frozen=True)
class _Cost:
    """USD of the two phases, and what they rest on."""

    usd: tuple[float, float]
    note: str


def _usd(
    asked: Question, rates: Rates, seconds: tuple[float, float], joules: tuple[float, float] | None
) -> _Cost | None:
    """What the phases cost; None where there is no price."""
    known, chip = priced(asked.chip), asked.chip
    bill = None if known.cost is None or known.cost.bill_usd is None else known.cost.bill_usd.best
    price, note = next(
        (
            (value, words)
            for value, words in (
                (rates.price_usd, ""),
                (0.0 if rates.rent_usd_per_h is not None else None, ""),
                (chip.list_price_usd, "money: by the list price of the chip file"),
                (bill, "money: by the bill of materials, without a margin"),
            )
            if value is not None
        ),
        (None, ""),
    )
    if price is None:
        return None
    rest_w, limit_w = (0.0 if known.power is None else float(known.power.static_w)), chip.power_limit_w
    if joules is None and rates.rent_usd_per_h is None:
        drawn = "the power limit stands for the energy" if limit_w else "energy is not known and left out"
        note = f"{note}; {drawn}" if note else f"money: {drawn}"
    spent = joules or tuple((limit_w or 0.0) * phase for phase in seconds)
    usd = [
        phase * usd_per_s(rates, price, energy / phase if phase else 0.0, rest_w)
        for phase, energy in zip(seconds, spent, strict=True)
    ]
    return _Cost((usd[0], usd[1]), note)


def _notes(asked: Question, prefill: Result, decode: Result | None, money: str) -> tuple[str, ...]:
    """What a reader should know, each once."""
    notes = [money] if money else []
    if asked.capacity_bytes is None:
        what = "no DRAM: cache and weights that do not fit the SRAM lie at the host" if asked.chip.dram is None else (
            "the capacity of the DRAM is not known, so nothing limits the batch"
        )  # fmt: skip
        notes.append(what)
    if asked.decoder.experts:
        notes.append("experts: even routing; how many are met is the expectation")
    own = [*prefill.notes, *(decode.notes if decode else ())]
    return tuple(dict.fromkeys([*notes, *own]))
