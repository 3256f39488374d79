"""`rooftile sweep`: one network on many chips."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli import asked, complete
from simulator.cli.best import detail_of
from simulator.cli.output import emit, note
from simulator.cli.question import Plot, SomeNetwork, check_outputs
from simulator.cli.reporting import Report, check_report, deliver_plain, details, wanted
from simulator.cli.values import count_or_zero, parameters, whole_number
from simulator.cli.watch import duration, leave_behind
from simulator.errors import OptionError, StoppedError
from simulator.progress import aside
from simulator.store.foreign import printable

if TYPE_CHECKING:
    from simulator.sweeps.run import Progress


def sweep_command(
    network: SomeNetwork = None,
    chip: Annotated[
        str | None,
        typer.Option("--chip", metavar="CHIP", help="A bundled chip or a YAML file.", autocompletion=complete.chips),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=RANGE",
            help="A:B:xF (times F), A:B:+S (plus S), A:B:/N (N values) or a,b,c; KEY is a chip key, batch, precision or "
            "param.NAME.",
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="Folder for the points; the same command resumes.")
    ] = None,
    plan: Annotated[
        str | None, typer.Option("--plan", metavar="FILE", help="A YAML file with the options that are not given here.")
    ] = None,
    design: Annotated[
        str | None, typer.Option("--design", metavar="NAME", help="grid, random:N or latin:N (then A:B is a range).")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", parser=count_or_zero, help="Seed of a random or Latin design.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", parser=whole_number, help="Items processed together.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="P", help="Number format, such as int8.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a chip key for all points.")
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", "--shape", metavar="NAME=VALUE", help="Set a network parameter for all points."),
    ] = None,
    chunk: Annotated[
        int | None, typer.Option("--chunk", metavar="N", parser=whole_number, help="Points in one part.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Compute damaged parts again.")] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="ADDRESS", help="Compute on a Dask cluster: tcp://host:8786, or its .json."
        ),
    ] = None,
    plot: Plot = None,
    report: Report = None,
) -> None:
    """Run NETWORK on many chips: every combination of what varies, or a random or Latin hypercube design."""
    given = _given(plan, network, chip, vary, design, seed, batch, precision, settings, params, chunk)
    if out is None:
        raise OptionError("--out: missing; see 'rooftile sweep --help'")
    check_outputs(None, plot)
    check_report(report)
    _check_ranges(given)
    _compute(given, out, repair, scheduler, bool(vary))
    if plot is not None or report is not None:
        _draw(out, plot, report)
    from simulator.sweeps.read import progress_of, subject_of  # noqa: PLC0415

    there, points = progress_of(out)
    where = printable(out)
    emit(asked.swept(out))
    emit(f"{subject_of(out)}\n" if subject_of(out) else "")
    emit(f"{there:,} of {points:,} points in {where}; read them with: rooftile best {where}, rooftile pareto {where}\n")


def _compute(given: dict[str, Any], out: str, repair: bool, scheduler: str | None, typed: bool) -> None:
    """Compute what is missing in the folder. typed: whether what varies was typed as `--vary`."""
    from simulator.kernels.jit import needs_compile  # noqa: PLC0415
    from simulator.kernels.schedule_whole import residency_blocks  # noqa: PLC0415
    from simulator.sweeps.run import WORKER  # noqa: PLC0415
    from simulator.sweeps.run import sweep as run  # noqa: PLC0415

    compiles = scheduler is None and needs_compile((residency_blocks,))
    try:
        with _bar() as progress:
            began = _saying(progress) if compiles else progress  # a slip is told before anything else
            where: dict[str, Any] = {"out": out, "repair": repair, "scheduler": scheduler, "command": asked.typed.get()}
            run(**given, **where, progress=began, tell=note)
    except KeyboardInterrupt:
        leave_behind(WORKER)
        raise StoppedError(f"interrupted: {_kept(out)}") from None
    except OptionError as error:
        if typed and str(error).startswith("vary "):  # as it was typed
            raise OptionError(f"--{error}") from None
        raise


def _draw(out: str, plot: str | None, report: str | None) -> None:
    """Draw the points that no other beats in throughput and bill, or the fastest where no bill is known; report them."""
    from simulator.report.page import save  # noqa: PLC0415
    from simulator.report.points import front_of, table_chart, table_report  # noqa: PLC0415
    from simulator.sweeps.read import scan, subject_of  # noqa: PLC0415

    points = scan(out)
    if plot is not None:
        save("--plot", table_chart(points), plot)
    before = wanted.set(report), details.set(()), asked.asked.set(asked.Asked("sweep"))
    front = front_of(points)
    try:
        asked.swept(out)
        if front.rows:
            detail_of(out, front.axes, front.rows[0])
        deliver_plain(lambda: table_report(points), lambda: [table_chart(points)], title=subject_of(out))
    finally:
        wanted.reset(before[0])
        details.reset(before[1])
        asked.asked.reset(before[2])


def _given(
    plan: str | None,
    network: str | None,
    chip: str | None,
    vary: list[str] | None,
    design: str | None,
    seed: int | None,
    batch: int | None,
    precision: str | None,
    settings: list[str] | None,
    params: list[str] | None,
    chunk: int | None,
) -> dict[str, Any]:
    """Arguments of `sweep`: the plan file's, then the command line's over them."""
    given: dict[str, Any] = {}
    if plan is not None:
        from simulator.sweeps.plan import read_plan  # noqa: PLC0415

        given = read_plan(plan)
        if "param" in given:
            given["params"] = given.pop("param")
    options = {
        "network": network, "chip": chip, "vary": vary, "design": design, "seed": seed, "batch": batch,
        "precision": precision, "set": settings, "params": parameters(params) or None, "chunk": chunk,
    }  # fmt: skip
    given |= {name: value for name, value in options.items() if value}
    if seed == 0:
        given["seed"] = 0
    for name, label in (("network", "NETWORK"), ("chip", "--chip"), ("vary", "--vary")):
        if not given.get(name):
            raise OptionError(f"{label}: missing; see 'rooftile sweep --help'")
    return given


def _check_ranges(given: dict[str, Any]) -> None:
    """Tell a missing extra and a slip in what varies before anything is compiled. Raises OptionError as `sweep`."""
    from simulator.sweeps.folder import need_extra  # noqa: PLC0415
    from simulator.sweeps.plan import plan_of  # noqa: PLC0415

    need_extra()
    names = ("vary", "design", "seed", "batch", "precision", "chunk")
    plan_of(**{name: given[name] for name in names if name in given})


@contextmanager
def _bar() -> "Iterator[Progress]":
    """Progress on standard error: a bar on a terminal, else a line now and then."""
    begin, first, last = time.monotonic(), -1, 0.0
    if not sys.stderr.isatty():

        def line(done: int, points: int) -> None:
            nonlocal first, last
            first = done if first < 0 else first
            now = time.monotonic()
            if now - last < 10.0 and done < points:
                return
            last = now
            rate = (done - first) / max(now - begin, 1e-9)
            left = f", {duration((points - done) / rate)} left" if rate > 0.0 and done < points else ""
            note(f"{done:,} of {points:,} points, {rate:,.0f} points/s{left}")

        yield line
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        BarColumn(), TextColumn("{task.fields[done]}"),
        TextColumn("{task.fields[rate]} points/s"), TimeRemainingColumn(),
    )  # fmt: skip
    with aside(), Progress(*columns, console=Console(stderr=True), transient=True) as bar:  # in place of the line
        task = bar.add_task("points", total=None, done="...", rate="...")  # drawn before it is known how many there are

        def update(done: int, points: int) -> None:
            nonlocal first
            first = done if first < 0 else first
            rate = (done - first) / max(time.monotonic() - begin, 1e-9)
            there = f"{done:,} of {points:,} points"
            bar.update(task, completed=done, total=points, done=there, rate=f"{rate:,.0f}")

        yield update


def _saying(progress: "Progress") -> "Progress":
    """The same, which first says that kernels are compiled: it is called once the folder is there and nothing is computed."""
    said = False

    def update(done: int, points: int) -> None:
        nonlocal said
        if not said:
            said = True
            note("Compiling the kernels (once, about 30 s)...")
        progress(done, points)

    return update


def _kept(out: str) -> str:
    """What an interrupted run leaves, and how to go on."""
    from simulator.sweeps.read import progress_of  # noqa: PLC0415

    try:
        there, points = progress_of(out)
    except (OptionError, OSError):  # interrupted before there was a folder
        return "nothing was begun"
    return f"{there:,} of {points:,} points are kept in {out}; the same command goes on"
