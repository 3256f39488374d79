"""What is published about a chip: facts, each nullable, and results. The model reads none of it.

A bundled file names source and confidence of every fact and result; a file of your own may leave them out. TOPS are
dense operations, a MAC is two; GB = 1e9 bytes; `sram_mb` is as the source counts it, MB or MiB.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from simulator.chip.array import Name, fault
from simulator.reading.sizes import WANTED, ImageSize, height_width, image_size
from simulator.store import bundled

Confidence = Literal["primary", "secondary", "derived", "recalled", "low"]
"""primary: read in the maker's own document or log; secondary: in the press or a survey; derived: computed from other
figures of the file; recalled: general knowledge, unchecked; low: read in a weak place, or contradicted."""

Mode = Literal[
    "single_stream", "offline", "server", "claim", "engine", "triton_client", "model", "zoo", "silicon",
    "single_thread", "multi_thread", "vendor_sheet",
]  # fmt: skip
"""How a result came about; `docs/compare.md` explains each."""


def _nothing_or_something(value: float) -> float:
    """A figure that may be 0. Less than anything there is would make quotients overflow."""
    if 0.0 < value < LEAST:
        raise fault("", f"must be 0 or at least {LEAST:g}, got {value:g}")
    return value


LEAST = 1e-9
"""Of a figure that is not 0."""

Amount = Annotated[float, Field(ge=LEAST, le=1e15)]
Size = Annotated[float, Field(ge=0, le=1e9), AfterValidator(_nothing_or_something)]
Count = Annotated[int, Field(ge=0, le=2**40)]


MOST_PIXELS = 65_536
"""On a side of an image."""


def _image(value: Any) -> ImageSize:
    """A size of an image as it is kept. Raises what pydantic takes."""
    try:
        if value is True or not isinstance(value, int | str):
            raise ValueError(f"must be {WANTED}, got {str(value)[:40]!r}")
        if max(height_width(value)) > MOST_PIXELS:
            raise ValueError(f"must be at most {MOST_PIXELS:,} pixels on a side, got {str(value)[:40]!r}")
        return image_size(value)
    except ValueError as error:
        raise fault("", str(error)) from None


def _digest(value: str) -> str:
    """A SHA-256 as it is kept: small letters. Raises what pydantic takes."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise fault("", f"must be a SHA-256 of 64 hexadecimal digits, as sha256sum prints it, got {value[:70]!r}")
    return value.lower()


def with_names(published: Any) -> Any:
    """A `published` section as a file has it, its results a tuple, with their networks as listed: ResNet-50 is resnet50."""
    if not isinstance(published, Mapping) or not isinstance(published.get("results"), list | tuple):
        return published
    return {**published, "results": tuple(_named(row) for row in published["results"])}


def _named(row: Any) -> Any:
    """One result with its network as it is listed; anything else as it is."""
    if not isinstance(row, Mapping) or not isinstance(row.get("network"), str):
        return row
    return {**row, "network": bundled.listed_name(row["network"]) or row["network"]}


