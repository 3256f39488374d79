"""Chips on a request to a language model: the answer in a sentence, one ranking, and what cannot answer, with what it lacks."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt
from simulator.report.compare_tables import MINE, ROWS, limits_line
from simulator.report.fit import WithSheet
from simulator.report.scatter import few
from simulator.study.serving_chips import ORDERS, PAID, Placed, Serving

PRICED = ("usd", "bill", "list-usd", "mtoken")
"""Orders by a price."""


def serving_report(found: Serving, every: bool = False) -> Group:
    """Put it together for a terminal. every: all rows, not the first ten and mine."""
    sections: list[RenderableType] = [Text(serving_sentence(found), style="bold")]
    if found.rows:
        sections += [Text(), _ranked(found, every)]
    sections += _unranked(found, every)
    if found.limits:
        sections.append(Text(limits_line(found.limits, found.above)))
    if found.lacking:
        told = [f"{chip} ({lack})" for chip, lack in found.lacking.items()]
        sections += [Text(), Text(f"Cannot answer: {few(told, len(told) if every else 6)}")]
    sections += [Text(f"Note: {note}") for note in found.notes]
    if found.rows:
        sections += [Text(), Text(_legend(found, every))]
    return WithSheet(*sections, sheet=_ranked(found, True)) if found.rows else Group(*sections)


def _unranked(found: Serving, every: bool) -> list[RenderableType]:
    """Chips without a place, and what would give them one."""
    without = [row for row in found.rows if row.place is None]
    rented = [row.chip for row in without if row.rent_usd_per_h is not None and found.by in PRICED]
    others = [*(row.chip for row in without if row.chip not in rented), *found.untried]
    why = "no price is known" if found.by in PRICED else "it is not known what to divide by"
    told = (
        (rented, "their rent alone is known", "`--by mtoken` ranks them beside chips with a price."),
        (others, why, "`--price` or `--rent` gives one."),
    )
    found_lines: list[RenderableType] = []
    for names, reason, remedy in told:
        if names:
            said = few(names, len(names) if every else ROWS)
            found_lines += [Text(), Text(f"Not ranked, since {reason}: {said}; {remedy}")]
    return found_lines


def serving_sentence(found: Serving) -> str:
    """The answer."""
    asked = f"{found.model}, {found.prompt:,} tokens in, {found.output:,} out, batch {found.batch:,}"
    ranked = [row for row in found.rows if row.place]
    words = order_words(found.by, ranked)
    if not ranked:
        return f"{asked}: no chip can be ranked by {words}."
    best = ranked[0]
    after = ", ".join(f"{row.chip} ({_worth(row, found.by)})" for row in ranked[1:3])
    return (
        f"{asked}: best of {_chips(len(ranked))} by {words} is {best.chip} ({_worth(best, found.by)}; "
        f"{fmt.significant(best.tokens_per_s, 3)} tokens/s){f', then {after}' if after else ''}."
    )


def _chips(count: int) -> str:
    """How many chips."""
    return "1 chip" if count == 1 else f"{count:,} chips"


def order_words(by: str, ranked: Sequence[Placed]) -> str:
    """What chips are ranked by; of what is paid, which prices these are."""
    if by == PAID and ranked and not any(row.paid_is_bill for row in ranked):
        if all(row.paid_usd == row.price_usd for row in ranked):
            return "tokens/s per USD of list price"
        if all(row.paid_usd != row.price_usd for row in ranked):
            return "tokens/s per USD of the price that is given"
    return ORDERS[by][1]


def _worth(row: Placed, by: str) -> str:
    """What a chip is ranked by."""
    if by == "mtoken":
        return f"{fmt.significant(row.usd_per_million_tokens, 3)} USD a million tokens"
    return fmt.significant(row.value, 3)


def _ranked(found: Serving, every: bool) -> Table:
    """The chips in one order, those that cannot be ranked below."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for number, heading in enumerate(
        (
            "",
            "chip",
            "tokens/s\nall",
            "\none",
            "first\ntoken",
            "W",
            "USD",
            "tok/s a\nUSD",
            "USD/M\ntokens",
            "ranked\nby",
        )
    ):
        table.add_column(heading, justify="left" if number == 1 else "right", no_wrap=True)
    for at, row in enumerate(found.rows, 1):
        if not (every or at <= ROWS or row.mine):
            continue
        table.add_row(
            "-" if row.place is None else str(row.place), f"{MINE} {row.chip}" if row.mine else row.chip,
            fmt.significant(row.tokens_per_s, 3), fmt.significant(row.tokens_per_s_per_user, 3), fmt.time(row.ttft_s),
            _watts(row), _paid(row), fmt.significant(row.tokens_per_s_per_usd, 3),
            fmt.significant(row.usd_per_million_tokens, 3), fmt.significant(row.value, 3),
        )  # fmt: skip
    if found.by in ("usd", "mtoken", "throughput"):
        table.columns.pop()
    return table


def _paid(row: Placed) -> str:
    """What a chip is paid with: a price, a bill with its mark, or a rent an hour."""
    if row.paid_usd is not None:
        return f"{fmt.significant(row.paid_usd, 3)}{'*' if row.paid_is_bill else ' '}"
    return "-" if row.rent_usd_per_h is None else f"{row.rent_usd_per_h:g}/h"


def _watts(line: Placed) -> str:
    """Mean power of the request; the limit where the energy is not known."""
    if line.power_w is not None:
        return f"{fmt.significant(line.power_w, 3)} "
    return "-" if line.power_limit_w is None else f"{fmt.significant(line.power_limit_w, 3)}+"


def _legend(found: Serving, every: bool) -> str:
    """Say what the columns hold."""
    lines = [
        "tokens/s: of all users, and of one behind the first token. USD: the price that is given, else the list price of the "
        "chip file, else a rent (/h), else * the bill of materials, without a margin: a chip with a bill alone looks cheap "
        "beside a list price. A rent pays for the machine around the chip too, a price for the chip or card alone.",
        "W: mean of the request; + the power limit, where the energy is not known.",
    ]
    if not every and len(found.rows) > ROWS:
        lines.append(f"The first {ROWS} of {len(found.rows)} are shown; `--all` shows all.")
    return "\n".join(lines)
