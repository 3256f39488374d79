"""The sheet for vendors: what to ask, as CSV, with what is already known filled in; and the filled sheet read back."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.chip.faults import explain
from simulator.chip.library import Entry
from simulator.chip.published import Published, Row
from simulator.errors import OptionError, nearest
from simulator.formats import OWN
from simulator.reading.amounts import amount
from simulator.reading.sizes import image_size
from simulator.reading.units import unit_of_key
from simulator.store.foreign import printable, text_of
from simulator.study.alike import LARGE_BATCH, SMALL_BATCH, Question, batch_class, is_same
from simulator.study.compare import CLASSES

FACTS = {
    "peak_tops_int8": "peak_tops_int8",
    "peak_tops_sparse": "peak_tops_sparse",
    "sram_mb": "sram_mb",
    "dram_devices": "dram_devices",
    "dram_bandwidth_gb_s": "dram_bandwidth_gb_s",
    "power_w": "tdp_w",
    "price_usd": "list_price_usd",
}
"""Column of the sheet -> fact of the chip file."""

CONDITIONS = ("network", "sha256", "image_size", "sequence_length", "batch", "precision")
RESULTS = ("throughput_per_s", "latency_ms")
COLUMNS = ("chip", *CONDITIONS, *RESULTS, *FACTS, "please_fill")
FORMULA = ("=", "+", "-", "@")
"""What a formula begins with in a spreadsheet, blanks before it or not."""
_BEFORE_FORMULA = ("\t", "\r", "\n")  # some programs drop these and look again
_WHOLE = ("image_size", "sequence_length", "batch", "dram_devices")
_MOST_BYTES = 10_000_000  # a sheet of a few hundred vendors has a thousandth of it
_MOST_SHOWN = 40  # characters of a bad cell
MOST_FAULTS = 12
"""Lines of an error."""


def questions(chips: Iterable[Entry], question: Question, params: Mapping[str, Any]) -> str:
    """The sheet as CSV: one row a chip and batch class; `please_fill` names the empty cells that matter."""
    out = io.StringIO()
    columns = [column for column in COLUMNS if column != "sha256" or question.sha256 is not None]
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for chip in chips:
        facts = {column: getattr(chip.published, fact) for column, fact in FACTS.items()}
        for name, batch in zip(CLASSES, (SMALL_BATCH, question.batch or LARGE_BATCH), strict=True):
            cells: dict[str, Any] = {"chip": chip.name, **_conditions(question, params, batch), **facts}
            row = _known(chip, question, params, name)
            if row is not None:
                cells |= {"batch": row.batch or batch} | {key: getattr(row, key) for key in RESULTS}
            wanted = [c for c in (*RESULTS, *FACTS) if cells.get(c) is None and c != "peak_tops_sparse"]
            cells["please_fill"] = " ".join(wanted)
            writer.writerow({key: cell(value) for key, value in cells.items()})
    return out.getvalue()


def _conditions(question: Question, params: Mapping[str, Any], batch: int) -> dict[str, Any]:
    """Under which conditions the vendor is asked."""
    return {
        "network": question.network,
        "sha256": question.sha256,
        "image_size": params.get("image_size"),
        "sequence_length": params.get("sequence_length"),
        "batch": batch,
        "precision": _asked(question),
    }


def _asked(question: Question) -> str | None:
    """The precision that is asked for; None where the file says its number formats itself."""
    return None if question.precision == OWN else question.precision


def _known(chip: Entry, question: Question, params: Mapping[str, Any], name: str) -> Row | None:
    """The best published result under exactly these conditions."""
    rows = [
        row
        for row in chip.published.results
        if is_same(row, question)
        and row.batch is not None
        and batch_class(row) == name
        and row.precision == _asked(question)
        and row.image_size in (None, params.get("image_size"))
        and row.sequence_length in (None, params.get("sequence_length"))
    ]
    return max(rows, key=lambda row: row.throughput_per_s, default=None)


def cell(value: Any) -> Any:
    """A cell; numbers without a needless `.0`, and no text that a spreadsheet would run as a formula."""
    if isinstance(value, float) and value == int(value):
        return int(value)
    if isinstance(value, str) and (value.lstrip()[:1] in FORMULA or value[:1] in _BEFORE_FORMULA):
        return "'" + printable(value)
    return printable(value) if isinstance(value, str) else value


def read_sheet(path: str | Path) -> list[Entry]:
    """The chips of a filled sheet, in its order; columns may be missing or in any order, but not of other names.

    Raises OptionError: one line a fault, with file, line and column.
    """
    place = Path(path)
    file = printable(str(place))
    rows = _rows(place, file)
    chips: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    faults: list[str] = []
    for number, cells in rows:
        where = f"{file}:{number}"
        name = cells.get("chip") or ""
        if not name:
            faults.append(f"{where}: chip: missing")
            continue
        values = {key: _value(where, key, text, faults) for key, text in cells.items() if key in COLUMNS[1:]}
        facts, results = chips.setdefault(name, ({}, []))
        for column, fact in FACTS.items():
            if values.get(column) is not None:
                facts.setdefault(fact, values[column])
        if values.get("throughput_per_s") is not None:
            if not values.get("network"):
                faults.append(f"{where}: network: missing; a throughput belongs to a network")
                continue
            kept = {key: values[key] for key in (*CONDITIONS, *RESULTS) if values.get(key) is not None}
            kept |= {"mode": "vendor_sheet", "source": "sheet"}
            faults += _faults_of(kept, Row, where)
            results.append(kept)
        faults += _faults_of(facts, Published, where)
    if faults:
        more = [f"{file}: and {len(faults) - MOST_FAULTS} more faults"] if len(faults) > MOST_FAULTS else []
        raise OptionError("\n".join([*faults[:MOST_FAULTS], *more]))
    if not chips:
        raise OptionError(f"{file}: must have at least one chip, got no row")
    return [_entry(name, printable(place.name), facts, results) for name, (facts, results) in chips.items()]


def _faults_of(data: dict[str, Any], model: type[BaseModel], where: str) -> list[str]:
    """What the form of a chip file has against a row, one line each."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return explain(error, model, {}, where).split("\n")
    return []


