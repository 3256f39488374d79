"""What is known of how right a throughput is: a band from measured rows, and what of a network was never measured on a chip."""

from collections.abc import Collection
from functools import cache

from simulator.store.data import read_data
from simulator.vocabulary import PLAIN

CLASSES = ("dedicated", "gpu")
"""Classes of chips, by whether the arrays are multiprocessors."""

FAMILIES = ("convolutional", "attention or recurrent")
"""Kinds of networks."""


def family_of(kinds: Collection[str]) -> str:
    """Which of FAMILIES a network with these kinds of layers is."""
    return FAMILIES["matmul" in kinds or "lstm" in kinds]


def band(gpu: bool, kinds: Collection[str]) -> tuple[float, float]:
    """Measured over predicted throughput: what 90 % of the rows of such chips and networks lie between [-]."""
    own = read_data("evidence.yaml")["bands"][CLASSES[gpu]][family_of(kinds)]
    return float(own["low"]), float(own["high"])


def rows_behind(gpu: bool, kinds: Collection[str]) -> int:
    """Measured rows that make the band."""
    return int(read_data("evidence.yaml")["bands"][CLASSES[gpu]][family_of(kinds)]["rows"])


PHASES = ("decode", "decode batched", "prefill", "static", "throughput")
"""What a measured row of a language model is of: as in `rooftile validate --llm`."""


def language_band(gpu: bool, phase: str) -> tuple[float, int] | None:
    """How far 90 % of the measured rows of a phase are from the model, as a share of its rate, and how many rows there are.

    None where too few rows of such chips are known.
    """
    own = read_data("evidence.yaml")["languages"]["bands"][CLASSES[gpu]].get(phase)
    return None if own is None else (float(own["within"]), int(own["rows"]))


def speaks(chip: str) -> bool:
    """Whether any language model was measured on a chip. chip: its name for people."""
    return chip in read_data("evidence.yaml")["languages"]["measured"]


def is_measured(chip: str) -> bool:
    """Whether any throughput measured on a chip is known. chip: its name for people."""
    return chip in _measured()


def unmeasured(chip: str, kinds: Collection[str]) -> list[str]:
    """Kinds of layers that no measured network of a chip has, language models or others, but for plain ones.

    None for a chip on which no network but language models was measured. chip: its name for people.
    """
    known = _measured().get(chip)
    spoken = read_data("evidence.yaml")["languages"]["measured"].get(chip, ())
    return [] if known is None else sorted({*kinds} - known - {*spoken} - PLAIN)


@cache
def _measured() -> dict[str, frozenset[str]]:
    return {chip: frozenset(kinds) for chip, kinds in read_data("evidence.yaml")["measured"].items()}
