"""What states and slices cost: no state crosses the host link, a reader of a slice is charged the slice."""

import pytest

from simulator.chip.load import load_chip
from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.lower.rows import lower
from simulator.lower.work import work_of
from simulator.result.totals import link_time
from simulator.run import simulate

CONTEXT, HIDDEN, HEADS, KV_HEADS, INNER, WORDS = 2048, 4096, 32, 8, 14336, 128256


def decoder(origin: str, layers: int = 32) -> Graph:
    """One token of a decoder of eight billion weights with its caches."""
    net = NetworkBuilder("decoder")
    each, group = HIDDEN // HEADS, HEADS // KV_HEADS
    x = net.input(HIDDEN, 1, name="token")
    for i in range(layers):
        n = net.vector("layer_norm", x)
        query = net.dense(n, HIDDEN, bias=False)
        caches = []
        for what in ("keys", "values"):
            cache = net.input(KV_HEADS * each, CONTEXT, name=f"{what}{i}", origin=origin)
            new = net.dense(n, KV_HEADS * each, bias=False)
            net.output(new, origin=origin, into=cache if origin == "state" else None)
            caches.append(cache)
        scores = net.matmul(Output(query.name, KV_HEADS * each, group), caches[0], heads=KV_HEADS, transposed=True)
        o = net.matmul(net.vector("softmax", scores), caches[1], heads=KV_HEADS)
        x = net.add(net.dense(Output(o.name, HIDDEN), HIDDEN, bias=False), x)
        n = net.vector("layer_norm", x)
        gate = net.dense(n, INNER, bias=False, activation="silu")
        x = net.add(net.dense(net.vector("mul", gate, net.dense(n, INNER, bias=False)), HIDDEN, bias=False), x)
    net.dense(net.vector("layer_norm", x), WORDS, bias=False)
    return net.build()


def slices(rows: int = 1024, hidden: int = 512, parts: int = 8) -> Graph:
    """A dense layer makes eight gates at once; sigmoids read one each."""
    net = NetworkBuilder("slices")
    y = net.dense(net.input(hidden, rows), parts * hidden, bias=False, name="gates")
    total = None
    for _ in range(parts):
        z = net.vector("sigmoid", y.part(hidden))
        total = z if total is None else net.add(total, z)
    net.dense(total or y, 16, bias=False)
    return net.build()


def test_caches_of_a_decoder_cross_no_host_link() -> None:
    """16 items of 16 bits: 15.0 GB of weights and 4.3 GB of caches at 522 GB/s, not 300 ms over the link."""
    chip = load_chip("tpu_v4i", set={"dram.capacity_gib": 32})  # it has 8, which hold neither
    periods = {
        origin: 16 / simulate(decoder(origin), chip, 16, "bf16", gains=False).throughput_per_s
        for origin in ("host", "state")
    }
    assert periods["host"] == pytest.approx(0.300, rel=0.02)
    assert periods["state"] == pytest.approx(0.037, rel=0.02)


