"""Branches and loops of an ONNX graph: the dearer branch, and a loop as its turns one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simulator.errors import NetworkError, argument
from simulator.graph.readers.ir import Op, Tensor
from simulator.graph.readers.products import op_macs
from simulator.store.foreign import printable

if TYPE_CHECKING:
    from simulator.graph.readers.walk import Env, Walk

MOST_UNROLLED = 20_000
"""Operators of all turns of the loops of a file."""

MOST_TURNS = 10_000
DEEPEST = 20
"""Graphs inside graphs."""


def _inside(walk: Walk, node: Any) -> None:
    """Count how deep the walk is. Raises NetworkError."""
    walk.depth += 1
    if walk.depth > DEEPEST:
        raise NetworkError(
            f"{walk.where}: {printable(node.op_type)}: graphs must nest at most {DEEPEST} deep, got more"
        )


def _scalar(walk: Walk, tensor: Tensor | None) -> Any:
    """A known number, or None."""
    data = None if tensor is None else walk.data(tensor)
    return None if data is None or data.size == 0 else data.reshape(-1)[0]


def _graph(walk: Walk, node: Any, attrs: Mapping[str, Any], key: str) -> Any:
    found = attrs.get(key)
    if found is None or not hasattr(found, "node"):
        raise NetworkError(f"{walk.where}: {printable(node.op_type)}: {key}: must be a graph, got none")
    return found


def _if(
    walk: Walk, node: Any, inputs: list[Any], attrs: Mapping[str, Any], env: Env, sizes: Mapping[str, int]
) -> list[Tensor]:
    """The branch that is taken, or the dearer of two."""
    _inside(walk, node)
    chosen = _scalar(walk, inputs[0] if inputs else None)
    tried, before = [], walk.ops
    faults: list[NetworkError] = []
    for key, taken in (("then_branch", True), ("else_branch", False)):
        if chosen is not None and bool(chosen) != taken:
            continue
        walk.ops = []
        try:
            outputs = walk.run(_graph(walk, node, attrs, key), env, {}, sizes)
            tried.append((sum(map(op_macs, walk.ops)), len(walk.ops), outputs, walk.ops))
        except NetworkError as error:  # a branch that cannot be with these sizes is not taken
            faults.append(error)
    walk.ops = before
    walk.depth -= 1
    if not tried:
        raise faults[0]
    _, _, outputs, ops = max(tried, key=lambda each: each[:2])
    walk.ops.extend(ops)
    if chosen is None and len(tried) > 1:
        walk.notes["of a branch that depends on data, the more expensive one is taken (If)"] = None
    elif chosen is None:
        walk.notes["of a branch that depends on data, the one that fits these sizes is taken (If)"] = None
    return [_renamed(each, chosen is not None) for each in outputs]


def _renamed(tensor: Tensor, known: bool) -> Tensor:
    """The same tensor; one of a branch that depends on data is no constant."""
    if known or not tensor.constant:
        return tensor
    return Tensor(tensor.name, tensor.shape, tensor.dtype, constant=True, items=tensor.items, exact=False)


def _turns(walk: Walk, node: Any, count: int, nodes: int) -> None:
    """Count the turns of a loop. Raises NetworkError where they are too many to unroll."""
    walk.turns += count * max(1, nodes)
    if count > MOST_TURNS or walk.turns > MOST_UNROLLED:
        raise NetworkError(
            f"{walk.where}: {printable(node.op_type)}: must have at most {MOST_UNROLLED:,} operators in all its turns, "
            f"got more ({nodes} in one turn)"
        )


def _loop(
    walk: Walk, node: Any, inputs: list[Any], attrs: Mapping[str, Any], env: Env, sizes: Mapping[str, int]
) -> list[Tensor]:
    """A loop as often as it is known, or given, to turn."""
    import numpy as np  # noqa: PLC0415

    _inside(walk, node)
    body = _graph(walk, node, attrs, "body")
    count, go = _scalar(walk, inputs[0] if inputs else None), _scalar(walk, inputs[1] if len(inputs) > 1 else None)
    open_ended = not inputs or inputs[0] is None or (count is not None and int(count) > MOST_TURNS)
    limit = walk.given.trips or (MOST_TURNS + 1 if open_ended else None if count is None else int(count))
    if limit is None:
        raise _unknown(walk)
    carried = list(inputs[2:])
    if any(each is None for each in carried) or len(body.input) < 2 + len(carried):
        raise NetworkError(f"{walk.where}: Loop: must carry the tensors that its body reads, got {len(carried)}")
    scans: list[list[Tensor]] = [[] for _ in range(max(0, len(body.output) - 1 - len(carried)))]
    turn, condition = 0, Tensor("condition", (), "bool", constant=True, data=np.array(True))
    if go is not None and not go:
        limit = 0
    while turn < limit:
        _turns(walk, node, 1, len(body.node))
        number = Tensor("iteration", (), "int64", constant=True, data=np.array(turn, np.int64))
        names = [each.name for each in body.input]
        found = walk.run(body, env, dict(zip(names, [number, condition, *carried], strict=False)), sizes)
        condition, carried = found[0], found[1 : 1 + len(carried)]
        for place, each in enumerate(found[1 + len(carried) :]):
            scans[place].append(each)
        turn += 1
        known = _scalar(walk, condition)
        if known is not None and not known:
            break
        if known is None:
            if open_ended and not walk.given.trips:
                raise _unknown(walk)
            walk.notes["a loop that data may end is taken at all its turns (Loop)"] = None
    walk.depth -= 1
    return [*carried, *(_stacked(walk, node, each, 0) for each in scans)]


def _unknown(walk: Walk) -> NetworkError:
    return NetworkError(
        f"{walk.where}: Loop: how often it turns depends on data: give it, as with {argument('params')} trips=10"
    )


def _scan(
    walk: Walk, node: Any, inputs: list[Any], attrs: Mapping[str, Any], env: Env, sizes: Mapping[str, int]
) -> list[Tensor]:
    """A loop over slices of its last inputs."""
    _inside(walk, node)
    body, count = _graph(walk, node, attrs, "body"), int(attrs.get("num_scan_inputs", 1))
    if not walk.modern_scan:
        inputs = inputs[1:]
    states, sources = list(inputs[: len(inputs) - count]), list(inputs[len(inputs) - count :])
    axes = list(attrs.get("scan_input_axes", [0] * count))
    first = 0 if walk.modern_scan else 1
    if not sources or any(each is None or len(each.shape) <= first for each in [*states, *sources][-count:]):
        raise NetworkError(f"{walk.where}: Scan: must have {count} inputs with an axis to go along")
    if not walk.modern_scan:  # the oldest form has a batch in front of everything
        axes = [1] * count
        states = [Tensor(each.name, each.shape[1:], each.dtype) for each in states]
    turns = min(each.shape[axis] for each, axis in zip(sources, axes, strict=False))
    _turns(walk, node, turns, len(body.node))
    names = [each.name for each in body.input]
    results: list[list[Tensor]] = [[] for _ in range(max(0, len(body.output) - len(states)))]
    for _ in range(turns):
        cut = [_slice(walk, each, axis, 1 + first) for each, axis in zip(sources, axes, strict=False)]
        found = walk.run(body, env, dict(zip(names, [*states, *cut], strict=False)), sizes)
        states = found[: len(states)]
        for place, each in enumerate(found[len(states) :]):
            results[place].append(each)
    walk.depth -= 1
    out = [
        *states,
        *(_stacked(walk, node, each, axis) for each, axis in zip(results, _out_axes(attrs, len(results)), strict=True)),
    ]
    if not walk.modern_scan:
        out = [Tensor(each.name, (1, *each.shape), each.dtype) for each in out]
    return out


def _out_axes(attrs: Mapping[str, Any], count: int) -> list[int]:
    given = list(attrs.get("scan_output_axes", []))
    return given if len(given) == count else [0] * count


def _slice(walk: Walk, x: Tensor, axis: int, axes: int) -> Tensor:
    """One turn's part of a scanned input. axes: how many axes are dropped in front."""
    axis %= len(x.shape)
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    found = Tensor(x.name, shape if axes == 1 else shape[1:], x.dtype, constant=x.constant)
    walk.append(Op("Slice", walk.name_of("scan_slice"), [x], [found]))
    return found


