"""`rooftile compare MODEL --prompt P --output O`: chips on one request to a language model."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli import asked
from simulator.cli.output import write
from simulator.cli.question import working
from simulator.cli.reporting import deliver_plain
from simulator.cli.values import whole_number
from simulator.errors import InfeasibleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.chip.library import Entry
    from simulator.cost.serving import Rates
    from simulator.report.paper import Section
    from simulator.study.serving_chips import Serving

PromptTokens = Annotated[
    int | None, typer.Option("--prompt", metavar="P", parser=whole_number, help="Of a language model: input tokens.")
]
OutputTokens = Annotated[
    int | None, typer.Option("--output", metavar="O", parser=whole_number, help="Of a language model: output tokens.")
]
Runtime = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        help="Of a language model: software, such as vllm-0.11, or a class of it: eager, compiled, npu.",
    ),
]
PROMPT, OUTPUT = 1024, 256
"""Tokens in and out unless given."""

FORM = "compare-tokens"
"""Of its JSON."""


def model_in(words: list[str], network: str) -> tuple[str, list[str]]:
    """(language model, the other words) of a command line; no model where none of the words is one."""
    from simulator.graph.language import decoders  # noqa: PLC0415
    from simulator.store.bundled import network_name  # noqa: PLC0415

    if network:
        return (network, words) if network_name(network) in decoders() else ("", words)
    found = [word for word in words if network_name(word) in decoders()]
    return (found[0], [word for word in words if word != found[0]]) if found else ("", words)


def rank(
    model: str,
    entries: "list[Entry]",
    lengths: tuple[int, int, int],
    given: dict[str, Any],
    rates: "Rates",
    every: bool,
    json: str | None,
    plot: str | None,
) -> None:
    """Ask, and answer. given: precision, params, by, limits and runtime of the study."""
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.report.document import to_json  # noqa: PLC0415
    from simulator.report.serving import serving_report  # noqa: PLC0415
    from simulator.report.serving_charts import serving_chart  # noqa: PLC0415
    from simulator.study.serving_chips import Wanted, serving  # noqa: PLC0415

    if plot is not None:
        from simulator.report.page import check_picture  # noqa: PLC0415

        check_picture("--plot", plot)
    for one in entries:
        if one.architecture is not None:
            asked.note_chip(one.name, one.architecture)
    with working():
        order = {name: given.pop(name) for name in ("by", "limits")}
        wanted = Wanted(model, lengths, **given)
        found = serving(entries, wanted, rates=rates, **order)
    known = {one.name: one.architecture for one in entries}

    def more(tell: "Callable[[str], None]") -> "list[Section]":
        from simulator.report.generation_paper import served_sections  # noqa: PLC0415

        chips = [(name, known[name]) for name in _in_full(found)]
        return [
            part
            for name, chip in chips
            if chip is not None
            for part in served_sections(name, chip, wanted, rates, tell)
        ]

    deliver_plain(
        lambda: serving_report(found, every),
        lambda: [serving_chart(found)] if found.rows else [],
        more=more,
        title=f"Chips for {model}",
    )
    if json is not None:
        write("--json", json, to_json(asked.document(found.to_dict(), FORM)))
    if plot is not None:
        from simulator.report.page import save  # noqa: PLC0415

        save("--plot", serving_chart(found), plot)
    if json != "-":
        show(serving_report(found, every))
    if not (found.rows or found.above or found.untried):
        raise typer.Exit(InfeasibleError.exit_code)  # what each lacks is in the answer


def _in_full(found: "Serving") -> list[str]:
    """The chips that a report shows in full: the first of the ranking, and the first from a file of the user's."""
    mine = [row for row in found.rows if row.mine]
    return list(dict.fromkeys(row.chip for row in (*found.rows[:1], *mine[:1])))
