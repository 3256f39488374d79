"""What the page asks and what it is answered: typed, and told by `/api/openapi.json`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_CHIPS = 6
"""Chips beside the one that is asked about."""

MOST_BATCH = 65_536
"""Items of a batch."""

LONGEST_NAME = 200
"""Characters of a name."""

LONGEST_CHIP = 500_000
"""Characters of a chip file that comes with a question; the largest bundled one has a tenth."""

Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Value = Annotated[str, Field(max_length=LONGEST_NAME)] | bool | int | float
"""A value as it is typed behind `--set` and `--param`."""

Picture = Literal["png", "svg"]
"""Kinds of pictures as files."""

Show = Literal["roofline", "figures", "layers", "sram", "bill", "beside", "changes"]
"""Sections of an answer."""

Work = Literal["map", "ranking", "sweep"]
"""Sections of questions over many chips."""


class _Form(BaseModel):
    """Unknown keys are faults."""

    model_config = ConfigDict(extra="forbid")


class ChipAsked(_Form):
    """A chip: a bundled name, or the text of a chip file."""

    chip: Name = ""
    chip_text: Annotated[str, Field(max_length=LONGEST_CHIP)] | None = None
    settings: Annotated[dict[Name, Value], Field(max_length=64)] = {}
    """As `--set`: dotted key -> value."""


class PointAsked(ChipAsked):
    """One network on one chip."""

    network: Name
    """A bundled name, or what `/api/network` called a file."""
    params: Annotated[dict[Name, Value], Field(max_length=64)] = {}
    """As `--param`."""
    batch: Annotated[int, Field(ge=1, le=MOST_BATCH)] = 1
    precision: Name | None = None


class RunAsked(PointAsked):
    """One network on one chip, and which sections of the report are wanted; the figures always come."""

    beside: Annotated[list[Name], Field(max_length=MOST_CHIPS)] = []
    """Bundled chips to stand beside it."""
    show: Annotated[list[Show], Field(max_length=7)] = []
    ahead: bool = False
    """Asked before anybody waits for it: others go first."""


class MapAsked(PointAsked):
    """SRAM against DRAM around a chip, as `rooftile memory`."""

    question: Literal["map"]


class RankingAsked(PointAsked):
    """All bundled chips and this one in one order, as `rooftile compare`."""

    question: Literal["ranking"]
    by: Name = "usd"
    """As `--by`."""


class SweepAsked(PointAsked):
    """A map of two keys of a chip, as `rooftile sweep` and `rooftile best`."""

    question: Literal["sweep"]
    vary: Annotated[dict[Name, Name], Field(min_length=2, max_length=2)]
    """As `--vary`: key -> range; the first goes across."""
    by: Name = "throughput_per_usd"
    """The figure of each point."""


class WorkAsked(_Form):
    """A question over many chips: it is submitted, and its answer polled."""

    work: Annotated[MapAsked | RankingAsked | SweepAsked, Field(discriminator="question")]


class TicketAsked(_Form):
    """A submitted question."""

    ticket: Name


class Submitted(_Form):
    """A question that waits for its turn."""

    ticket: str
    ahead: int
    """Questions before it."""


State = Literal["waiting", "working", "done", "failed", "cancelled"]


class Standing(_Form):
    """Where a submitted question stands."""

    ticket: str
    state: State
    doing: str
    elapsed_s: float
    share: float | None
    """Done of it; null where nobody knows."""
    left_s: float | None
    errors: list[str] = []


class TextPart(_Form):
    """Lines of text."""

    kind: Literal["text"] = "text"
    text: str
    heading: bool = False


class TablePart(_Form):
    """A table in words."""

    kind: Literal["table"] = "table"
    caption: str
    headings: list[str]
    right: list[bool]
    rows: list[list[str]]
    behind: list[list[str]]
    """Lines behind each row."""
    below: str


class ChartPart(_Form):
    """A picture as Vega-Lite, and what it shows in words."""

    kind: Literal["chart"] = "chart"
    chart: dict[str, Any]
    words: str


class SectionForm(_Form):
    """A heading and what stands below it."""

    name: Show | Work
    heading: str
    parts: list[Annotated[TextPart | TablePart | ChartPart, Field(discriminator="kind")]]


class Polled(Standing):
    """Where a submitted question stands, and its answer as a section of the page."""

    answer: SectionForm | None = None


class Figures(_Form):
    """The headline in numbers; the names are those of `rooftile run --json`."""

    network: str
    chip: str
    batch: int
    precision: str
    throughput_per_s: float
    latency_s: float
    utilisation: float
    largest_loss: str
    power_w: float | None
    throughput_per_w: float | None
    bill_usd: float | None
    throughput_per_usd: float | None
    waterfall_period: dict[str, float]
    """Seconds of a batch in steady state by cause."""


class Tile(_Form):
    """A figure of the headline in words."""

    name: str
    words: str


class RunAnswer(_Form):
    """The answer; the sentence says what binds, and comes where a section was asked for that says it too."""

    figures: Figures
    tiles: list[Tile]
    notes: list[str]
    sentence: str | None = None
    sections: list[SectionForm] = []


class Slider(_Form):
    """A number of a chip or a network that the page lets one vary: the values to stop at."""

    key: str
    label: str
    value: int | float
    stops: list[int | float]
    around: str = ""
    """Values about it for a map, as `--vary` takes them."""


class Named(_Form):
    """An entry of a list."""

    name: str
    title: str


class Choice(_Form):
    """A word of a chip or a network that the page lets one choose, and what it may be."""

    key: str
    label: str
    value: str
    options: list[Named]


class ChipAnswer(_Form):
    """A chip: what can be varied of it, and its file."""

    title: str
    precisions: list[str]
    sliders: list[Slider]
    choices: list[Choice]
    text: str


class NetworkAsked(_Form):
    """A network of the library, or a file that was sent."""

    network: Name
    params: Annotated[dict[Name, Value], Field(max_length=64)] = {}
    """Open sizes of a file."""


class NetworkAnswer(_Form):
    """A network: what can be varied of it, and its size."""

    network: str
    title: str
    params: dict[str, Any]
    sliders: list[Slider]
    choices: list[Choice]
    macs: int
    parameters: int
    layers: int


class Library(_Form):
    """What is bundled."""

    version: str
    chips: list[Named]
    networks: list[Named]
    files: list[str]
    """Endings of files of networks."""
    orders: list[Named]
    """What a ranking may be by."""
    columns: list[Named]
    """Figures that a map of two keys may show."""


class Faults(_Form):
    """What is wrong, one line a fault."""

    errors: list[str]
