"""What a shell completes: names of chips and networks, and files of the user's beside them. Builds nothing."""

import re
import warnings
from collections.abc import Iterable
from pathlib import Path

_BUILDER = re.compile(r"^def build_(\w+)\(", re.MULTILINE)


def chips(incomplete: str) -> list[str]:
    """Bundled chips, those of plug-ins, and chip files that begin so."""
    from simulator.store.bundled import places  # noqa: PLC0415 (--help must not wait for it)

    return [*_beginning([*places(), *_plugged_chips()], incomplete), *_files(incomplete, ".yaml", ".yml")]


def chips_and_sheets(incomplete: str) -> list[str]:
    """The same, and filled sheets."""
    return [*chips(incomplete), *_files(incomplete, ".csv")]


def networks(incomplete: str) -> list[str]:
    """Bundled networks, those of plug-ins, and files of networks that begin so."""
    return [
        *_beginning([*network_names(), *_plugged_networks()], incomplete),
        *_files(incomplete, ".py", ".onnx", ".tflite", ".json", ".csv", ".yaml", ".yml"),
    ]


def precisions(incomplete: str) -> list[str]:
    """Number formats that begin so."""
    from simulator.vocabulary import PRECISIONS  # noqa: PLC0415

    return _beginning(PRECISIONS, incomplete)


def network_names() -> list[str]:
    """Names of the bundled networks, read from their builders' names: importing them would take half a second a key."""
    from simulator.store.bundled import folder  # noqa: PLC0415

    texts = (path.read_text(encoding="utf-8") for path in folder("workloads").glob("*.py"))
    return sorted({*language_models(), *(name for text in texts for name in _BUILDER.findall(text))})


def _plugged_chips() -> list[str]:
    """Chips of plug-ins; what reads them is imported only where there are any."""
    from simulator.store import plugins  # noqa: PLC0415

    if not plugins.plugins_of(plugins.CHIPS):
        return []
    from simulator.chip.load import plugged_chips  # noqa: PLC0415

    with warnings.catch_warnings():  # nobody reads them between two keys
        warnings.simplefilter("ignore")
        return list(plugged_chips())


def _plugged_networks() -> list[str]:
    """Networks of plug-ins."""
    from simulator.store import plugins  # noqa: PLC0415

    if not plugins.plugins_of(plugins.NETWORKS):
        return []
    from simulator.graph.plugged import networks  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(networks())


def models(incomplete: str) -> list[str]:
    """Bundled language models that begin so."""
    return _beginning(language_models(), incomplete)


def language_models() -> list[str]:
    """Names of the bundled language models."""
    from simulator.store.data import read_data  # noqa: PLC0415

    return list(read_data("language_models.yaml")["models"])


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _files(incomplete: str, *suffixes: str) -> list[str]:
    """Files with one of the suffixes, and folders, that begin so; those of this folder where no folder is typed."""
    head, slash, tail = incomplete.rpartition("/")
    place = Path(head + slash) if slash else Path()
    try:
        found = [each for each in sorted(place.iterdir()) if each.name.startswith(tail) and each.name[:1] != "."]
        folders = {each for each in found if slash and each.is_dir()}
    except (OSError, ValueError):
        return []
    chosen = [each for each in found if each.suffix in suffixes or each in folders]
    return [f"{head}{slash}{each.name}{'/' if each in folders else ''}" for each in chosen]
