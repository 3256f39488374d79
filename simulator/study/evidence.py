"""What stands behind a throughput: how far measured ones are from the model, by class of chip and network; what was measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulator.chip.library import Entry
from simulator.chip.load import load_chip
from simulator.graph.load import load_network
from simulator.result.evidence import CLASSES, FAMILIES, PHASES, family_of
from simulator.study.llm_validation import Languages, group_of
from simulator.study.validation import THROUGHPUT, Validation

FEWEST = 20
"""Rows that make a band; a kind of network with fewer takes that of its class."""


def evidence_of(found: Validation, chips: Mapping[str, Entry]) -> dict[str, Any]:
    """Bands of measured over predicted throughput, and the kinds of layers measured on each chip, as plain data."""
    ratios: dict[tuple[str, str], list[float]] = {}
    kinds: dict[str, set[str]] = {}
    measured = [p for p in found.points if p.quantity == THROUGHPUT and p.group.startswith("measured")]
    of_networks = {name: kinds_of(name) for name in {point.network.split()[0] for point in measured}}
    for point in measured:
        own = of_networks[point.network.split()[0]]
        kinds.setdefault(chips[point.chip].title, set()).update(own)
        if not point.fitted:
            place = CLASSES[point.gpu], family_of(own)
            ratios.setdefault(place, []).append(point.published / point.predicted)
    bands: dict[str, dict[str, Any]] = {}
    for name in CLASSES:
        every = [ratio for (of, _), rows in ratios.items() if of == name for ratio in rows]
        for family in FAMILIES:
            rows = ratios.get((name, family), [])
            bands.setdefault(name, {})[family] = _band(rows if len(rows) >= FEWEST else every)
    return {"bands": bands, "measured": {chip: sorted(own) for chip, own in sorted(kinds.items())}}


def languages_of(found: Languages) -> dict[str, Any]:
    """What 90 % of the rows of language models are within, by class of chip and phase, and kinds of layers that were measured."""
    chips = {row.chip: load_chip(row.chip) for row in found.rows}
    kinds: dict[str, set[str]] = {}
    for row in found.rows:
        kinds.setdefault(chips[row.chip].name, set()).update(kinds_of(row.model))
    bands: dict[str, dict[str, Any]] = {name: {} for name in CLASSES}
    for name in CLASSES:
        for phase in PHASES:
            rows = [row for row in found.rows if row.phase == phase and CLASSES[chips[row.chip].is_gpu] == name]
            if len(rows) >= FEWEST:
                bands[name][phase] = {"rows": len(rows), "within": round(group_of(phase, rows).ninetieth, 3)}
    return {"bands": bands, "measured": {chip: sorted(own) for chip, own in sorted(kinds.items())}}


def kinds_of(network: str) -> set[str]:
    """Kinds of the layers of a bundled network at its usual parameters."""
    return {data["layer"].kind for _, data in load_network(network).nodes(data=True)}


def _band(ratios: list[float]) -> dict[str, Any]:
    """The 5th and 95th percentile, to three digits."""
    low, high = (float(f"{value:.3g}") for value in np.quantile(ratios, (0.05, 0.95)))
    return {"rows": len(ratios), "low": low, "high": high}
