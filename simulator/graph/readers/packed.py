"""Products whose columns are queries, keys and values (or gate and value) side by side: each part is a layer of its own."""

from simulator.graph.readers.ir import Op, Tensor
from simulator.graph.readers.patterns import VIEWS, Consumers

MOST_PARTS = 8
_ON_THE_WAY = VIEWS | {"Transpose", "Add", "Mul"}


def packed_parts(tensor: Tensor, consumers: Consumers) -> int:
    """Into how many equal parts a tensor is cut, with nothing else done to it; 1 where it is not."""
    for _ in range(8):
        readers = consumers.get(tensor, [])
        if len(readers) > 1:
            return _cut_apart(tensor, readers)
        if not readers:
            return 1
        op = readers[0]
        if op.kind == "Split" and not op.domain:
            sizes = {each.elements for each in op.outputs if each is not None}
            return len(op.outputs) if len(sizes) == 1 and 2 <= len(op.outputs) <= MOST_PARTS else 1
        others = [each for each in op.inputs if each is not None and each is not tensor]
        if op.kind not in _ON_THE_WAY or op.domain or not all(each.constant for each in others) or not op.outputs:
            return 1
        tensor = op.output
    return 1


def _cut_apart(tensor: Tensor, readers: list[Op]) -> int:
    """How many gathers or slices take equal parts that are the whole together; 1 where they do not."""
    count = len(readers)
    cut = all(op.kind in ("Gather", "Slice") and not op.domain and op.input(0) is tensor for op in readers)
    if not cut or not 2 <= count <= MOST_PARTS:
        return 1
    return count if all(op.output.elements * count == tensor.elements for op in readers) else 1


def part_number(op: Op, tensor: Tensor, count: int, consumers: Consumers) -> int:
    """Which of the parts a Gather or a Slice takes."""
    readers = consumers.get(tensor, [])
    starts = []
    for each in readers:
        index = each.input(1)
        data = None if index is None else index.data
        starts.append(None if data is None or not data.size else int(data.reshape(-1)[0]))
    own = readers.index(op) if op in readers else 0
    if None in starts or len(set(starts)) != len(starts):
        return own % count
    return sorted(range(len(starts)), key=lambda place: starts[place] or 0).index(own) % count