@pytest.mark.parametrize("chip", ["tpu_v4i", "tpu_v1", "t4", "inferx_x1"])
def test_states_are_none_of_what_crosses_the_host_link(chip: str) -> None:
    machine, batch = load_chip(chip), 3
    works = {
        origin: work_of(lower(decoder(origin, layers=2), machine, batch, next(iter(machine.array.rate))))
        for origin in ("host", "state")
        if machine.array is not None
    }
    assert works["state"].compulsory_bytes == pytest.approx(works["host"].compulsory_bytes, rel=1e-12)
    width = works["state"].input_output_bytes / (batch * (HIDDEN + WORDS))
    assert width in (0.5, 1.0, 2.0)
    states = batch * width * 2 * 2 * (HIDDEN // HEADS * KV_HEADS) * (CONTEXT + 1)
    assert works["host"].input_output_bytes - works["state"].input_output_bytes == states
    assert link_time(machine, works["state"]) <= link_time(machine, works["host"])


def test_a_cache_is_read_by_every_item_and_never_kept() -> None:
    """It is streamed as an activation: a batch of two reads two, and no weights of it stay."""
    net = NetworkBuilder("reader")
    cache = net.state(64, 4096, name="cache")
    net.matmul(net.input(64, 1), cache, transposed=True)
    for batch in (1, 2):
        found = simulate(net.build(), "inferx_x1", batch)
        assert found.dram_bytes == batch * (64 + 64 * 4096 + 4096)
        assert found.load_bytes == 0.0


@pytest.mark.parametrize("chip", ["example_edge", "inferx_x1", "nvdla_512", "t4", "h100"])
def test_state_that_is_read_on_is_written_all_the_same(chip: str) -> None:
    """Keys that the next layer reads stay on the chip or not; as state they go to the outer memory once."""

    def network(state: bool) -> Graph:
        net = NetworkBuilder("keys")
        x = net.input(64, 64)
        keys = net.dense(x, 64, bias=False, name="keys")
        if state:
            net.output(keys, origin="state")
        net.dense(keys, 16, bias=False)
        return net.build()

    machine = load_chip(chip)
    low, plain = lower(network(True), machine), lower(network(False), machine)
    assert low.compulsory_bytes - plain.compulsory_bytes == 64 * 64
    assert low.input_output_bytes == plain.input_output_bytes
    more = simulate(network(True), machine).dram_bytes - simulate(network(False), machine).dram_bytes
    resident = machine.schedule.residency == "optimal" or (machine.array is not None and machine.array.kind == "sm")
    assert more == (64 * 64 if resident else 0.0)


def test_state_in_the_middle_of_vector_work_ends_its_step() -> None:
    net = NetworkBuilder("turned")
    keys = net.output(net.dense(net.input(64, 8), 64, bias=False, name="keys"), origin="state")
    net.vector("relu", keys, name="behind")
    low = lower(net.build(), load_chip("inferx_x1"))
    assert [(row.name, row.fused) for row in low.rows] == [("keys", ()), ("behind", ())]
    assert [row.stored_bytes for row in low.rows] == [64 * 8, 0.0]


def test_products_with_one_input_are_one_kernel_on_a_gpu_and_their_state_adds_up() -> None:
    net = NetworkBuilder("heads")
    x = net.input(64, 8)
    query, key, value = (net.dense(x, 64, bias=False, name=name) for name in ("query", "key", "value"))
    net.output(key, origin="state")
    net.output(value, origin="state")
    net.vector("copy", query)
    low = lower(net.build(), load_chip("t4"))
    assert [row.stored_bytes for row in low.rows] == [2 * 64 * 8, 0.0]
    assert low.input_output_bytes == 2 * 64 * 8  # the input and the copy


@pytest.mark.parametrize("chip", ["dpu_b4096", "nvdla_512", "rk3568"])
def test_a_reader_of_a_slice_is_charged_the_slice(chip: str) -> None:
    """By hand, where nothing stays on the chip and additions are fused into the sigmoids before them."""
    part = 1024 * 512
    gates = part + 512 * 8 * 512 + 8 * part
    sigmoids = 8 * part + 7 * part + 8 * part
    last = part + 512 * 16 + 1024 * 16
    # Where sums have no place but the accumulators, they have room for all of them.
    room = {} if chip == "dpu_b4096" else {"array.accumulator_kib": 65_536}
    assert simulate(slices(), load_chip(chip, set=room)).dram_bytes == gates + sigmoids + last


def test_the_bound_knows_slices() -> None:
    """An input of which each reader takes a part: no schedule needs more than the largest part."""
    net = NetworkBuilder("parts")
    x = net.input(64, 8)
    net.vector("sigmoid", x.part(16))
    table = net.state(64, 32)
    net.matmul(net.input(16, 8, name="query"), table.part(16), transposed=True)
    low = lower(net.build(), load_chip("inferx_x1"))
    assert low.compulsory_bytes == 16 * 8 + 16 * 8 + 16 * 8 + 16 * 32 + 8 * 32


@pytest.mark.parametrize("kib", [64, 1024])
def test_states_and_slices_where_layers_lie_side_by_side(kib: int) -> None:
    """By hand: weights once or in every batch, a sixteenth of the input, keys as state and the outputs."""
    chip = load_chip("example_edge", set={"schedule.placement": "space", "sram.capacity_mib": kib / 1024})
    net = NetworkBuilder("beside")
    x = net.input(256, 64)
    keys = net.dense(net.vector("sigmoid", x.part(16)), 512, bias=False, name="keys")
    net.output(keys, origin="state")
    net.dense(net.dense(keys, 256, bias=False), 16, bias=False)
    found = simulate(net.build(), chip, 2)
    weights = 16 * 512 + 512 * 256 + 256 * 16
    moved = 2 * (16 * 64 + 512 * 64 + 16 * 64)
    if kib == 1024:
        assert (found.dram_bytes, found.load_bytes) == (moved, weights)
    else:  # contexts one after another: what lies between them goes out once and comes back
        assert found.load_bytes == 0.0
        assert found.dram_bytes >= moved + weights + 2 * 512 * 64
