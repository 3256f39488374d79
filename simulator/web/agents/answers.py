"""Answers to agents: each from the functions that the commands call, with what the reports say of it."""

from typing import Any

from simulator.chip.library import plugged, with_variants
from simulator.chip.schema import Architecture
from simulator.cost.price import Cost, chip_cost
from simulator.graph import plugged as plugged_networks
from simulator.graph.build import Graph
from simulator.graph.load import network_parameters
from simulator.graph.readers.coverage import first_words
from simulator.report import format as fmt
from simulator.report.cost_tables import cost_sentence
from simulator.report.document import plain
from simulator.report.explanation import steps as causes
from simulator.report.explanation import verdict
from simulator.report.papers import bill_usd
from simulator.report.tables import sentence
from simulator.report.words import bound_line, next_dollar_lines, validity_lines, waterfall_lines
from simulator.result.form import Result
from simulator.run import simulate
from simulator.store import bundled, plugins
from simulator.study.explaining import explain
from simulator.study.sensitivities import Sensitivity, sensitivity
from simulator.web.agents import forms
from simulator.web.agents.library import Library
from simulator.web.jobs import Tell

ASK_RUN = "A cost asks no network: run says what binds, sensitivity what to change first."


def list_chips(_: Library, asked: forms.ListAsked, __: Tell) -> forms.ChipList:
    """Chips by name: bundled ones, those of plug-ins, and which can be simulated (others can be compared)."""
    rows = []
    for one in (*with_variants().values(), *plugged().values()):
        if _holds(asked, one.name, one.title):
            chip = one.architecture
            process = chip.process_nm if chip is not None else one.published.process_nm
            rows.append(
                forms.ChipRow(
                    name=one.name, title=one.title, runs=chip is not None, peak_tops=one.peak_tops,
                    sram_mib=one.sram_mb, dram_gb_per_s=one.dram_gb_per_s, process_nm=process, plugin=one.plugin,
                )
            )  # fmt: skip
    return forms.ChipList(count=len(rows), chips=rows[: forms.MOST_ROWS], notes=_notes(len(rows)))


def list_networks(_: Library, asked: forms.ListAsked, __: Tell) -> forms.NetworkList:
    """Networks by name, bundled and of plug-ins, with the parameters of the bundled ones."""
    rows = [
        forms.NetworkRow(name=name, params=plain_params(network_parameters(name)), plugin=None)
        for name in bundled.networks()
        if _holds(asked, name)
    ]
    rows += [  # whose parameters are told by what loads them
        forms.NetworkRow(name=name, params={}, plugin=one.of)
        for name, one in plugged_networks.networks().items()
        if _holds(asked, name)
    ]
    return forms.NetworkList(count=len(rows), networks=rows[: forms.MOST_ROWS], notes=_notes(len(rows)))


