"""Small networks and chips for the tests of placement in space."""

import dataclasses
import functools
import itertools
import random
from fractions import Fraction

from naive_space import Input, Stage, even_reads, window_reads

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.graph.fuse import fuse_layers
from simulator.kernels.layout import Machine
from simulator.lower.array import ArraySpec
from simulator.lower.rows import lower
from simulator.schedule.space.place import place_network

MIB = 2.0**20
COUNTS = ("out_channels", "pixels", "reduction")
SPEC = ArraySpec(12, 4, 2, "weights", ("reduction",), ("out_channels",), COUNTS)
BIG = ArraySpec(512, 8, 8, "weights", ("reduction",), ("out_channels",), COUNTS)


@functools.cache
def chip(fuses=()):
    """A chip of which only the fusion matters here."""
    return load_chip("example_edge", {"vector.fuses": list(fuses), "array.accumulator_kib": None})


def lowered(graph, batch=1, spec=SPEC, fuses=()):
    return dataclasses.replace(lower(graph, chip(fuses), batch), spec=spec), fuse_layers(graph, fuses)


def placed(graph, batch=1, spec=SPEC, fuses=(), goal="period", **numbers):
    usual = {"capacity_bytes": 1e9, "cycle_s": 1e-6, "byte_s": 1e-8, "phi": 1.0, "overhead_s": 0.0, "lanes": 64.0}
    given = {**usual, **numbers}
    lanes = given.pop("lanes")
    low, fused = lowered(graph, batch, spec, fuses)
    return place_network(low, fused, spec, Machine(**given), lanes, goal)


def one_context(graph, fuses=()):
    """The only context, where outer memory is so slow that no cut pays."""
    (context,) = placed(graph, fuses=fuses, byte_s=1.0).contexts
    return context


def random_network(rng, most=7, simple=False):
    """A few convolutions, pools, residuals, concats, gates and enlargements of a small image; None where it came to nothing."""
    net = NetworkBuilder("random")
    known = [net.input(rng.choice([1, 2, 3]), rng.choice([8, 9, 12, 13, 16]), 4)]
    for _ in range(rng.randint(2, most)):
        x = rng.choice(known[-3:])
        kind = rng.choice(["conv", "conv", "conv", "depthwise", "pool", "join", "join", "resize", "gate"])
        k, s, d = rng.choice([1, 3, 5]), rng.choice([1, 1, 2, 3]), 1 if simple else rng.choice([1, 1, 2])
        pad = rng.choice([0, d * (k // 2), "same"])
        if kind in ("conv", "depthwise"):
            if pad == 0 and d * (k - 1) + 1 > min(x.height, x.width):
                continue
            more = {"stride": s, "padding": pad, "dilation": d}
            x = net.conv(x, rng.choice([1, 2, 4]), k, **more) if kind == "conv" else net.depthwise(x, k, **more)
        elif kind == "pool" and min(x.height, x.width) >= 3:
            x = net.pool(
                x, rng.choice([2, 3]), stride=rng.choice([1, 2]), padding=rng.choice([0, 1]), ceil=rng.random() < 0.5
            )
        elif kind == "join":
            like = [y for y in known if y.name != x.name and (y.height, y.width) == (x.height, x.width)]
            if not like:
                continue
            y = rng.choice(like)
            x = net.add(x, y) if x.channels == y.channels else net.concat(x, y)
        elif kind == "resize" and x.height <= 16:
            x = net.resize(x, 2)
        elif kind == "gate":
            x = net.vector("mul", x, net.dense(net.global_pool(x), x.channels))
        known.append(x)
    return net.build() if len(known) > 1 and known[-1].name != "input" else None


def networks(count, **options):
    """(seed, its generator, network) for as many random networks."""
    found = 0
    for seed in itertools.count():
        rng = random.Random(seed)
        graph = random_network(rng, **options)
        if graph is not None:
            found += 1
            yield seed, rng, graph
        if found == count:
            return


def twin(graph, names, times, source_s):
    """The twin's form of the stages `names` of a network without fusion; what comes from elsewhere is a source each."""
    outside = dict.fromkeys(u for name in names for u, _ in graph.in_edges(name) if u not in names)
    rows = {u: graph.nodes[u]["layer"].out_height for u in graph}
    stages = [Stage(source_s, [], [True] * rows[u]) for u in outside]
    where = {u: at for at, u in enumerate([*outside, *names])}
    for name, time in zip(names, times, strict=True):
        layer = graph.nodes[name]["layer"]
        producers = [u for u, _ in graph.in_edges(name)]
        units, ends = layer.out_height, [True] * layer.out_height
        if layer.out_height == 1 and (layer.kernel_height >= layer.in_height or layer.in_height == 1):
            units = rows[producers[0]]
            ends = [False] * (units - 1) + [True]
        inputs = []
        for u in producers:
            reads = even_reads(units, rows[u])
            if layer.kind in ("conv", "pool") and units == layer.out_height and rows[u] > 1:
                window = (layer.kernel_height, layer.stride[0], layer.dilation[0], layer.padding[0])
                reads = window_reads(units, rows[u], *window)
            inputs.append(Input(where[u], rows[u], reads))
        stages.append(Stage(Fraction(time), inputs, ends))
    return stages


def steps_of(graph):
    return [name for name in graph if graph.nodes[name]["layer"].kind != "input"]
