"""Data files of the package are read once, and by one reader."""

import re
from pathlib import Path

import simulator
from simulator.store.data import parsed, read_data

PACKAGE = Path(simulator.__file__).parent


def test_every_data_file_is_plain_data_and_read_once() -> None:
    names = [path.name for path in (PACKAGE / "data").glob("*.yaml")]
    assert len(names) >= 5
    for name in names:
        assert isinstance(read_data(name), dict)
        assert read_data(name) is read_data(name)
    assert parsed("a: {b: [1, 2]}") == {"a": {"b": [1, 2]}}


def test_nobody_else_reads_them() -> None:
    readers = re.compile(r"yaml\.(?:safe_)?load\(|/ \"data\"")
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if readers.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"store/data.py"}
