"""Chips on one request to a language model, in one order: tokens a second for what is paid, and what stands beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from simulator.chip.library import Entry
from simulator.chip.load import chip_digest
from simulator.chip.schema import Architecture
from simulator.cost.serving import Rates
from simulator.errors import ChipError, InfeasibleError, InputError, NetworkError, OptionError
from simulator.store import disk
from simulator.store.digest import networks_digest
from simulator.study.asking import asked_of
from simulator.study.compare import Comparison, Figure, Line, chip_line
from simulator.study.generating import cost_of, price_of, rates_of
from simulator.study.ranking import BY, may_rank, ranking_of
from simulator.study.request import Question, growing_of, spent
from simulator.study.runtimes import runtime_of, untold
from simulator.study.sharing import answers
from simulator.study.shortage import check_room
from simulator.units import GIB, MICRO

PAID = "usd"
"""The order unless another is asked for."""

ORDERS: Mapping[str, tuple[str | None, str]] = {
    **BY,
    PAID: ("paid_usd", "tokens/s per USD of list price, or of the bill where there is none"),
    "bill": BY["usd"],
    "mtoken": ("usd_per_s", "tokens for a USD, energy included"),
}
"""As BY, of tokens: the price that is paid, the bill alone, and the cost of a million tokens."""


NOT_DESCRIBED = "no array is described: nothing to simulate"
"""What a chip lacks of which published figures are known alone."""


@dataclass(frozen=True)
class Server(Line):
    """A line of a comparison with what its users see. Times of the whole batch. [s, USD]"""

    ttft_s: float = 0.0
    tokens_per_s_per_user: float | None = None
    paid_usd: float | None = None
    """The price that is given, else its list price, else its bill; None where none is known."""
    paid_is_bill: bool = False
    rent_usd_per_h: float | None = None
    """The rent that is paid instead: the one that is given, else, of a chip without a list price, that of its file."""
    usd_per_s: float | None = None
    """Of its work, energy included."""
    power_limit_w: float | None = None


@dataclass(frozen=True)
class Placed:
    """One chip that answers: the names are those of the JSON."""

    place: int | None
    """From 1; None where it is not known what to divide by."""
    chip: str
    mine: bool
    """Whether it comes from a file of the user's."""
    precision: str | None
    tokens_per_s: float
    """Of all users."""
    tokens_per_s_per_user: float | None
    """Behind the first token; None where one token comes out."""
    ttft_s: float
    power_w: float | None
    """Mean of the request; None where the energy is not known, for which the limit then stands."""
    power_limit_w: float | None
    bill_usd: float | None
    price_usd: float | None
    """List price."""
    paid_usd: float | None
    paid_is_bill: bool
    rent_usd_per_h: float | None
    """What is paid instead of a price."""
    tokens_per_s_per_usd: float | None
    usd_per_million_tokens: float | None
    value: float | None
    """What it is ranked by."""


@dataclass(frozen=True)
class Serving:
    """A request on many chips."""

    model: str
    prompt: int
    output: int
    batch: int
    by: str
    rows: tuple[Placed, ...]
    """The best first, those that cannot be ranked last."""
    above: tuple[str, ...]
    """Chips beyond a limit, or not known to be within it."""
    lacking: dict[str, str]
    """What a chip lacks that cannot answer."""
    runtime: str | None = None
    """As it was asked for."""
    notes: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()
    """Chips that were not run, since nothing is known to divide by."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """The most that a chip may have, by names of LIMITS."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Wanted:
    """A request that every chip is asked."""

    model: str
    lengths: tuple[int, int, int]
    """Tokens in, tokens out, requests together."""
    precision: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    runtime: str | None = None
    """The software, as in `generate`."""

    def on(self, chip: Architecture) -> tuple[Question, str]:
        """The question to a chip, and what its runtime has to say."""
        software = runtime_of(self.runtime, chip)
        return asked_of(self.model, chip, self.lengths, self.precision, dict(self.params), software), software.note


def serving(
    chips: Iterable[Entry],
    wanted: Wanted,
    by: str = PAID,
    limits: Mapping[str, float] | None = None,
    rates: Rates | None = None,
) -> Serving:
    """Rank chips on a request. by: a word of ORDERS; limits: see `ranking`.

    Raises NetworkError and OptionError for a bad model, lengths or order.
    """
    if by not in ORDERS:
        raise OptionError(key="by", must=f"be one of {', '.join(ORDERS)}", got=by)
    servers: list[Server] = []
    lacking: list[tuple[str, str]] = []
    notes: dict[str, None] = {}
    gaps_us: list[float] = []
    checked, entries = False, list(chips)
    for chip, ran in zip(entries, answers(partial(_ran, wanted, by, limits, rates or Rates()), entries), strict=True):
        checked = checked or ran.checked
        if ran.fault is not None and not checked:
            raise ran.fault
        notes.update(dict.fromkeys(ran.notes))
        if ran.gap_us is not None:
            gaps_us.append(ran.gap_us)
        if ran.server is None:
            lacking.append((chip.name, ran.lack))
        else:
            servers.append(ran.server)
    servers.sort(key=lambda line: (-(line.asked.throughput_per_s if line.asked else 0.0), line.chip))
    *_, together = wanted.lengths
    found = Comparison(
        wanted.model, dict(wanted.params), 0, wanted.precision or "", together, tuple(servers), wanted.model
    )
    order = ranking_of(found, by, limits, ORDERS)
    known = {line.chip: line for line in servers}
    rows = [_placed(known[row.line.chip], at, row.value) for at, row in enumerate(order.rows, 1)]
    rows += [_placed(known[name], None, None) for name in order.unranked if not known[name].untried]
    untried = tuple(name for name in order.unranked if known[name].untried)
    return Serving(
        wanted.model, *wanted.lengths, by, tuple(rows), order.above, dict(lacking), wanted.runtime,
        (*([untold(gaps_us)] if gaps_us else []), *notes), untried,
        dict(limits or {}),
    )  # fmt: skip


