"""A pass behind many contexts: how far each is, which steps are alike, what is moved to other tensors, what bounds parts."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np

from simulator.lower.rows import Row
from simulator.result import contexts
from simulator.result.contexts import TENSORS, Contexts, _moved, _nameless

WORDS = {"name": "layer0_q", "kind": "dense", "fused": ("relu",), "loop": "", "product": "int8", "shape": None}
"""What of a row is no number."""


def row(**changes):
    numbers = {field.name: 0 for field in fields(Row)}
    return Row(**{**numbers, **WORDS, "reads": (), "inputs": 0, "weights": 1, "values": -1, "output": 2, **changes})


def test_how_far_a_context_is():
    far = {ends: Contexts._share(SimpleNamespace(_ends=ends), 7) for ends in ((5, 9), (6, 7), (7, 7), (5, 7))}
    assert far == {(5, 9): (2, 4), (6, 7): (1, 1), (7, 7): (0, 1), (5, 7): (2, 2)}


def test_how_often_a_step_stands_in_all_layers():
    """Of passes of 2 and 4 layers and 12 in all: those of layers 3 and 4 stand for 5 each."""
    of = SimpleNamespace(_of=SimpleNamespace(shallow=(2, 4), layers=12))
    times = [
        Contexts._times_of(of, row(name=name))
        for name in ("layer1_q", "layer2_q", "layer3_q", "layer4_q", "head", "my_layer3_q")
    ]
    assert times == [1.0, 1.0, 5.0, 5.0, 1.0, 1.0]
    of._of.shallow = None
    assert Contexts._times_of(of, row(name="layer3_q")) == 1.0


def test_steps_are_alike_but_for_their_names_and_numbers_of_tensors():
    """Tensors 0 to 3 are alike in nothing, and 4 to 7 are as they are."""
    low = SimpleNamespace(
        tensor_bytes=(8.0, 9.0, 8.0, 8.0) * 2, widths=(1.0, 1.0, 2.0, 1.0) * 2, states={3, 7},
        tensor_readers=((1,), (2,), (), (3,), (9,), (8,), (), (7,)), tensor_producers=((), (4,), (5,), ()) * 2,
    )  # fmt: skip
    base = row(reads=((0, 5.0), (1, 6.0)))
    other = row(name="layer1_q", fused=("other",), inputs=4, weights=5, output=6, reads=((4, 5.0), (5, 6.0)))
    assert _nameless(low, base) == _nameless(low, other)
    changed = [replace(other, **{name: 7}) for name in TENSORS] + [
        replace(other, reads=reads)
        for reads in (((4, 5.0), (4, 6.0)), ((4, 5.0), (5, 7.0)), ((4, 5.0),), ((3, 5.0), (5, 6.0)))
    ]
    changed += [replace(other, inputs=-1), replace(other, weights=-1), replace(other, values=4)]
    numbers = [name for name in (field.name for field in fields(Row)) if name not in (*TENSORS, "reads", *WORDS)]
    changed += [replace(other, **{name: 1}) for name in numbers] + [replace(other, kind="conv")]
    assert all(_nameless(low, one) != _nameless(low, base) for one in changed)
    for at in range(4):
        pair = (row(inputs=at), row(inputs=(at + 1) % 4))
        assert _nameless(low, pair[0]) != _nameless(low, pair[1])


def test_a_step_on_tensors_of_its_own():
    own = {0: 10, 1: 11, 6: 16}
    moved = _moved(row(inputs=0, weights=1, output=5, values=6, reads=((0, 1.0), (5, 2.0), (6, 3.0))), own)
    assert moved == row(inputs=10, weights=11, output=5, values=16, reads=((10, 1.0), (5, 2.0), (16, 3.0)))
    bare = row(inputs=3, weights=-1, output=4, reads=((3, 1.0),))
    assert _moved(bare, own) == bare
    assert _moved(row(inputs=3, reads=((1, 1.0),)), own).reads == ((11, 1.0),)


def test_contexts_behind_which_parts_may_be_faster(monkeypatch):
    """All weights are read anew in each part; what else limits the whole batch limits it, too."""
    asked = []

    def least(cycles, outer, count, machines, spec):
        asked.append((cycles, outer, count, machines, spec))
        return np.array([1.0, 2.0, 3.0])

    monkeypatch.setattr(contexts, "least_of_parts", least)
    known = SimpleNamespace(cold=SimpleNamespace(time_s=np.array([2.0, 2.0, 2.0])))
    steps = SimpleNamespace(
        work=lambda case: SimpleNamespace(batch=6, compulsory_bytes=100.0, weight_bytes=10.0), plans=lambda case: known,
        least_cycles=lambda case: "cycles", low=SimpleNamespace(spec="spec"),
    )  # fmt: skip
    case = SimpleNamespace(times=np.array([[1.0], [2.0], [4.0]]))

    def may(limited=None, plans=None):
        return Contexts._may_be_faster(None, 2, steps, case, "machines", limited, plans).tolist()

    assert may() == [0]
    assert asked == [("cycles", 100.0 + 2 * 10.0, 7 * 3, "machines", "spec")]
    assert may(lambda cold: cold.time_s * [0.5, 1.0, 2.0]) == [0, 2]
    assert may(plans=SimpleNamespace(cold=SimpleNamespace(time_s=np.array([1.0, 2.5, 3.5])))) == [1, 2]
