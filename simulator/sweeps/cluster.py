"""The chunks of a sweep on a Dask cluster: workers compute parts and send them back, this process alone writes them.

Workers need no file of this machine: what a chunk depends on travels with it, and a part comes back as the bytes of its
file. A worker whose model or libraries differ refuses, because its bytes might. Dask gives the chunks of a worker that dies
to another one.
"""

import contextlib
import json
import logging
import pickle
import queue
import re
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simulator import __version__
from simulator.chip.schema import Architecture
from simulator.errors import ModelError, OptionError, RooftileError, argument
from simulator.graph.build import Graph
from simulator.graph.load import file_of, load_network
from simulator.store.digest import model_digest
from simulator.store.foreign import printable, text_of
from simulator.store.memory import Memory, one_each
from simulator.sweeps.groups import Space
from simulator.sweeps.plan import Plan
from simulator.sweeps.ranges import PARAMETER
from simulator.sweeps.run import part_bytes, slice_table

EXTRA = "needs distributed; install it with: pip install 'rooftile[cluster]'"
LIBRARIES = ("numpy", "numba", "polars")
"""Libraries whose versions the bytes of a part depend on, beside our own code."""

CONNECT_S = 10.0
"""Time that a scheduler has to answer. [s]"""
AHEAD = 2
"""Chunks in flight for each thread of the cluster: one in hand, one waiting. More would only fill memory."""
MOST_GRAPHS = 1024
"""Networks that travel with a sweep over parameters of a network that workers cannot build themselves."""

MOST_FILE_BYTES = 10_000_000
"""Of a scheduler file, which lists the workers too."""

_ADDRESS = re.compile(r"[a-z]+://[^\s/]+:\d+/?")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """All that a worker needs to compute any chunk."""

    plan: Plan
    chip: Architecture
    network: str | dict[tuple[tuple[str, Any], ...], Graph]
    """A bundled name, or the graph of each set of varied parameters."""
    params: Mapping[str, Any]
    made: Mapping[str, str]
    """What the parts say of what made them."""

    def space(self) -> Space:
        """The points."""
        space = Space(self.plan, self.chip, self._build)
        space.made = self.made
        return space

    def _build(self, values: Mapping[str, Any]) -> Graph:
        if isinstance(self.network, str):
            return load_network(self.network, **{**self.params, **values})
        return self.network[tuple(sorted(values.items()))]


def recipe_of(space: Space, network: Graph | str, params: Mapping[str, Any]) -> Recipe:
    """The recipe of a sweep. A network of the user's own travels as a graph, one for each set of varied parameters."""
    if isinstance(network, str) and file_of(network) is None:
        return Recipe(space.plan, space.chip, network, dict(params), space.made)
    varied = [axis for axis in space.plan.axes if axis.key.startswith(PARAMETER)]
    sets: list[dict[str, Any]] = [{}]
    for axis in varied:
        if axis.drawn or len(sets) * len(axis.values) > MOST_GRAPHS:
            raise _fault(
                f"vary {axis.key}: a network of your own may have at most {MOST_GRAPHS:,} listed"
                " combinations of parameters on a cluster"
            )
        sets = [{**each, axis.key: value} for each in sets for value in axis.values]
    graphs = {}
    for each in sets:
        key = tuple(sorted((name[len(PARAMETER) :], value) for name, value in each.items()))
        graphs[key] = space.graph(each)
    return Recipe(space.plan, space.chip, graphs, {}, space.made)


@cache
def facts() -> dict[str, str]:
    """What two machines must agree in so that the same chunk gives the same bytes."""
    return {"rooftile": __version__, "model": model_digest(), **{name: version(name) for name in LIBRARIES}}


# ---- on a worker ---------------------------------------------------------------------------------------------------

_lock = threading.Lock()
_spaces: Memory[str, Space] = Memory(2, one_each)


def _space_of(run: str, expected: Mapping[str, str], raw: bytes) -> Space:
    """The points of a run, unpacked once a process. Raises OptionError where this worker differs from the client."""
    own = facts()
    if own != dict(expected):
        unequal = [
            f"{name} is {own.get(name)} there, {value} here"
            for name, value in expected.items()
            if own.get(name) != value
        ]
        raise _fault(f"a worker differs: {', '.join(unequal)}; install the same on both")
    with _lock:
        found = _spaces.get(run)
        return _spaces.put(run, pickle.loads(raw).space()) if found is None else found


def compute_part(run: str, expected: Mapping[str, str], raw: bytes, number: int | None) -> bytes:
    """The bytes of one part, on a worker; `None` computes one point so that kernels are compiled, and gives nothing."""
    space = _space_of(run, expected, raw)
    try:
        if number is None:
            slice_table(space, 0, 1)
            return b""
        return part_bytes(slice_table(space, *space.plan.bounds(number)), space.made)
    except KeyboardInterrupt:  # the client has gone; a worker must not end with it
        raise _fault("the sweep was interrupted") from None


def stop_run(run: str) -> None:
    """Have chunks of a run end early on this worker."""
    found = _spaces.get(run)
    if found is not None:
        found.stop.set()


# ---- on the client -------------------------------------------------------------------------------------------------


def parts(client: Any, recipe: Recipe, tell: Tell, numbers: Iterable[int]) -> Generator[tuple[int, bytes]]:
    """(chunk, bytes of its part) of all chunks `numbers`, as they get done.

    Raises OptionError for a cluster that is lost, or differs from this process.
    """
    run, raw = uuid.uuid4().hex, pickle.dumps(recipe)
    flight = _Flight(client, (run, facts(), raw))
    try:
        flight.warm(tell)
        for number in numbers:
            while flight.full():
                yield flight.land()
            flight.start(number)
        while flight.futures:
            yield flight.land()
    finally:
        flight.end(run)


