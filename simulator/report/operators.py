"""Layers that are alike as one operator: a decoder repeats the same ones dozens of times."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simulator.result.form import LayerResult, Result

NUMBERED = re.compile(r"layer(\d+)_(.+)")
"""A name with the number of its decoder layer."""


def bare(name: str) -> str:
    """A name without the number of its decoder layer."""
    return NUMBERED.sub(r"\2", name)


def _where(numbers: Sequence[int]) -> str:
    """Which decoder layers, in their order."""
    run = numbers == [*range(numbers[0], numbers[-1] + 1)]
    return f"layers {numbers[0]} to {numbers[-1]}" if run else f"{len(numbers)} layers"


def rows_alike(rows: Sequence[Sequence[str]], told: str = "") -> list[list[str]]:
    """Rows that begin with the name of a layer, those that differ in numbers of decoder layers alone as one.

    told: what such a row says behind its name.
    """
    alike: dict[tuple[str, ...], list[Sequence[str]]] = {}
    for row in rows:
        alike.setdefault(tuple(map(bare, row)), []).append(row)
    found = []
    for key, some in alike.items():
        numbers = [int(match[1]) if (match := NUMBERED.fullmatch(row[0])) else 0 for row in some]
        found.append([*some[0]] if len(some) == 1 else [f"{key[0]}, {_where(numbers)}{told}", *key[1:]])
    return found


def by_operator(result: Result) -> Result:
    """The same pass with layers of one name, work and tiling as one: sums of what adds up, so the totals stay what they are."""
    alike: dict[Any, list[tuple[int, LayerResult]]] = {}
    for layer in result.layers:
        found = NUMBERED.fullmatch(layer.name)
        number, name = (int(found[1]), found[2]) if found else (0, layer.name)
        fused = tuple(map(bare, layer.fused))
        key = name, layer.kind, layer.macs, fused, layer.bound_by, repr(layer.tiling)
        alike.setdefault(key, []).append((number, layer))
    return replace(result, layers=tuple(_together(key[0], some) for key, some in alike.items()))


def _together(name: str, some: Sequence[tuple[int, LayerResult]]) -> LayerResult:
    """Layers of one kind as one, named by how many and where they are."""
    layers = [layer for _, layer in some]
    first = layers[0]
    if len(layers) == 1:
        return first
    seconds = sum(layer.latency_s for layer in layers)
    work = sum(layer.utilisation * layer.latency_s for layer in layers)
    parts = {key: sum(layer.waterfall.get(key, 0.0) for layer in layers) for key in first.waterfall}
    return replace(
        first,
        name=f"{name}, {_where([number for number, _ in some])}",
        fused=tuple(map(bare, first.fused)),
        macs=sum(layer.macs for layer in layers),
        cycles=sum(layer.cycles for layer in layers),
        latency_s=seconds,
        utilisation=work / seconds if seconds else first.utilisation,
        dram_bytes=sum(layer.dram_bytes for layer in layers),
        sram_bytes=max(layer.sram_bytes for layer in layers),
        waterfall=parts,
    )
