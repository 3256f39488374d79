"""A generation in words and tables: the answer in one sentence, what it takes, and where the time of its two passes goes."""

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt
from simulator.report.curves import Line, Panel, draw
from simulator.report.page import joined, require_charts
from simulator.report.run_charts import waterfall
from simulator.result.form import Result
from simulator.study.generating import Generation
from simulator.study.serving_batches import Served
from simulator.study.turning import SMALL, NextLimit
from simulator.units import GIB
from simulator.vocabulary import CAUSES, ROOF_NAMES


def generate_report(found: Generation, memory: bool = True) -> Group:
    """Put a generation together for a terminal. memory: with what lies in the outer memory."""
    sections: list[RenderableType] = [Text(sentence(found), style="bold"), Text(), _rates(found)]
    sections += [Text(), _times(found)]
    if memory:
        sections += [Text(), memory_table(found)]
    if found.usd_per_million_tokens is not None or found.joules_per_token is not None:
        sections += [Text(), _costs(found)]
    if found.decode is not None:
        sections += [Text(), Text("Where the time of a token goes (decode, mean context)", style="bold")]
        sections += [_parts(found.decode)]
    sections += [
        Text(),
        Text("Where the time to the first token goes (prefill)", style="bold"),
        _parts(found.prefill),
    ]
    sections += [Text(), Text(next_limit(found))]
    if found.notes:
        sections += [Text(), *(Text(f"Note: {note}") for note in found.notes)]
    return Group(*sections)


def sentence(found: Generation) -> str:
    """The answer."""
    mode = None if found.mode == "static" else found.mode
    how = "".join(f", {word}" for word in (mode, found.runtime) if word)
    tokens = (
        f"{found.prompt:,} tokens in, {found.output:,} out, batch {found.batch:,}, {formats_words(found.formats)}{how}"
    )
    user = found.tokens_per_s_per_user
    each = f", {fmt.significant(user)} for each user after its first token" if user is not None else ""
    band = ""
    if found.tokens_per_s_low is not None:
        band = f" ({fmt.significant(found.tokens_per_s_low, 2)} to {fmt.significant(found.tokens_per_s_high, 2)})"
    longer = "," if found.decode is None else "; the phase that takes longer is"
    return (
        f"{found.model} on {found.chip} ({tokens}): {fmt.significant(found.tokens_per_s)} tokens/s{band} for all users "
        f"with the time of their prompts{each}; first token after {fmt.time(found.ttft_s)}{longer} bound by "
        f"{_roof(found.bound_by)}."
    )


def formats_words(formats: Mapping[str, str]) -> str:
    """The number formats of the operands: one word where all are alike."""
    shown = [(formats[role], role) for role in ("weights", "activations", "cache")]
    return shown[0][0] if len({word for word, _ in shown}) == 1 else ", ".join(f"{word} {role}" for word, role in shown)


def next_limit(found: Generation) -> str:
    """What the next limit is, beyond the one that binds, and at which batch."""
    phase = found.prefill if found.decode is None or found.bound_by != found.decode.bound_by else found.decode
    gains = sorted(phase.gain_if_infinite.items(), key=lambda item: -item[1])
    period_s = phase.batch / phase.throughput_per_s
    told = [f"{_roof(roof)} {fmt.percent(saved / period_s)}" for roof, saved in gains[:2] if saved > SMALL * period_s]
    what = "a token" if phase is found.decode else "the prefill"
    lines = [f"Time of {what} saved without one limit: {', '.join(told)}." if told else "No single limit binds."]
    lines += [_turn(what, limit, found) for what, limit in (found.next_limit or {}).items()]
    if found.next_limit is None:
        lines.append(
            "At which batch the limit turns: --next-limit (in Python next_limit=True), which takes longer here."
        )
    if found.largest_batch is not None:
        lines.append(f"The largest batch that fits the memory is {found.largest_batch:,}.")
    return "\n".join(lines)


def _turn(phase: str, limit: NextLimit, found: Generation) -> str:
    """At which batch the limit of a phase turns."""
    text = f"{phase.capitalize()} is bound by {_roof(limit.bound_by)} up to batch {limit.up_to_batch:,}"
    if limit.next_batch is not None:
        return f"{text}; at {limit.next_batch:,} by {_roof(limit.next_bound_by or '')}."
    last = "the largest that fits" if limit.up_to_batch == found.largest_batch else "the largest that was tried"
    after = f"next comes {_roof(limit.next_bound_by)}" if limit.next_bound_by else "lifting another saves nothing"
    return f"{text}, {last}; {after}."


def _roof(name: str) -> str:
    return ROOF_NAMES.get(name, name)


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table


