"""`rooftile serve`: the page, live, on this machine."""

import importlib
from typing import Annotated

import typer

from simulator.cli.values import count_or_zero
from simulator.errors import OptionError

PORT = 8712


def serve_command(
    port: Annotated[
        int, typer.Option("--port", metavar="N", parser=count_or_zero, help="Port of 127.0.0.1; 0 takes a free one.")
    ] = PORT,
    check: Annotated[bool, typer.Option("--check", help="Start, answer one request of its own, and stop.")] = False,
) -> None:
    """Serve the page on this machine: pick a network and a chip, move sliders, see what changes."""
    if port >= 65_536:
        raise OptionError(f"--port: must be at most 65,535, got {port}")
    for module in ("fastapi", "uvicorn"):
        try:
            importlib.import_module(module)
        except ImportError:
            raise OptionError("serve: needs the extra 'web': pip install 'rooftile[web]'") from None
    from simulator.web.serving import serve as serving  # noqa: PLC0415

    serving(0 if check and port == PORT else port, typer.echo, check)
