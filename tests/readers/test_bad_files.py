"""Files that nobody should trust, as commands: one line, exit code 2, in bounded time and memory."""

import os
import subprocess
import sys
from pathlib import Path

import profiles
import pytest
from bad_files import bad_files

from simulator.cli import main
from simulator.errors import NetworkError
from simulator.graph.load import load_network

SECONDS, MEMORY = 10.0, 10**9


def test_a_bad_file_is_refused_in_one_line(tmp_path, capsys):
    count = 0
    for path in bad_files(tmp_path, large=profiles.THOROUGH):
        with pytest.raises(NetworkError) as error:
            load_network(path)
        assert str(error.value).startswith(str(path))
        assert "\n" not in str(error.value)
        if count % 20 == 0:  # by night as commands all of them
            assert main(["run", str(path), "--chip", "example_edge"]) == 2
            told = capsys.readouterr()
            assert (told.out, told.err) == ("", f"rooftile: {error.value}\n")
        count += 1
    assert count >= 90


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs the memory of a child")
def test_a_command_refuses_a_bad_file_in_a_gigabyte_and_ten_seconds(tmp_path):
    for path in bad_files(tmp_path):
        code, seconds, memory, told = _ran(path)
        assert (path.name, code, told.count("\n"), "Traceback" in told) == (path.name, 2, 1, False)
        assert seconds < SECONDS, path.name
        assert memory < MEMORY, path.name


def _ran(path: Path) -> tuple[int, float, int, str]:
    """(exit code, seconds of the processor, bytes at most, what was told) of a run in a process of its own."""
    said = path.with_name("said")
    with said.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "simulator", "run", str(path), "--chip", "example_edge"], stdout=out, stderr=out
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss, said.read_text()