class _Flight:
    """Chunks handed to the cluster and not yet back."""

    def __init__(self, client: Any, arguments: tuple[Any, ...]) -> None:
        self._client, self._arguments = client, arguments
        self._done: queue.Queue[Any] = queue.Queue()
        self._room, self._looked = 0, -1e9
        self.futures: dict[Any, int] = {}

    def warm(self, tell: Tell) -> None:
        """Compile on one worker of each machine, so that the others find the kernels in its cache."""
        hosts = {address.rsplit(":", 1)[0]: address for address in self._client.nthreads()}
        if not hosts:
            tell("no workers yet: waiting for the first")
            return
        threads = sum(self._client.nthreads().values())
        tell(f"{threads} threads on {len(hosts)} machine{'s' if len(hosts) > 1 else ''}; kernels are compiled first")
        for address in hosts.values():
            future = self._client.submit(
                compute_part, *self._arguments, None, pure=False, workers=[address], allow_other_workers=True
            )
            self._add(future, -1)
        while self.futures:
            self.land()

    def full(self) -> bool:
        """Whether the cluster has as many chunks as it should; it may grow and shrink."""
        now = time.monotonic()
        if now - self._looked > 1.0:
            self._room, self._looked = AHEAD * max(1, sum(self._client.nthreads().values())), now
        return len(self.futures) >= self._room

    def start(self, number: int) -> None:
        """Hand out one chunk."""
        self._add(self._client.submit(compute_part, *self._arguments, number, pure=False), number)

    def _add(self, future: Any, number: int) -> None:
        self.futures[future] = number
        future.add_done_callback(self._done.put)

    def land(self) -> tuple[int, bytes]:
        """The next chunk that is done."""
        while True:
            try:
                future = self._done.get(timeout=1.0)
                break
            except queue.Empty:
                if self._client.status in ("closed", "closing", "newly-created"):
                    raise _lost() from None
        number = self.futures.pop(future)
        return number, _result(future, number)

    def end(self, run: str) -> None:
        """Drop what is still with the cluster: chunks that wait are never begun, those in hand end early."""
        if not self.futures:
            return
        with contextlib.suppress(Exception):  # the cluster may be gone
            self._client.cancel(list(self.futures), force=True)
            self._client.run(stop_run, run, on_error="ignore")


def _result(future: Any, number: int) -> bytes:
    """The bytes of a chunk, or what went wrong with it in one line."""
    from distributed import CancelledError, KilledWorker  # noqa: PLC0415

    try:
        raw: bytes = future.result()
    except RooftileError:
        raise
    except KilledWorker:
        raise _fault(
            f"chunk {number}: every worker that computed it died; give workers more memory, or choose a"
            f" smaller {argument('chunk')} in a new folder"
        ) from None
    except (CancelledError, OSError, TimeoutError):
        raise _lost() from None
    except Exception as error:
        if any(isinstance(each, ImportError) for each in _causes(error)):
            raise _fault(
                f"the cluster cannot load rooftile ({error}); scheduler and workers need what runs here:"
                f" pip install 'rooftile[cluster]=={__version__}'"
            ) from None
        raise ModelError(f"chunk {number}: {type(error).__name__} on a worker: {error}") from error
    return raw


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _fault(what: str) -> OptionError:
    return OptionError(what, key="scheduler")


def _lost() -> OptionError:
    return _fault("the cluster is gone; finished parts are kept, the same command goes on")


def _address_in(place: Path) -> str:
    """The address that a scheduler file holds. Raises OptionError where it holds none."""
    try:
        found = json.loads(text_of(place, MOST_FILE_BYTES, OptionError))
        address = found.get("address") if isinstance(found, dict) else None
    except OptionError as error:
        raise _fault(str(error)) from None
    except (ValueError, RecursionError):
        address = None
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise _fault(f"{printable(str(place))}: must be a scheduler file, with an address such as tcp://host:8786")
    return address


@contextlib.contextmanager
def connected(scheduler: Any) -> Iterator[Any]:
    """A client of the cluster; one that was made here is closed again.

    scheduler: an address such as "tcp://host:8786", a scheduler file ending in .json, or a Dask cluster or client.
    Raises OptionError for a scheduler that does not answer, and where the extra of clusters is missing.
    """
    try:
        import distributed  # noqa: PLC0415
    except ImportError:
        raise _fault(EXTRA) from None
    if isinstance(scheduler, distributed.Client):
        yield scheduler
        return
    how: dict[str, Any] = {"timeout": CONNECT_S, "set_as_default": False}
    if isinstance(scheduler, str | Path):
        text = str(scheduler)
        if text.endswith(".json"):
            how["address"] = _address_in(Path(text))
        elif not _ADDRESS.fullmatch(text):
            raise _fault(f"must be an address such as tcp://host:8786, or a .json file, got {text!r}")
        else:
            how["address"] = text
    else:
        how["address"] = scheduler
    connect: Any = distributed.Client
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)  # a cluster that goes away is told in one line, by us
    try:
        client = connect(**how)
    except (OSError, TimeoutError, ValueError) as error:
        log.setLevel(level)
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise _fault(f"no scheduler answers at {str(scheduler)!r}: {why}") from None
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # what matters is written; the cluster may be gone
            client.close(timeout=5)
        log.setLevel(level)
