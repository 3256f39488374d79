"""`sweep`: every point of a plan, as a table or as parts in a folder."""

import ctypes
import io
import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from simulator import __version__
from simulator.chip.load import Settings, chip_digest, load_chip
from simulator.chip.schema import Architecture
from simulator.errors import NetworkError, OptionError
from simulator.formats import USUAL
from simulator.frontier.threads import cores
from simulator.graph.build import Graph
from simulator.graph.early import freeze, is_frozen
from simulator.graph.load import load_network, network_digest
from simulator.graph.own import Precision, precision_of
from simulator.graph.shallow import decoder_in
from simulator.graph.subject import name_of, subject_of
from simulator.reading.precision import precision_text
from simulator.result.waterfall import LOSSES
from simulator.schedule.machines import COLUMNS
from simulator.schedule.many_prefetch import FEWEST
from simulator.store.calls import public, usual
from simulator.store.digest import model_digest
from simulator.sweeps import folder as store
from simulator.sweeps.again import recipe
from simulator.sweeps.contexts import FEWEST as FEWEST_CONTEXTS
from simulator.sweeps.contexts import FEWEST_LAID_OUT, fill_behind
from simulator.sweeps.groups import CONTEXT, Columns, Group, Space
from simulator.sweeps.plan import CHUNK, LAID_OUT_CHUNK, MODEL_CHUNK, SLOW_CHUNK, Plan, plan_of
from simulator.sweeps.ranges import PARAMETER
from simulator.sweeps.table import NUMBERS, STATUS, Block, empty_block, fill

if TYPE_CHECKING:
    import polars as pl

MOST_IN_MEMORY = 2_000_000
"""Points of a table; beyond it a folder is needed."""

SCHEMA = "rooftile-sweep-1"
"""Name and version of the columns of a part: axes, `table.NUMBERS`, words."""

COMMAND = "simulator.sweep"
"""What made a part that no command line did."""

Progress = Callable[[int, int], None]
"""Called with (points done, points in all) after every chunk."""
Tell = Callable[[str], None]
"""Called with what goes on, in words."""

Build = Callable[[Mapping[str, Any]], Graph]
"""The network with these values of its parameters."""


class Carried(TypedDict, total=False):
    """How a sweep is laid out and carried out."""

    design: str
    """"grid": every combination; "random:N", "latin:N": N points, for which "A:B" is a range to draw from."""
    seed: int
    """Of the points that are drawn."""
    chunk: int | None
    """Points of a part; by default 65,536; 2,048 where points are solved one by one, 64 of a language model."""
    out: str | Path | None
    """A folder for the parts. A run that was interrupted goes on with the same call."""
    repair: bool
    """Compute damaged parts of the folder anew."""
    scheduler: Any
    """Address of a Dask scheduler, its scheduler file, or a Dask cluster or client, to compute the parts there; needs `out`."""
    command: str
    """What the parts of a folder say made them, beside versions and digests."""
    progress: Progress | None
    """Called after every chunk."""
    tell: Tell
    """Called with what the cluster does meanwhile."""


