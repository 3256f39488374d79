"""`rooftile networks`: the bundled networks."""


def networks() -> None:
    """List the bundled networks and their parameters."""
    from simulator.cli.screen import console  # noqa: PLC0415
    from simulator.graph.load import load_network, summary  # noqa: PLC0415
    from simulator.report.lists import network_table  # noqa: PLC0415
    from simulator.store.bundled import networks as bundled_networks  # noqa: PLC0415

    rows = []
    for name in bundled_networks():
        graph = load_network(name)
        rows.append({"name": name, **summary(graph), "keywords": graph.graph["parameters"]})
    console().print(network_table(rows))
