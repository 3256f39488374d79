"""What binds points of a sweep: those that are shown are run once more, since a sweep itself knows only their largest loss."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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


class Point(NamedTuple):
    """A point of a sweep, as `simulate` takes it."""

    graph: Graph
    chip: Architecture
    batch: int
    precision: str


class Kept(NamedTuple):
    """What is known of a folder's points."""

    network: str
    params: Mapping[str, Any]
    plan: Mapping[str, Any]
    chip: Architecture
    axes: tuple[str, ...]
    fixed: Graph | None
    """The network where all points have the same, so that they share what is derived from it."""


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
    unknown: list[str | None] = [None] * len(rows)
    if len(rows) > MOST:
        return unknown
    try:
        kept = _kept(folder)
        return unknown if kept is None else [_bound(kept, row) for row in rows]
    except (LookupError, TypeError):
        return unknown


def point(folder: str | Path, row: Mapping[str, Any]) -> Point | None:
    """Network, chip, batch and precision of a point; None where network or chip are not as they were, or are none.

    row: the columns of its axes.
    """
    try:
        kept = _kept(folder)
        return None if kept is None else _point(kept, row)
    except (LookupError, TypeError, ChipError, NetworkError):
        return None


def _kept(folder: str | Path) -> Kept | None:
    """What a folder keeps of its network and chip; None where they are not as they were."""
    plan = store.read_plan_of(Path(folder))
    kept = plan.get(store.AGAIN)
    if not isinstance(kept, dict):
        return None
    try:
        chip = Architecture.model_validate(kept["chip"])
        if chip_digest(chip) != plan["chip_digest"]:
            return None
        axes = tuple(str(axis["key"]) for axis in plan["vary"])
        fixed = None
        if not any(key.startswith(PARAMETER) for key in axes):
            fixed = load_network(kept["network"], **kept["params"])
            if network_digest(fixed)[:40] != plan["network_digest"]:
                return None
    except (ValidationError, LookupError, TypeError, NetworkError):
        return None
    return Kept(kept["network"], kept["params"], plan, chip, axes, fixed)


def _point(kept: Kept, row: Mapping[str, Any]) -> Point:
    """One point. Raises ChipError and NetworkError where it is none."""
    values = {key: row[key] for key in kept.axes}
    named = {key.removeprefix(PARAMETER): value for key, value in values.items() if key.startswith(PARAMETER)}
    beside = {key: values.get(key, kept.plan[key]) for key in ("batch", "precision")}
    keys = {key: value for key, value in values.items() if key not in beside and not key.startswith(PARAMETER)}
    graph = load_network(kept.network, **{**kept.params, **named}) if kept.fixed is None else kept.fixed
    return Point(graph, changed_chip(kept.chip, keys), int(beside["batch"]), str(beside["precision"]))


def _bound(kept: Kept, row: Mapping[str, Any]) -> str | None:
    """What binds one point."""
    try:
        return simulate(*_point(kept, row)).bound_by
    except (ChipError, NetworkError, InfeasibleError):
        return None
