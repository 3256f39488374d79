"""The chips and networks a command is about: loaded here, and noted, so that its JSON can say what it depends on."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
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

    graph = load_network(name, **values)
    asked.get(Asked()).networks[name] = network_digest(graph)[:40]
    return graph


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
    return answer_document(form or now.command, data, now.chips, now.networks)
