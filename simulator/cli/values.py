"""Values of options as the parser of the command line takes them, with errors that say what was expected."""

from collections.abc import Callable

import typer


def whole_number(text: str | int) -> int:
    """Read a count of at least 1, written plainly (`4`) or with an exponent (`1e3`); a default comes as a number."""
    from simulator.reading.values import whole_number as read  # noqa: PLC0415 (--help must not wait for it)

    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def count_or_zero(text: str | int) -> int:
    """As `whole_number`, or 0."""
    return 0 if str(text).strip() == "0" else whole_number(text)


def amount_in(dimension: str, unit: str, zero: bool = False) -> Callable[[str | float], float]:
    """What reads an amount above 0. dimension: a name of `simulator/reading/units.py`; unit: of a bare number; zero: 0 too."""

    def read(text: str | float) -> float:
        from simulator.reading import units  # noqa: PLC0415
        from simulator.reading.amounts import positive  # noqa: PLC0415

        try:
            return positive(str(text), getattr(units, dimension), unit, zero=zero)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return read


MONEY, NUMBER = amount_in("MONEY", "USD"), amount_in("SHARE", "")


def parameters(pairs: list[str] | None) -> dict[str, int | float | bool | str]:
    """Read `--param NAME=VALUE` options. Raises OptionError."""
    from simulator.reading.values import parameters as read  # noqa: PLC0415

    return read(pairs or [])
