"""`rooftile generate`: a request to a language model, from the prompt to the last token."""

from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import asked, complete, reporting
from simulator.cli.compare_tokens import OUTPUT, PROMPT, Runtime
from simulator.cli.limits import Price, Rent
from simulator.cli.question import Chip, Json, Params, Plot, Settings, answer, check_outputs, working
from simulator.cli.values import NUMBER, amount_in, parameters, whole_number
from simulator.errors import OptionError

if TYPE_CHECKING:
    from simulator.report.paper import Paper

Guessed = Annotated[
    int | None,
    typer.Option(
        "--speculate", metavar="K", parser=whole_number, help="Speculative decoding: tokens proposed at a time."
    ),
]
Accepted = Annotated[
    float | None,
    typer.Option(
        "--accept",
        metavar="SHARE",
        parser=amount_in("SHARE", "", zero=True),
        help="Share of proposed tokens that are accepted.",
    ),
]
Draft = Annotated[
    str | None, typer.Option("--draft", metavar="MODEL", help="The draft model.", autocompletion=complete.models)
]
Years = Annotated[float, typer.Option("--years", metavar="YEARS", parser=NUMBER, help="Years of use.")]
Energy = Annotated[
    float,
    typer.Option("--energy", metavar="USD", parser=amount_in("MONEY", "USD", zero=True), help="Price of a kWh."),
]
Pue = Annotated[
    float,
    typer.Option("--pue", metavar="X", parser=NUMBER, help="Energy of the site over that of the machines."),
]
Next = Annotated[
    bool | None,
    typer.Option(
        "--next-limit/--no-next-limit",
        help="At which batch the limit turns; told on GPUs, elsewhere it takes seconds to minutes.",
        show_default=False,
    ),
]
Load = Annotated[float, typer.Option("--load", metavar="SHARE", parser=NUMBER, help="Share of the time at work.")]

Format = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="P",
        help="Number format; fp16 unless given, where the chip has it.",
        autocompletion=complete.precisions,
    ),
]


def generate_command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A bundled language model.", autocompletion=complete.models)
    ],
    chip: Chip,
    prompt: Annotated[
        int, typer.Option("--prompt", metavar="P", parser=whole_number, help="Input tokens of each request.")
    ] = PROMPT,
    output: Annotated[
        int, typer.Option("--output", metavar="O", parser=whole_number, help="Output tokens of each request.")
    ] = OUTPUT,
    batch: Annotated[
        str, typer.Option("--batch", metavar="B|max", help="Requests in a batch, or max: as many as fit the memory.")
    ] = "1",
    precision: Format = None,
    runtime: Runtime = None,
    mode: Annotated[
        str,
        typer.Option("--mode", metavar="MODE", help="static: all end together; continuous: the batch stays full."),
    ] = "static",
    prefill: Annotated[
        str,
        typer.Option("--prefill", metavar="whole|chunked:N", help="With continuous: whole prompts, or chunks."),
    ] = "whole",
    speculate: Guessed = None,
    accept: Accepted = None,
    draft: Draft = None,
    chips: Annotated[int, typer.Option("--chips", metavar="N", parser=whole_number, help="Only 1 for now.")] = 1,
    price: Price = None,
    years: Years = 4.0,
    energy: Energy = 0.08,
    pue: Pue = 1.2,
    load: Load = 0.6,
    rent: Rent = None,
    next_limit: Next = None,
    settings: Settings = None,
    params: Params = None,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Run a language MODEL on CHIP: time to first token (TTFT), time per token (TPOT), tokens/s, memory, energy, cost."""
    values = parameters(params)
    check_outputs(json, plot)
    architecture = asked.chip(chip, settings)
    size = batch if batch == "max" else _whole(batch)
    from simulator.cost.serving import Rates  # noqa: PLC0415

    rates = Rates(price, years, energy, pue, load, rent)
    with working() as tell:
        from simulator.study.generating import generate as ask  # noqa: PLC0415
        from simulator.study.serving_batches import served_batches  # noqa: PLC0415

        found = ask(
            model, chip, prompt=prompt, output=output, batch=size, precision=precision, mode=mode, prefill=prefill,
            runtime=runtime, speculate=speculate, accept=accept, draft=draft, chips=chips, price=rates, params=values,
            set=settings or [], next_limit=next_limit,
        )  # fmt: skip
        found.next_limit  # noqa: B018 (worked out here, where it is shown what is being done)
        changes = None
        if reporting.wanted.get() is not None:
            from simulator.study.serving_changes import pass_changes  # noqa: PLC0415

            changes = pass_changes(found, architecture, values, precision=precision, tell=tell)
        served = () if plot is None else served_batches(found, chip, values, settings or [], precision)
    from simulator.report.generation import generate_chart, generate_report  # noqa: PLC0415

    def paper(made: dict[str, str]) -> "Paper":
        from simulator.report.detail import priced_of  # noqa: PLC0415
        from simulator.report.generation_paper import generate_paper  # noqa: PLC0415

        return generate_paper(found, architecture, priced_of(architecture), changes, made)

    answer(found, json, plot, generate_report, lambda one: generate_chart(one, served), paper=paper)


def _whole(text: str) -> int:
    """A batch. Raises OptionError for what is no whole number of at least 1."""
    try:
        return whole_number(text)
    except typer.BadParameter as error:
        raise OptionError(f"--batch: {error.message.replace(', got ', ', or max, got ', 1)}") from None
