"""What an hour of a chip at work costs: its price over its years, or its rent, and the energy."""

from dataclasses import dataclass, fields

from simulator.errors import OptionError

HOURS_PER_YEAR = 8766.0
"""365.25 days. [h]"""

KILO = 1e3


@dataclass(frozen=True)
class Rates:
    """How a chip is paid for."""

    price_usd: float | None = None
    """What it costs to buy; without it and a rent: the list price of the chip file, else its bill of materials."""
    years: float = 4.0
    """It is used for."""
    energy_usd_per_kwh: float = 0.08
    pue: float = 1.2
    """Energy of the whole site over that of its machines, so at least 1."""
    load: float = 0.6
    """Share of the years in which it works."""
    rent_usd_per_h: float | None = None
    """Energy included."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if (
                value is not None
                and not 0.0 < float(value) < 1e12
                and not (field.name.startswith("energy") and value == 0)
            ):
                raise OptionError(f"price: {field.name}: must be above 0 and below 1e12, got {value!r}")
        if self.price_usd is not None and self.rent_usd_per_h is not None:
            raise OptionError("price: must be left out where a rent is given, which takes its place")
        if self.load > 1.0:
            raise OptionError(f"price: load: must be at most 1, got {self.load!r}")
        if self.pue < 1.0:
            raise OptionError(f"price: pue: must be at least 1, got {self.pue!r}")


def usd_per_s(rates: Rates, price_usd: float, power_w: float, resting_w: float) -> float:
    """Cost of a second at work [USD]: the price over all seconds of work, the energy, and what it draws between them.

    A rent takes the place of all of it.
    """
    if rates.rent_usd_per_h is not None:
        return rates.rent_usd_per_h / 3600.0
    bought = price_usd / (rates.years * HOURS_PER_YEAR * 3600.0 * rates.load)
    drawn_w = power_w + resting_w * (1.0 - rates.load) / rates.load
    return bought + drawn_w / KILO / 3600.0 * rates.pue * rates.energy_usd_per_kwh
