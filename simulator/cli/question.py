"""What the commands that answer one question have in common: their options, the notice of a first run, their answers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli import asked, complete
from simulator.cli.output import check_writable, note, write
from simulator.cli.reporting import deliver, deliver_plain
from simulator.cli.values import parameters, whole_number
from simulator.cli.watch import progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from simulator.graph.build import Graph
    from simulator.report.paper import Paper

Network = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A bundled network, or a file: ONNX, TFLite, a configuration, a table, or Python, which is run. "
        "NETWORK@SIZE sets its image or its sequence.",
        autocompletion=complete.networks,
    ),
]
SomeNetwork = Annotated[
    str | None,
    typer.Argument(
        metavar="NETWORK",
        help="A bundled network, or a file: ONNX, TFLite, a configuration, a table, or Python, which is run. "
        "NETWORK@SIZE sets its image or its sequence.",
        autocompletion=complete.networks,
    ),
]
Named = Annotated[
    str,
    typer.Option(
        "--network",
        metavar="N",
        help="A bundled network, or a file: ONNX, TFLite, a configuration, a table, or Python, which is run.",
        autocompletion=complete.networks,
    ),
]
Chip = Annotated[
    str,
    typer.Option("--chip", metavar="CHIP", help="A bundled chip or a YAML file.", autocompletion=complete.chips),
]
Batch = Annotated[int, typer.Option("--batch", metavar="N", parser=whole_number, help="Items processed together.")]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="P",
        help="Number format such as int8, or w4a16, or weights=int4,activations=fp16; int8 unless given.",
        autocompletion=complete.precisions,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a chip key, such as sram.capacity_mib=16 or clock_mhz=1GHz."
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "--shape",
        metavar="NAME=VALUE",
        help="Set a network parameter, such as image_size=1080x1920, or sizes of an input, such as images=1x3x640x640.",
    ),
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write all of it as JSON; - for standard output.")
]
Plot = Annotated[
    str | None, typer.Option("--plot", metavar="FILE", help="Draw it: a file ending in .svg, .png, .pdf or .html.")
]


def check_outputs(json: str | None, plot: str | None) -> None:
    """Refuse answers that cannot be written before the work is done. Raises OptionError."""
    if json is not None and json != "-":
        check_writable("--json", json)
    if plot is not None:
        from simulator.report.page import check_picture  # noqa: PLC0415

        check_picture("--plot", plot)
        check_writable("--plot", plot)


def graph_of(network: str, params: list[str] | None, *chips: tuple[str, list[str] | None]) -> "Graph":
    """Read the network; and the chips, (name, changes) each, so that a slip is told before anything is compiled."""
    values = parameters(params)
    for chip, settings in chips:
        asked.chip(chip, settings)
    return asked.network(network, values)


def check_side(chip: str, both: list[str], option: str, own: list[str]) -> None:
    """Read one of two chips, so that a slip is told before anything is compiled, by the option that it was typed with.

    both: changes of either chip (`--set`); own: those of this one, typed with `option`. Raises ChipError.
    """
    from simulator.chip.load import load_chip  # noqa: PLC0415
    from simulator.chip.yaml_places import set_label  # noqa: PLC0415
    from simulator.cli.faults import option as option_of  # noqa: PLC0415
    from simulator.errors import ChipError, named  # noqa: PLC0415

    load_chip(chip, set=both)  # a slip in these is told as `--set`
    labels = tuple(named(set_label(change), option_of) for change in own)
    try:
        asked.chip(chip, [*both, *own])
    except ChipError as error:
        lines = error.told(option_of).splitlines()
        told = [option + line.removeprefix("--set") if line.startswith(labels) else line for line in lines]
        raise ChipError("\n".join(told)) from None


@contextmanager
def compiling_beside(many: bool = False) -> "Iterator[None]":
    """Compile beside the work where that is needed, saying so. many: the kernel for many points at once is needed too."""
    from simulator.kernels.warm import beside  # noqa: PLC0415

    with beside() as compiling:
        now = asked.asked.get(asked.Asked())
        if not now.compiling and (compiling or (many and _many_compile())):
            now.compiling = True
            note("Compiling the kernels (once, about 30 s)...")
        yield


@contextmanager
def working(many: bool = False) -> "Iterator[Callable[[str], None]]":
    """Both: compile beside the work, and yield what shows what is being done."""
    with progress() as tell, compiling_beside(many):
        yield tell


def _many_compile() -> bool:
    """Whether the kernel for many points has not been compiled yet."""
    from simulator.kernels.jit import needs_compile  # noqa: PLC0415
    from simulator.kernels.schedule_whole import residency_blocks  # noqa: PLC0415

    return needs_compile((residency_blocks,))


def answer(
    found: Any,
    json: str | None,
    plot: str | None,
    report: "Callable[[Any], RenderableType]",
    chart: Callable[[Any], Any],
    form: str = "",
    said: "Callable[[Any], Sequence[str]] | None" = None,
    paper: "Callable[[dict[str, str]], Paper] | None" = None,
) -> None:
    """Write the JSON and the picture that are asked for, and print the report unless the JSON takes its place.

    found: what a study gives, with `to_dict`; form: its schema, where it is not the command's. report, chart: make the tables
    and the picture of it. said: its answer in words, where its tables do not begin with it. paper: its report to
    send, where that is more than tables and picture; called with what made the answer.
    """
    from simulator.report.document import to_json  # noqa: PLC0415

    if plot is not None:
        from simulator.report.page import save  # noqa: PLC0415

        save("--plot", chart(found), plot)
    words = said(found)[0] if said is not None else ""
    if paper is not None:
        deliver(paper)
    else:
        deliver_plain(lambda: report(found), lambda: [chart(found)], words)
    if json is not None:
        write("--json", json, to_json(asked.document(found.to_dict(), form)))
    if json != "-":
        from simulator.cli.screen import show  # noqa: PLC0415

        show(report(found))
