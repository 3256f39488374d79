"""`rooftile mcp`: tools for agents, over standard input and output."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from simulator.errors import OptionError


def mcp_command(
    allow: Annotated[
        list[Path] | None,
        typer.Option(
            "--allow", metavar="FOLDER", help="A folder whose chip and model files agents may name; none if left out."
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Name the tools, and stop.")] = False,
) -> None:
    """Serve agents: tools that only read, over standard input and output (Model Context Protocol)."""
    folders = [_folder(each) for each in allow or []]
    try:
        importlib.import_module("mcp.server.lowlevel")
    except ImportError:
        raise OptionError("mcp: needs the extra 'mcp': pip install 'rooftile[mcp]'") from None
    from simulator.cli.watch import leave  # noqa: PLC0415
    from simulator.web.agents.server import serve, tool_names  # noqa: PLC0415

    if check:
        typer.echo("\n".join(tool_names(folders)))
    else:
        serve(folders, leave)


def _folder(path: Path) -> Path:
    """A folder as the system knows it. Raises OptionError where there is none."""
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise OptionError(f"--allow: must be a folder, got {str(path)!r}") from None
    if not found.is_dir():
        raise OptionError(f"--allow: must be a folder, got {str(path)!r}")
    return found
