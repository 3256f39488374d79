"""Pictures of chips on a request to a language model: what they give per dollar, and to each user per watt."""

from collections.abc import Callable, Sequence
from typing import Any

from simulator.formats import in_words
from simulator.report.page import joined, require_charts
from simulator.report.scatter import few, labelled, scatter_chart
from simulator.study.serving_chips import Placed, Serving

ALL, ONE = "tokens/s of all users", "tokens/s of one user"

PANELS: tuple[tuple[Callable[[Placed], float | None], str, Callable[[Placed], float | None], str, str], ...] = (
    (lambda row: row.tokens_per_s_per_usd, "tokens/s per USD", lambda row: row.tokens_per_s, ALL, "tokens/s per dollar"),
    (
        lambda row: None if row.power_w is None else row.tokens_per_s / row.power_w, "tokens/s per watt",
        lambda row: row.tokens_per_s_per_user, ONE, "tokens/s per watt",
    ),
)  # fmt: skip
"""What is shown across and in which words, the same upwards, and what the chip that is ahead across gives most of."""


def serving_chart(found: Serving) -> Any:
    """Both plots, side by side. Raises OptionError when the extra `charts` is not installed."""
    alt = require_charts()
    panels = [_panel(alt, found.rows, *panel) for panel in PANELS]
    formats = sorted({row.precision for row in found.rows if row.precision})
    mine = ", red from your files" if any(row.mine for row in found.rows) else ""
    words = f"{found.prompt:,} tokens in, {found.output:,} out, batch {found.batch:,}"
    title = alt.TitleParams(
        f"{found.model}, {words}: {', '.join(in_words(one) for one in formats)}{mine}", anchor="start", fontSize=15
    )
    return joined(alt.hconcat, *panels, spacing=30, title=title).configure(
        padding=12, view=alt.ViewConfig(stroke="#dddddd")
    )


def _panel(
    alt: Any,
    rows: Sequence[Placed],
    across: Callable[[Placed], float | None],
    across_words: str,
    upward: Callable[[Placed], float | None],
    upward_words: str,
    most: str,
) -> Any:
    """One plot; its title says which chip is ahead across."""
    shown, without = [], []
    for row in rows:
        x, y = across(row), upward(row)
        if x is None or y is None:
            without.append(row.chip)
        else:
            shown.append({"label": row.chip, "kind": "mine" if row.mine else "simulated", "x": x, "y": y})
    title = f"{most.capitalize()}: nothing is known"
    if shown:
        first = max(shown, key=lambda row: float(str(row["x"])))["label"]
        title = f"{first} gives most {most}"
    subtitle = [f"not shown, a number is missing: {few(without, 4)}"] if without else []
    return scatter_chart(alt, labelled(shown), across_words, upward_words, title, subtitle)
