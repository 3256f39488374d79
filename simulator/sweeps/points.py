"""The tables that a sweep gives: tables of polars that also show themselves, sentence and picture first.

A class of polars' own kind, so that whatever takes a table of polars takes these. A table that was cut down to other columns is
shown as polars shows it.
"""

from typing import Any

import polars as pl

from simulator.store.shown import faces

NEEDED = ("throughput_per_s", "bill_usd", "latency_s")
"""Columns without which a table is shown as any other."""


class _Plot:
    """`table.plot()` draws the points that no other beats; `table.plot.point(...)` and the like are those of polars."""

    def __init__(self, points: "SweepTable") -> None:
        self._points = points

    def __call__(self) -> Any:
        return faces().chart(self._points)

    def __getattr__(self, name: str) -> Any:
        return getattr(pl.DataFrame(self._points).plot, name)


class SweepTable(pl.DataFrame):
    """Points of a sweep in memory."""

    def _repr_html_(self, **options: Any) -> str:
        """The best points in a sentence, a picture of those that no other beats, and the first rows, as notebooks show them."""
        rows: str = super()._repr_html_(**options)
        return rows if not set(NEEDED) <= set(self.columns) else f"{faces().html(self)}{rows}"

    @property
    def plot(self) -> Any:
        """Call it for the picture that `rooftile sweep --plot` draws; its attributes are those of polars' tables."""
        return _Plot(self)

    def to_polars(self) -> pl.DataFrame:
        """The plain table."""
        return pl.DataFrame(self)

    def to_pandas(self, **options: Any) -> Any:
        """A pandas table; without options it needs no pyarrow. Raises OptionError without pandas."""
        return super().to_pandas(**options) if options else faces().as_pandas(self)


class SweepScan(pl.LazyFrame):
    """Points of a sweep in the parts of a folder, read when they are asked for."""

    def _repr_html_(self) -> str:
        """As of a table; only what is shown is read."""
        if not set(NEEDED) <= set(self.collect_schema().names()):
            return super()._repr_html_()
        return f"{faces().html(self)}{self.head(10).collect()._repr_html_()}"

    def plot(self) -> Any:
        """The picture that `rooftile sweep --plot` draws."""
        return faces().chart(self)

    def to_polars(self) -> pl.DataFrame:
        """All points, in memory."""
        return self.collect()

    def to_pandas(self) -> Any:
        """All points as a pandas table. Raises OptionError without pandas."""
        return faces().as_pandas(self.collect())

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The points for whatever reads Arrow."""
        return self.collect().__arrow_c_stream__(requested_schema)


def shown_scan(frame: pl.LazyFrame) -> SweepScan:
    """A folder's points as one that shows itself."""
    return SweepScan._from_pyldf(frame._ldf)  # type: ignore[return-value]  # polars' own way to make one of a class
