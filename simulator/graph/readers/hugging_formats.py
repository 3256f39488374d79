"""`quantization_config` of a configuration of Hugging Face: the number formats of its weights, and what else it narrows.

Keys are those that transformers, AutoGPTQ, AutoAWQ, bitsandbytes, compressed-tensors and ModelOpt write. The head and the table
of words stay in 16 bits unless the configuration says otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulator.formats import is_in, own_formats, table
from simulator.graph.nodes import Graph
from simulator.store.foreign import printable

Roles = dict[str, str]
"""Role of operands -> word for a number format."""

HALF = "16"
"""The word for 16 bits, of which kind the chip has."""


def _integers(bits: Any, group: Any = None) -> str:
    """The word for weights of so many bits, with scales for groups where the table of formats has them; empty for none."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 16:
        return ""
    for name in (f"int{bits}_g{group}", f"int{bits}"):
        if name in table():
            return name
    return str(bits)


def _gptq(given: Mapping[str, Any]) -> Roles:
    bits, group = given.get("bits", 4), given.get("group_size", 128)
    if (bits, group) == (4, 128):
        return {"weights": str(given["quant_method"])}
    return {"weights": _integers(bits, group)}


def _bitsandbytes(given: Mapping[str, Any]) -> Roles:
    if given.get("load_in_4bit") or given.get("_load_in_4bit"):
        return {"weights": "nf4_double" if given.get("bnb_4bit_use_double_quant") else "nf4"}
    return {"weights": "int8"}


def _fp8(given: Mapping[str, Any]) -> Roles:
    return {"weights": "fp8", "activations": "fp8", "cache": HALF}


def _number(scheme: Any) -> str:
    """The word for a scheme of compressed-tensors: bits, int or float, and groups; empty for none."""
    if not isinstance(scheme, Mapping):
        return ""
    bits, group = scheme.get("num_bits"), scheme.get("group_size")
    if scheme.get("type") == "float":
        if bits == 4:
            return "nvfp4" if group == 16 else "mxfp4"
        return "mxfp8" if bits == 8 and group == 32 else "fp8" if bits == 8 else ""
    return _integers(bits, group)


def _compressed(given: Mapping[str, Any]) -> Roles:
    groups = given.get("config_groups")
    found = [each for each in (groups.values() if isinstance(groups, Mapping) else ()) if isinstance(each, Mapping)]
    if not found:
        return {}
    roles = {"weights": _number(found[0].get("weights")), "activations": _number(found[0].get("input_activations"))}
    roles["cache"] = _number(given.get("kv_cache_scheme")) or HALF
    ignored = given.get("ignore")
    if isinstance(ignored, list) and "lm_head" not in ignored and roles["weights"]:
        targets = found[0].get("targets")
        roles |= {"head": roles["weights"]} if isinstance(targets, list) and "lm_head" in targets else {}
    return {role: word for role, word in roles.items() if word}


def _modelopt(given: Mapping[str, Any]) -> Roles:
    inner = given.get("quantization")
    told = inner if isinstance(inner, Mapping) else given
    word = {"FP8": "fp8", "NVFP4": "nvfp4", "W4A16_AWQ": "awq"}.get(str(told.get("quant_algo")), "")
    cache = "fp8" if told.get("kv_cache_quant_algo") == "FP8" else HALF
    return {"weights": word, **({} if word == "awq" else {"activations": word}), "cache": cache} if word else {}


_METHODS: dict[str, Callable[[Mapping[str, Any]], Roles]] = {
    "gptq": _gptq,
    "awq": _gptq,
    "bitsandbytes": _bitsandbytes,
    "fp8": _fp8,
    "fbgemm_fp8": _fp8,
    "compressed-tensors": _compressed,
    "modelopt": _modelopt,
    "mxfp4": lambda given: {"experts": "mxfp4"},
    "eetq": lambda given: {"weights": "int8"},
    "quanto": lambda given: {
        "weights": {"int8": "int8", "int4": "int4", "float8": "fp8"}.get(str(given.get("weights")), "")
    },
    "hqq": lambda given: {"weights": _integers(given.get("nbits", given.get("bits")), given.get("group_size"))},
}
"""quant_method -> what reads its formats. `experts`: of the weights of experts alone."""


def roles_of(config: Mapping[str, Any]) -> tuple[Roles, str]:
    """(formats of all roles, what is to be told) of a configuration; nothing where its weights are not quantised."""
    given = config.get("quantization_config", config.get("compression_config"))
    if given is None:
        return {}, ""
    if not isinstance(given, Mapping):
        return (
            {},
            "ignored: quantization_config: must be keys and values, got something else; weights count as the others",
        )
    method = str(given.get("quant_method") or ("bitsandbytes" if any("load_in_" in str(key) for key in given) else ""))
    reader = _METHODS.get(method)
    found = {} if reader is None else {role: word for role, word in reader(given).items() if word}
    if not {"weights", "experts"} & found.keys():
        shown = printable(method[:40]) or "of no name"
        return {}, f"ignored: quantization_config: the scheme {shown!r} is not known; its weights count as the others"
    usual = dict.fromkeys(("weights", "activations", "cache", "head", "embedding"), HALF)
    word = found.get("weights") or found["experts"]
    return {**usual, **found}, f"the file has weights in {word} ({printable(method)})"


def with_formats(graph: Graph, roles: Roles) -> None:
    """Let the layers of a network carry formats, and the network the word for them."""
    experts = roles.get("experts", "")
    plain = {role: word for role, word in roles.items() if role != "experts"}
    for name, data in graph.nodes(data=True):
        given = {**plain, "weights": experts} if experts and is_in(name, "experts") else plain
        graph.nodes[name]["layer"] = replace(data["layer"], formats=own_formats(given))
    more = {"weights.experts": experts} if experts else {}
    graph.graph["precision"] = ",".join(f"{role}={word}" for role, word in {**plain, **more}.items())
