"""Questions about requests to language models, checked: the model, the chip and its software, lengths, guesses."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simulator.chip.schema import Architecture
from simulator.errors import NetworkError, OptionError, nearest
from simulator.graph.language import Decoder, decoders
from simulator.graph.load import file_of, is_decoder_file, load_network, network_parameters
from simulator.store.bundled import network_name
from simulator.study.request import Question, Speculation
from simulator.study.runtimes import MODEL_OWN, Runtime
from simulator.vocabulary import GENERATING

OWN = ("phase", "prompt", "context", "sequences", "words", "chunk", "chunks", "chunk_context")
"""Parameters of a model that the question sets."""


def asked_of(
    model: str,
    chip: Architecture,
    lengths: tuple[int, int, int | str],
    precision: str | None,
    params: dict[str, Any],
    runtime: Runtime = MODEL_OWN,
) -> Question:
    """The question, checked. lengths: tokens in, tokens out, requests together."""
    name = network_name(str(model))
    if name is None and is_decoder_file(str(model)):
        name = str(model)
    elif name is None or name not in decoders():
        other = name is not None or file_of(str(model)) is not None
        hint = "; `rooftile run` runs other networks" if other else nearest(str(model), decoders())
        raise NetworkError(f"model: must be a language model, bundled or a config.json, got {model!r}{hint}")
    for key in OWN:
        if key in params:
            raise OptionError(f"params: {key}: must be left out, the question sets it")
    for what, value in zip(("prompt", "output", "batch"), lengths, strict=True):
        if (what, value) != ("batch", "max") and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            or_max = " or 'max'" if what == "batch" else ""
            raise OptionError(f"{what}: must be a whole number of at least 1{or_max}, got {value!r}")
    if not runtime.windows and "window" in network_parameters(name):
        params = {"window": 0, **params}
    graph = load_network(name, **{**params, "prompt": 1, "layers": 1})  # checks the shapes
    shapes = {key: value for key, value in {**network_parameters(name), **params}.items() if key not in OWN}
    prompt, output, batch = lengths
    chip = runtime.on(chip)
    rates = {} if chip.array is None else chip.array.rate
    usual = next((word for word in GENERATING if word in rates), GENERATING[0])
    chosen = precision or str(graph.graph.get("precision", usual))
    chip.peak_tops(chosen)  # tells a precision that the chip has not
    first = 1 if isinstance(batch, str) else batch
    return Question(name, Decoder(**shapes), params, chip, chosen, prompt, output, first, runtime)


def speculating(asked: Question, count: int, accept: float, draft: str | None) -> Question:
    """The same with guesses. draft: a language model that guesses on the same chip; None: guesses that take no time."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 64:
        raise OptionError(key="speculate", must="be a whole number from 1 to 64", got=count)
    if isinstance(accept, bool) or not isinstance(accept, int | float) or not 0.0 <= accept <= 1.0:
        raise OptionError(key="accept", must="be a probability from 0 to 1", got=accept)
    lengths = asked.prompt, asked.output, asked.batch
    guess = None if draft is None else asked_of(draft, asked.chip, lengths, asked.precision, {}, asked.runtime)
    return replace(asked, speculation=Speculation(count, float(accept), guess))


def last_token(model: str, prompt: int, output: int, batch: int, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the network that is the pass for the last token of a request, the slowest of them, or behind a context of
    `params`.

    Experts are shared by all sequences: there the network holds the batch.
    """
    experts = {**network_parameters(model), **params}["experts"]
    context = params.get("context", max(1, prompt + output - 2))
    return {"phase": "decode", "context": context, **({"sequences": batch} if experts else {})}