def _entry(name: str, file: str, facts: dict[str, Any], results: list[dict[str, Any]]) -> Entry:
    """One chip of the sheet; the file's name keeps it apart from a chip of the library."""
    data = {**facts, "results": results, "sources": {"sheet": file}}
    return Entry(f"{name} ({file})", name, "accelerator", Published.model_validate(data), None, is_file=True)


def _rows(place: Path, file: str) -> list[tuple[int, dict[str, str]]]:
    """(line, cells) of every row that is not empty."""
    text = text_of(place, _MOST_BYTES, OptionError)
    # A spreadsheet of a country with decimal commas writes semicolons, one copied from its window tabs.
    first = text.partition("\n")[0]
    delimiter = next((sign for sign in ",;\t" if sign in first), ",")
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", delimiter=delimiter)
    try:
        names = [name.strip() for name in reader.fieldnames or []]
        unknown = [name for name in names if name not in COLUMNS]
        if unknown:
            name = printable(unknown[0])[:_MOST_SHOWN]
            raise OptionError(f"{file}:1: {name}: unknown column{nearest(name, COLUMNS)}")
        if "chip" not in names:
            raise OptionError(f"{file}:1: chip: missing; a sheet has one row a chip")
        reader.fieldnames = names
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise OptionError(f"{file}: cannot be read as CSV: {error}") from None
    crowded = [number for number, row in rows if "" in row]
    if crowded:
        raise OptionError(f"{file}:{crowded[0]}: must have {len(names)} cells, got more")
    # Names become those of chips and networks: what cannot be seen in them is written out.
    return [
        (number, {key: printable(text.strip()) for key, text in row.items()})
        for number, row in rows
        if any(text.strip() for text in row.values())
    ]


def _value(where: str, column: str, text: str, faults: list[str]) -> Any:
    """One cell; None when empty or faulty."""
    text = text.strip()
    if not text or column == "please_fill":
        return None
    if column in ("network", "sha256", "precision"):
        return text
    if column == "image_size" and not text.replace(",", "").isdigit():
        try:
            return image_size(text)
        except ValueError as error:
            faults.append(f"{where}: {column}: {error}")
            return None
    try:
        # A comma separates thousands; `1,5` may be meant as one and a half, and is refused.
        value = float(amount(text, *unit_of_key(column)))
    except ValueError:
        value = math.nan
    least = 0.0 if column in ("sram_mb", "dram_devices", "dram_bandwidth_gb_s") else 1e-9
    least_words = "of at least 0" if least == 0.0 else "above 0"
    if not (math.isfinite(value) and least <= value <= 1e9):
        faults.append(
            f"{where}: {column}: must be a plain number {least_words}, such as 1500 or 1.5, got {text[:_MOST_SHOWN]!r}"
        )
        return None
    if column in _WHOLE:
        if value != int(value):
            faults.append(f"{where}: {column}: must be a whole number, got {text[:_MOST_SHOWN]!r}")
            return None
        return int(value)
    return value