class _Ran(NamedTuple):
    """What became of one chip."""

    server: Server | None = None
    lack: str = ""
    """Why there is none."""
    checked: bool = False
    """Whether the request could be put to it."""
    notes: tuple[str, ...] = ()
    gap_us: float | None = None
    """Its time between kernels, where a runtime should have been told."""
    fault: NetworkError | None = None
    """Of the request, where it could be put to no chip before."""


def _ran(wanted: Wanted, by: str, limits: Mapping[str, float] | None, rates: Rates, chip: Entry) -> _Ran:
    """Put a request to one chip."""
    if chip.architecture is None or chip.architecture.array is None:
        return _Ran(lack=NOT_DESCRIBED)
    alone = _alone(chip, rates)
    if not may_rank(alone, by, limits, ORDERS):
        return _Ran(replace(alone, untried=True))
    try:
        asked, note = wanted.on(chip.architecture)
    except NetworkError as error:
        return _Ran(lack=_in_short(error), fault=error)
    except ChipError as error:
        return _Ran(lack=_in_short(error))
    except InfeasibleError as error:
        return _Ran(lack=str(error))
    chosen = bool(note) and wanted.runtime is None
    told = tuple(one for one in ("" if chosen else note, asked.decoder.beyond(asked.tokens)) if one)
    found = _Ran(checked=True, notes=told, gap_us=asked.chip.overhead_s / MICRO if chosen else None)
    try:
        return found._replace(server=_server(alone, asked, rates))
    except InfeasibleError:
        return found._replace(lack=_lack(asked))
    except (ChipError, NetworkError) as error:
        return found._replace(lack=_in_short(error))


def _in_short(error: InputError) -> str:
    """What is wrong, without where."""
    return str(error).splitlines()[0].rpartition(": ")[2]


def _placed(line: Server, place: int | None, value: float | None) -> Placed:
    """A line in its place."""
    figure = line.asked
    rate, power_w = (0.0, None) if figure is None else (figure.throughput_per_s, figure.power_w)
    return Placed(
        place, line.chip, line.mine, figure.precision if figure else None, rate, line.tokens_per_s_per_user, line.ttft_s,
        power_w, line.power_limit_w, line.bill_usd, line.price_usd, line.paid_usd, line.paid_is_bill,
        line.rent_usd_per_h, line.per(figure, "paid_usd"), None if line.usd_per_s is None else 1e6 * line.usd_per_s / rate, value,
    )  # fmt: skip


def _lack(asked: Question) -> str:
    """What a chip lacks, in words."""
    if asked.chip.keeps_states:
        return "SRAM for a tile" if asked.batch <= (asked.largest_batch or 0) else "SRAM for the cache"
    if asked.capacity_bytes is None or asked.needed_bytes <= asked.capacity_bytes:
        return "SRAM for a tile"
    return f"{asked.needed_bytes / GIB:.4g} GiB needed of {asked.capacity_bytes / GIB:.4g}"


def _alone(chip: Entry, rates: Rates) -> Server:
    """One chip with what is known of it before it runs."""
    if chip.architecture is None:
        return chip_line(chip, Server)
    paid_usd, rests = price_of(chip.architecture, rates)
    rent = rates_of(chip.architecture, rates).rent_usd_per_h
    return chip_line(chip, Server, paid_usd=paid_usd or None, paid_is_bill="bill" in rests, rent_usd_per_h=rent)


def _server(alone: Server, asked: Question, rates: Rates) -> Server:
    """One chip that has run. Raises InfeasibleError where its memory is too small."""
    check_room(asked)
    ttft_s, further_s, *joules = _figures(asked)
    energy = None if np.isnan(joules[0]) else (joules[0], joules[1])
    latency_s, further = ttft_s + further_s, asked.output - 1
    cost = cost_of(asked, rates, (ttft_s, further_s), energy)
    figure = Figure(
        asked.batch * asked.output / latency_s, asked.batch, asked.precision, "simulated", None,
        power_w=None if energy is None else sum(energy) / latency_s,
    )  # fmt: skip
    return replace(
        alone,
        asked=figure,
        ttft_s=ttft_s,
        tokens_per_s_per_user=further / further_s if further else None,
        power_limit_w=asked.chip.power_limit_w,
        usd_per_s=None if cost is None else sum(cost.usd) / latency_s,
    )


def _figures(asked: Question) -> tuple[float, ...]:
    """Seconds of the prompts and of the further tokens, joules of both (NaN where not known); kept on disk."""
    own = chip_digest(asked.chip), asked.precision, asked.prompt, asked.output, asked.batch, asked.runtime.name
    shapes = repr(asked.decoder), repr(sorted(asked.shapes.items()))
    name = disk.name_of("served", networks_digest(), asked.model, *shapes, repr(own))
    kept = disk.load(name)
    if kept is None:
        first, growing = asked.run("prefill", asked.prompt, 0), growing_of(asked)
        seconds, joules = spent(first)
        further_s, further_j = growing.sums() if growing else (0.0, 0.0)
        if first.energy is None:
            joules = further_j = np.nan
        kept = {"figures": np.array([seconds, further_s, joules, further_j])}
        disk.save(name, kept)
    return tuple(kept["figures"].tolist())
