"""Steps that run as one: on a GPU products that share their inputs, and on any chip that says so, attention.

Both are what TensorRT does: "horizontal fusion" of convolutions or dense layers with equal parameters and the same input,
and kernels for softmax(Q K') V that keep the scores on the chip.
"""

import weakref
from collections.abc import Sequence
from dataclasses import replace

from simulator.graph.build import Graph
from simulator.graph.early import is_frozen
from simulator.graph.fuse import Read, Step, Steps, Tensor, fuse_layers

MERGED = frozenset({"conv", "dense"})
"""Kinds of which those with equal parameters and the same input run as one."""


_known: "weakref.WeakKeyDictionary[Graph, dict[tuple[object, ...], Steps]]" = weakref.WeakKeyDictionary()
"""Steps of frozen graphs, which go with the graph: they are the same at every batch and in all number formats."""


def steps_of(graph: Graph, words: Sequence[str], siblings: bool, attention: bool) -> Steps:
    """Steps of a graph on a chip that fuses the vector kinds in `words`, merged as `merge` does."""
    known = _known.setdefault(graph, {}) if is_frozen(graph) else {}
    key = (*words, siblings, attention)
    if key not in known:
        fused = fuse_layers(graph, words)
        known[key] = merge_steps(fused, siblings, attention) if siblings or attention else fused
    return known[key]


def merge_steps(steps: Steps, siblings: bool, attention: bool) -> Steps:
    """Steps of which equal ones with the same input are one; with `attention`, so are its two products and softmax.

    What merged steps write is one tensor; merged layers are told among the fused ones.
    """
    found, same = _siblings(steps) if siblings else (list(steps.steps), {n: n for n in range(len(steps.tensors))})
    if attention:
        found = _attention(found, _readers(found, same), same)
    return _numbered(steps, found, same)


def _siblings(steps: Steps) -> tuple[list[Step], dict[int, int]]:
    """Steps with equal ones with the same input in the place of the first, and the tensor that each tensor is part of."""
    first: dict[tuple[object, ...], int] = {}
    found: list[Step] = []
    same = {number: number for number in range(len(steps.tensors))}
    for step in steps.steps:
        key = _key(step, steps.tensors)
        if key is None or key not in first:
            if key is not None:
                first[key] = len(found)
            found.append(step)
            continue
        head = found[first[key]]
        same[step.output] = head.output
        found[first[key]] = replace(
            head,
            layer=replace(head.layer, out_channels=head.layer.out_channels + step.layer.out_channels),
            fused=(*head.fused, step.layer, *step.fused),
            output_elements=head.output_elements + step.output_elements,
            stored=head.stored + step.stored,
            stored_apart=head.stored_apart + step.stored_apart,
        )
    return found, same


def _key(step: Step, tensors: Sequence[Tensor]) -> tuple[object, ...] | None:
    """What steps must share to be merged; None for one that cannot be."""
    layer, output = step.layer, tensors[step.output]
    if layer.kind not in MERGED or layer.groups > 1 or layer.steps > 1 or step.extra or len(output.producers) > 1:
        return None
    shape = replace(
        layer, name="", out_channels=1, has_bias=False, origin="", into="", shares="shared" * bool(layer.shares)
    )
    return (shape, step.inputs, tuple(fused.kind for fused in step.fused), bool(output.readers) or step.stored > 0)


def _readers(steps: Sequence[Step], same: dict[int, int]) -> dict[int, list[int]]:
    """Tensor -> numbers of the steps that read it, once for every read."""
    found: dict[int, list[int]] = {}
    for number, step in enumerate(steps):
        for read in _reads(step):
            found.setdefault(same[read.tensor], []).append(number)
    return found


def _reads(step: Step) -> tuple[Read, ...]:
    """All that a step reads."""
    return (*step.inputs, *((step.weights,) if step.weights else ()), *step.extra)