def _stacked(walk: Walk, node: Any, parts: list[Tensor], axis: int) -> Tensor:
    """What the turns of a loop give, one behind the other."""
    if not parts:
        return Tensor("scan", (0,), "float32", constant=True)
    shape = list(parts[0].shape)
    shape.insert(axis % (len(shape) + 1), len(parts))
    found = Tensor(walk.name_of("scan"), tuple(shape), parts[0].dtype, constant=all(each.constant for each in parts))
    if len(parts) > 1:
        walk.append(Op("Concat", walk.name_of("scan_stack"), list(parts), [found]))
    else:
        walk.append(Op("Unsqueeze", walk.name_of("scan_stack"), list(parts), [found]))
    return found


def _map(
    walk: Walk, node: Any, inputs: list[Any], attrs: Mapping[str, Any], env: Env, sizes: Mapping[str, int]
) -> list[Tensor]:
    """One graph for each item of a sequence."""
    _inside(walk, node)
    body = _graph(walk, node, attrs, "body")
    first = inputs[0]
    if first is None or first.items is None:
        raise NetworkError(f"{walk.where}: SequenceMap: a sequence that comes from outside is not modelled")
    _turns(walk, node, len(first.items), len(body.node))
    names = [each.name for each in body.input]
    results: list[list[Tensor]] = [[] for _ in body.output]
    for turn in range(len(first.items)):
        values = [each.items[turn] if each is not None and each.items is not None else each for each in inputs]
        for place, each in enumerate(walk.run(body, env, dict(zip(names, values, strict=False)), sizes)):
            results[place].append(each)
    walk.depth -= 1
    return [Tensor("map", (sum(each.elements for each in items),), items=items) for items in results]


CONTROL: dict[str, Callable[..., list[Tensor]]] = {"If": _if, "Loop": _loop, "Scan": _scan, "SequenceMap": _map}
"""Operators that hold graphs."""
