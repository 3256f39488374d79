"""A module of PyTorch as a layer graph: exported to ONNX in memory, and read as any other file."""

import io
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.nodes import Graph


def from_torch(module: Any, inputs: Any, name: str = "") -> Graph:
    """The layer graph of a `torch.nn.Module` on example inputs, for what they hold: give them one item each.

    module: it is exported with `torch.onnx.export`, which runs it once, as PyTorch does. inputs: a tensor or a tuple of them.
    name: of the graph; that of the class unless given. Needs torch, and the onnx package.

    Raises NetworkError where either is missing, or where torch cannot export the module.
    """
    from simulator.graph.readers.emit import layers_of  # noqa: PLC0415
    from simulator.graph.readers.onnx_file import first_line, need_onnx, parsed  # noqa: PLC0415
    from simulator.graph.readers.onnx_read import model_of  # noqa: PLC0415
    from simulator.graph.readers.wire import stripped  # noqa: PLC0415

    where = name or type(module).__name__
    onnx = need_onnx(where)
    try:
        import torch  # noqa: PLC0415
    except ImportError:
        raise NetworkError(f"{where}: from_torch needs PyTorch: pip install torch") from None
    if not isinstance(module, torch.nn.Module):
        raise NetworkError(f"{where}: module: must be a torch.nn.Module, got {type(module).__name__}")
    file = io.BytesIO()
    try:
        with torch.no_grad():
            torch.onnx.export(module.eval(), inputs if isinstance(inputs, tuple) else (inputs,), file, dynamo=False)
    except Exception as error:  # whatever the module or the exporter raises
        raise NetworkError(f"{where}: torch cannot export it: {first_line(error)}") from error
    model = parsed(onnx, stripped(memoryview(file.getvalue()), where), where)
    graph = layers_of(model_of(onnx, model, where, None, {}, ""), where)
    graph.graph["name"] = where
    return graph