class _Model(BaseModel):
    """Frozen and strict, as the rest of a chip file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Provenance(_Model):
    """Where one fact comes from."""

    source: str
    """A key of `published.sources`."""
    confidence: Confidence
    """How reliable the source is."""
    note: str | None = None
    """Under which conditions it holds, or what contradicts it."""


class Row(_Model):
    """One published result."""

    network: str
    """Name of the network, as `rooftile networks` has it where it is bundled."""
    sha256: Annotated[str, AfterValidator(_digest)] | None = None
    """SHA-256 of the model file that ran, 64 hexadecimal digits: the result belongs to that file, under any name."""
    image_size: Annotated[int | str, BeforeValidator(_image)] | None = None
    """Rows of the square image, or height x width as text: "1080x1920"."""
    sequence_length: Annotated[int, Field(ge=1, le=2**20)] | None = None
    """Tokens."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Further parameters of the network."""
    batch: Annotated[int, Field(ge=1, le=2**30)] | None = None
    """Items in a batch; left out: free, or not stated."""
    precision: str | None = None
    """Of inputs and weights."""
    mode: Mode | None = None
    """How the figure was measured."""
    throughput_per_s: Amount
    """Inferences a second and chip."""
    latency_ms: Amount | None = None
    """Latency [ms]."""
    latency_kind: Literal["mean", "p90", "p99"] | None = None
    """Which latency it is."""
    accelerators_in_system: Annotated[int, Field(ge=1, le=2**20)] | None = None
    """Chips of the system that was measured."""
    system_throughput_per_s: Amount | None = None
    """Throughput of that system."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Keys of the chip file that differ for this figure."""
    ran_with: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the network as it ran, where those of the benchmark are a limit: sequences without their padding."""
    not_modelled: str | None = None
    """What keeps the figure from being compared with the model."""
    source: str | None = None
    """A key of `published.sources`."""
    confidence: Confidence | None = None
    """How reliable the source is."""
    detail: str | None = None
    """The place in the source."""
    note: str | None = None
    """Further conditions."""


class Published(_Model):
    """Facts and results published about one chip."""

    _names = model_validator(mode="before")(with_names)

    vendor: str | None = None
    """Vendor."""
    deployment: str | None = None
    """Intended use."""
    year: Annotated[int, Field(ge=1970, le=2100)] | None = None
    """Year of its announcement."""
    peak_tops_int8: Amount | None = None
    """Dense INT8 peak [TOPS]."""
    peak_tops_int4: Amount | None = None
    """Dense INT4 peak [TOPS]."""
    peak_tflops_fp16: Amount | None = None
    """Dense peak at 16 bits, float [TFLOPS]."""
    peak_tops_sparse: Amount | None = None
    """Peak that counts zeros as work [TOPS]; never used as a peak, only to flag one."""
    clock_mhz: Amount | None = None
    """Clock [MHz]."""
    macs_int8: Annotated[int, Field(ge=1, le=2**40)] | None = None
    """INT8 MACs a cycle."""
    array: str | None = None
    """The array in words."""
    sram_mb: Size | None = None
    """On-chip SRAM [MB or MiB, as the source counts]."""
    sram_bandwidth_gb_s: Amount | None = None
    """Bandwidth of it [GB/s]."""
    dram_type: str | None = None
    """Kind of DRAM; `none` without."""
    dram_devices: Count | None = None
    """Physical devices or stacks; 0 without DRAM."""
    dram_bus_bits: Count | None = None
    """Width of all of them [bit]."""
    dram_bandwidth_gb_s: Size | None = None
    """Nominal bandwidth [GB/s]."""
    dram_capacity_gb: Amount | None = None
    """Capacity [GB or GiB, as the source counts]."""
    die_area_mm2: Amount | None = None
    """Die [mm2]."""
    process_nm: Amount | None = None
    """Process node [nm]."""
    transistors_millions: Amount | None = None
    """Transistors [1e6]."""
    tdp_w: Amount | None = None
    """Design power [W]."""
    package: str | None = None
    """Package in words."""
    list_price_usd: Amount | None = None
    """Price of a chip, module or card [USD]."""
    rent_usd_per_h: Amount | None = None
    """Rent of one in a cloud, energy included [USD/h]."""
    host_interface: str | None = None
    """Link to the host in words."""
    provenance: dict[str, Provenance] = Field(default_factory=dict)
    """Fact -> source and confidence; also what is known about an unpublished fact."""
    results: tuple[Row, ...] = ()
    """Published results."""
    sources: dict[str, str] = Field(default_factory=dict)
    """Key -> the source itself."""

    @model_validator(mode="after")
    def _sourced(self) -> "Published":
        known = set(type(self).model_fields)
        for fact, entry in self.provenance.items():
            if fact not in known:
                raise fault(f"provenance.{fact}", "must name a fact of this section")
            if entry.source not in self.sources:
                raise fault(f"provenance.{fact}.source", f"must be a key of published.sources, got {entry.source!r}")
        for number, row in enumerate(self.results):
            if row.source is not None and row.source not in self.sources:
                raise fault(f"results.{number}.source", f"must be a key of published.sources, got {row.source!r}")
        return self


class Listing(_Model):
    """A chip file that can be compared, not simulated: names and what is published."""

    schema_version: Literal[1] = Field(alias="schema")
    """Version of the form: 1."""
    name: Name
    """Name shown in reports."""
    aliases: tuple[str, ...] = ()
    """Other short names."""
    kind: Literal["accelerator", "gpu", "soc", "ip"] = "accelerator"
    """What the file describes."""
    published: Published
    """Facts and results."""
    sources: dict[str, str] = Field(default_factory=dict)
    """As in a file with an array."""

    @model_validator(mode="before")
    @classmethod
    def _words(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("aliases"), list):
            return {**data, "aliases": tuple(data["aliases"])}
        return data
