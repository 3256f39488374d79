"""`rooftile cost`: what a chip costs, itemised, or how good the estimate is."""

from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli import asked, complete
from simulator.cli.output import check_writable, write
from simulator.cli.question import Json, Plot, check_outputs
from simulator.cli.reporting import deliver_plain
from simulator.errors import OptionError, nearest

if TYPE_CHECKING:
    from simulator.cost.price import Cost
    from simulator.cost.provenance import Coefficient


def cost_command(
    chip: Annotated[
        str | None,
        typer.Argument(metavar="CHIP", help="A bundled chip or a YAML file.", autocompletion=complete.chips),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a chip key, such as process_nm=7."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="CHIP",
            help="Chip to compare with; default inferx_x1.",
            autocompletion=complete.chips,
        ),
    ] = None,
    yield_model: Annotated[
        str,
        typer.Option("--yield-model", metavar="NAME", help="negative_binomial, poisson, murphy or seeds."),
    ] = "negative_binomial",
    bottom_up: Annotated[
        bool,
        typer.Option(
            "--bottom-up",
            help="Interconnect and control from lanes, ports and arrays, not as a share of the die.",
        ),
    ] = False,
    sources: Annotated[bool, typer.Option("--sources", help="Show every coefficient with its source.")] = False,
    plot: Plot = None,
    json: Json = None,
    validate: Annotated[
        bool, typer.Option("--validate", help="Compare the model with the published area of every calibration chip.")
    ] = False,
) -> None:
    """Estimate area, bill of materials and power of CHIP, each with its range."""
    if validate:
        if chip is not None:
            raise OptionError(f"CHIP: must be left out with --validate, got {chip!r}")
        _validate(json)
        return
    if chip is None:
        raise OptionError("CHIP: missing; see 'rooftile cost --help'")
    check_outputs(json, plot)
    # Imported here: --help and a mistyped option must not wait for the model.
    from simulator.cost.money import YIELD_MODELS  # noqa: PLC0415
    from simulator.cost.price import chip_cost  # noqa: PLC0415
    from simulator.cost.provenance import coefficients  # noqa: PLC0415

    if yield_model not in YIELD_MODELS:
        raise OptionError(f"--yield-model: unknown model {yield_model!r}{nearest(yield_model, YIELD_MODELS)}")
    architecture = asked.chip(chip, settings)
    if settings:  # what is published is about the chip as its file has it
        architecture = architecture.model_copy(update={"published": None})
    other = None if reference is None else asked.chip(reference)
    answer = chip_cost(architecture, other, yield_model=yield_model, bottom_up=bottom_up)
    known = coefficients(architecture) if sources else []
    if plot is not None:
        _draw(plot, answer)
    from simulator.report.charts import cost_specification  # noqa: PLC0415
    from simulator.report.cost_tables import cost_report  # noqa: PLC0415

    title = f"What {answer.chip} costs"
    deliver_plain(lambda: cost_report(answer, known), lambda: [cost_specification(answer)], title=title)
    if json is not None:
        _write_json(json, answer, known)
    if json != "-":
        from simulator.cli.screen import show  # noqa: PLC0415

        show(cost_report(answer, known))


def _write_json(place: str, answer: "Cost", known: "list[Coefficient]") -> None:
    """Write the cost, and its coefficients where they are asked for."""
    from simulator.report.document import to_json  # noqa: PLC0415

    data = answer.to_dict()
    if known:
        data["coefficients"] = [one.to_dict() for one in known]
    write("--json", place, to_json(asked.document(data)))


def _draw(place: str, answer: "Cost") -> None:
    """Write the picture."""
    from simulator.report.charts import cost_specification  # noqa: PLC0415
    from simulator.report.page import save  # noqa: PLC0415

    save("--plot", cost_specification(answer), place)


def _validate(json: str | None) -> None:
    """Print the comparison with published areas."""
    from simulator.cli.screen import show  # noqa: PLC0415
    from simulator.cost import validation  # noqa: PLC0415
    from simulator.report.cost_tables import validation_report  # noqa: PLC0415
    from simulator.report.document import to_json  # noqa: PLC0415

    if json is not None and json != "-":
        check_writable("--json", json)
    found = validation.against_published()
    if json is not None:
        write("--json", json, to_json(asked.document(found.to_dict(), "cost-validate")))
    if json != "-":
        show(validation_report(found))
