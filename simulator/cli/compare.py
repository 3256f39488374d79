"""`rooftile compare`: chips in one order, then the three efficiency tables, published beside simulated."""

from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import asked, complete, reporting, uncertainty
from simulator.cli.compare_tokens import OUTPUT, PROMPT, OutputTokens, PromptTokens, Runtime, model_in, rank
from simulator.cli.limits import MaxCost, MaxPowerOrTdp, MaxPrice, Price, Rent, limits_of
from simulator.cli.output import check_writable, write
from simulator.cli.question import Json, Named, Precision, working
from simulator.cli.reporting import deliver_plain, detail
from simulator.cli.values import parameters, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.chip.library import Entry
    from simulator.cost.serving import Rates
    from simulator.graph.build import Graph
    from simulator.study.alike import Question
    from simulator.study.ranking import Ranking

RankedBatch = Annotated[
    int | None,
    typer.Option(
        "--batch",
        metavar="N",
        parser=whole_number,
        help="The batch to rank at; that of the published figure beside it, or 10, if left out.",
    ),
]
Chips = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CHIP...]",
        help="Bundled chips, chip files, or filled CSV sheets; files alone are compared with all bundled chips.",
        autocompletion=complete.chips_and_sheets,
    ),
]
Questions = Annotated[
    str | None, typer.Option("--questions", metavar="FILE", help="Write the sheet for vendors as CSV, and stop.")
]
Picture = Annotated[
    str | None, typer.Option("--plot", metavar="FILE", help="Draw the plots: .svg, .png, .pdf or .html.")
]


def compare_command(
    chips: Chips = None,
    network: Named = "",
    batch: RankedBatch = None,
    precision: Precision = None,
    params: Annotated[
        list[str] | None, typer.Option("--param", "--shape", metavar="NAME=VALUE", help="Set a network parameter.")
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="Published figures only: simulate nothing.")] = False,
    max_power: MaxPowerOrTdp = None,
    max_cost: MaxCost = None,
    max_price: MaxPrice = None,
    every: Annotated[bool, typer.Option("--all", help="Show all rows, not the first ten and mine.")] = False,
    alone: Annotated[bool, typer.Option("--alone", help="Compare files without the bundled chips.")] = False,
    questions: Questions = None,
    prompt: PromptTokens = None,
    output: OutputTokens = None,
    runtime: Runtime = None,
    price: Price = None,
    rent: Rent = None,
    json: Json = None,
    plot: Picture = None,
    uncertain: uncertainty.Uncertain = False,
    by: uncertainty.By = None,
    draws: uncertainty.Draws = uncertainty.DRAWS,
    seed: uncertainty.Seed = uncertainty.SEED,
    set_a: uncertainty.SetA = None,
    set_b: uncertainty.SetB = None,
) -> None:
    """Rank CHIPs on one network by throughput per dollar, watt, TOPS, DRAM or MB of SRAM."""
    from simulator.cost.serving import Rates  # noqa: PLC0415
    from simulator.errors import OptionError  # noqa: PLC0415
    from simulator.graph.load import asked_network  # noqa: PLC0415
    from simulator.graph.own import precision_of  # noqa: PLC0415
    from simulator.study.alike import LARGE_BATCH, Question  # noqa: PLC0415
    from simulator.study.ranking import any_order, check_by, rank_chips  # noqa: PLC0415

    model, words = model_in(chips or [], network)
    one_pass = bool({"phase", "context"} & parameters(params).keys())
    if model and not (one_pass or published or uncertain or questions):
        limits = limits_of(max_power, max_cost, max_price)
        _tokens(model, words, (prompt, output, batch), (precision, params, by, limits, runtime),
                Rates(price_usd=price, rent_usd_per_h=rent), (alone, every, json, plot))  # fmt: skip
        return
    _check_request({"prompt": prompt, "output": output, "runtime": runtime, "price": price, "rent": rent}, one_pass)
    network, chips = (network or model), words
    if not network:
        raise OptionError("--network: missing; see 'rooftile compare --help'")
    if uncertain:
        if published or questions is not None:
            raise OptionError("--uncertainty: must stand without --published and --questions")
        options = (by or uncertainty.BY, draws, seed, set_a, set_b, json, plot)
        uncertainty.ask(chips or [], network, params, batch or LARGE_BATCH, precision, *options)
        return
    _check_alone(set_a, set_b, draws, seed)
    given, by, limits = by, ("usd" if by is None else by), limits_of(max_power, max_cost, max_price)
    if published and "power_w" in limits:  # nothing runs that could draw any
        limits["tdp_w"] = limits.pop("power_w")
    check_by(by)
    for option, path in (("--questions", questions), ("--json", json), ("--plot", plot)):
        if path is not None and path != "-":
            check_writable(option, path)
    if plot is not None:
        from simulator.report.page import check_picture  # noqa: PLC0415

        check_picture("--plot", plot)
    name, values = asked_network(network, parameters(params))
    graph = asked.network(name, values)
    question = Question(name, values, precision_of(graph, precision), batch)
    entries = entries_of(chips or [], beside=not (alone or questions is not None))
    if questions is not None:
        _ask(questions, entries, question, graph)
        return
    if json is not None or reporting.wanted.get() is not None:
        _note(entries)
    with working() as tell:  # all of them take a minute the first time
        order = rank_chips(
            entries, question, by, limits, run=not published, tell=lambda chip: tell(f"simulating {chip}"), graph=graph
        )
    _answer(_detailed(any_order(order) if given is None else order, entries, graph, question), every, json, plot)


