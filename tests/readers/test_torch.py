"""Modules of PyTorch as layer graphs, where PyTorch is there: MACs as counted by hand."""

import pytest

from simulator import from_torch
from simulator.errors import NetworkError
from simulator.graph.load import summary

torch = pytest.importorskip("torch")
nn = torch.nn


def small() -> tuple[object, object, int]:
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1, groups=4),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    return net, torch.zeros(1, 3, 32, 32), 256 * 16 * 27 + 256 * 32 * 36 + 320


def encoder() -> tuple[object, object, int]:
    rows, hidden, ffn = 10, 64, 128
    products = rows * (4 * hidden * hidden + 2 * hidden * ffn) + 2 * rows * rows * hidden
    return nn.TransformerEncoderLayer(hidden, 4, ffn, batch_first=True), torch.zeros(1, rows, hidden), products


def lstm() -> tuple[object, object, int]:
    macs = 2 * 7 * 4 * 48 * (32 + 48) + 2 * 7 * 4 * 48 * (96 + 48)
    return nn.LSTM(32, 48, num_layers=2, bidirectional=True, batch_first=True), torch.zeros(1, 7, 32), macs


def gru() -> tuple[object, object, int]:
    return nn.GRU(32, 48, batch_first=True), torch.zeros(1, 7, 32), 7 * 3 * 48 * (32 + 48)


def heads() -> tuple[object, object, int]:
    return (
        nn.MultiheadAttention(64, 4, batch_first=True),
        (torch.zeros(1, 10, 64),) * 3,
        10 * 4 * 64 * 64 + 2 * 100 * 64,
    )


@pytest.mark.parametrize("newer", [True, False])
@pytest.mark.parametrize("made", [small, encoder, lstm, gru, heads])
def test_a_module_multiplies_what_it_says(made, newer, monkeypatch):
    module, inputs, macs = made()
    module.eval()
    if newer:
        pytest.importorskip("onnxscript")
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        if made is encoder:  # which the older exporter of PyTorch 2.13 cannot
            with pytest.raises(NetworkError, match="pip install onnxscript"):
                from_torch(module, inputs)
            return
    graph = from_torch(module, inputs)
    assert summary(graph)["macs"] == macs
    assert graph.graph["inspection"]["coverage"]["macs"] == 1.0
    assert graph.graph["name"] == type(module).__name__


def test_what_cannot_be_exported_is_one_line(capsys):
    class Odd(nn.Module):
        def forward(self, x: object) -> object:
            raise RuntimeError("no\nway")

    with pytest.raises(NetworkError, match=r"Odd: torch cannot export it: no way") as error:
        from_torch(Odd(), torch.zeros(1))
    assert "\n" not in str(error.value)
    with pytest.raises(NetworkError, match=r"module: must be a torch.nn.Module, got int"):
        from_torch(3, torch.zeros(1))
    assert capsys.readouterr().out == ""
