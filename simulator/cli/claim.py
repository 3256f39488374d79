"""`rooftile claim`: can a throughput be true?"""

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import asked, complete
from simulator.cli.output import write
from simulator.cli.question import Batch, Json, Named, Plot, Precision, check_outputs, working
from simulator.cli.values import parameters
from simulator.errors import CheckError, OptionError
from simulator.progress import say
from simulator.vocabulary import PRECISIONS

if TYPE_CHECKING:
    from simulator.chip.library import Entry
    from simulator.graph.build import Graph
    from simulator.study.alike import Question
    from simulator.study.claim import Verdict


def claim_command(
    chip: Annotated[
        str,
        typer.Argument(
            metavar="CHIP",
            help="A bundled chip, a chip file, or a filled CSV sheet; `all` for all bundled chips.",
            autocompletion=complete.chips_and_sheets,
        ),
    ],
    network: Named,
    throughput: Annotated[
        str | None,
        typer.Option("--throughput", metavar="RATE", help="Such as 1000/s; if left out, published results are judged."),
    ] = None,
    batch: Batch = 1,
    precision: Precision = None,
    params: Annotated[
        list[str] | None, typer.Option("--param", "--shape", metavar="NAME=VALUE", help="Set a network parameter.")
    ] = None,
    json: Json = None,
    check: Annotated[bool, typer.Option("--check", help="End with exit code 3 if a claim is impossible.")] = False,
    plot: Plot = None,
) -> None:
    """Judge a claimed throughput: possible, doubtful or impossible, and which bound it breaks."""
    check_outputs(json, plot)
    from simulator.chip.library import bundled_entries  # noqa: PLC0415
    from simulator.cli.compare import entries_of  # noqa: PLC0415
    from simulator.formats import formats_of  # noqa: PLC0415
    from simulator.graph.load import asked_network  # noqa: PLC0415
    from simulator.reading.amounts import option_amount  # noqa: PLC0415
    from simulator.reading.precision import precision_text  # noqa: PLC0415
    from simulator.reading.units import RATE  # noqa: PLC0415
    from simulator.study.alike import Question  # noqa: PLC0415
    from simulator.study.claim import judge  # noqa: PLC0415
    from simulator.study.compare import effort  # noqa: PLC0415
    from simulator.study.sharing import answers  # noqa: PLC0415

    if precision is not None:
        formats_of(precision := precision_text(precision))  # tells what is none
    wanted = option_amount("--throughput", throughput, RATE, "/s")
    network, values = asked_network(network, parameters(params))
    graph = asked.network(network, values)
    if wanted is not None:
        if chip == "all":
            raise OptionError("--throughput: must be left out with CHIP all, whose published figures are judged")
        one, *more = entries_of([chip], beside=False)
        if more:
            raise OptionError(
                f"--throughput: must be left out with the {1 + len(more)} chips of {chip}, which are judged"
            )
        if one.architecture is not None:
            asked.note_chip(one.name, one.architecture)
        with working():
            found = [judge(one, graph, wanted, batch, precision)]
    else:
        chips = list(bundled_entries().values()) if chip == "all" else entries_of([chip], beside=False)
        judged = partial(_published, graph, Question(network), json is None)
        with working():  # the whole library takes a minute the first time
            found = list(chain.from_iterable(answers(judged, chips, effort, lambda one: say(f"judging {one.name}"))))
        if not found:
            raise OptionError(
                f"--throughput: missing; nothing that can be judged is published about {chip} on {network}"
            )
    if plot is not None:
        from simulator.report.claim import claim_chart  # noqa: PLC0415
        from simulator.report.page import save  # noqa: PLC0415

        save("--plot", claim_chart(found), plot)
    _answer(found, json, single=wanted is not None)
    impossible = [one for one in found if one.verdict == "impossible"]
    if check and impossible:
        raise CheckError(f"--check: {len(impossible)} of {len(found)} claims: impossible")


def _published(graph: "Graph", question: "Question", verdict_alone: bool, chip: "Entry") -> "list[Verdict]":
    """Judge the published figures of a chip on this network at its present parameters, one for each of its kinds."""
    from simulator.formats import USUAL  # noqa: PLC0415
    from simulator.study.alike import is_same, params_of  # noqa: PLC0415
    from simulator.study.bounds import resources_of  # noqa: PLC0415
    from simulator.study.claim import judge, standing_of  # noqa: PLC0415

    params = params_of(graph)
    best: dict[tuple[int | None, str, str | None, str | None, str], float] = {}
    for row in chip.published.results:
        same = all(
            given is None or given == params.get(name)
            for name, given in (("image_size", row.image_size), ("sequence_length", row.sequence_length))
        )
        precision = row.precision or USUAL
        other = row.params or row.settings or row.ran_with  # another network, chip or size than the ones judged
        if not is_same(row, question) or not same or other or precision not in PRECISIONS:
            continue
        if resources_of(chip, precision).peak_tops is not None:
            kind = (row.batch, precision, row.mode, row.not_modelled, standing_of(row))
            best[kind] = max(best.get(kind, 0.0), row.throughput_per_s)
    return [
        judge(chip, graph, value, batch, precision, () if beside is None else (beside,), verdict_alone, standing)
        for (batch, precision, _, beside, standing), value in best.items()
    ]


def _answer(found: "list[Verdict]", json: str | None, single: bool) -> None:
    """Print the verdicts, and write them where asked."""
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.report.claim import claim_report, claim_table  # noqa: PLC0415
    from simulator.report.document import to_json  # noqa: PLC0415

    if json is not None:
        several = {"claims": [verdict.to_dict() for verdict in found]}
        write(
            "--json",
            json,
            to_json(asked.document(found[0].to_dict() if single else several, "" if single else "claims")),
        )
    if json != "-":
        show(claim_report(found[0]) if single else claim_table(found))
