"""The chips and networks a command is about: loaded here, and noted, so that its JSON can say what it depends on."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.chip.schema import Architecture
    from simulator.graph.build import Graph


@dataclass
class Asked:
    """A command at work."""

    command: str = ""
    chips: dict[str, str] = field(default_factory=dict)
    """Name of each chip -> its digest."""
    networks: dict[str, str] = field(default_factory=dict)
    """Name of each network -> its digest."""
    doubts: list[str] = field(default_factory=list)
    """What of these networks an answer must say first."""
    passes: list[str] = field(default_factory=list)
    """What one inference of these networks is, where their names do not say it."""
    compiling: bool = False
    """Whether it was said that kernels are compiled."""


asked: ContextVar[Asked] = ContextVar("asked")
"""Set anew for each command."""


typed: ContextVar[str] = ContextVar("typed", default="rooftile")
"""The command line."""


def chip(name: str, settings: list[str] | None = None) -> "Architecture":
    """Load a chip that the answer depends on; as `load_chip`."""
    from simulator.chip.load import load_chip  # noqa: PLC0415

    return note_chip(name, load_chip(name, set=settings or []))


def note_chip(name: str, loaded: "Architecture") -> "Architecture":
    """Note a chip that the answer depends on."""
    from simulator.chip.load import chip_digest  # noqa: PLC0415

    noted = asked.get(Asked()).chips
    key = name
    while key in noted and noted[key] != chip_digest(loaded):  # the same chip, changed otherwise
        key += "'"
    noted[key] = chip_digest(loaded)
    return loaded


def network(name: str, values: Mapping[str, Any]) -> "Graph":
    """Load a network that the answer depends on; as `load_network`."""
    from simulator.graph.load import load_network, network_digest  # noqa: PLC0415
    from simulator.graph.readers.coverage import doubts_of  # noqa: PLC0415

    graph = load_network(name, **values)
    now = asked.get(Asked())
    now.networks[name] = network_digest(graph)[:40]
    several = f"{name}: " if len(now.networks) > 1 else ""
    now.doubts += [f"{several}{note}" for note in doubts_of(graph) if f"{several}{note}" not in now.doubts]
    now.passes += [words for words in _pass_words(graph, now.command) if words not in now.passes]
    return graph


def _pass_words(graph: "Graph", command: str) -> list[str]:
    """What one inference of a language model is. A run says of a batch what its experts are."""
    from simulator.graph.language import OWN_EXPERTS  # noqa: PLC0415

    given = graph.graph.get("parameters", {})
    if "phase" not in given or given.get("sequences", 1) != 1 or given.get("chunk"):
        return []
    name = graph.graph["name"]
    several = given.get("experts") and command != "run"
    alike = [f"the items of a batch of {name} meet the same experts; {OWN_EXPERTS}"] if several else []
    if given["phase"] == "decode":
        return [f"an inference of {name} is one token behind {given['context']:,} others (`--context`)", *alike]
    tokens = graph.nodes["tokens"]["layer"].out_height
    behind = f" behind {given['context']:,} others" if given["context"] else ""
    return [
        f"an inference of {name} is a prompt of {tokens:,} tokens{behind} (`--prompt`); `rooftile generate` gives tokens/s",
        *alike,
    ]


def swept(folder: str) -> str:
    """As `first`, of the network of a sweep's folder, where it was a file of data that is still there."""
    from simulator.errors import NetworkError  # noqa: PLC0415
    from simulator.graph.readers.files import SUFFIXES  # noqa: PLC0415
    from simulator.sweeps.folder import AGAIN, read_plan_of  # noqa: PLC0415

    kept = read_plan_of(Path(folder)).get(AGAIN)
    kept = kept if isinstance(kept, dict) else {}
    name = str(kept.get("network", ""))
    if not name.partition("@")[0].endswith(SUFFIXES):
        return ""
    before = asked.set(asked.get(Asked()))
    try:
        network(name, kept.get("params", {}))
    except NetworkError:
        return ""  # moved, or its sizes vary: then nobody can tell
    else:
        return first()
    finally:
        asked.reset(before)


def doubts() -> str:
    """The sentences with which a report begins: what of its networks is not certain. Empty where all is."""
    from simulator.graph.readers.coverage import first_words  # noqa: PLC0415

    return first_words(asked.get(Asked()).doubts, begin="")


def first() -> str:
    """The same as lines of a table."""
    return "".join(f"Note: {doubt}\n" for doubt in asked.get(Asked()).doubts)


def last() -> str:
    """The lines with which an answer ends: what one inference is, where that is not plain. Empty where it is."""
    return "".join(f"Note: {words}\n" for words in asked.get(Asked()).passes)


def made() -> dict[str, str]:
    """What made the answer, for people."""
    from simulator import __version__  # noqa: PLC0415
    from simulator.store.digest import model_digest  # noqa: PLC0415

    now = asked.get(Asked())
    chips = {f"chip {name}": digest for name, digest in now.chips.items()}
    networks = {f"network {name}": digest for name, digest in now.networks.items()}
    return {"command": typed.get(), "version": __version__, "model": model_digest()[:40], **chips, **networks}


def document(data: dict[str, Any], form: str = "") -> dict[str, Any]:
    """What a command found, after what made it. form: of a command that answers two kinds of questions."""
    from simulator.report.document import answer_document  # noqa: PLC0415

    now = asked.get(Asked())
    return answer_document(form or now.command, data, now.chips, now.networks, now.doubts)
