"""`rooftile networks`: the bundled networks, and what a file of one's own holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.faults import say
from simulator.cli.output import check_writable, emit, write
from simulator.cli.question import Json, Params

if TYPE_CHECKING:
    from simulator.graph.readers.ir import SizesMissingError


def networks_command(
    inspect: Annotated[
        str | None,
        typer.Option("--inspect", metavar="FILE", help="Show which operators of your own file are understood."),
    ] = None,
    write_as: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="FORM",
            help="With --inspect: write the network as table, yaml or scalesim, or a layer as timeloop:NAME or zigzag:NAME.",
        ),
    ] = None,
    params: Params = None,
    json: Json = None,
) -> None:
    """List the bundled networks, or inspect a file of your own."""
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.cli.values import parameters  # noqa: PLC0415
    from simulator.errors import OptionError  # noqa: PLC0415

    if json is not None and json != "-":
        check_writable("--json", json)
    values = parameters(params)
    if values and inspect is None:
        raise OptionError(key="params", must="come with --inspect FILE", got=next(iter(values)))
    if write_as is not None:
        _write(inspect, write_as, values)
        return
    found = _list() if inspect is None else inspected(inspect, values)
    if json is not None:
        from simulator.report.document import to_json  # noqa: PLC0415

        write("--json", json, to_json(found))
    if json == "-":
        return
    if isinstance(found, list):
        from simulator.report.lists import network_tables  # noqa: PLC0415

        show(network_tables(found))
    else:
        from simulator.report.inspection import inspect_report  # noqa: PLC0415

        show(inspect_report(found))


def _write(network: str | None, form: str, values: dict[str, Any]) -> None:
    """Print a network in the form of another tool."""
    from simulator.errors import OptionError  # noqa: PLC0415
    from simulator.graph.load import load_network  # noqa: PLC0415
    from simulator.graph.writers import left_out, written  # noqa: PLC0415

    if network is None:
        raise OptionError("--as: must come with --inspect NETWORK")
    word, _, layer = form.partition(":")
    graph = load_network(network, **values)
    emit(written(graph, word, layer))
    if gone := left_out(graph, word):
        say(f"rooftile: note: {gone}")


def inspected(network: str, values: dict[str, Any]) -> dict[str, Any]:
    """What of a network is understood: sizes, and of a model file `coverage`, `unknown_ops` and its operators."""
    from simulator.graph.load import load_network, network_digest, summary  # noqa: PLC0415
    from simulator.graph.readers.ir import SizesMissingError  # noqa: PLC0415
    from simulator.store.digest import file_digest  # noqa: PLC0415

    try:
        graph = load_network(network, **values)
    except SizesMissingError as error:
        return _partly(network, values, error)
    told = dict(graph.graph.get("inspection", {}))
    return {
        "name": graph.graph["name"],
        **summary(graph),
        "network_digest": network_digest(graph),
        "sha256": file_digest(Path(graph.graph["file"])) if "file" in graph.graph else None,
        "parameters_given": graph.graph["parameters"],
        **told,
        "formats": graph.graph.get("formats", {}),
        "notes": list(graph.graph.get("notes", ())),
    }


def _partly(network: str, values: dict[str, Any], error: "SizesMissingError") -> dict[str, Any]:
    """The same of a file with a node whose sizes nobody knows: its operators, and what to give for the rest."""
    from simulator.cli.faults import option  # noqa: PLC0415
    from simulator.graph.readers.partly import inspected  # noqa: PLC0415
    from simulator.store.digest import file_digest  # noqa: PLC0415

    unknown = dict.fromkeys(("layers", "macs", "parameters", "network_digest"))
    sha256 = file_digest(Path(network.rpartition("@")[0] or network))
    told = {**inspected(error), "formats": {}, "notes": error.told(option).splitlines()}
    return {"name": network, **unknown, "sha256": sha256, "parameters_given": values, **told}


def _list() -> list[dict[str, Any]]:
    """A row a network."""
    from simulator.errors import RooftileError  # noqa: PLC0415
    from simulator.graph import plugged  # noqa: PLC0415
    from simulator.graph.load import load_network, summary  # noqa: PLC0415
    from simulator.graph.summaries import bundled_rows  # noqa: PLC0415
    from simulator.store import plugins  # noqa: PLC0415

    rows = bundled_rows()
    for name, plugin in plugged.networks().items():
        try:
            graph = load_network(name)
        except RooftileError as error:
            plugins.warn(plugin, str(error).splitlines()[0])
            continue
        rows.append({"name": name, **summary(graph), "keywords": graph.graph["parameters"], "plugin": plugin.of})
    return rows
