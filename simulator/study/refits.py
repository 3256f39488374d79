"""Every constant of the model tried again on measured rows, with each chip left out in turn: live, in some minutes.

Each constant is tried alone, all others as they are; the energies of GPUs, which only together say anything, are fitted together
as well. What was asked once is kept on disk, so that who ends it goes on from there.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import median
from threading import Event
from typing import Any

from simulator.errors import OptionError, nearest
from simulator.frontier.threads import cores
from simulator.progress import each
from simulator.store import bundled
from simulator.store.digest import networks_digest
from simulator.store.plain import kept
from simulator.study import refitting
from simulator.study.fits import Fit, Without, all_fits, of_plain, tried_at
from simulator.study.validation_data import book

ALIKE = 1.01
"""Two ends of a search are equally good where one is at most so many times worse than the other."""

TOGETHER = "energies"
"""How one asks for the energies that are fitted together."""

Errors = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Together:
    """Energies of GPUs fitted together without the rows of one chip."""

    left_out: str
    """Short name of the chip; empty: none."""
    values: dict[str, float]
    """Where the search ended best."""
    count: int
    """Rows of the chip, or all."""
    own: float
    """Median of their absolute errors at the values of the model."""
    least: float
    """The same at the ends of the search that are equally good on the other chips, the smallest and the largest."""
    most: float


@dataclass(frozen=True)
class Refits:
    """All of it."""

    constants: tuple[Fit, ...]
    together: tuple[Together, ...]

    def kept(self) -> str:
        """All of it as JSON, a constant a line, from which `of_text` makes it again."""
        return f'{{"constants": [\n{_lines(self.constants)}\n],\n"together": [\n{_lines(self.together)}\n]}}\n'

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "constants": [one.to_dict() for one in self.constants],
            "together": [asdict(one) for one in self.together],
        }


def _lines(some: Iterable[Fit | Together]) -> str:
    """Each on a line of its own, as JSON."""
    return ",\n".join(json.dumps(asdict(one), ensure_ascii=False) for one in some)


def of_text(text: str) -> Refits:
    """What `Refits.kept` wrote."""
    data = json.loads(text)
    return Refits(tuple(map(of_plain, data["constants"])), tuple(Together(**one) for one in data["together"]))


@dataclass(frozen=True)
class _Question:
    """What one process is asked: errors at some values of constants, or energies without a chip."""

    rows: str
    values: tuple[tuple[str, float], ...] = ()
    left_out: str | None = None

    @property
    def words(self) -> str:
        """What is being done."""
        if self.left_out is not None:
            return f"energies together without {self.left_out or 'none'}"
        return " ".join(f"{name} at {value:g}" for name, value in self.values) or f"rows {self.rows} as they are"


def known() -> tuple[str, ...]:
    """Names of the constants that can be tried."""
    return (*(str(entry["of"]) for entry in book()["constants"] if "again" in entry), TOGETHER)


def try_constants(names: Sequence[str] = ()) -> Refits:
    """Every constant, or those of some names, tried again. Raises OptionError where there is none of a name."""
    for name in names:
        if name not in known():
            raise OptionError(f"{name}: must be a fitted constant{nearest(name, known())}")
    wanted = [e for e in book()["constants"] if "again" in e and (not names or e["of"] in names)]
    shared = book()["together"]
    chips = ("", *book()["row_sets"][shared["rows"]]) if not names or TOGETHER in names else ()
    sets = [entry["again"]["rows"] for entry in wanted] + ([shared["rows"]] if chips else [])
    questions = [_Question(rows) for rows in dict.fromkeys(sets)]
    questions += [
        _Question(entry["again"]["rows"], ((entry["of"], float(value)),))
        for entry in wanted for value in entry["again"]["tried"] if value != entry["value"]
    ]  # fmt: skip
    questions += [_Question(shared["rows"], left_out=chip) for chip in chips]
    found = dict(zip(questions, _answers(questions), strict=True))
    again = {entry["of"]: _fit(entry, found) for entry in wanted}
    plain = () if names else (fit for fit in all_fits() if fit.of is None)
    constants = (*plain, *again.values())
    return Refits(constants, tuple(_together(chip, shared["rows"], found) for chip in chips))


def _answers(questions: Sequence[_Question]) -> list[Any]:
    """What processes answer, some at a time, in the order of the questions."""
    unwanted = Event()
    with ThreadPoolExecutor(cores()) as pool:
        futures = [pool.submit(_kept, question, unwanted) for question in questions]
        words: Mapping[Future[Any], str] = dict(zip(futures, (question.words for question in questions), strict=True))
        try:
            return [future.result() for future in each(futures, lambda future: words[future])]
        finally:
            unwanted.set()
            for future in futures:
                future.cancel()


def _kept(question: _Question, unwanted: Event) -> Any:
    """The answer, from disk where it was asked before. It depends on the chips and networks, beside the model."""
    rows: Mapping[str, str] = book()["row_sets"][question.rows]
    texts = [bundled.places()[chip][0].read_text(encoding="utf-8") for chip in rows]
    make: Callable[[], Any] = partial(refitting.errors, dict(question.values), rows, unwanted)
    if question.left_out is not None:
        start = _energies()
        make = partial(refitting.together, start, rows, question.left_out, unwanted)
    return kept("refit", [question, dict(rows), texts, networks_digest()], make)


def _energies() -> dict[str, float]:
    """The energies that are fitted together, as they are."""
    values = {entry.get("of"): float(entry["value"]) for entry in book()["constants"]}
    return {name: values[name] for name in book()["together"]["energies"]}


def _fit(entry: Mapping[str, Any], found: Mapping[_Question, Errors]) -> Fit:
    """One constant, from the errors at each value tried."""
    own, rows, name = float(entry["value"]), str(entry["again"]["rows"]), str(entry["of"])
    at = {
        float(value): found[_Question(rows, () if value == entry["value"] else ((name, float(value)),))]
        for value in entry["again"]["tried"]
    }
    tried = tuple(tried_at(value, [error for _, error in errors]) for value, errors in sorted(at.items()))
    chips = list(book()["row_sets"][rows])
    plain = Fit(str(entry["name"]), own, str(entry["fitted_on"]), (), tried, name)
    return replace(plain, left_out=tuple(_without(chip, chips, at, own) for chip in chips))


def _without(chip: str, chips: Sequence[str], at: Mapping[float, Errors], own: float) -> Without:
    """The rows of a chip at the value that is best for the others; of equally good ones the nearest to the model's."""
    count, others = sum(name == chip for name, _ in at[own]), [name for name in chips if name != chip]
    if not others:
        return Without(chip, count, _median(at[own], chip), None, None)
    score = {value: sum(_median(errors, name) for name in others) for value, errors in at.items()}
    best = min(at, key=lambda value: (score[value], abs(value - own)))
    return Without(chip, count, _median(at[own], chip), best, _median(at[best], chip))


def _median(errors: Errors, chip: str) -> float:
    """Median absolute error of the rows of a chip, or of all."""
    return median(abs(error) for name, error in errors if chip in ("", name))


def _together(chip: str, rows: str, found: Mapping[_Question, Any]) -> Together:
    """Energies without a chip; at all ends that are as good as the best for the others."""
    ends = sorted(found[_Question(rows, left_out=chip)], key=lambda end: float(end["score"]))
    alike = [_median(end["errors"], chip) for end in ends if end["score"] <= ALIKE * ends[0]["score"]]
    as_is: Errors = found[_Question(rows)]
    count = sum(chip in ("", name) for name, _ in as_is)
    return Together(chip, dict(ends[0]["values"]), count, _median(as_is, chip), min(alike), max(alike))
