"""`rooftile cache`: what is kept on disk between runs."""

from typing import Annotated

import typer

from simulator.errors import OptionError


def cache(clear: Annotated[bool, typer.Option("--clear", help="Delete the frontiers kept on disk.")] = False) -> None:
    """Delete what is kept on disk between runs; it is built again when needed."""
    if not clear:
        raise OptionError("--clear: missing; 'rooftile cache' does nothing without it")
    from simulator.store.disk import clear as clear_cache  # noqa: PLC0415

    typer.echo(f"Freed {clear_cache() / 1e6:,.1f} MB (1e6 bytes)")
