"""The one reader of the data files of the package, of YAML that is our own, and of YAML that is plain data of others."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent.parent / "data"


def path_of(name: str) -> Path:
    """Where the file `name` of `simulator/data` is, for a table that is read row by row."""
    return _FOLDER / name


@cache
def read_data(name: str) -> dict[str, Any]:
    """The file `name` of `simulator/data` as plain data, read once: it must not be changed."""
    return parsed(path_of(name).read_text(encoding="utf-8"))


def parsed(text: str) -> dict[str, Any]:
    """YAML of ours as plain data. For what others wrote there is `chip.yaml_places`, which knows places and takes longer."""
    # The C loader, where pyyaml was built with it, is ten times faster.
    found: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found


def plain_yaml(text: str) -> Any:
    """YAML that others wrote as plain data, without places. Raises ValueError of one line, also for aliases: they can make a
    file of a page stand for gigabytes; and for a key that is there twice, of which one would be lost."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, loader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"must have no aliases (*{event.anchor})")
        read = loader(text)
        try:
            node = read.get_single_node()
            _check_keys(node)
            return None if node is None else read.construct_document(node)
        finally:
            read.dispose()
    except (yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split()).replace('in "<unicode string>", ', "at ")
        raise ValueError(f"must be YAML: {said[:150]}") from None


def _check_keys(top: Any) -> None:
    """Raise ValueError for a mapping that has a key twice."""
    left = [top]
    while left:
        node = left.pop()
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        elif isinstance(node, yaml.MappingNode):
            found: set[str] = set()
            for key, _ in node.value:
                word = key.value if isinstance(key, yaml.ScalarNode) else ""
                if word in found and word:
                    raise ValueError(f"{word[:60]}: must be given once, got it twice (line {key.start_mark.line + 1})")
                found.add(word)
            left += [part for pair in node.value for part in pair]
