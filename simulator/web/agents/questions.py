"""Questions that take long: the answer of a comparison, a sizing, a sweep, with its best chip in words."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from simulator.chip.change import changed_chip
from simulator.chip.library import bundled_entries
from simulator.chip.schema import Architecture
from simulator.errors import ChipError, OptionError
from simulator.graph.build import Graph
from simulator.graph.load import asked_network, file_of
from simulator.graph.own import precision_of
from simulator.report.compare_tables import answer_lines
from simulator.report.document import plain
from simulator.report.sizing import answer_lines as size_lines
from simulator.run import simulate
from simulator.study.alike import Question
from simulator.study.ranking import check_by, rank_chips
from simulator.study.sensitivities import sensitivity
from simulator.study.sizing import size
from simulator.study.sizing_answer import Design, Targets
from simulator.sweeps import read
from simulator.sweeps.ranges import PARAMETER
from simulator.sweeps.run import sweep
from simulator.web.agents import answers, forms
from simulator.web.agents.library import Library
from simulator.web.jobs import SWEPT_AT_ONCE, Tell, points_told

NOTHING = "There is no chip to speak of."


def answer(names: Library, work: Any, tell: Tell) -> forms.TableAnswer:
    """The answer to a submitted question. Raises what the command's function raises."""
    tasks: dict[str, Callable[[Library, Any, Tell], forms.TableAnswer]] = {
        "compare": _compare, "size": _size, "sweep": _sweep
    }  # fmt: skip
    return tasks[work.question](names, work, tell)


def _worded(
    work: forms.NetworkAsked, graph: Graph, chip: Architecture | None, told: list[str], tell: Tell
) -> forms.Words:
    """What is to say of the best chip, after what was asked. chip: None where there is none, or none that runs."""
    first = " ".join(told)
    if chip is None:
        return forms.Words(answer=first, bound=NOTHING, waterfall=[], next_dollar=[NOTHING], validity=[NOTHING])
    result = simulate(graph, chip, batch=work.batch, precision=work.precision)
    found = sensitivity(graph, chip, work.batch, result.precision, tell=tell)
    return answers.words(result, graph, chip, found, first)


def _compare(names: Library, work: forms.CompareAsked, tell: Tell) -> forms.TableAnswer:
    check_by(work.by)
    graph = names.graph(work.network, work.params)
    entries = [names.entry(text) for text in work.chips] or list(bundled_entries().values())
    word = names.network_word(work.network)
    # A file has been read by a process of its own.
    name, params = (word, work.params) if file_of(word) else asked_network(word, work.params)
    question = Question(name, params, precision_of(graph, work.precision), work.batch)
    order = rank_chips(entries, question, work.by, tell=tell, graph=graph)
    rows = [
        {"chip": row.line.chip, "title": row.line.title, "value": row.value, "bill_usd": row.line.bill_usd,
         "throughput_per_s": row.figure.throughput_per_s, "power_w": row.figure.power_w, "from": row.figure.mode,
         "batch": row.figure.batch, "precision": row.figure.precision, "remarks": list(row.figure.remarks)}
        for row in order.rows
    ]  # fmt: skip
    told = answer_lines(order)
    if order.unranked:
        told.append(f"Without a known {work.by}: {len(order.unranked)} chips.")
    best = next((one for one in entries if order.rows and one.name == order.rows[0].line.chip), None)
    chip = None if best is None else best.architecture
    words = _worded(work, graph, chip if order.rows and order.rows[0].figure.mode == "simulated" else None, told, tell)
    return forms.TableAnswer(question="compare", rows=plain(rows[: forms.MOST_ROWS]), count=len(rows), words=words)


def _size(names: Library, work: forms.SizeAsked, tell: Tell) -> forms.TableAnswer:
    graph, base = names.graph(work.network, work.params), names.chip(work.chip, work.settings)
    wanted: Any = {name: getattr(work, name) for name in Targets.__dataclass_fields__}
    found = size(
        graph, base, batch=work.batch, precision=work.precision, vary=work.vary, bundled=work.bundled, tell=tell, **wanted
    )  # fmt: skip
    rows = [_design_row(design) for design in found.answers]
    winner = found.winner
    if winner is None:
        words = _worded(work, graph, None, size_lines(found), tell)
        return forms.TableAnswer(question="size", rows=[], count=0, words=words)
    told = size_lines(found)
    told.append(f"{found.designs:,} designs and {found.bundled} bundled chips were looked at.")
    chip = names.chip(winner.chip, {}) if winner.bundled else changed_chip(base, winner.settings, "size")
    words = _worded(work, graph, chip, told, tell)
    return forms.TableAnswer(question="size", rows=plain(rows), count=len(rows), words=words)


def _design_row(design: Design) -> dict[str, Any]:
    """One chip that reaches the targets."""
    return {
        "chip": design.chip, "bundled": design.bundled, "settings": dict(design.settings), "summary": design.summary,
        "bill_usd": design.bill_usd, "throughput_per_s": design.throughput_per_s, "latency_s": design.latency_s,
        "power_w": design.power_w,
    }  # fmt: skip


def _sweep(names: Library, work: forms.SweepAsked, tell: Tell) -> forms.TableAnswer:
    graph, base = names.graph(work.network, work.params), names.chip(work.chip, work.settings)
    own = [key for key in work.vary if key.startswith(PARAMETER)]
    if own:
        raise OptionError(
            f"vary: {own[0]}: must be a key of the chip, batch or precision; ask again for other parameters"
        )
    frame: Any = sweep(
        graph, base, work.vary, batch=work.batch, precision=work.precision, chunk=SWEPT_AT_ONCE,
        progress=partial(points_told, tell),
    )  # fmt: skip
    found = read.best(frame.lazy(), work.by, {}, {}, forms.MOST_ROWS)
    rows = found.to_dicts()
    if not rows:
        raise ChipError("sweep: no point of it runs")
    changes: Mapping[str, Any] = {key: rows[0][key] for key in work.vary if key not in ("batch", "precision")}
    told = [f"Best of {len(frame):,} points by {work.by}: {', '.join(f'{key}={rows[0][key]}' for key in work.vary)}."]
    asked = work.model_copy(update={key: rows[0][key] for key in ("batch", "precision") if key in work.vary})
    words = _worded(asked, graph, changed_chip(base, changes, "vary"), told, tell)
    return forms.TableAnswer(question="sweep", rows=plain(rows), count=len(frame), words=words)
