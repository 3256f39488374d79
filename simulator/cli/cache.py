"""`rooftile cache`: what is kept on disk between runs."""

import contextlib
from typing import Annotated

import typer

from simulator.cli.output import emit


def cache_command(
    clear: Annotated[bool, typer.Option("--clear", help="Delete it; it is built again when needed.")] = False,
) -> None:
    """Say how much is kept on disk between runs, and where; ROOFTILE_CACHE_DIR and ROOFTILE_CACHE_MIB set it."""
    from simulator.store import disk  # noqa: PLC0415

    if clear:
        emit(f"Freed {disk.clear() / 2**20:,.1f} MiB (2**20 bytes)\n")
        return
    try:
        place = str(disk.folder())
    except OSError:
        typer.echo("Nothing is kept: there is no home to keep it in (ROOFTILE_CACHE_DIR names a folder)")
        return
    with contextlib.suppress(OSError):  # runs trim it now and then; what is said here holds
        disk.trim()
    most = disk.most_bytes() / 2**20
    typer.echo(f"{disk.size() / 2**20:,.1f} MiB of at most {most:,.0f} MiB (2**20 bytes) in {place}")
