"""`rooftile size`: the cheapest chip that reaches targets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli import asked, complete
from simulator.cli.compare_tokens import OUTPUT, PROMPT, OutputTokens, PromptTokens
from simulator.cli.limits import MaxCost, MaxPower, limits_of
from simulator.cli.question import (
    Batch,
    Json,
    Params,
    Plot,
    Precision,
    Settings,
    SomeNetwork,
    answer,
    check_outputs,
    working,
)
from simulator.cli.reporting import detail
from simulator.cli.values import amount_in, parameters
from simulator.errors import InfeasibleError, OptionError

if TYPE_CHECKING:
    from simulator.chip.schema import Architecture
    from simulator.graph.build import Graph
    from simulator.study.sizing_answer import Design

Bundled = Annotated[bool, typer.Option("--bundled/--no-bundled", help="Whether bundled chips are candidates too.")]
TokensPerS = Annotated[
    float | None,
    typer.Option(
        "--tokens-per-s",
        metavar="N",
        parser=amount_in("RATE", "/s"),
        help="Of a language model: tokens/s of each user.",
    ),
]


def size_command(
    network: SomeNetwork = None,
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--network",
            metavar="N[@SIZE][:SHARE]",
            help="One of several, such as yolov3@608:0.3.",
            autocompletion=complete.networks,
        ),
    ] = None,
    at_least: Annotated[
        str | None, typer.Option("--at-least", metavar="RATE", help="Throughput wanted, such as 1000/s or 30fps.")
    ] = None,
    latency: Annotated[
        str | None, typer.Option("--latency", metavar="TIME", help="Longest latency of a batch, such as 5ms.")
    ] = None,
    max_power: MaxPower = None,
    max_cost: MaxCost = None,
    chip: Annotated[
        str,
        typer.Option(
            "--chip",
            metavar="BASE",
            help="The chip to vary: a bundled one or a YAML file.",
            autocompletion=complete.chips,
        ),
    ] = "example_edge",
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="KEY=RANGE", help="Vary only these keys, as in 'rooftile sweep'."),
    ] = None,
    bundled: Bundled = True,
    tokens_per_s: TokensPerS = None,
    prompt: PromptTokens = None,
    output: OutputTokens = None,
    batch: Batch = 1,
    precision: Precision = None,
    settings: Settings = None,
    params: Params = None,
    plot: Plot = None,
    json: Json = None,
) -> None:
    """Find the cheapest chip that reaches the targets on NETWORK, or on a mix of networks; the runners-up; what binds.

    With --max-power or --max-cost alone: the chip with most throughput per dollar of its bill within them.
    """
    from simulator.reading.amounts import option_amount  # noqa: PLC0415
    from simulator.reading.units import RATE, TIME  # noqa: PLC0415

    limits = limits_of(max_power, max_cost)
    wanted = {
        "at_least_per_s": option_amount("--at-least", at_least, RATE, "/s"),
        "latency_s": option_amount("--latency", latency, TIME, "s", bare=False),
        "max_power_w": limits.get("power_w"),
        "max_cost_usd": limits.get("bill_usd"),
    }
    request = tokens_per_s, prompt, output
    if not any(wanted.values()) and request == (None, None, None):
        raise OptionError(
            "--at-least: missing; give it, or --latency, --max-power or --max-cost; see 'rooftile size --help'"
        )
    values = parameters(params)
    if request != (None, None, None):
        wanted["latency_s"] = _last_token(str(network), values, request, batch, wanted["latency_s"])
        batch = 1 if "sequences" in values else batch
    check_outputs(json, plot)
    asked.chip(chip, settings)  # a slip is told before anything is compiled
    mix = _mix(network, networks or [], values)
    with working() as tell:
        from simulator.study.sizing import size as ask  # noqa: PLC0415

        found = ask(
            mix, chip, batch=batch, precision=precision, set=settings or [], vary=vary, bundled=bundled, tell=tell, **wanted
        )  # fmt: skip
    from simulator.report.sizing import answer_lines, size_chart, size_report  # noqa: PLC0415

    if found.winner is not None:
        _detail(found.winner, mix, asked.chip(chip, settings), batch, precision)
    answer(found, json, plot, size_report, size_chart, said=answer_lines)
    if found.winner is None:
        raise InfeasibleError("size: no chip of the space reaches all targets")


def _detail(won: "Design", mix: "dict[Graph, float]", base: "Architecture", batch: int, precision: str | None) -> None:
    """Have the report show the design that is found in full, on the network with the largest share."""
    from simulator.chip.change import changed_chip  # noqa: PLC0415
    from simulator.chip.load import load_chip  # noqa: PLC0415

    chip = load_chip(won.chip) if won.bundled else changed_chip(base, won.settings)
    detail("the first design", max(mix, key=lambda graph: mix[graph]), chip, batch, precision)


def _last_token(
    model: str, values: dict[str, Any], request: tuple[float | None, int | None, int | None], batch: int, latency_s: Any
) -> float:
    """Make the network's parameters those of the last token of a request, the slowest, and give the time it may take [s]."""
    from simulator.graph.language import decoders  # noqa: PLC0415
    from simulator.graph.load import is_decoder_file  # noqa: PLC0415
    from simulator.store.bundled import network_name  # noqa: PLC0415
    from simulator.study.asking import last_token  # noqa: PLC0415

    rate, prompt, output = request
    name = network_name(model)
    if name not in decoders() and not is_decoder_file(model):
        raise OptionError(
            "--tokens-per-s, --prompt, --output: need a language model, such as 'rooftile size llama3_8b'"
        )
    if rate is None or not 0.0 < rate < float("inf"):
        raise OptionError(f"--tokens-per-s: must be a number above 0 beside --prompt and --output, got {rate}")
    if latency_s is not None:
        raise OptionError("--latency: must be left out with --tokens-per-s, which sets it")
    if "context" in values and (prompt, output) != (None, None):
        raise OptionError("--context: must be left out with --prompt and --output, which set it")
    values.update(last_token(name or model, prompt or PROMPT, output or OUTPUT, batch, values))
    return 1.0 / rate


def _mix(network: str | None, others: list[str], values: dict[str, Any]) -> "dict[Graph, float]":
    """Networks with their shares. Raises OptionError for none, or for one that cannot be read."""
    if network is not None and others:
        raise OptionError("NETWORK: must be left out with --network, or be one of them")
    if network is None and not others:
        raise OptionError("NETWORK: missing; see 'rooftile size --help'")
    if values and len(others) > 1:
        raise OptionError("--param: must be left out with several networks; give sizes as N@SIZE")
    mix = {}
    for text in others or [str(network)]:
        name, share = _shared(text)
        mix[asked.network(name, values)] = share
    return mix


def _shared(text: str) -> tuple[str, float]:
    """(NAME or NAME@SIZE, share) of `NAME[@SIZE][:SHARE]`."""
    from simulator.reading.values import plain_value  # noqa: PLC0415

    if "," in text and not Path(text).suffix:
        raise OptionError(
            f"--network {text}: must be one network; give several as --network yolov3:0.3 --network resnet50:0.7"
        )
    head, colon, tail = text.rpartition(":")
    if not colon or not head or "/" in tail or "\\" in tail:  # a colon of a path
        return text, 1.0
    value = plain_value(tail)
    if isinstance(value, bool | str) or not 0.0 < value < float("inf"):
        raise OptionError(f"--network {text}: share must be a number above 0, got {tail!r}")
    return head, float(value)
