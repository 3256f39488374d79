"""Number formats of a network's operands: what each takes to store, and in which format of an array two are multiplied.

Stored bits are in `data/formats.yaml`; `reading.precision` reads the words.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any, NamedTuple

from simulator.errors import NetworkError, nearest
from simulator.reading.precision import Said, formats_said
from simulator.store.data import read_data
from simulator.vocabulary import BITS, FLOATS, HALVES, PRECISIONS, ROLES

MOST_BITS = 32.0
"""Of an element that is given by its bits."""

NAMES_OF_PARTS = {
    "attention": (
        "attention",
        "attn",
        "query",
        "key",
        "value",
        "keys",
        "values",
        "qkv",
        "projection",
        "latent",
        "absorbed",
    ),
    "ffn": ("ffn", "mlp", "experts", "shared", "router"),
    "experts": ("experts",),
}
"""Part of a network -> words in the names of its layers, in bundled networks and in those of common libraries."""


@dataclass(frozen=True, slots=True)
class Format:
    """How the elements of a tensor are stored. bits: of an element, scales included."""

    name: str
    bits: float
    multiplies: str
    """Format of an array's rates in which it is multiplied as it is."""
    weights_only: bool = False
    head: str = ""
    embedding: str = ""

    @property
    def width(self) -> float:
        """Bytes of an element."""
        return self.bits / 8.0


class Product(NamedTuple):
    """How an array multiplies inputs by weights: the key of its rates, MACs a unit and cycle, what is widened first."""

    format: str
    rate: float
    widens_inputs: bool
    widens_weights: bool


@dataclass(frozen=True, slots=True)
class Formats:
    """A format for each role; `parts`: (role, part of the network, format) of those that differ there, the last one wins."""

    word: str
    weights: Format
    activations: Format
    cache: Format
    head: Format
    embedding: Format
    parts: tuple[tuple[str, str, Format], ...] = ()
    own: bool = False
    """Whether layers keep the formats that they carry."""

    def of(self, role: str, layer: str) -> Format:
        """The format of a role at a layer."""
        found: Format = getattr(self, role)
        for at, part, other in self.parts:
            if at == role and is_in(layer, part):
                found = other
        return found

    @property
    def plain(self) -> str:
        """The one format of everything; empty where there are several."""
        return self.word if self.word in PRECISIONS else ""

    @property
    def wider(self) -> str:
        """The format of an array of the wider of activations and weights."""
        inputs, weights = self.activations.multiplies, self.weights.multiplies
        return inputs if BITS[inputs] >= BITS[weights] else weights

    def names(self) -> dict[str, str]:
        """{role: name of its format, and where parts differ theirs} for people and JSON."""
        if self.own:
            return dict.fromkeys(ROLES, OWN)
        found = {}
        for role in ROLES:
            own = [f"{other.name} ({part})" for at, part, other in self.parts if at == role]
            found[role] = ", ".join([getattr(self, role).name, *own])
        return found

    def check_parts(self, layers: Iterable[str]) -> None:
        """Raise NetworkError for a part that no layer is in."""
        names = list(layers)
        for role, part, _ in self.parts:
            if not any(is_in(name, part) for name in names):
                near = nearest(part, {*NAMES_OF_PARTS, *names})
                raise NetworkError(f"precision: {role}.{part}: must be a part of the network or a layer of it{near}")


OWN = "own"
"""The word for what a network carries itself; where it carries nothing, that is `USUAL`."""

USUAL = "int8"
"""The precision of a network that carries none."""


def in_words(precision: str) -> str:
    """The word for formats as a reader sees it.

    >>> in_words("int8"), in_words(OWN)
    ('int8', "its own formats")
    """
    return "its own formats" if precision == OWN else precision


@cache
def table() -> Mapping[str, Format]:
    """{name: format} of all that are known."""
    own = {field.name for field in fields(Format)}
    rows: Mapping[str, Mapping[str, Any]] = read_data("formats.yaml")["formats"]
    return {
        name: Format(name, **{key: value for key, value in row.items() if key in own}) for name, row in rows.items()
    }


@cache
def is_in(layer: str, part: str) -> bool:
    """Whether a layer is in a part of its network: its name fits the pattern, or a word of its name is one of the part's."""
    if fnmatchcase(layer, part):
        return True
    words = re.split(r"[^a-z0-9]+", layer.lower())
    named = NAMES_OF_PARTS.get(part, (part,))
    return any(word in named or word.rstrip("0123456789") in named for word in words)


def format_of(word: str, half: str = HALVES[0]) -> Format:
    """The format that a word names, or one of so many bits. half: what 16 bits are. Raises NetworkError for what is neither."""
    found = table().get(word)
    if found is not None:
        return found
    try:
        bits = float(word) if re.fullmatch(r"\d+(\.\d+)?", word) else 0.0
    except ValueError:
        bits = 0.0
    if bits == 0.0:
        raise NetworkError(f"precision: unknown format {word!r}{nearest(word, table())}")
    if not 1.0 <= bits <= MOST_BITS:
        raise NetworkError(f"precision: bits: must be from 1 to {MOST_BITS:g}, got {word}")
    usual = {4.0: "int4", 8.0: "int8", 16.0: half, 32.0: "fp32"}
    if bits in usual:
        return table()[usual[bits]]
    multiplies = next((name for most, name in ((5.0, "int4"), (9.0, "int8"), (16.0, half)) if bits < most), "fp32")
    return Format(f"{bits:g} bits", bits, multiplies)


