"""A small result made by hand, and a small network, for the tests of reports, of the page and of the command."""

from simulator.graph.build import Graph, NetworkBuilder
from simulator.report.tables import ChipFacts
from simulator.result.form import LayerResult, Result
from simulator.vocabulary import WATERFALL

CHIP = ChipFacts(
    name="Hand-made [chip]",
    mac_units=4096,
    clock_hz=933e6,
    sram_bytes=8 * 2**20,
    outer_bytes_per_s=12.8e9,
    dram_devices=1,
)


def parts(**seconds: float) -> dict[str, float]:
    """Return a waterfall with every key there."""
    return {key: seconds.get(key, 0.0) for key in WATERFALL}


def layer(name: str, macs: int, latency_s: float) -> LayerResult:
    """Return one layer with round figures."""
    tile = {"g": 1, "n": 1, "k": 64, "c": 256, "p": 14, "q": 14}
    unrolling = {"out_channels": 32, "reduction": 64, "pixels": 2}
    tiling = {"tile": tile, "order": "CKNPQ", "streamed": "weights", "unrolling": unrolling}
    return LayerResult(
        name=name,
        kind="conv" if macs else "add",
        macs=macs,
        cycles=latency_s * 933e6,
        latency_s=latency_s,
        utilisation=0.5 if macs else 0.0,
        dram_bytes=3e6,
        sram_bytes=2**20,
        bound_by="dram",
        tiling=tiling if macs else {},
    )


def example(**changes: object) -> Result:
    """Return a result of two layers: 8 ms, half of it waiting for DRAM; `changes` replace fields."""
    fields: dict[str, object] = {
        "network": "twolayers",
        "chip": CHIP.name,
        "batch": 1,
        "precision": "int8",
        "latency_s": 8e-3,
        "throughput_per_s": 125.0,
        "throughput_low_per_s": 80.0,
        "throughput_high_per_s": 150.0,
        "load_s": 0.0,
        "peak_tops": 7.643136,
        "utilisation": 0.375,
        "effective_utilisation": 0.375,
        "macs": 11_464_704_000,
        "macs_executed": 11_464_704_000,
        "dram_bytes": 6e6,
        "outer_gb_per_s": 12.8,
        "load_bytes": 0.0,
        "sram_bytes": 7.5 * 2**20,
        "bound_by": "dram",
        "largest_loss": "dram_s",
        "lower_bound_s": 4e-3,
        "waterfall": parts(ideal_s=3e-3, edges_s=1e-3, dram_s=4e-3),
        "waterfall_period": parts(ideal_s=3e-3, edges_s=1e-3, dram_s=4e-3),
        "gain_if_infinite": {"array": 0.0, "dram": 2.5e-3, "sram": 1e-4},
        "layers": (layer("layer1.0.conv1", 11_464_704_000, 7e-3), layer("layer1.0.add", 0, 1e-3)),
        "throughput_per_tops": 16.354,
    }
    return Result(**{**fields, **changes})  # type: ignore[arg-type]


def few_layers() -> Graph:
    """A network of each kind of row that a report has, small: some tests look at every cell of its tables."""
    net = NetworkBuilder("few")
    x = net.conv(net.input(3, 32, 32), 16, 3, activation="relu")
    x = net.add(net.conv(x, 16, 3, padding=1), x)
    net.dense(net.global_pool(x), 10)
    return net.build()
