"""The bill of materials of a die in its package, for the best estimate and for every draw of what is uncertain.

The same functions price one chip and the points of a sweep. Row 0 of each array is the best estimate, all factors 1.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.cost import money
from simulator.cost.book import cost_book, reticle_mm2
from simulator.cost.die import Die

Floats = NDArray[np.float64]

Z = 1.645
"""Standard deviations of a band: from the 5th to the 95th percentile."""

DRAWS = 4000
SEED = 20  # any fixed number: the same chip always costs the same

FACTORS = ("area", "reference_area", "wafer", "defects", "package", "dram", "test", "board")
"""What is uncertain, one column each; two chips share the columns of prices but not of area."""


@cache
def factors_of(draws: int) -> Floats:
    """Rows of factors, one column for each of FACTORS; row 0 is all ones.

    With `draws`, log-normal draws from a generator whose stream never changes; without, each factor alone by one
    standard deviation.
    """
    data = cost_book()
    sigma = {
        "area": data["residuals"]["log_rms_left_out"],
        "reference_area": data["residuals"]["log_rms_left_out"],
        "wafer": data["wafer"]["price"]["log_sd"],
        "defects": data["yield"]["d0"]["log_sd"],
        "package": data["package"]["log_sd"],
        "dram": data["dram"]["usd_per_gb"]["log_sd"],
        "test": data["test"]["log_sd"],
        "board": data["board"]["log_sd"],
    }
    spread = np.array([sigma[name] for name in FACTORS])
    z = np.random.RandomState(SEED).standard_normal((draws, len(FACTORS))) if draws else np.eye(len(FACTORS))
    factors = np.vstack([np.ones(len(FACTORS)), np.exp(z * spread)])
    factors.setflags(write=False)
    return factors


def bill_of(die: Die, factors: Floats, model: str, own_area: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Itemised bill [USD], and the figures on the way for the best estimate of the first chip.

    Items are arrays over the rows of `factors`; the numbers of `die` may be columns of shape (points, 1).
    """
    data = cost_book()
    column = {name: factors[:, at] for at, name in enumerate(FACTORS)}
    q, wafer, packaging = die.q, data["wafer"], data["package"]
    # A draw above the reticle is no die; the best estimate is checked elsewhere.
    mm2 = np.minimum(die.mm2 * column[own_area], reticle_mm2())
    critical = mm2 * (die.critical_mm2 / die.mm2)
    dies = money.dies_per_wafer(mm2, wafer["diameter_mm"], wafer["edge_mm"], wafer["scribe_mm"])
    good = money.die_yield(critical, q.node.d0_cm2 * column["defects"], model, data["yield"]["alpha"]["value"])
    die_usd = money.die_usd(q.node.wafer_usd * column["wafer"], dies, good)
    stacked = q.memory is not None and q.memory.stacked
    devices = 0.0 if q.memory is None else q.memory.devices
    on_board = 0.0 if stacked else devices
    peak_w = die.power.peak_w
    wires = on_board * (0.0 if q.memory is None else q.memory.family.balls)
    balls = _balls(packaging["balls"], wires, q.io_lanes, peak_w / q.node.core_v)
    package, size = _package(packaging, balls, peak_w, stacked)
    bill = {"die": die_usd, "package": package * column["package"]}
    bonding = 1.0
    if stacked:
        bill["interposer"], bonding = _interposer(packaging["interposer"], mm2, devices, column["package"])
    if q.memory is not None:
        price = data["dram"]["usd_per_gb"]["value"] * column["dram"]
        bill["dram"] = money.dram_usd(q.memory.gib, price, q.memory.family.price)
    test = data["test"]
    bill["test"] = money.test_usd(die_usd, test["final_usd"], test["system_usd"], test["share_of_die"]) * column["test"]
    assembly = packaging["assembly"]
    # Memory on the package is lost with it; memory on the board is not.
    at_risk = total_of({name: value for name, value in bill.items() if name != "dram" or stacked})
    lost = money.assembly_loss_usd(at_risk, assembly["step_yield"] * bonding, assembly["final_yield"])
    bill["assembly"] = assembly["usd"] * column["package"] + lost
    board = data["board"]
    bill["board"] = money.board_usd(on_board, peak_w, board["usd_per_dram"], board["usd_per_w"]) * column["board"]
    details = {
        "dies_per_wafer": _first(dies),
        "yield": _first(good),
        "balls": _first(balls),
        "package_size": _first(size),
    }
    if q.memory is not None:
        price = money.dram_usd(1.0, data["dram"]["usd_per_gb"]["value"], q.memory.family.price)
        details |= {"dram_gib": _first(q.memory.gib), "dram_usd_per_gib": float(price)}
    return bill, {**details, "wafer_usd": q.node.wafer_usd, "d0_cm2": q.node.d0_cm2}


def _first(values: Any) -> float:
    """The best estimate of the first chip."""
    return float(np.ravel(values)[0])


def _balls(entry: dict[str, float], memory: Any, lanes: Any, amps: Any) -> Any:
    """Balls of the package [-]. memory: those of the memory on the board."""
    return np.ceil(money.package_balls(memory, lanes, amps, entry["base"], entry["io_lane"], entry["per_amp"]))


def _package(packaging: dict[str, Any], balls: Any, peak_w: Any, stacked: bool) -> tuple[Any, Any]:
    """(price of the package [USD], its place between small and large); an interposer needs the large class."""
    small, large = packaging["small"], packaging["large"]
    size: Any = 1.0
    if not stacked:
        limits = (small["most_balls"], small["most_w"]), (large["from_balls"], large["from_w"])
        size = money.package_size(balls, peak_w, *limits)
    classes = (small["base_usd"], small["ball_usd"]), (large["base_usd"], large["ball_usd"])
    return money.package_usd(balls, size, *classes), size


def _interposer(entry: dict[str, Any], mm2: Any, stacks: Any, factor: Floats) -> tuple[Any, float]:
    """Interposer below die and stacks [USD], and the yield of bonding onto it."""
    below = (mm2 + stacks * entry["stack_mm2"]) * entry["area_factor"]
    usd = money.interposer_usd(below, entry["wafer_usd"], entry["d0_cm2"], entry["alpha"], entry["ubump_usd_mm2"])
    return usd * factor, entry["bonding_yield"]


def total_of(bill: dict[str, Any]) -> Any:
    """Sum of a bill, always in the same order [USD]."""
    total: Any = 0.0
    for values in bill.values():
        total = total + values
    return total
