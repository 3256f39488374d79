"""Limits of power and money, as options."""

from typing import Annotated

import typer

from simulator.cli.values import MONEY as IN_USD

MaxPower = Annotated[
    str | None,
    typer.Option("--max-power", metavar="POWER", help="Average in steady state by the model, not TDP, such as 10W."),
]
MaxPowerOrTdp = Annotated[
    str | None,
    typer.Option(
        "--max-power",
        metavar="POWER",
        help="Average in steady state by the model, such as 10W; with --published, the published TDP.",
    ),
]
MaxCost = Annotated[str | None, typer.Option("--max-cost", metavar="MONEY", help="Bill of materials, such as 100USD.")]
MaxPrice = Annotated[str | None, typer.Option("--max-price", metavar="MONEY", help="List price, such as 500USD.")]
Price = Annotated[
    float | None,
    typer.Option(
        "--price", metavar="USD", parser=IN_USD, help="Of a language model: price of a chip, in place of the known one."
    ),
]
Rent = Annotated[
    float | None,
    typer.Option(
        "--rent", metavar="USD", parser=IN_USD, help="Of a language model: rent per hour, in place of price and energy."
    ),
]


def limits_of(max_power: str | None, max_cost: str | None, max_price: str | None = None) -> dict[str, float]:
    """The limits that are given: most `power_w`, `bill_usd`, `price_usd`. Raises OptionError for what is none."""
    from simulator.reading.amounts import option_amount  # noqa: PLC0415
    from simulator.reading.units import MONEY, POWER  # noqa: PLC0415

    asked = {
        "power_w": option_amount("--max-power", max_power, POWER, "W"),
        "bill_usd": option_amount("--max-cost", max_cost, MONEY, "USD"),
        "price_usd": option_amount("--max-price", max_price, MONEY, "USD"),
    }
    return {name: most for name, most in asked.items() if most is not None}
