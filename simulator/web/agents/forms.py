"""What agents ask and what they are answered: typed, and told by the tools' schemas."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.web.forms import LONGEST_NAME, MOST_BATCH, Figures, Name, Standing, TicketAsked, Value

MOST_ROWS = 200
"""Of a list or a table in an answer."""

LONGEST_WAIT_S = 20.0
"""That `poll` waits."""

Settings = Annotated[
    dict[Name, Value],
    Field(
        max_length=64, description="Changes of the chip: dotted key of its file -> value, such as sram.capacity_mib: 16"
    ),
]
Batch = Annotated[int, Field(ge=1, le=MOST_BATCH, description="Items processed together")]
Precision = Annotated[
    Annotated[str, Field(max_length=LONGEST_NAME)] | None,
    Field(description="Number format such as int8 or w4a16; int8 if null"),
]
ChipName = Annotated[
    str, Field(max_length=1000, description="A name of list_chips, or a chip file in an allowed folder")
]
NetworkName = Annotated[
    str,
    Field(
        max_length=1000,
        description="A name of list_networks, or a model file in an allowed folder; NAME@SIZE sets its image or sequence",
    ),
]
Params = Annotated[
    dict[Name, Value], Field(max_length=64, description="Parameters of the network, such as image_size: 640")
]


class _Form(BaseModel):
    """Unknown keys are faults."""

    model_config = ConfigDict(extra="forbid")


class ListAsked(_Form):
    """Which part of a list."""

    contains: Annotated[str, Field(max_length=LONGEST_NAME, description="Only names or titles that contain this")] = ""


class NetworkAsked(_Form):
    """One network."""

    network: NetworkName
    params: Params = {}
    batch: Batch = 1
    precision: Precision = None


class RunAsked(NetworkAsked):
    """One network on one chip."""

    chip: ChipName
    settings: Settings = {}


class OneRunAsked(RunAsked):
    """The same, with how much is to be told."""

    next_dollar: Annotated[
        bool, Field(description="Whether to try what to change first: some twenty runs of changed chips, seconds")
    ] = True


class ExplainAsked(NetworkAsked):
    """One network on two chips."""

    a: ChipName
    b: ChipName
    settings_a: Settings = {}
    settings_b: Settings = {}


class CostAsked(_Form):
    """One chip."""

    chip: ChipName
    settings: Settings = {}


class CompareAsked(NetworkAsked):
    """Chips side by side on one network."""

    question: Literal["compare"]
    chips: Annotated[list[ChipName], Field(max_length=500, description="All bundled ones if empty")] = []
    by: Annotated[
        str, Field(max_length=20, description="usd, list-usd, w, tdp, mm2, tops, dram, sram or throughput")
    ] = "usd"


class SizeAsked(NetworkAsked):
    """The cheapest chip that reaches targets."""

    question: Literal["size"]
    chip: Annotated[ChipName, Field(description="Base of the design space")] = "example_edge"
    settings: Settings = {}
    at_least_per_s: float | None = None
    latency_s: float | None = None
    max_power_w: float | None = None
    max_cost_usd: float | None = None
    vary: Annotated[
        dict[Name, Name] | None,
        Field(max_length=16, description="Key -> range such as 1:64:x2 or 1,2,4; multiples of the base chip if null"),
    ] = None
    bundled: Annotated[bool, Field(description="Whether bundled chips, as they are, may answer too")] = True


class SweepAsked(RunAsked):
    """One network on many chips."""

    question: Literal["sweep"]
    vary: Annotated[
        dict[Name, Name], Field(min_length=1, max_length=16, description="Key -> range such as 1:64:x2 or 1,2,4")
    ]
    by: Annotated[str, Field(max_length=LONGEST_NAME, description="Best by this column")] = "throughput_per_usd"


class SubmitAsked(_Form):
    """A question that takes long."""

    work: Annotated[CompareAsked | SizeAsked | SweepAsked, Field(discriminator="question")]


class PollAsked(TicketAsked):
    """Where a submitted question stands."""

    wait_s: Annotated[float, Field(ge=0.0, le=LONGEST_WAIT_S, description="Waits so long for the end")] = 0.0


class Words(_Form):
    """An answer in words."""

    answer: str
    """In one sentence."""
    bound: str
    """What binds."""
    waterfall: list[str]
    """Where the time, or the money, goes."""
    next_dollar: list[str]
    """What to change first, and what it gives for a dollar."""
    validity: list[str]
    """The band, what was approximated, what lies outside what was validated."""


class ChipRow(_Form):
    """A chip of the list."""

    name: str
    title: str
    runs: bool
    peak_tops: float | None
    sram_mib: float | None
    dram_gb_per_s: float | None
    process_nm: float | None
    plugin: str | None


class ChipList(_Form):
    """Chips, the first of those that were asked for."""

    count: int
    chips: list[ChipRow]
    notes: list[str] = []


class NetworkRow(_Form):
    """A network of the list."""

    name: str
    params: dict[str, Any]
    plugin: str | None


class NetworkList(_Form):
    """Networks, the first of those that were asked for."""

    count: int
    networks: list[NetworkRow]
    notes: list[str] = []


class RunFigures(Figures):
    """The headline in numbers; the names are those of `rooftile run --json`."""

    bound_by: str
    throughput_low_per_s: float
    throughput_high_per_s: float
    dram_bytes: float
    sram_bytes: float
    lower_bound_s: float
    gain_if_infinite: dict[str, float]
    """Seconds of a batch that go if a roof had no limit."""


class RunAnswer(_Form):
    """A run."""

    figures: RunFigures
    words: Words


class ExplainAnswer(_Form):
    """Why one chip is slower than the other."""

    a: RunFigures
    b: RunFigures
    difference_s: float
    """B - A, of a batch in steady state."""
    parts: dict[str, float]
    """Cause in words -> seconds of the difference, in all `difference_s`."""
    words: Words
    """Of B, after the difference."""


class CostAnswer(_Form):
    """Area, bill and power of a chip, as `rooftile cost --json` has them."""

    cost: dict[str, Any]
    words: Words


class StepRow(_Form):
    """One key changed by one step."""

    setting: str
    throughput_per_s: float | None
    change_per_s: float | None
    bill_usd: float | None
    change_usd: float | None
    per_usd: float | None
    power_w: float | None
    reason: str | None
    """Why the changed chip does not run the network."""


class SensitivityAnswer(_Form):
    """What one step of each part of a chip gives and costs."""

    figures: RunFigures
    steps: list[StepRow]
    next_dollar: str | None
    cheapest_saving: str | None
    better: list[str]
    words: Words


class TableAnswer(_Form):
    """A long question answered: its best rows, and the best of all in words."""

    question: str
    rows: list[dict[str, Any]]
    count: int
    """Rows in all."""
    words: Words


class Polled(Standing):
    """Where a submitted question stands, and its answer."""

    answer: TableAnswer | None = None