@usual(
    design="grid", seed=0, chunk=None, out=None, repair=False, scheduler=None, command=COMMAND, progress=None, tell=lambda _: None
)  # fmt: skip
@public
def sweep(
    network: Graph | str,
    chip: Architecture | str,
    vary: Mapping[str, Any] | Sequence[str],
    *,
    batch: int = 1,
    precision: Precision | None = None,
    set: Settings | None = None,
    params: Mapping[str, Any] | None = None,
    **carried: Unpack[Carried],
) -> "pl.DataFrame | pl.LazyFrame":
    """Run a network on many chips.

    Parameters
    ----------
    network, chip
        As in `simulate`; `set` and `params` change them for all points.
    vary
        {key: range or values}: keys are those of a chip file, `batch`, `precision`, `param.NAME`; a range is a text such
        as "1:64:x2", "1:8:+1", "1:64:/10" or "1,2,4".
    carried
        How it is laid out and carried out: what of `Carried` is given.

    Returns
    -------
    polars.DataFrame
        One row a point, in the order of the design; with `out` a LazyFrame over the parts. Both show themselves
        (`SweepTable`, `SweepScan`).

    Raises
    ------
    OptionError
        A fault in what is varied or in the folder, or more than 2 million points without one.
    ChipError, NetworkError
        As `load_chip` and `load_network`.
    """
    store.need_extra()
    build = _builder(network, params)
    chunk, out, progress = carried["chunk"], carried["out"], carried["progress"]
    plan = plan_of(
        vary, carried["design"], carried["seed"], batch, _word(build, precision), CHUNK if chunk is None else chunk
    )
    plan.check_beside(batch=None if batch == 1 else batch, precision=precision)
    space = _space(plan, build, chip, set)
    if chunk is None:
        space.plan = plan = replace(plan, chunk=_usual_chunk(space))
    if out is not None:
        again, repair = recipe(network, params or {}, space.chip), carried["repair"]
        space.made = _made(space, carried["command"])
        if carried["scheduler"] is None:
            return _to_folder(space, Path(out), repair, progress, partial(_local_parts, space), again)
        from simulator.sweeps import cluster  # noqa: PLC0415

        with cluster.connected(carried["scheduler"]) as client:
            source = partial(cluster.parts, client, cluster.recipe_of(space, network, params or {}), carried["tell"])
            return _to_folder(space, Path(out), repair, progress, source, again)
    if carried["scheduler"] is not None:
        raise OptionError("scheduler: needs a folder for the parts; give out=")
    if plan.points > MOST_IN_MEMORY:
        raise OptionError(
            f"sweep: {plan.points:,} points: a table has at most {MOST_IN_MEMORY:,}; give a folder with out="
        )
    import polars as pl  # noqa: PLC0415

    with threads(space.stop) as workers:
        tables = []
        for number in range(plan.chunks):
            tables.append(chunk_table(space, number, workers))
            if progress:
                progress(plan.bounds(number)[1], plan.points)
    from simulator.sweeps.points import SweepTable  # noqa: PLC0415

    return SweepTable(pl.concat(tables))


def _builder(network: Graph | str, params: Mapping[str, Any] | None) -> Build:
    """What gives the network of a point, by the values of the parameters that vary; where none does it is read once."""
    given = dict(params or {})
    if isinstance(network, str):
        own = cache(partial(load_network, network, **given))
        return lambda values: load_network(network, **{**given, **values}) if values else own()
    graph = network if is_frozen(network) else freeze(network.copy())  # what is derived from it is kept beside it

    def build(values: Mapping[str, Any]) -> Graph:
        if values or given:
            names = ", ".join(PARAMETER + name for name in (values or given))
            raise OptionError(f"{names}: a network given as a graph has no parameters; give its name")
        return graph

    return build


def _word(build: Build, given: Precision | None) -> str:
    """The word for the number formats of all points, as `simulate` has it."""
    if given is not None:
        return precision_text(given)
    try:
        return precision_of(build({}), None)
    except (NetworkError, OptionError):  # is told with the points; or a parameter that varies is what is missing
        return USUAL


def _space(plan: Plan, build: Build, chip: Architecture | str, settings: Settings | None) -> Space:
    """The points of a plan on their network and chip."""
    base = load_chip(chip, set=settings) if isinstance(chip, str) else chip
    if not isinstance(chip, str) and settings:
        raise OptionError("set: must be left out where the chip is given as an Architecture")
    return Space(plan, base, build)


def _usual_chunk(space: Space) -> int:
    """Points of a part unless they are given: what takes some seconds, so that little is lost and one hears how far it is."""
    first = space.first
    if first.behind is not None:
        return LAID_OUT_CHUNK if first.laid_out else SLOW_CHUNK
    if first.together or many_a_size(space):
        return CHUNK
    return MODEL_CHUNK if first.graph is not None and decoder_in(first.graph) else SLOW_CHUNK


MANY = 64
"""Points of one SRAM size that make a plan fast enough for chunks of the usual size."""