def _attention(steps: Sequence[Step], readers: dict[int, list[int]], same: dict[int, int]) -> list[Step]:
    """Steps with softmax(Q K') V as one, in the place of the first product; of the second where the values come later."""
    gone: set[int] = set()
    late: dict[int, Step] = {}
    found: list[Step] = []
    written: set[int] = set()
    for number, step in enumerate(steps):
        if number in gone and number not in late:
            continue
        one = late.get(number, step)
        chain = None if number in late else _chain(steps, readers, same, number)
        if chain is not None:
            middle, last = chain
            one = _as_one(step, None if middle is None else steps[middle], steps[last])
            gone.update({last} if middle is None else {middle, last})
            waits = {same[read.tensor] for read in one.extra} - written
            if any(same[other.output] in waits for other in steps[number:last]):
                late[last] = one
                continue
        written.add(same[one.output])
        found.append(one)
    return found


def _as_one(first: Step, softmax: Step | None, second: Step) -> Step:
    """A product, the softmax of its outputs (None: on its way out) and the product of that with values, read beside."""
    values = (second.weights,) if second.weights else ()
    return replace(
        first,
        fused=(*first.fused, *((softmax.layer,) if softmax else ()), second.layer, *second.fused),
        extra=(*first.extra, *values, *second.extra),
        values=second.weights,
        output=second.output,
        output_elements=second.output_elements,
        stored=second.stored,
        stored_apart=second.stored_apart,
        second=second.layer,
    )


def _chain(
    steps: Sequence[Step], readers: dict[int, list[int]], same: dict[int, int], number: int
) -> tuple[int | None, int] | None:
    """Numbers of the softmax (None: on the way out of the first) and of the second product behind a first one that alone
    feeds them; None without."""

    def only_reader(step: Step) -> int | None:
        read_by = readers.get(same[step.output], [])
        return read_by[0] if len(read_by) == 1 else None

    first = steps[number]
    if first.layer.kind != "matmul" or first.layer.steps > 1:
        return None
    middle, inner = None, first
    if not (first.fused and first.fused[-1].kind == "softmax"):
        middle = only_reader(first)
        if middle is None or steps[middle].layer.kind != "softmax" or len(_reads(steps[middle])) > 1:
            return None
        inner = steps[middle]
        if inner.fused:
            return None
    last = only_reader(inner)
    if last is None or first.stored or inner.stored:
        return None
    second = steps[last]
    if second.layer.kind != "matmul" or second.inputs[0].tensor != inner.output:
        return None
    rows = [(s.layer.groups, s.layer.out_height * s.layer.out_width) for s in (first, second)]
    fits = rows[0] == rows[1] and second.layer.in_channels == first.layer.out_channels
    return (middle, last) if fits else None


def _numbered(before: Steps, steps: Sequence[Step], same: dict[int, int]) -> Steps:
    """The steps with what they read and write numbered anew; what nothing writes or reads any more is gone."""
    read_by = _readers(steps, same)
    written_by: dict[int, list[int]] = {}
    for place, step in enumerate(steps):
        written_by.setdefault(same[step.output], []).append(place)
    elements: dict[int, int] = {}
    for number, tensor in enumerate(before.tensors):
        elements[same[number]] = elements.get(same[number], 0) + tensor.elements
    kept = [
        number
        for number, tensor in enumerate(before.tensors)
        if same[number] == number and (not tensor.producers or number in written_by)
    ]
    new = {number: place for place, number in enumerate(kept)}

    def renumber(read: Read) -> Read:
        return replace(read, tensor=new[same[read.tensor]])

    done = tuple(
        replace(
            step,
            inputs=tuple(map(renumber, step.inputs)),
            weights=renumber(step.weights) if step.weights else None,
            values=renumber(step.values) if step.values else None,
            extra=tuple(map(renumber, step.extra)),
            output=new[same[step.output]],
        )
        for step in steps
    )
    tensors = tuple(
        Tensor(
            before.tensors[number].name,
            elements[number],
            tuple(written_by.get(number, ())),
            tuple(dict.fromkeys(read_by.get(number, ()))),
            before.tensors[number].state,
        )
        for number in kept
    )
    return Steps(done, tensors)
