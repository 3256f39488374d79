"""`rooftile networks`: the bundled networks."""

from simulator.cli.output import check_writable, write
from simulator.cli.question import Json


def networks(json: Json = None) -> None:
    """List the bundled networks and their parameters."""
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.graph.language import decoders  # noqa: PLC0415
    from simulator.graph.load import load_network, network_parameters, summary  # noqa: PLC0415
    from simulator.report.lists import network_tables  # noqa: PLC0415
    from simulator.store.bundled import networks as bundled_networks  # noqa: PLC0415

    if json is not None and json != "-":
        check_writable("--json", json)
    rows = []
    for name in bundled_networks():
        if name in decoders():  # told by its description: the graph depends on prompt and context
            decoder = decoders()[name]
            told = {"parameters": decoder.parameters, "layers": decoder.layers, "cache_values": decoder.cache_values(1)}
            rows.append({"name": name, "macs": None, **told, "keywords": network_parameters(name)})
            continue
        graph = load_network(name)
        rows.append({"name": name, **summary(graph), "keywords": graph.graph["parameters"]})
    if json is not None:
        from simulator.report.document import to_json  # noqa: PLC0415

        write("--json", json, to_json(rows))
    if json != "-":
        show(network_tables(rows))