def many_a_size(space: Space) -> bool:
    """Whether most points of a plan are one of many of their SRAM size, in every chunk."""
    axes, size = space.plan.axes, "sram.capacity_mib"
    if not space.first.ahead or space.plan.design.kind != "grid":
        return False
    sizes = max([len(axis.values) for axis in axes if axis.key == size], default=1)
    each = math.prod(len(axis.values) for axis in axes if axis.key in COLUMNS and axis.key != size)
    return min(each, CHUNK // sizes) >= MANY


def plan_data(space: Space, again: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All that the answers of a folder depend on, as plain data; and what its points are run again with."""
    return {
        **_subject(space),
        store.SUBJECT: _words(space),
        store.BOUND: True,
        **space.plan.to_dict(),
        store.AGAIN: again,
    }


def _subject(space: Space) -> dict[str, str]:
    """The model, the network and the chip of a sweep, by name and digest; of a network that varies its first values."""
    graph = space.graph({axis.key: axis.extremes()[0] for axis in space.plan.axes})
    return {
        "rooftile": __version__,
        "model": model_digest(),
        "network": name_of(graph),
        "network_digest": network_digest(graph)[:40],
        "chip": space.chip.name,
        "chip_digest": chip_digest(space.chip),
    }


def _words(space: Space) -> str:
    """What a sweep is about, as runs say it; of a network that varies its name alone."""
    first = {axis.key: axis.extremes()[0] for axis in space.plan.axes}
    varied = any(key.startswith(PARAMETER) for key in first)
    graph = space.graph(first)
    return f"{name_of(graph) if varied else subject_of(graph)} on {space.chip.name}"


def _made(space: Space, command: str) -> dict[str, str]:
    """What each part of a folder says of itself in its file: so that a part alone, far from its plan, can be told."""
    subject = _subject(space)
    own = {
        "schema": SCHEMA,
        "version": subject.pop("rooftile"),
        "model_digest": subject.pop("model"),
        "command": command,
    }
    return {f"rooftile.{key}": text for key, text in {**own, **subject}.items()}


Parts = Callable[[Iterable[int]], Generator[tuple[int, bytes]]]
"""Gives (chunk, bytes of its part) of the chunks asked for, in any order."""


def _local_parts(space: Space, numbers: Iterable[int]) -> Generator[tuple[int, bytes]]:
    """Parts one after another on the threads of this process."""
    with threads(space.stop) as workers:
        for number in numbers:
            yield number, part_bytes(chunk_table(space, number, workers), space.made)
            _give_back()


def _give_back() -> None:
    """Return to the system what the allocator holds but nobody uses, where it can be asked (the GNU library)."""
    trim = _trimmer()
    if trim is not None:
        trim(0)


@cache
def _trimmer() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return found


def _to_folder(
    space: Space,
    folder: Path,
    repair: bool,
    progress: Progress | None,
    source: Parts,
    again: Mapping[str, Any] | None,
) -> "pl.LazyFrame":
    """Compute the parts that are missing."""
    plan = space.plan
    with store.owned(folder):
        seal = store.seal_of(store.begin(folder, plan_data(space, again)))
        store.clean(folder)
        parts = store.checked_parts(folder, repair)
        done = sum(plan.bounds(number)[1] - plan.bounds(number)[0] for number in parts)
        if progress:
            progress(done, plan.points)
        missing = [number for number in range(plan.chunks) if number not in parts]
        with closing(source(missing)) as found:
            for number, raw in found:
                store.write_part(folder, seal, number, raw)
                low, high = plan.bounds(number)
                done += high - low
                if progress:
                    progress(done, plan.points)
    from simulator.sweeps.read import scan  # noqa: PLC0415

    return scan(folder)


LOOK_EVERY_S = 0.2
"""How often a sweep looks whether it is told to stop."""

WORKER = "sweep"
"""What the names of the threads of a sweep begin with."""


@contextmanager
def threads(stop: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """One thread a core for slices of points; an interrupted run sets `stop` and does not wait for what has not begun."""
    workers = ThreadPoolExecutor(cores(), thread_name_prefix=WORKER)
    try:
        yield workers
    except KeyboardInterrupt:  # a kernel does not hear of it: what it still finds is thrown away
        stop.set()
        workers.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        stop.set()
        workers.shutdown(wait=True, cancel_futures=True)
        raise
    workers.shutdown(wait=True, cancel_futures=True)


def chunk_table(space: Space, number: int, workers: ThreadPoolExecutor) -> "pl.DataFrame":
    """One chunk as a table, on the threads of `workers`.

    Group after group, so that the frontiers of an array are needed once a chunk however the points are ordered: many
    groups side by side, of few groups their points in slices.
    """
    low, high = space.plan.bounds(number)
    block = empty_block(high - low)
    groups = space.groups(low, high)
    if not space.begun:
        # One point on this thread: kernels are compiled once, and where Ctrl-C reaches. Some need several, all alike.
        same = np.zeros(FEWEST if groups[0][0].ahead else 1, dtype=np.int64)
        if groups[0][0].behind is not None:  # as many as are laid out together: one alone would be laid out for itself
            same = np.arange(min(len(groups[0][1]), FEWEST_LAID_OUT if groups[0][0].laid_out else FEWEST_CONTEXTS))
        first = {key: column[same] for key, column in groups[0][2].items()}
        _fill(space, empty_block(len(same)), (groups[0][0], np.arange(len(same)), first))
        space.begun = True
    pieces = 1 if len(groups) >= 2 * workers._max_workers else 2 * workers._max_workers
    if pieces == 1:
        _each(workers, space, block, groups)
    for group in groups if pieces > 1 else ():
        variant = group[0]
        if variant.behind is None and (program := variant.program) is not None:
            program.pool  # noqa: B018  # built before the threads begin, so that no two search the same frontiers
        _each(workers, space, block, _slices(group, pieces))
    return _frame(space.values(low, high), block)


def _each(workers: ThreadPoolExecutor, space: Space, block: Block, groups: Sequence[Group]) -> None:
    """Evaluate groups on the threads, and hear Ctrl-C meanwhile: with polars a signal does not end a wait without an end."""
    left = {workers.submit(_fill, space, block, group) for group in groups}
    while left:
        done, left = wait(left, timeout=LOOK_EVERY_S, return_when=FIRST_EXCEPTION)
        for one in done:
            one.result()


def slice_table(space: Space, low: int, high: int) -> "pl.DataFrame":
    """Points low..high - 1 as a table, on this thread."""
    block = empty_block(high - low)
    for group in space.groups(low, high):
        _fill(space, block, group)
    return _frame(space.values(low, high), block)


def _fill(space: Space, block: Block, group: Group) -> None:
    """Evaluate one group, unless the run is interrupted."""
    if space.stop.is_set():
        raise KeyboardInterrupt
    variant, rows, columns = group
    if variant.behind is not None:
        fill_behind(block, rows, variant, columns[CONTEXT], space.stop)
    else:
        fill(block, rows, variant, columns, stop=space.stop)


def _slices(group: Group, pieces: int) -> list[Group]:
    """A group in equal slices. In a kernel slices too small would share less; points solved one by one share nothing."""
    variant, rows, columns = group
    if variant.ahead and "sram.capacity_mib" in columns:  # points of one SRAM size share most
        order = np.argsort(columns["sram.capacity_mib"], kind="stable")
        rows, columns = rows[order], {key: column[order] for key, column in columns.items()}
    least = FEWEST_LAID_OUT if variant.laid_out else 2048 if variant.together else 64
    pieces = max(1, min(pieces, len(rows) // least))
    edges = np.linspace(0, len(rows), pieces + 1).astype(int).tolist()
    return [(variant, rows[start:end], _part(columns, start, end)) for start, end in pairwise(edges)]


def _part(columns: Columns, start: int, end: int) -> Columns:
    """Entries start..end - 1 of each column."""
    return {key: column[start:end] for key, column in columns.items()}


def part_bytes(table: "pl.DataFrame", made: Mapping[str, str]) -> bytes:
    """A chunk as the bytes of its file: the same for equal tables, however they were put together.

    made: what the file says of what made it, key and value as Parquet keeps them.
    """
    data = io.BytesIO()
    table.rechunk().write_parquet(data, compression="zstd", compression_level=1, metadata=dict(made))
    return data.getvalue()


def _frame(values: Columns, block: Block) -> "pl.DataFrame":
    """Axes, numbers, and words as one table; NaN as null."""
    import polars as pl  # noqa: PLC0415

    columns: list[pl.Series] = []
    for key, column in values.items():
        strict = column.dtype != object
        columns.append(pl.Series(key, column if strict else [str(value) for value in column.tolist()]))
    columns += [pl.Series(name, block.numbers[name], nan_to_null=True) for name in NUMBERS]
    words = pl.Series("largest_loss", [*LOSSES, None], dtype=pl.Enum([*LOSSES]))
    states = pl.Series("status", [*STATUS], dtype=pl.Enum([*STATUS]))
    columns.insert(len(values) + 4, words.gather(np.where(block.loss < 0, len(words) - 1, block.loss)))
    columns.append(states.gather(block.status))
    columns.append(pl.Series("reason", block.reason.tolist(), dtype=pl.String))
    return pl.DataFrame(columns)
