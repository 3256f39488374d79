"""Runtimes: what of a language model's time belongs to the software that runs it. Few constants, by class, none by chip."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from simulator.chip.change import changed_chip
from simulator.chip.schema import Architecture
from simulator.errors import OptionError, nearest
from simulator.graph.language import Decoder
from simulator.result.form import Result
from simulator.result.gains import bound_of
from simulator.store.data import read_data
from simulator.study.repeating import rates_of

USUAL, OTHER = "compiled", "npu"
"""Classes of runtimes of unknown families: on a GPU, on any other chip."""


@dataclass(frozen=True)
class Runtime:
    """A runtime by name, or a class of them."""

    name: str
    kind: str
    """Class whose constants it takes."""
    us_per_kernel: float | None
    """Between kernels of a GPU; None: as the chip file and the model have it. [us]"""
    reads_by_head: bool = False
    """Attention of one new token reads the cache once for each query head."""
    windows: bool = True
    """Whether it keeps to the window of a model that has one."""
    most: int | None = None
    """Sequences at once."""
    attention_apart: bool = False
    """Both products and the softmax of attention are kernels of their own: scores go through the memory."""
    known: bool = True

    def on(self, chip: Architecture) -> Architecture:
        """The chip as this runtime uses it."""
        changes: dict[str, Any] = {}
        if self.us_per_kernel is not None and chip.is_gpu and chip.overhead_us is None:
            changes["overhead_us"] = self.us_per_kernel
        if self.attention_apart and "attention" in chip.vector.fuses:
            changes["vector.fuses"] = [one for one in chip.vector.fuses if one != "attention"]
        return changed_chip(chip, changes, f"runtime {self.name}")

    def reads_again(self, decoder: Decoder) -> int:
        """How many times more than once a token reads the cache."""
        return decoder.heads // decoder.kv_heads - 1 if self.reads_by_head and not decoder.latent else 0

    @property
    def note(self) -> str:
        """What to say where it is not known; empty where it is."""
        if self.known:
            return ""
        near = nearest(self.name, runtimes())
        told = near if "did you mean" in near else ""
        return f"runtime {self.name}: not known, so it takes the constants of its class, {self.kind}{told}"


MODEL_OWN = Runtime("", "", None)
"""No runtime is told: the time between kernels is the model's own."""


@cache
def runtimes() -> Mapping[str, Runtime]:
    """{name: runtime} of all that are known, and of the classes."""
    data = read_data("runtimes.yaml")
    found = {kind: Runtime(kind, kind, row["us_per_kernel"]) for kind, row in data["classes"].items()}
    for name, row in data["runtimes"].items():
        found[name] = _made(name, row, found[row["class"]])
    return found


def _made(name: str, row: Mapping[str, Any], kind: Runtime) -> Runtime:
    by_head = row.get("cache_reads", "group") == "head"
    apart = row.get("attention", "fused") == "apart"
    return Runtime(name, kind.name, kind.us_per_kernel, by_head, row.get("windows", True), row.get("most"), apart)


def runtime_of(name: str | None, chip: Architecture) -> Runtime:
    """A runtime or a class by name. One that is not known takes the class of its family (`vllm-0.12` that of `vllm-0.11`), else
    the usual one on such a chip, and says so; without a name nothing is changed.

    Raises OptionError for what is no name.
    """
    if name is None:
        return MODEL_OWN
    known = runtimes()
    if name in known:
        return known[name]
    if not re.fullmatch(r"[a-z][a-z0-9.+_-]{0,60}", name):
        raise OptionError(key="runtime", must="be a name such as vllm-0.11, or a class: compiled, eager, npu", got=name)
    family = name.partition("-")[0]
    kin = [one.kind for one in known.values() if one.name.partition("-")[0] == family]
    kind = known[kin[-1] if kin else USUAL if chip.is_gpu else OTHER]
    return replace(kind, name=name, known=False)


def reread(found: Result, chip: Architecture, more_bytes: float) -> Result:
    """A pass that reads so many bytes more of the outer memory, with nothing beside it."""
    rate = chip.outer_bytes_per_s
    if not rate:
        return found
    outer = "dram" if chip.dram is not None else "host"
    more_s, period_s = more_bytes / rate, found.batch / found.throughput_per_s
    part, share = f"{outer}_s", period_s / (period_s + more_s)
    falls = {
        name: {**fall, part: fall.get(part, 0.0) + more_s}
        for name, fall in (("waterfall", found.waterfall), ("waterfall_period", found.waterfall_period))
    }
    figures: dict[str, Any] = {**falls, **rates_of(found, share), "latency_s": found.latency_s + more_s}
    figures["dram_bytes"] = found.dram_bytes + more_bytes
    figures["utilisation"] = found.utilisation * share
    figures["effective_utilisation"] = found.effective_utilisation * share
    if found.energy is not None:
        figures.update(_energy(found, f"{outer}_j", more_bytes, period_s + more_s))
    gains = {**found.gain_if_infinite, outer: found.gain_if_infinite.get(outer, 0.0) + more_s}
    worst = max((p for p in falls["waterfall_period"] if p != "ideal_s"), key=falls["waterfall_period"].__getitem__)
    return replace(
        found,
        **figures,
        largest_loss=worst,
        gain_if_infinite=gains,
        bound_by=bound_of(gains, worst),
        notes=(
            *found.notes,
            "the runtime reads the cache once for each query head: time of the memory, beside nothing",
        ),
    )


def _energy(found: Result, item: str, more_bytes: float, period_s: float) -> dict[str, Any]:
    """Energy of the longer pass, and what follows from it."""
    was = dict(found.energy or {})
    added_j = was[item] * more_bytes / found.dram_bytes if found.dram_bytes else 0.0
    rest_j = was["static_w"] * period_s - was["static_j"]
    total_j = was["total_j"] + added_j + rest_j
    energy = {
        **was, item: was[item] + added_j, "static_j": was["static_j"] + rest_j, "total_j": total_j,
        "average_w": total_j / period_s,
    }  # fmt: skip
    more = {"energy": energy, "power_w": None if found.power_w is None else energy["average_w"]}
    if found.energy_per_inference_j is not None:
        more["energy_per_inference_j"] = total_j / found.batch
    return more
