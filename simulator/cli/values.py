"""Values of options as the parser of the command line takes them, with errors that say what was expected."""

import typer


def whole_number(text: str | int) -> int:
    """Read a count of at least 1, written plainly (`4`) or with an exponent (`1e3`); a default comes as a number."""
    from simulator.reading.values import whole_number as read  # noqa: PLC0415 (--help must not wait for it)

    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def parameters(pairs: list[str] | None) -> dict[str, int | float | bool | str]:
    """Read `--param NAME=VALUE` options. Raises OptionError."""
    from simulator.reading.values import parameters as read  # noqa: PLC0415

    return read(pairs or [])
