"""What binds points of a sweep: those that are shown are run once more, since a sweep itself knows only their largest loss."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator.chip.change import changed_chip
from simulator.chip.load import chip_digest
from simulator.chip.schema import Architecture
from simulator.errors import ChipError, InfeasibleError, NetworkError
from simulator.graph.build import Graph
from simulator.graph.load import SUFFIXES, load_network, network_digest
from simulator.run import simulate
from simulator.sweeps import folder as store
from simulator.sweeps.ranges import PARAMETER

MOST = 64
"""Points that are run again; of more, none."""


def recipe(network: Graph | str, params: Mapping[str, Any], chip: Architecture) -> dict[str, Any] | None:
    """What a folder keeps to run its points again, as plain data; None where the network was given as a graph."""
    if not isinstance(network, str):
        return None
    place = str(Path(network).absolute()) if "/" in network or network.partition("@")[0].endswith(SUFFIXES) else network
    return {
        "network": place,
        "params": dict(params),
        "chip": chip.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"published"}),
    }


def bounds(folder: str | Path, rows: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """The roof with the largest gain of each point (`bound_by` of a result); None where it cannot be told.

    rows: points with the columns of their axes. None throughout where there are more than MOST, or where the network or the
    chip are not as they were.
    """
    plan = store.read_plan_of(Path(folder))
    unknown: list[str | None] = [None] * len(rows)
    kept = plan.get(store.AGAIN)
    if not isinstance(kept, dict) or len(rows) > MOST:
        return unknown
    try:
        chip = Architecture.model_validate(kept["chip"])
        if chip_digest(chip) != plan["chip_digest"]:
            return unknown
        axes = [str(axis["key"]) for axis in plan["vary"]]
        fixed = None
        if not any(key.startswith(PARAMETER) for key in axes):
            fixed = load_network(kept["network"], **kept["params"])
            if network_digest(fixed)[:40] != plan["network_digest"]:
                return unknown
        return [_bound(kept, plan, chip, {key: row[key] for key in axes}, fixed) for row in rows]
    except (ValidationError, LookupError, TypeError, NetworkError):
        return unknown


def _bound(
    kept: Mapping[str, Any],
    plan: Mapping[str, Any],
    chip: Architecture,
    values: Mapping[str, Any],
    fixed: Graph | None,
) -> str | None:
    """What binds one point. fixed: the network where all points have the same, so that they share what is derived from it."""
    named = {key.removeprefix(PARAMETER): value for key, value in values.items() if key.startswith(PARAMETER)}
    beside = {key: values.get(key, plan[key]) for key in ("batch", "precision")}
    keys = {key: value for key, value in values.items() if key not in beside and not key.startswith(PARAMETER)}
    try:
        graph = load_network(kept["network"], **{**kept["params"], **named}) if fixed is None else fixed
        return simulate(graph, changed_chip(chip, keys), int(beside["batch"]), str(beside["precision"])).bound_by
    except (ChipError, NetworkError, InfeasibleError):
        return None
