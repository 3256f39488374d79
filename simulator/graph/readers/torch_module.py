"""A module of PyTorch as a layer graph: exported to ONNX in memory, and read as any other file."""

import importlib.util
import io
import logging
import warnings
from contextlib import redirect_stdout
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.nodes import Graph


def from_torch(module: Any, inputs: Any, name: str = "") -> Graph:
    """The layer graph of a `torch.nn.Module` on example inputs, for what they hold: give them one item each.

    module: it is exported with `torch.onnx.export`, which runs it once, as PyTorch does; as it is, so call `eval()` before.
    inputs: a tensor or a tuple of them. name: of the graph; that of the class unless given. Needs torch, and the onnx package.

    Raises NetworkError where either is missing, or where torch cannot export the module.
    """
    from simulator.graph.readers.emit import layers_of  # noqa: PLC0415
    from simulator.graph.readers.onnx_file import need_onnx  # noqa: PLC0415
    from simulator.graph.readers.onnx_read import read_bytes  # noqa: PLC0415
    from simulator.graph.readers.wire import stripped  # noqa: PLC0415

    where = name or type(module).__name__
    need_onnx(where)
    try:
        import torch  # noqa: PLC0415
    except ImportError:
        raise NetworkError(f"{where}: from_torch needs PyTorch: pip install torch") from None
    if not isinstance(module, torch.nn.Module):
        raise NetworkError(f"{where}: module: must be a torch.nn.Module, got {type(module).__name__}")
    raw = _exported(torch, module, inputs if isinstance(inputs, tuple) else (inputs,), where)
    graph = layers_of(read_bytes(stripped(memoryview(raw), where), where, None, {}, ""), where)
    graph.graph["name"] = where
    return graph


def _exported(torch: Any, module: Any, inputs: tuple[Any, ...], where: str) -> bytes:
    """An ONNX file of a module: by PyTorch's newer exporter, which needs onnxscript, else by the older. Raises NetworkError."""
    from simulator.graph.readers.onnx_file import first_line  # noqa: PLC0415

    newer = importlib.util.find_spec("onnxscript") is not None
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator of PyTorch alone, which no exporter knows
    logging.disable(logging.WARNING)  # of the exporters, about themselves
    fault: Exception | None = None
    try:
        for dynamo in (True, False) if newer else (False,):
            file = io.BytesIO()
            try:
                with torch.no_grad(), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
                    warnings.simplefilter("ignore")
                    torch.onnx.export(module, inputs, file, dynamo=dynamo)
                return file.getvalue()
            except Exception as error:  # whatever the module or the exporter raises
                fault = error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        logging.disable(logging.NOTSET)
    more = "" if newer else "; its newer exporter needs onnxscript: pip install onnxscript"
    raise NetworkError(f"{where}: torch cannot export it: {first_line(fault or ValueError())}{more}") from fault
