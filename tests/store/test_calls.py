"""Names that many calls share: what they are where they are left out, and what a wrong one is told."""

import inspect
from typing import TypedDict, Unpack

import pytest

from simulator import generate, sweep, uncertainty
from simulator.graph.build import NetworkBuilder
from simulator.store.calls import usual


class More(TypedDict, total=False):
    bias: bool
    label: str


@usual(bias=False, label="none")
def build(size: int, *, stride: int = 1, **more: Unpack[More]) -> tuple[object, ...]:
    """Build."""
    return size, stride, more["bias"], more["label"]


def test_what_is_left_out_is_as_usual():
    assert build(3) == (3, 1, False, "none")
    assert build(3, label="x", stride=2) == (3, 2, False, "x")


def test_a_name_that_is_not_known_is_told_as_by_any_call():
    with pytest.raises(TypeError, match=r"^build\(\) got an unexpected keyword argument 'lable'.*'label'"):
        build(3, lable="x")
    net = NetworkBuilder("n")
    x = net.input(3, 8, 8)
    with pytest.raises(TypeError, match=r"^NetworkBuilder\.conv\(\) got an unexpected keyword argument 'strid'"):
        net.conv(x, 4, 3, strid=2)


def test_help_shows_all_names_with_their_types():
    assert str(inspect.signature(build)).startswith(
        "(size: int, *, stride: int = 1, bias: bool = False, label: str = 'none') -> "
    )
    assert build.__doc__ == "Build."


@pytest.mark.parametrize(("call", "names"), [
    (sweep, "network chip vary batch precision set params design seed chunk out repair scheduler command progress tell"),
    (uncertainty, "network a b batch precision by draws seed set_a set_b tell"),
    (
        generate,
        "model chip prompt output batch precision params set mode prefill runtime speculate accept draft chips price next_limit",
    ),
    (NetworkBuilder.dense, "self x out_channels steps loop role shares bias activation name formats"),
    (NetworkBuilder.depthwise, "self x kernel stride padding dilation bias activation name formats"),
])  # fmt: skip
def test_calls_of_users_show_what_they_take(call, names):
    parameters = inspect.signature(call).parameters
    assert list(parameters) == names.split()
    assert not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())


def test_a_dense_layer_has_a_bias_and_a_convolution_has_none():
    net = NetworkBuilder("n")
    x = net.conv(net.input(3, 8, 8), 4, 3, name="plain")
    net.dense(x.flat(), 2, name="last")
    graph = net.build()
    assert [graph.nodes[name]["layer"].has_bias for name in ("plain", "last")] == [False, True]
