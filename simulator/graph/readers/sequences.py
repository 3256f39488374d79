"""Sequences of tensors: lists that the reader follows, so that what is taken out of them has sizes."""

from collections.abc import Callable

from simulator.graph.readers.ir import Op, Tensor

Rule = Callable[[Op], list[Tensor] | None]


def _sequence(op: Op, items: list[Tensor]) -> list[Tensor]:
    dtype = items[0].dtype if items else "float32"
    total = sum(each.elements for each in items)
    return [
        Tensor(op.name, (total,), dtype, constant=all(each.constant for each in items) and bool(items), items=items)
    ]


def _items(op: Op) -> list[Tensor]:
    found = op.need(0).items
    if found is None:
        op.fault("a sequence that comes from outside is not modelled")
    return list(found)


def _position(op: Op, number: int) -> int | None:
    tensor = op.input(number)
    if tensor is None:
        return -1
    if tensor.data is None and tensor.source is not None:
        tensor.data, tensor.source = tensor.source(), None
    return None if tensor.data is None else int(tensor.data.reshape(-1)[0])


def _construct(op: Op) -> list[Tensor] | None:
    return _sequence(op, [each for each in op.inputs if each is not None])


def _at(op: Op) -> list[Tensor] | None:
    items, place = _items(op), _position(op, 1)
    if not items or (place is not None and not -len(items) <= place < len(items)):
        op.fault(f"must take one of the {len(items)} items, got number {place}")
    chosen = max(items, key=lambda each: each.elements) if place is None else items[place]
    return [Tensor(op.name, chosen.shape, chosen.dtype, chosen.constant, exact=place is not None)]


def _insert(op: Op) -> list[Tensor] | None:
    items, place = _items(op), _position(op, 2)
    where = len(items) if op.input(2) is None or place is None else place
    items.insert(where, op.need(1))
    return _sequence(op, items)


def _erase(op: Op) -> list[Tensor] | None:
    items, place = _items(op), _position(op, 1)
    if items:
        items.pop(-1 if place is None else min(max(place, -len(items)), len(items) - 1))
    return _sequence(op, items)


def _length(op: Op) -> list[Tensor] | None:
    import numpy as np  # noqa: PLC0415

    return [Tensor(op.name, (), "int64", constant=True, data=np.array(len(_items(op)), np.int64))]


def _joined(op: Op) -> list[Tensor] | None:
    items, axis = _items(op), int(op.attrs.get("axis", 0))
    if not items or len({len(each.shape) for each in items}) > 1:
        op.fault(f"must join tensors of one rank, got {len(items)} items")
    shape, rank = list(items[0].shape), len(items[0].shape)
    if op.attrs.get("new_axis"):
        shape.insert(axis % (rank + 1), len(items))
    elif rank:
        shape[axis % rank] = sum(each.shape[axis % rank] for each in items)
    return [Tensor(op.name, tuple(shape), items[0].dtype)]


def _split(op: Op) -> list[Tensor] | None:
    x, axis = op.need(0), int(op.attrs.get("axis", 0))
    if not x.shape:
        op.fault("must split a tensor with axes, got a scalar")
    axis %= len(x.shape)
    extent, given = x.shape[axis], op.input(1)
    if given is not None and given.data is None and given.source is not None:
        given.data, given.source = given.source(), None
    keep = bool(op.attrs.get("keepdims", 1)) or given is not None
    if given is None:
        sizes = [1] * extent
    elif given.data is None:
        op.fault("must split at known places, got places that depend on data")
    elif given.shape:
        sizes = [int(each) for each in given.data]
    else:
        each = max(1, int(given.data))
        sizes = [min(each, extent - start) for start in range(0, extent, each)]
    if len(sizes) > 10_000:
        op.fault(f"must split into at most 10,000 parts, got {len(sizes)}")
    items = [
        Tensor(op.name, (*x.shape[:axis], *((size,) if keep else ()), *x.shape[axis + 1 :]), x.dtype) for size in sizes
    ]
    return _sequence(op, items)


def _same(op: Op) -> list[Tensor] | None:
    """An optional is what it holds."""
    x = op.input(0)
    if x is None:
        op.fault("an optional without a value is not modelled")
    return [Tensor(op.name, x.shape, x.dtype, x.constant, x.data, items=x.items)]


def _has(op: Op) -> list[Tensor] | None:
    import numpy as np  # noqa: PLC0415

    return [Tensor(op.name, (), "bool", constant=True, data=np.array(op.input(0) is not None))]


def _identity(op: Op) -> list[Tensor] | None:
    x = op.need(0)
    return None if x.items is None else _sequence(op, x.items)


SEQUENCES: dict[str, Rule] = {
    "SequenceConstruct": _construct,
    "SequenceEmpty": lambda op: _sequence(op, []),
    "SequenceAt": _at,
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SequenceLength": _length,
    "ConcatFromSequence": _joined,
    "SplitToSequence": _split,
    "Optional": _same,
    "OptionalGetElement": _same,
    "OptionalHasElement": _has,
    "Identity": _identity,
}
"""Operator -> its outputs; None where it is for others to say."""
