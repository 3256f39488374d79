"""`--phase`, `--prompt` and `--context`: which pass of a language model, for every command that takes a network."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any

import typer

from simulator.cli.values import whole_number

Phase = Annotated[
    str | None,
    typer.Option("--phase", metavar="prefill|decode", help="Of a language model: a prompt, or one token of each user."),
]
Context = Annotated[
    int | None,
    typer.Option(
        "--context", metavar="N", parser=whole_number, help="Of a language model: tokens that are in the cache already."
    ),
]
Prompt = Annotated[
    int | None,
    typer.Option("--prompt", metavar="P", parser=whole_number, help="Of a language model: new tokens of each user."),
]
OPTIONS = {"phase": Phase, "context": Context, "prompt": Prompt}
"""Parameters of the builder, as options. A command may have a `prompt` of its own, that of a request."""


def of_passes(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that takes a network and its parameters, with OPTIONS: they become parameters, so nothing between knows them."""
    signature = inspect.signature(command)
    taken = signature.parameters.keys()
    if "params" not in taken or not {"network", "networks"} & taken:
        return command
    own = {name: kind for name, kind in OPTIONS.items() if name not in taken}

    @wraps(command)
    def run(**given: Any) -> Any:
        asked = {name: given.pop(name) for name in own}
        if asked["phase"] is not None and "prompt" in given:
            asked["prompt"], given["prompt"] = given["prompt"], None
        asked = {name: value for name, value in asked.items() if value is not None}
        if asked:
            _check(asked, given)
            given["params"] = [*(given["params"] or []), *(f"{name}={value}" for name, value in asked.items())]
        return command(**given)

    # Behind the parameters, which they are some of.
    listed = list(signature.parameters.values())
    at = next(number for number, each in enumerate(listed) if each.name == "params") + 1
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in own.items()
    ]
    keep = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in listed]
    changed: Any = run
    changed.__signature__ = signature.replace(parameters=[*keep[:at], *more, *keep[at:]])
    changed.__annotations__ = {**command.__annotations__, **own}
    return run


def _check(asked: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse a phase of what has none. Raises OptionError."""
    from simulator.errors import OptionError, nearest  # noqa: PLC0415
    from simulator.graph.language import PHASES  # noqa: PLC0415
    from simulator.graph.load import network_parameters  # noqa: PLC0415

    phase = asked.get("phase", PHASES[0])
    if phase not in PHASES:
        raise OptionError(f"--phase: must be {' or '.join(PHASES)}, got {phase!r}{nearest(phase, PHASES)}")
    first = f"--{next(iter(asked))}"
    twice = [name for name in asked if any(pair.partition("=")[0].strip() == name for pair in given["params"] or [])]
    if twice:
        raise OptionError(f"--{twice[0]}: {twice[0]}: given twice, as --param too")
    if given.get("networks"):
        raise OptionError(f"{first}: must be left out with several networks")
    for network in _networks(given):
        if "phase" not in network_parameters(network):
            raise OptionError(f"{first}: {network} has no phases; needs a language model, such as llama3_8b")


def _networks(given: Mapping[str, Any]) -> list[str]:
    """The networks of a command line; of a comparison also a language model among its words."""
    if given.get("network"):
        return [given["network"]]
    if "chips" not in given:
        return []
    from simulator.cli.compare_tokens import model_in  # noqa: PLC0415

    model, _ = model_in(given["chips"] or [], "")
    return [model] if model else []
