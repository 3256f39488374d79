"""Recurrent layers of a file: the products from below at once, and those of the state step by step."""

import math
from collections.abc import Callable

from simulator.graph.layer import Layer
from simulator.graph.output import Output
from simulator.graph.readers.ir import Op, Tensor
from simulator.graph.readers.layers import Layers

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1, "DynamicQuantizeLSTM": 4}
"""Operator -> numbers a unit that are made of inputs and state."""


def recurrent(net: Layers, op: Op) -> str:
    """An LSTM, a GRU or a plain recurrence, in one direction or two."""
    x, state = op.need(0), op.need(2)
    gates = GATES[op.kind]
    ways = 2 if op.attrs.get("direction") == "bidirectional" else 1
    if len(x.shape) != 3:
        op.fault(f"must have an input of 3 axes, got {len(x.shape)}")
    units = int(op.attrs.get("hidden_size") or state.shape[-1])
    steps = x.shape[1] if op.attrs.get("layout") else x.shape[0]
    rows = x.shape[0] * x.shape[1]
    if not rows or not units:
        op.fault(f"must have steps and units, got {rows} and {units}")
    if op.kind == "DynamicQuantizeLSTM":
        x = net.narrowed(op, x)
    found = []
    for way in range(ways):
        suffix = "" if ways == 1 else ("_forward", "_backward")[way]
        below = Layer(
            net.unique(f"{op.name}_input{suffix}"), "dense", out_channels=gates * units, in_channels=x.shape[2], out_height=rows,
            in_height=rows, has_bias=op.input(3) is not None,
        )  # fmt: skip
        given = net.compute(below, op, x)
        net.note_format(below.name, x, op.need(1))
        if op.kind == "DynamicQuantizeLSTM":  # its states are as narrow; here the products from below stand for them
            net.results[below.name] = x.dtype
        found.append(
            _lstm(net, op, given, units, rows, steps, suffix)
            if gates == 4
            else _plain(net, op, given, units, rows, steps, suffix)
        )
    whole = op.outputs[0] if op.outputs else None
    total = Tensor(op.name, (rows, ways, units))
    net.made[total] = tuple(found)
    made = net.one(total, total.elements, op.name) if ways > 1 else found[0]
    if whole is not None:
        net.made[whole] = (Output(made.name, whole.elements),)
    for last in op.outputs[1:]:
        if last is not None:
            net.made[last] = (Output(made.name, max(1, min(last.elements, total.elements))),)
    return "understood"


def _lstm(net: Layers, op: Op, below: Output, units: int, rows: int, steps: int, suffix: str) -> Output:
    """The recurrent half of an LSTM."""
    source = Tensor(op.name, (rows, 4 * units))
    net.made[source] = (Output(below.name, source.elements),)
    layer = Layer(
        net.unique(op.name + suffix),
        "lstm",
        out_channels=4 * units,
        in_channels=units,
        out_height=rows,
        in_height=rows,
        steps=steps,
    )
    made = net.compute(layer, op, source)
    net.note_format(layer.name, op.need(0), op.need(2))
    return Output(made.name, units * rows)


def _plain(net: Layers, op: Op, below: Output, units: int, rows: int, steps: int, suffix: str) -> Output:
    """Of a GRU or a plain recurrence: products of the state as a dense layer in steps, and what is made of both sums.

    The state of the step before stands in its place: the graph cannot go round, so the sums from below are read, of which there
    are as many.
    """
    gates = GATES[op.kind]
    source = Tensor(op.name, (rows, units))
    net.made[source] = (Output(below.name, source.elements),)
    layer = Layer(
        net.unique(f"{op.name}_state{suffix}"),
        "dense",
        out_channels=gates * units,
        in_channels=units,
        out_height=rows,
        in_height=rows,
        steps=steps,
    )
    made = net.compute(layer, op, source)
    net.note_format(layer.name, op.need(0), op.need(2))
    both = [Tensor(op.name, (rows, gates * units)) for _ in range(2)]
    net.made[both[0]] = (Output(made.name, math.prod(both[0].shape)),)
    net.made[both[1]] = (Output(below.name, math.prod(both[1].shape)),)
    out = Tensor(op.name, (rows, units))
    gated = net.vector(op, "sigmoid", both, [both[0]], suffix)
    if gated is None:
        return Output(made.name, units * rows)
    net.vector(op, "mul", [both[0]], [out], f"{suffix}_gates")
    return net.made[out][0]


RECURRENT_RULES: dict[str, Callable[[Layers, Op], str]] = dict.fromkeys(GATES, recurrent)
"""Operator -> what adds its layers."""
