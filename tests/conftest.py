"""Hypothesis profiles: compilation makes the first example slow, so there is no deadline. Parts of hand-made points.

By day each test draws the same examples every time, so that a change is judged by what it changes; by night others."""

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import profiles
import pytest
from hypothesis import settings

from simulator.schedule import records
from simulator.schedule.pool import Pool
from simulator.store import disk
from simulator.study import turning

# Tables are checked at the width of a pipe; whoever runs the tests on several cores sets one of their own.
os.environ.pop("COLUMNS", None)

# The tests keep more than the usual bound: what one of them found is not to be looked for again by the next.
os.environ.setdefault("ROOFTILE_CACHE_MIB", "4096")
# Nor is it counted as often: random chips leave thousands of files.
disk.TRIM_EVERY *= 64

# As the command does: looking for cycles among all that is imported takes a twentieth of the time.
gc.set_threshold(400_000, 20, 20)

settings.register_profile("jit", deadline=None, max_examples=60, derandomize=True, print_blob=True)
settings.register_profile("nojit", deadline=None, max_examples=8, derandomize=True, print_blob=True)
settings.register_profile("nightly", deadline=None, max_examples=profiles.examples(100), print_blob=True)
plain = os.environ.get("NUMBA_DISABLE_JIT") == "1"
settings.load_profile("nojit" if plain else "nightly" if profiles.NIGHTLY else "jit")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have kernels compiled before several processes begin, each of which would compile them for itself."""
    if getattr(session.config.option, "numprocesses", None) and not plain:
        command = [sys.executable, "-m", "simulator", "run", "squeezenet@64", "--chip", "inferx_x1"]
        subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, check=False)


def _may_have_kernel_cases(path: Path) -> bool:
    return "mark.kernel" in path.read_text(encoding="utf-8")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare `-m kernel` the files that have none of these cases: to import all that they import takes longer than most."""
    wanted = config.option.markexpr != "kernel" or collection_path.suffix != ".py"
    return None if wanted or _may_have_kernel_cases(collection_path) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out by day what is too long for every change, and say how many."""
    files = {item.path for item in items if item.get_closest_marker("kernel")}
    if unseen := sorted(str(path) for path in files if not _may_have_kernel_cases(path)):
        raise pytest.UsageError(f"must say `mark.kernel` where its cases are, for `-m kernel` to see: {unseen}")
    if profiles.THOROUGH:
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """By day a limit is followed up to a batch of 32 where nobody looks at it, not of thousands; by night as users have it."""
    if not profiles.THOROUGH:
        monkeypatch.setattr(turning, "MOST", 32)
        monkeypatch.setattr(turning, "UNKNOWN", 32)


@pytest.fixture
def made_up_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of pools that `one_by_one.made_up` gave parts have these, whoever asks for them."""
    parts_of = records.parts_of

    def known(pool: Pool, layers: Any, codes: Any, outer_bytes: Any) -> Any:
        if "made up" in pool.memo:
            return pool.memo["made up"][codes]
        return parts_of(pool, layers, codes, outer_bytes)

    monkeypatch.setattr(records, "parts_of", known)