def half_of(rates: Container[str]) -> str:
    """What 16 bits are on a chip with these rates."""
    return next((word for word in HALVES if word in rates), HALVES[0])


@lru_cache(maxsize=4096)
def formats_of(precision: str, rates: tuple[str, ...] = ()) -> Formats:
    """The formats that a word names, on a chip with these rates. Raises NetworkError for what is no format.

    Activations are in the format of the weights unless given, or in 16 bits where that is only for weights; the cache in that of
    the activations; head and embedding table as the format of the weights says.
    """
    if precision == OWN:
        return replace(formats_of(USUAL, rates), word=OWN, own=True)
    half = half_of(rates)
    said = formats_said(precision)
    if len(said) == 1 and not said[0].role:
        one = format_of(said[0].word, half)
        if not one.weights_only:
            return Formats(precision, one, one, one, one, one)
        said = (Said("weights", "", said[0].word),)
    given = {one.role: format_of(one.word, half) for one in said if not one.part}
    parts = tuple((one.role, one.part, format_of(one.word, half)) for one in said if one.part)
    for role in dict.fromkeys(role for role, _, _ in parts):  # of what is in none of the parts: the widest of them
        given.setdefault(role, max((one for at, _, one in parts if at == role), key=lambda one: one.bits))
    if not {"weights", "activations"} & given.keys():
        raise NetworkError(f"precision: weights: must be given, got {precision!r}")
    weights = given.setdefault("weights", given.get("activations", table()[half]))
    wide = table()[half] if weights.weights_only else weights
    activations = given.setdefault("activations", wide)
    given.setdefault("cache", activations)
    for role, own in (("head", weights.head), ("embedding", weights.embedding)):
        given.setdefault(role, format_of(own, half) if own else weights)
    return Formats(precision, **given, parts=parts)  # type: ignore[arg-type]  # every role is there


def own_formats(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Formats that a layer carries, (role, word), in the order of the roles. NetworkError for what is no role or format."""
    for role, word in given.items():
        if role not in ROLES:
            raise NetworkError(f"{role}: must be a role of operands{nearest(str(role), ROLES)}")
        format_of(str(word))
    return tuple((role, str(given[role])) for role in ROLES if role in given)


def held(one: Format, rates: Iterable[str]) -> Format:
    """The format itself where an array with these rates has it or a wider one that holds it; else the widest that it has."""
    have = [word for word in rates if "*" not in word]
    if not have or any(_holds(word, one.multiplies) for word in have):
        return one
    return table()[max(have, key=lambda word: (BITS[word], word in FLOATS, PRECISIONS.index(word)))]


@lru_cache(maxsize=4096)
def with_own(formats: Formats, own: tuple[tuple[str, str], ...], rates: tuple[str, ...] = ()) -> Formats:
    """The same with formats that a layer of the network carries, (role, word), as an array with these rates has them."""
    half = half_of(rates)
    given: dict[str, Any] = {role: held(format_of(word, half), rates) for role, word in own}
    for role, others in (("weights", ("head", "embedding")), ("activations", ("cache",))):
        if role in given:
            given = {**dict.fromkeys(others, given[role]), **given}
    return replace(formats, **given, parts=())


def _holds(wide: str, narrow: str) -> bool:
    """Whether every number of one format of an array is one of another; blocks and floats hold integers of fewer bits."""
    same_kind = (wide in FLOATS) == (narrow in FLOATS)
    return wide == narrow or (BITS[wide] > BITS[narrow] and (same_kind or wide in FLOATS))


@lru_cache(maxsize=4096)
def product_of(
    inputs: Format, weights: Format, rates: tuple[tuple[str, float], ...], widens: tuple[str, ...]
) -> Product | None:
    """How an array with these rates multiplies two formats: as the pair that it lists, else in the narrowest that holds both.

    widens: formats of weights that its load path widens by itself. None where it has no format as wide.
    """
    pairs = dict(rates)
    for name in (weights.name, weights.multiplies):
        pair = f"{name}*{inputs.multiplies}"
        if pair in pairs:
            return Product(pair, pairs[pair], False, False)
    own = (inputs.multiplies, weights.multiplies)
    fit = [word for word in pairs if "*" not in word and all(_holds(word, one) for one in own)]
    if not fit:
        return None
    best = min(fit, key=lambda word: (BITS[word], word not in own, PRECISIONS.index(word)))
    by_load = weights.name in widens or weights.multiplies in widens
    return Product(best, pairs[best], inputs.multiplies != best, weights.multiplies != best and not by_load)