def _times(found: Generation) -> Table:
    """Times and rates."""
    table = _table("", "first", "mean", "last")
    table.add_row("time to first token (TTFT)", fmt.time(found.ttft_s), "", "")
    table.add_row(
        "time per token (TPOT)", *(fmt.time(one) for one in (found.tpot_first_s, found.tpot_s, found.tpot_last_s))
    )
    table.add_row("whole request", fmt.time(found.latency_s), "", "")
    return table


def _rates(found: Generation) -> Table:
    """What comes out, with what measured rows make of it."""
    table = _table("", "per second", "90 % of measured rows")
    low, high = (fmt.significant(one, 2) for one in (found.tokens_per_s_low, found.tokens_per_s_high))
    measured = "none on such a chip" if found.tokens_per_s_low is None else f"{low} to {high}"
    table.add_row("tokens out, all users, with the time of prompts", fmt.significant(found.tokens_per_s), measured)
    table.add_row("tokens out, one user, after the first", fmt.significant(found.tokens_per_s_per_user), "")
    table.add_row("requests", fmt.significant(found.requests_per_s), "")
    return table


def memory_table(found: Generation) -> Table:
    """What lies in the outer memory; in the SRAM where there is none that can be written."""
    table = _table("memory, GiB = 2**30 bytes", "GiB", "share")
    room = found.capacity_bytes
    for what, size in (
        ("weights", found.weights_bytes), ("KV cache at the last token", found.cache_bytes),
        ("activations", found.activation_bytes),
    ):  # fmt: skip
        table.add_row(what, fmt.significant(size / GIB), fmt.share(size / room) if room else "")
    inside = room is not None and room != found.prefill.dram_capacity_bytes
    table.add_row("capacity of the SRAM" if inside else "capacity", fmt.significant(room / GIB) if room else "-", "")
    return table


def _costs(found: Generation) -> Table:
    """Energy and money."""
    table = _table("", "")
    if found.joules_per_token is not None:
        table.add_row("joules per token", fmt.significant(found.joules_per_token))
    for what, usd in (
        ("USD per million tokens out, with their prompts", found.usd_per_million_tokens),
        ("  the prompts' passes, per million tokens in", found.usd_per_million_input_tokens),
        ("  the further passes, per million tokens out", found.usd_per_million_output_tokens),
    ):  # fmt: skip
        if usd is not None:
            table.add_row(what, fmt.significant(usd))
    return table


def _parts(result: Result) -> Table:
    """The parts of a pass's latency."""
    scale, unit = fmt.time_unit(result.latency_s)
    table, places = _table("", unit, "share"), fmt.decimals(result.latency_s / scale)
    for part, seconds in fmt.parts(result.waterfall).items():
        table.add_row(
            CAUSES.get(part, part.removesuffix("_s")), fmt.fixed(seconds / scale, places),
            fmt.percent(seconds / result.latency_s),
        )  # fmt: skip
    table.add_row("total", fmt.fixed(result.latency_s / scale, places), fmt.percent(1.0), style="bold")
    return table


def generate_chart(found: Generation, served: tuple[Served, ...]) -> Any:
    """Throughput against tokens/s of one user over the batch, and time per token against context.

    served: other batches, which take long: without them, as in a report, the picture shows where the time goes instead.
    """
    if not served:
        return generation_chart(found)
    alt = require_charts()
    curve = [(one.tokens_per_s_per_user, one.tokens_per_s) for one in served]
    spots = [(one.tokens_per_s_per_user, one.tokens_per_s, str(one.batch)) for one in served]
    panels = [
        Panel(
            "Throughput against speed, over the batch", "tokens/s of one user", "tokens/s", [Line("", curve, dots=True)],
            spots, log_upward=True,
        ),
        over_context(found),
    ]  # fmt: skip
    return joined(alt.hconcat, *(draw(alt, panel) for panel in panels), title=_title(alt, found))


def _title(alt: Any, found: Generation) -> Any:
    """The answer, over a picture that is sent alone."""
    return alt.TitleParams(textwrap.wrap(sentence(found), 90), anchor="start", fontSize=13, offset=12)


def over_context(found: Generation) -> Panel:
    """Time per token against context."""
    steps = [(float(max(1, context)), 1e3 * seconds) for context, seconds in found.steps]
    return Panel("Time per token", "context, tokens", "ms", [Line("", steps, dots=True)])


def generation_chart(found: Generation) -> Any:
    """Of one request alone: where the time of its passes goes, and time per token against context."""
    alt = require_charts()
    passes = [("First token", found.prefill), *([("A token", found.decode)] if found.decode is not None else [])]
    panels = [waterfall(result, f"{what}: where its time goes, green is useful work") for what, result in passes]
    if found.steps:
        panels.append(draw(alt, over_context(found)))
    return joined(alt.vconcat, *panels, spacing=24, title=_title(alt, found)).configure(
        padding=12, view=alt.ViewConfig(stroke="#dddddd")
    )
