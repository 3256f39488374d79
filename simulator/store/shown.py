"""What answers and chips have in common in Python: a short form, a page in a notebook, a picture, a table."""

import importlib
from typing import Any


def faces() -> Any:
    """What shows answers, which stands above them: fetched when one is asked to show itself."""
    return importlib.import_module("simulator.report.faces")


class Shown:
    """An answer that shows itself as the command shows it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({faces().headline(self)})"

    def _repr_html_(self) -> str:
        """The report as tables, and the picture where the extra `charts` is there; nothing is fetched when they are shown."""
        html: str = faces().html(self)
        return html

    def plot(self) -> Any:
        """The picture that `--plot` draws, an altair chart. Raises OptionError when the extra `charts` is not installed."""
        return faces().chart(self)

    def to_polars(self) -> Any:
        """The rows of the answer, a polars table with the names of the JSON. Raises OptionError without the extra `sweep`."""
        return faces().table(self)

    def to_pandas(self) -> Any:
        """The same as a pandas table. Raises OptionError without the extra `sweep` or without pandas."""
        return faces().pandas_table(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The rows for whatever reads Arrow (pyarrow, DuckDB, pandas): no copy, no library of ours on the other side."""
        return self.to_polars().__arrow_c_stream__(requested_schema)
