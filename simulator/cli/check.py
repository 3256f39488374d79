"""`--check FIGURE>=VALUE`: an exit code for scripts, 3 where an answer does not hold what was asked of it."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from simulator.errors import CheckError, OptionError, nearest

Check = Annotated[
    list[str] | None,
    typer.Option(
        "--check",
        metavar="RULE",
        help="End with exit code 3 unless it holds, such as 'throughput>=900' or 'latency<=5ms'.",
    ),
]

SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip

SHORT = {
    "throughput": "throughput_per_s", "latency": "latency_s", "power": "power_w", "energy": "energy_per_inference_j",
}  # fmt: skip
"""Words for the figures that are asked for most."""

_RULE = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*(\S.*?)\s*")


@dataclass(frozen=True)
class Rule:
    """One rule as it was typed."""

    text: str
    figure: str
    sign: str
    value: float


def rules_of(texts: list[str] | None) -> list[Rule]:
    """Read rules. Raises OptionError for one that is none."""
    from simulator.reading.amounts import amount  # noqa: PLC0415
    from simulator.reading.units import unit_of_key  # noqa: PLC0415
    from simulator.result.form import Result  # noqa: PLC0415

    known = [
        *SHORT,
        *(name for name, kind in Result.__annotations__.items() if "float" in str(kind) and "dict" not in str(kind)),
    ]
    rules = []
    for text in texts or []:
        found = _RULE.fullmatch(text)
        if found is None:
            raise OptionError(
                f"--check: must be FIGURE>=VALUE or FIGURE<=VALUE, such as 'throughput>=900', got {text!r}"
            )
        figure, sign, value = found.groups()
        if figure not in known:
            raise OptionError(f"--check {text}: unknown figure {figure!r}{nearest(figure, known)}")
        name = SHORT.get(figure, figure)
        try:
            number = float(amount(value, *unit_of_key(name)))
        except ValueError as error:
            raise OptionError(f"--check {text}: {error}") from None
        rules.append(Rule(text, name, sign, number))
    return rules


def hold(rules: list[Rule], found: Any) -> None:
    """Raise CheckError where an answer does not hold all rules; an unknown figure holds none."""
    lines = []
    for rule in rules:
        value = getattr(found, rule.figure)
        if value is None or not SIGNS[rule.sign](value, rule.value):
            lines.append(
                f"--check {rule.text}: {rule.figure} is {'unknown' if value is None else format(value, '.6g')}"
            )
    if lines:
        raise CheckError("\n".join(lines))
