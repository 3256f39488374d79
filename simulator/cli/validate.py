"""`rooftile validate`: every published figure against the model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import asked, complete
from simulator.cli.output import check_writable, write
from simulator.cli.question import Json, working

if TYPE_CHECKING:
    from simulator.study.validation import Validation


def validate_command(
    chips: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CHIP...]",
            help="Bundled chips; all of them if none. With --fit constants.",
            autocompletion=complete.chips,
        ),
    ] = None,
    json: Json = None,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Draw predicted against published.")
    ] = None,
    page: Annotated[
        str | None,
        typer.Option("--page", metavar="FILE", help="Write the page in Markdown, its picture and its rows beside it."),
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Instead: the fitted constants tried again, each chip left out (minutes).")
    ] = False,
    llm: Annotated[
        bool, typer.Option("--llm", help="Instead: measured language models, by phase, chip, runtime and format.")
    ] = False,
) -> None:
    """Compare every published figure that can be modelled with the prediction."""
    if llm:
        _languages(chips, json, fit or plot or page)
        return
    if fit:
        _fits(chips, json, plot, page)
        return
    picture = None if page is None else str(Path(page).with_suffix(".svg"))
    for option, path in (("--json", json), ("--plot", plot), ("--page", page)):
        if path is not None and path != "-":
            check_writable(option, path)
    if plot is not None or picture is not None:
        from simulator.report.page import check_picture  # noqa: PLC0415

        for option, path in (("--plot", plot), ("--page", picture)):
            if path is not None:
                check_picture(option, path)
    from simulator.chip.library import bundled_entries  # noqa: PLC0415
    from simulator.chip.load import bundled_chip, simulable  # noqa: PLC0415
    from simulator.errors import OptionError, nearest  # noqa: PLC0415
    from simulator.study.validation import THROUGHPUT, validate  # noqa: PLC0415

    known = bundled_entries()
    entries = list(known.values())
    if chips:
        names = {name: bundled_chip(name) or name for name in chips}
        for name, short in names.items():
            if short not in known:
                raise OptionError(f"{name}: must be a bundled chip{nearest(name, simulable(), 'rooftile chips')}")
        entries = [known[short] for short in dict.fromkeys(names.values())]
    with working() as tell:
        found = validate(entries, lambda chip: tell(f"simulating {chip}"))
    if not found.points:
        raise OptionError(f"{', '.join(chips or [])}: nothing published about it can be modelled")
    if not any(point.quantity == THROUGHPUT for point in found.points):
        for option, path in (("--plot", plot), ("--page", page)):
            if path is not None:
                raise OptionError(
                    f"{option}: nothing to draw: no throughput of {', '.join(chips or [])} can be modelled"
                )
    _answer(found, json, plot, page, picture)


def _languages(chips: list[str] | None, json: str | None, other: object) -> None:
    """Print the errors of language models."""
    from simulator.chip.load import bundled_chip  # noqa: PLC0415
    from simulator.errors import OptionError, nearest  # noqa: PLC0415
    from simulator.study.llm_validation import judged, validate_languages  # noqa: PLC0415

    if other:
        raise OptionError("--llm: must stand without --fit, --plot and --page")
    if json is not None and json != "-":
        check_writable("--json", json)
    known = {bundled_chip(name): name for name in judged()}
    for chip in chips or []:
        if bundled_chip(chip) not in known:
            raise OptionError(f"{chip}: must be a chip with measured language models{nearest(chip, judged())}")
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.report.document import to_json  # noqa: PLC0415
    from simulator.report.languages import llm_report  # noqa: PLC0415

    with working():
        found = validate_languages([known[bundled_chip(chip)] for chip in chips or []])
    if not found.rows:
        raise OptionError(f"{', '.join(chips or [])}: no measured row can be modelled")
    if json is not None:
        write("--json", json, to_json(found.to_dict()))
    if json != "-":
        show(llm_report(found))


def _fits(names: list[str] | None, json: str | None, plot: str | None, page: str | None) -> None:
    """Try the constants again, and print what they give."""
    from simulator.errors import OptionError  # noqa: PLC0415

    if plot:
        raise OptionError("--fit: must stand without --plot")
    if page and names:
        raise OptionError("--page: must stand without names; the page has every constant")
    for option, path in (("--json", json), ("--page", page)):
        if path is not None and path != "-":
            check_writable(option, path)
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.report.document import to_json  # noqa: PLC0415
    from simulator.report.fits import fits_page, fits_report  # noqa: PLC0415
    from simulator.study.refits import try_constants  # noqa: PLC0415

    with working():
        found = try_constants(names or ())
    if json is not None:
        write("--json", json, to_json(asked.document(found.to_dict(), "validate-fit")))
    if page is not None:
        write("--page", page, fits_page(found))
        write("--page", str(Path(page).with_suffix(".json")), found.kept())
    if json != "-":
        show(fits_report(found))


def _answer(found: "Validation", json: str | None, plot: str | None, page: str | None, picture: str | None) -> None:
    """Print the tables, and write what else is asked for."""
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.report.document import to_json  # noqa: PLC0415
    from simulator.report.validation import validation_chart, validation_page, validation_report  # noqa: PLC0415

    if json is not None:
        write("--json", json, to_json(asked.document(found.to_dict())))
    for option, path in (("--plot", plot), ("--page", picture)):
        if path is not None:
            from simulator.report.page import save  # noqa: PLC0415

            save(option, validation_chart(found), path)
    if page is not None and picture is not None:
        write("--page", page, validation_page(found, Path(picture).name))
        write("--page", str(Path(page).with_suffix(".json")), found.rows())
    if json != "-":
        show(validation_report(found))
