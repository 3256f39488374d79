"""A chip and its SRAM, to play with: `marimo edit scripts/examples/notebook.py`. As a script it runs once, with what is set."""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    import simulator

    return mo, simulator


@app.cell
def _(mo):
    network = mo.ui.dropdown(["squeezenet", "resnet50", "mobilenet_v2"], value="squeezenet", label="network")
    chip = mo.ui.dropdown(["example_edge", "inferx_x1", "tpu_v1"], value="example_edge", label="chip")
    batch = mo.ui.slider(1, 16, value=8, label="batch", show_value=True)
    mo.hstack([network, chip, batch])
    return batch, chip, network


@app.cell
def _(batch, chip, network, simulator):
    result = simulator.simulate(network.value, chip.value, batch=batch.value)
    result  # the report, the roofline and where the time goes
    return (result,)


@app.cell
def _(mo, result):
    layers = result.to_polars().sort("latency_s", descending=True)
    mo.ui.table(layers.select("name", "kind", "latency_s", "utilisation", "dram_bytes", "bound_by"))
    return (layers,)


@app.cell
def _(batch, chip, network, simulator):
    points = simulator.sweep(network.value, chip.value, {"sram.capacity_mib": "1:16:x2"}, batch=batch.value)
    points  # what a bit more SRAM gives, and what it costs
    return (points,)


if __name__ == "__main__":
    app.run()
