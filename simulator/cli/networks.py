"""`rooftile networks`: the bundled networks."""

from simulator.cli.output import check_writable, write
from simulator.cli.question import Json


def networks(json: Json = None) -> None:
    """List the bundled networks and their parameters."""
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.graph.load import load_network, summary  # noqa: PLC0415
    from simulator.report.lists import network_table  # noqa: PLC0415
    from simulator.store.bundled import networks as bundled_networks  # noqa: PLC0415

    if json is not None and json != "-":
        check_writable("--json", json)
    rows = []
    for name in bundled_networks():
        graph = load_network(name)
        rows.append({"name": name, **summary(graph), "keywords": graph.graph["parameters"]})
    if json is not None:
        from simulator.report.document import to_json  # noqa: PLC0415

        write("--json", json, to_json(rows))
    if json != "-":
        show(network_table(rows))