def _check_request(given: "Mapping[str, object]", one_pass: bool) -> None:
    """Refuse options of a request where none is asked. Raises OptionError."""
    from simulator.errors import OptionError  # noqa: PLC0415

    wrong = [f"--{name}" for name, value in given.items() if value is not None]
    if wrong and one_pass:
        raise OptionError(f"{', '.join(wrong)}: must be left out with --phase and --context, which ask for one pass")
    if wrong:
        raise OptionError(f"{', '.join(wrong)}: need a language model, such as 'rooftile compare llama3_8b'")


def _check_alone(set_a: list[str] | None, set_b: list[str] | None, draws: int, seed: int) -> None:
    """Refuse options that speak of --uncertainty alone. Raises OptionError."""
    from simulator.errors import OptionError  # noqa: PLC0415

    if set_a or set_b:
        raise OptionError("--set-a, --set-b: need --uncertainty; 'rooftile explain' takes them too")
    if (draws, seed) != (uncertainty.DRAWS, uncertainty.SEED):
        raise OptionError("--draws, --seed: need --uncertainty")


def _tokens(
    model: str,
    words: list[str],
    lengths: tuple[int | None, int | None, int | None],
    given: tuple[str | None, list[str] | None, str | None, dict[str, float], str | None],
    rates: "Rates",
    shown: tuple[bool, bool, str | None, str | None],
) -> None:
    """Chips on a request to a language model."""
    from simulator.errors import OptionError, nearest  # noqa: PLC0415
    from simulator.study.serving_chips import ORDERS, PAID  # noqa: PLC0415

    precision, params, by, limits, runtime = given
    alone, every, json, plot = shown
    if by is not None and by not in ORDERS:
        raise OptionError(f"--by: must be one of {', '.join(ORDERS)}, got {by!r}{nearest(by, ORDERS)}")
    if json is not None and json != "-":
        check_writable("--json", json)
    entries = entries_of(words, beside=not alone)
    usual = PAID if rates.rent_usd_per_h is None else "mtoken"
    prompt, output, batch = (value or other for value, other in zip(lengths, (PROMPT, OUTPUT, 1), strict=True))
    asking = {
        "precision": precision,
        "params": parameters(params),
        "by": by or usual,
        "limits": limits,
        "runtime": runtime,
    }
    rank(model, entries, (prompt, output, batch), asking, rates, every, json, plot)


def entries_of(names: list[str], beside: bool = True) -> "list[Entry]":
    """Return the chips of the command line: short names, chip files, and the rows of CSV sheets; all if none.

    beside: whether files and sheets without a bundled chip among them stand beside all bundled chips.
    """
    from simulator.chip.library import bundled_entries, entry, told_apart  # noqa: PLC0415
    from simulator.chip.load import is_path  # noqa: PLC0415
    from simulator.study.sheet import read_sheet  # noqa: PLC0415

    if not names:
        return list(bundled_entries().values())
    found: list[tuple[str, Entry]] = []
    for name in dict.fromkeys(names):  # a chip that is named twice is one
        found += [(row.name, row) for row in read_sheet(name)] if is_sheet(name) else [(name, entry(name))]
    if beside and all(is_sheet(name) or is_path(name) for name in names):
        found += bundled_entries().items()
    return told_apart(found)


def is_sheet(name: str) -> bool:
    """Whether a word of the command line is a filled sheet."""
    return name.lower().endswith(".csv")


def _ask(path: str, entries: "list[Entry]", question: "Question", graph: "Graph") -> None:
    """Write the sheet for vendors."""
    from simulator.study.alike import params_of  # noqa: PLC0415
    from simulator.study.sheet import questions  # noqa: PLC0415

    write("--questions", path, questions(entries, question, params_of(graph)))


def _note(entries: "list[Entry]") -> None:
    """Note the chips that the answer depends on."""
    for one in entries:
        if one.architecture is not None:
            asked.note_chip(one.name, one.architecture)


def _detailed(order: "Ranking", entries: "list[Entry]", graph: "Graph", question: "Question") -> "Ranking":
    """Have the report show the first chip of the ranking in full, and the first from a file of the user's; the ranking."""
    from simulator.study.compare import precision_on  # noqa: PLC0415

    first = [order.rows[0].line.chip] if order.rows else []
    names = dict.fromkeys([*first, *(row.line.chip for _, row in order.mine[:1])])
    known = {one.name: one.architecture for one in entries}
    for name in names:
        chip = known.get(name)
        if chip is not None and chip.array is not None:
            batch = question.batch or 1
            detail(name, graph, chip, batch, precision_on(chip, question.precision))
    return order


def _answer(order: "Ranking", every: bool, json: str | None, plot: str | None) -> None:
    """Print the tables, and write what else is asked for."""
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.report.compare_tables import compare_report  # noqa: PLC0415
    from simulator.report.document import to_json  # noqa: PLC0415
    from simulator.report.scatter import compare_chart  # noqa: PLC0415

    found = order.found
    deliver_plain(lambda: compare_report(found, order, every), lambda: [compare_chart(found)])
    if json is not None:
        write("--json", json, to_json(asked.document({**found.to_dict(), "ranking": order.to_dict()})))
    if plot is not None:
        from simulator.report.page import save  # noqa: PLC0415

        save("--plot", compare_chart(found), plot)
    if json != "-":
        show(compare_report(found, order, every))
