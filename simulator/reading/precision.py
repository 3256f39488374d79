"""The word for number formats, as people write it: one for everything, one for each role, or counts of bits."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from simulator.errors import NetworkError, nearest
from simulator.vocabulary import ROLES

REST = "all"
"""In a mapping of parts of a network, all that is in none of the others."""

LONGEST = 2000
"""Characters of a word: enough for every layer of a network that is told apart."""

_BITS = re.compile(r"w(?P<weights>\d+(\.\d+)?)a(?P<activations>\d+(\.\d+)?)(kv(?P<cache>\d+(\.\d+)?))?")
_PARTS = re.compile(r"(?P<role>[^=,{}]+)=\{(?P<parts>[^{}]*)\}")
_MUST = "be a format, w4a16 or w4a16kv8, or role=format,..., such as weights=int4,activations=fp16"


class Said(NamedTuple):
    """One format that was named. role: empty for everything; part: of the network, empty for all; word: a format, or bits."""

    role: str
    part: str
    word: str


def precision_text(value: str | Mapping[str, Any]) -> str:
    """The word for formats that were given as a text, or as a mapping of roles to formats or to mappings of parts.

    >>> precision_text({"activations": "fp16", "weights": {"ffn": "bfp4", "all": "bfp8"}})
    'weights=bfp8,weights.ffn=bfp4,activations=fp16'
    """
    if isinstance(value, str):
        return "".join(value.split()).lower() if len(value) <= LONGEST else value
    found = []
    for role in sorted(value, key=lambda role: (ROLES.index(role) if role in ROLES else len(ROLES), str(role))):
        given = value[role]
        parts = given if isinstance(given, Mapping) else {REST: given}
        for part in sorted(parts, key=lambda part: part != REST):  # stable: the parts as they were given
            found.append(f"{role}={parts[part]}" if part == REST else f"{role}.{part}={parts[part]}")
    return precision_text(",".join(found))


def formats_said(text: str) -> tuple[Said, ...]:
    """What a word names. Raises NetworkError for what is none, or an unknown role.

    >>> [tuple(one) for one in formats_said("w4a16kv8")]
    [('weights', '', '4'), ('activations', '', '16'), ('cache', '', '8')]
    """
    if len(text) > LONGEST:
        raise NetworkError(f"precision: must have at most {LONGEST:,} characters, got {len(text):,}")
    bits = _BITS.fullmatch(text)
    if bits:
        return tuple(Said(role, "", word) for role, word in bits.groupdict().items() if word)
    if "=" not in text:
        return (Said("", "", text),)
    found: dict[tuple[str, str], Said] = {}
    for pair in _PARTS.sub(_spread, text).split(","):
        key, equals, word = pair.partition("=")
        role, _, part = key.partition(".")
        if not (equals and role and word) or (part == "" and "." in key):
            raise NetworkError(f"precision: must {_MUST}, got {text!r}")
        if role not in ROLES:
            raise NetworkError(f"precision: {role}: must be a role of operands{nearest(role, ROLES)}")
        if (role, part) in found:
            raise NetworkError(f"precision: {key}: given twice")
        found[role, part] = Said(role, part, word)
    return tuple(found.values())


def _spread(found: re.Match[str]) -> str:
    """`role={part:format,...}` as `role.part=format,...`."""
    role, pairs = found["role"], [pair.partition(":") for pair in found["parts"].split(",")]
    return ",".join(f"{role}={word}" if part == REST else f"{role}.{part}={word}" for part, _, word in pairs)
