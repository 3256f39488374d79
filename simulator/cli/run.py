"""`rooftile run`: one network on one chip."""

from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import asked, reporting
from simulator.cli.check import Check, hold, rules_of
from simulator.cli.output import write
from simulator.cli.question import (
    Batch,
    Chip,
    Json,
    Network,
    Params,
    Plot,
    Precision,
    Settings,
    check_outputs,
    compiling_beside,
    working,
)
from simulator.cli.values import parameters

if TYPE_CHECKING:
    from simulator.chip.schema import Architecture
    from simulator.graph.build import Graph
    from simulator.report.tables import ChipFacts
    from simulator.result.form import Result


def run_command(
    network: Network,
    chip: Chip,
    batch: Batch = 1,
    precision: Precision = None,
    settings: Settings = None,
    params: Params = None,
    layers: Annotated[bool, typer.Option("--layers", help="Show every layer.")] = False,
    json: Json = None,
    plot: Plot = None,
    check: Check = None,
) -> None:
    """Run NETWORK on CHIP: throughput, latency, utilisation, and where the time goes."""
    values = parameters(params)
    check_outputs(json, plot)
    rules = rules_of(check)
    # Imported here: --help and a mistyped option must not wait for the model.
    architecture = asked.chip(chip, settings)
    graph = asked.network(network, values)
    with_layers = layers or plot is not None or json is not None or reporting.wanted.get() is not None
    result = (_simulated if with_layers else _answered)(graph, architecture, batch, precision)
    if plot is not None:
        from simulator.report.page import save  # noqa: PLC0415
        from simulator.report.run_charts import titled  # noqa: PLC0415

        save("--plot", titled(result), plot)
    if reporting.wanted.get() is not None:
        _deliver(result, graph, architecture, batch, precision)
    if json is not None:
        from simulator.report.document import run_document, to_json  # noqa: PLC0415

        write("--json", json, to_json(run_document(result, architecture, graph)))
    if json != "-":
        _show(result, _facts(architecture), layers)
    hold(rules, result)


def _simulated(graph: "Graph", chip: "Architecture", batch: int, precision: str | None) -> "Result":
    """Simulate, compiling first where that is needed."""
    from simulator.run import simulate  # noqa: PLC0415

    with compiling_beside():
        return simulate(graph, chip, batch=batch, precision=precision)


def _answered(graph: "Graph", chip: "Architecture", batch: int, precision: str | None) -> "Result":
    """The same, of which nobody asks for the layers: what was answered before is not worked out again."""
    from simulator.result.kept import load, name_of, save  # noqa: PLC0415

    name = name_of(graph, chip, batch, precision)
    found = load(name, lambda: _simulated(graph, chip, batch, precision).layers)
    if found is None:
        found = _simulated(graph, chip, batch, precision)
        save(name, found)
    return found


def _deliver(result: "Result", graph: "Graph", chip: "Architecture", batch: int, precision: str | None) -> None:
    """Write the report of a run, with the bill of the chip and what to change of it."""
    from simulator.report.detail import priced_of  # noqa: PLC0415
    from simulator.report.papers import run_paper  # noqa: PLC0415
    from simulator.study.sensitivities import sensitivity  # noqa: PLC0415

    with working() as tell:
        priced = priced_of(chip)
        changes = sensitivity(graph, chip, batch, precision, tell=tell)
    reporting.deliver(lambda made: run_paper(result, chip, _facts(chip), priced, changes, made))


def _facts(chip: "Architecture") -> "ChipFacts":
    """Return what the report's head line says about a chip."""
    from simulator.report.tables import ChipFacts  # noqa: PLC0415

    return ChipFacts.of(chip)


def _show(result: "Result", facts: "ChipFacts", layers: bool) -> None:
    """Print the report."""
    from simulator.cli.screen import ascii_only, console, show  # noqa: PLC0415
    from simulator.report.tables import run_report  # noqa: PLC0415

    show(run_report(result, facts, layers=layers, width=console().width, ascii_only=ascii_only()), told=True)