def plain_params(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON has them."""
    return {key: value if isinstance(value, bool | int | float | str) else str(value) for key, value in values.items()}


def _holds(asked: forms.ListAsked, *words: str) -> bool:
    return any(asked.contains.lower() in word.lower() for word in words)


def _notes(count: int) -> list[str]:
    """That a list is cut, and which plug-ins failed."""
    cut = [f"the first {forms.MOST_ROWS} of {count:,}: ask with contains"] if count > forms.MOST_ROWS else []
    return [*cut, *plugins.faults()]


def run(library: Library, asked: forms.OneRunAsked, tell: Tell) -> forms.RunAnswer:
    """Run a network on a chip: throughput, latency, power, bill, what binds, where the time goes, what to change first."""
    graph, chip = library.graph(asked.network, asked.params), library.chip(asked.chip, asked.settings)
    result = simulate(graph, chip, batch=asked.batch, precision=asked.precision)
    found = sensitivity(graph, chip, asked.batch, result.precision, tell=tell) if asked.next_dollar else None
    return forms.RunAnswer(figures=figures(result), words=words(result, graph, chip, found))


def figures(result: Result) -> forms.RunFigures:
    """The headline of a run in numbers."""
    known = {name: getattr(result, name) for name in forms.RunFigures.model_fields if name != "bill_usd"}
    return forms.RunFigures(bill_usd=bill_usd(result), **known)


def words(result: Result, graph: Graph, chip: Architecture, found: Sensitivity | None, answer: str = "") -> forms.Words:
    """A run in words. found: what one step of each part gives; None where nobody asked. answer: another first sentence."""
    kinds = sorted({data["layer"].kind for _, data in graph.nodes(data=True)})
    first = ["Not asked for: next_dollar was false."] if found is None else next_dollar_lines(found)
    return forms.Words(
        answer=f"{first_words(result.notes)}{answer or sentence(result)}",
        bound=bound_line(result),
        waterfall=waterfall_lines(result),
        next_dollar=first,
        validity=validity_lines(result, chip.is_gpu, kinds),
    )


def explain_two(library: Library, asked: forms.ExplainAsked, tell: Tell) -> forms.ExplainAnswer:
    """Explain why a network is slower on chip b than on chip a: the difference of the times by cause."""
    graph = library.graph(asked.network, asked.params)
    a, b = library.chip(asked.a, asked.settings_a), library.chip(asked.b, asked.settings_b)
    found = explain(graph, a, b, asked.batch, asked.precision)
    both = [simulate(graph, chip, batch=asked.batch, precision=found.precision) for chip in (a, b)]
    changes = sensitivity(graph, b, asked.batch, found.precision, tell=tell)
    return forms.ExplainAnswer(
        a=figures(both[0]), b=figures(both[1]), difference_s=found.difference_s, parts=dict(causes(found)),
        words=words(both[1], graph, b, changes, f"A is {both[0].chip}, B is {both[1].chip}. {verdict(found)}"),
    )  # fmt: skip


def cost(library: Library, asked: forms.CostAsked, _: Tell) -> forms.CostAnswer:
    """Estimate area, bill of materials and peak power of a chip, each with its band."""
    found = chip_cost(library.chip(asked.chip, asked.settings))
    return forms.CostAnswer(cost=plain(found.to_dict()), words=cost_words(found))


def cost_words(found: Cost) -> forms.Words:
    """A cost in words: the waterfall is that of the money."""
    items = sorted(found.bill_items.items(), key=lambda item: -(item[1].best or 0.0))
    return forms.Words(
        answer=cost_sentence(found),
        bound=ASK_RUN,
        waterfall=[f"{name}: {fmt.significant(band.best, 3)} USD" for name, band in items if band.best],
        next_dollar=[ASK_RUN],
        validity=[found.status, *found.notes],
    )


def sensitivity_of(library: Library, asked: forms.RunAsked, tell: Tell) -> forms.SensitivityAnswer:
    """Try one step up and down of everything a chip is made of: what each gives, what it costs, what the next dollar buys."""
    graph, chip = library.graph(asked.network, asked.params), library.chip(asked.chip, asked.settings)
    result = simulate(graph, chip, batch=asked.batch, precision=asked.precision)
    found = sensitivity(graph, chip, asked.batch, result.precision, tell=tell)
    told = found.to_dict()
    return forms.SensitivityAnswer(
        figures=figures(result), steps=step_rows(found), next_dollar=told["next_dollar"],
        cheapest_saving=told["cheapest_saving"], better=told["better"], words=words(result, graph, chip, found),
    )  # fmt: skip


def step_rows(found: Sensitivity) -> list[forms.StepRow]:
    """Each step with its figures."""
    return [
        forms.StepRow(
            setting=step.setting, throughput_per_s=step.outcome.throughput_per_s, change_per_s=step.change_per_s,
            bill_usd=step.outcome.bill_usd, change_usd=step.change_usd, per_usd=step.per_usd,
            power_w=step.outcome.power_w, reason=step.outcome.reason,
        )
        for step in found.steps
    ]  # fmt: skip
