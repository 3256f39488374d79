"""The schema of a chip file: `Architecture`, frozen, checked in one place, and the numbers that follow from it.

Limits are far beyond any real chip; they keep products of keys inside float64 and int64, so that no formula has to
check. Units are in the names; GB = 1e9 bytes, KiB and MiB are powers of two.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from simulator.chip import parts
from simulator.chip.array import Array, BytesPerCycle, Model, Name, Rated, fault, words
from simulator.chip.outer import Dram
from simulator.chip.variants import Variant, VariantName
from simulator.errors import ChipError, NetworkError, nearest
from simulator.formats import Product, formats_of, product_of
from simulator.store.shown import Shown
from simulator.units import (
    GPU_KERNEL_FLOOR_US,
    GPU_KERNEL_GAP_CYCLES,
    KIB,
    LAYER_START_CYCLES,
    MIB,
    MICRO,
    effective_bytes_per_s,
    peak_tops,
)
from simulator.vocabulary import FUSED, OPERANDS, OWN_OPERATIONS, PRECISIONS

if TYPE_CHECKING:  # words of a table are known when this runs, not before
    Operand = str
    Operation = str
    Fused = str
else:
    Operand = Literal[*OPERANDS]
    Operation = Literal[*OWN_OPERATIONS]
    Fused = Literal[*FUSED]

Inside = Literal["nothing", "activations", "all"]
"""What never leaves a chip."""


class Sram(Model):
    """The on-chip memory that tiles and resident tensors share."""

    capacity_mib: Annotated[float, Field(ge=1e-3, le=2**20)]
    """Capacity [MiB]."""
    bytes_per_cycle: BytesPerCycle
    """All ports, reads and writes together [bytes per cycle of the chip's clock]."""
    holds: tuple[Operand, ...] = OPERANDS
    """Operands that share it; an operand that is missing has its own path. All operands where layers run side by side."""
    managed: Literal["software", "cache"] = "software"
    """`cache` offers half its capacity and misses above it; on a GPU more misses (`docs/model_gpu.md#the-l2-is-a-cache`)."""
    kind: Literal["scratchpad", "banked_buffer", "cache"] | None = None
    """How it is built, which sets its area; left out: a cache where managed as one, else a scratchpad."""
    weight_fifo_kib: Annotated[float, Field(gt=0, le=2**22)] | None = None
    """Buffer of the weights' own path, where `holds` leaves weights out [KiB]; bounds their prefetch."""

    _tuples = field_validator("holds", mode="before")(words)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if len(set(self.holds)) != len(self.holds):
            raise fault("holds", f"must name each operand once, got {list(self.holds)}")
        if not self.holds:
            raise fault("holds", f"must name at least one of {', '.join(OPERANDS)}, got []")
        if self.weight_fifo_kib is not None and "weights" in self.holds:
            raise fault("weight_fifo_kib", "must be left out where sram.holds lists weights")
        return self

    @property
    def capacity_bytes(self) -> int:
        """Capacity [bytes], rounded down."""
        return int(self.capacity_mib * MIB)

    @property
    def weight_fifo_bytes(self) -> int:
        """Buffer of the weights' own path [bytes]; 0 when there is none."""
        return int((self.weight_fifo_kib or 0) * KIB)


class Interconnect(Model):
    """What moves operands between SRAM and arrays."""

    bytes_per_cycle: BytesPerCycle
    """Bandwidth between SRAM and arrays [bytes per cycle]."""
    multicast: bool = True
    """One copy on the interconnect serves every array that needs it."""


class Vector(Model):
    """The unit for everything that is not a MAC."""

    lanes: Annotated[int, Field(ge=1, le=2**24)]
    """Width at int8, for everything that is not a MAC [elements per cycle]."""
    lane_bytes: Annotated[int, Field(ge=1, le=4)] | None = None
    """Width of a lane, where wider elements take several: a unit so many bytes wide does half as many of 16 bits; none: a lane
    takes an element of any format [bytes]."""
    channels: Annotated[int, Field(ge=1, le=2**24)] = 1
    """Channels that the lanes process side by side; a layer with fewer channels leaves lanes idle."""
    macs_per_cycle: dict[Rated, Annotated[float, Field(gt=0, le=2**24)]] = Field(default_factory=dict)
    """Multiply-accumulates of all lanes a cycle in each format, where the compiler gives them products that leave the array
    nearly empty, as those of one row; none: it does not (`docs/model.md#products-on-the-vector-lanes`)."""
    fuses: tuple[Fused, ...] = ()
    """Operations done on the way out of the array, without a pass of their own; `attention`: both products and the softmax
    between, the scores stay on the chip (`docs/model.md#fusion`)."""
    operations: dict[Operation, Annotated[float, Field(ge=0, le=2**20)]] = Field(default_factory=dict)
    """Operations per output element of a kind of layer (of a pool per kernel element), where this unit needs more or fewer
    than its definition has: a table that one lane reads element by element, operands that share a port. `dequantize`: per
    weight that is widened on its way into the array, 1 unless said."""

    _tuples = field_validator("fuses", mode="before")(words)

    @field_validator("fuses")
    @classmethod
    def _once(cls, words: tuple[Fused, ...]) -> tuple[Fused, ...]:
        for word in words:
            if words.count(word) > 1:
                raise fault("", f"must name each operation once, got {word!r} twice")
        return words

    @model_validator(mode="after")
    def _shared(self) -> Self:
        if self.channels > self.lanes:
            raise fault("channels", f"must be at most lanes, {self.lanes}, got {self.channels}")
        return self


class Host(Model):
    """The link to the host: the outer memory of a chip without DRAM."""

    link: str
    """A named link such as pcie3-x4 (`docs/chips.md#host-links`)."""

    @field_validator("link")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in parts.host_links():
            raise fault("", f"unknown host link {name!r}{nearest(name, parts.host_links())}")
        return name


class Schedule(Model):
    """What the chip's compiler does."""

    residency: Literal["optimal", "none"] = "optimal"
    """Whether tensors stay in SRAM between layers (and weights permanently) where that pays off."""
    overlap: Literal["network", "layer", "none"] = "layer"
    """Transfers overlap compute across layers, inside a layer, or not at all."""
    placement: Literal["time", "space"] = "time"
    """Layers run one after another on the whole chip, or side by side on parts of it."""
    keep_weights: bool = True
    """Weights may stay in SRAM from one batch to the next; false: a program begins and ends with its weights in DRAM."""
    sub_batches: bool = True
    """Segments of the network may run the batch in smaller sub-batches."""


class Architecture(Shown, Model):
    """One chip."""

    schema_version: Literal[1] = Field(alias="schema")
    """Version of the file format: 1."""
    name: Name
    """Name shown in reports."""
    aliases: tuple[str, ...] = ()
    """Other short names for the command (bundled files only)."""
    kind: Literal["accelerator", "gpu", "soc", "ip"] = "accelerator"
    """What the file describes: a chip of its own, a GPU, a part of a larger chip, or a block without a die; decides which
    cost can be told (`docs/cost.md`)."""
    process_nm: Annotated[float, Field(ge=0.5, le=10_000)] | None = None
    """Process node [nm]; the cost needs one of 65 to 3."""
    clock_mhz: Annotated[float, Field(ge=1e-3, le=1e5)]
    """Clock of array, SRAM and interconnect [MHz]."""
    array: Array | None = None
    """MAC arrays; a chip without them can be compared, not simulated."""
    cores: Annotated[int, Field(ge=1, le=1024)] = 1
    """Cores that work on one batch together and share only the outer memory; array, SRAM, interconnect, vector unit and port to
    the memory are those of one core (`docs/model_schedule.md#cores`)."""
    sram: Sram
    """On-chip memory."""
    dram: Dram | None = None
    """Outer memory; without it the host link takes its place, and without that all stays in the SRAM."""
    interconnect: Interconnect
    """Between SRAM and arrays."""
    vector: Vector
    """Vector unit."""
    host: Host | None = None
    """Link to the host."""
    schedule: Schedule = Schedule()
    """What the compiler does."""
    overhead_us: Annotated[float, Field(ge=0, le=1e6)] | None = None
    """Fixed time for each layer or kernel [us]; left out: the model's own (`docs/model_schedule.md#the-start-of-a-layer`), 3,000
    cycles where nothing runs ahead, 1 us and 3,500 cycles on a GPU, else 0."""
    call_us: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    """Time of the host's software and of the link's turnarounds for one batch [us]; part of the latency, while in steady
    state the host works on other batches."""
    power_limit_w: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Average power that the chip may draw [W], which needs `process_nm`; no limit when left out."""
    variants: dict[VariantName, Variant] = Field(default_factory=dict)
    """Boards with the same silicon, and what differs on each; the model reads one of them instead of the file's own."""
    published: dict[str, Any] | None = None
    """Facts and results published about the chip, for comparison; the model does not read them."""
    sources: dict[str, str] = Field(default_factory=dict)
    """Dotted key -> where its numbers come from; covers everything below the key, `all` covers the file."""

    _tuples = field_validator("aliases", mode="before")(words)

    @property
    def is_gpu(self) -> bool:
        """Whether the arrays are multiprocessors, whatever `kind` says."""
        return self.array is not None and self.array.kind == "sm"

    @model_validator(mode="after")
    def _fed(self) -> Self:
        if self.array is not None and self.inside != "nothing":
            where = "dram.read_only is true" if self.dram else "there is neither dram nor host"
            wanted = {
                "array.kind": (self.array.kind, "grid"),
                "schedule.residency": (self.schedule.residency, "optimal"),
                "schedule.placement": (self.schedule.placement, "time"),
            }
            for key, (got, must) in wanted.items():
                if got != must:
                    raise fault(key, f"must be {must!r} where {where}, got {got!r}")
            self._must_hold_all(where)
        return self

    @model_validator(mode="after")
    def _of_stages(self) -> Self:
        if self.array is None or self.schedule.placement == "time":
            return self
        if self.array.weight_load_bytes_per_cycle:
            raise fault("array.weight_load_bytes_per_cycle", "must be left out where placement is space")
        if self.array.unroll.most:
            raise fault("array.unroll.most", "must be left out where placement is space")
        self._must_hold_all("placement is space, where each layer has its weights and lines in SRAM")
        return self

    def _must_hold_all(self, where: str) -> None:
        """Raises a fault where the SRAM does not hold every operand."""
        if len(self.sram.holds) < len(OPERANDS):
            raise fault("sram.holds", f"must be left out where {where}, got {list(self.sram.holds)}")

    @model_validator(mode="after")
    def _of_cores(self) -> Self:
        if self.cores == 1:
            return self
        if self.is_gpu:
            raise fault("cores", "must be left out where array.kind is sm")
        for key, got, must in (
            ("residency", self.schedule.residency, "none"), ("placement", self.schedule.placement, "time"),
        ):  # fmt: skip
            if got != must:
                raise fault(f"schedule.{key}", f"must be {must!r} where cores is above 1, got {got!r}")
        return self

    @model_validator(mode="after")
    def _of_a_gpu(self) -> Self:
        if not self.is_gpu:
            if "attention" in self.vector.fuses and self.schedule.placement == "space":
                raise fault("vector.fuses", "'attention' must be left out where schedule.placement is 'space'")
            return self
        wanted = {
            "sram.managed": (self.sram.managed, "cache"),
            "schedule.residency": (self.schedule.residency, "none"),
            "schedule.placement": (self.schedule.placement, "time"),
        }
        for key, (got, must) in wanted.items():
            if got != must:
                raise fault(key, f"must be {must!r} where array.kind is sm, got {got!r}")
        self._must_hold_all("array.kind is sm")
        return self

    @property
    def inside(self) -> Inside:
        """What never leaves the chip: activations where the outer memory is read-only, all where there is none."""
        if self.dram is None:
            return "all" if self.host is None else "nothing"
        return "activations" if self.dram.read_only else "nothing"

    @property
    def keeps_states(self) -> bool:
        """Whether what lies in memory from one pass to the next lies in the SRAM: there is no DRAM that can be written.

        Where layers are stages, such states go over the host link.
        """
        return (self.dram is None or self.dram.read_only) and not self.is_gpu and self.schedule.placement == "time"

    @property
    def list_price_usd(self) -> float | None:
        """List price that is published about the chip [USD]; None where there is none."""
        return self._published_number("list_price_usd")

    @property
    def rent_usd_per_h(self) -> float | None:
        """Rent of a cloud that is published about the chip, energy included [USD/h]; None where there is none."""
        return self._published_number("rent_usd_per_h")

    @property
    def published_die_mm2(self) -> float | None:
        """Die that is published about the chip [mm2]; None where there is none."""
        return self._published_number("die_area_mm2")

    def _published_number(self, fact: str) -> float | None:
        """A published fact that is a number above 0, else None."""
        value = (self.published or {}).get(fact)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None

    @property
    def keeps_weights(self) -> bool:
        """Whether weights may stay in SRAM for ever."""
        return self.schedule.residency == "optimal" and self.schedule.keep_weights and "weights" in self.sram.holds

    @property
    def clock_hz(self) -> float:
        """Clock [Hz]."""
        return self.clock_mhz * 1e6

    @property
    def macs(self) -> int:
        """MAC units of the chip; 0 where no array is described."""
        return 0 if self.array is None else self.cores * self.array.macs

    def peak_tops(self, precision: str) -> float:
        """MACs x rate x clock x 2 / 1e12 [TOPS].

        Raises
        ------
        ChipError
            No array is described, or it has no rate for `precision`.
        NetworkError
            No such precision, or none of the array's formats holds its operands.
        """
        if self.array is None:
            raise ChipError(f"{self.name}: array: missing; this chip can be compared, not simulated")
        rates = self.array.rate
        if precision in PRECISIONS and precision not in rates:
            raise ChipError(f"{self.name}: array.rate: no {precision}{nearest(precision, rates)}")
        rate = rates[precision] if precision in rates else self.product(precision).rate
        return peak_tops(self.macs, rate, self.clock_hz)

    def product(self, precision: str) -> Product:
        """How the array multiplies activations by weights. Raises NetworkError where it cannot, or for what is no precision."""
        rates = {} if self.array is None else self.array.rate
        formats = formats_of(precision, tuple(rates))
        if formats.plain and precision not in rates:
            raise NetworkError(
                f"precision: {self.name} has no rate for {precision!r} in array.rate{nearest(precision, rates)}"
            )
        widens = () if self.array is None else self.array.widens
        found = product_of(formats.activations, formats.weights, tuple(rates.items()), widens)
        if found is None:
            near = nearest(formats.activations.multiplies, rates)
            what = f"{formats.activations.name} and {formats.weights.name}"
            raise NetworkError(f"precision: {self.name} has no format in array.rate that holds {what}{near}")
        return found

    def multiplies(self, precision: str) -> bool:
        """Whether the array is described and multiplies activations by weights of this precision."""
        try:
            return self.array is not None and bool(self.product(precision))
        except NetworkError:
            return False

    @property
    def dram_devices(self) -> int:
        """DRAM devices; 0 without DRAM."""
        return 0 if self.dram is None else self.dram.devices

    @property
    def dram_peak_bytes_per_s(self) -> float | None:
        """Nominal DRAM bandwidth [bytes/s]; None without DRAM."""
        return None if self.dram is None else self.dram.peak_bytes_per_s

    @property
    def dram_bytes_per_s(self) -> float | None:
        """DRAM bandwidth that a layer sees [bytes/s]: devices x rate x efficiency or the port; None without DRAM."""
        if self.dram is None:
            return None
        port = self.dram.port_bytes_per_cycle
        port_bytes_per_s = None if port is None else self.cores * port * self.clock_hz
        return effective_bytes_per_s(self.dram.peak_bytes_per_s, self.dram.efficiency, port_bytes_per_s)

    @property
    def dram_capacity_bytes(self) -> int | None:
        """DRAM capacity [bytes]; 0 without DRAM, None where the part gives none."""
        return 0 if self.dram is None else self.dram.capacity_bytes

    @property
    def host_bytes_per_s(self) -> float | None:
        """Host link, one direction [bytes/s]; None without a link."""
        return None if self.host is None else parts.host_link(self.host.link).bytes_per_s

    @property
    def call_s(self) -> float:
        """Fixed time of the host for one batch [s]."""
        return self.call_us * MICRO

    @property
    def outer_bytes_per_s(self) -> float | None:
        """Bandwidth of the outer memory [bytes/s]: DRAM, else the host link."""
        return self.host_bytes_per_s if self.dram is None else self.dram_bytes_per_s

    @property
    def layer_start(self) -> tuple[float, float]:
        """Fixed time for each layer or kernel: seconds at any clock, and cycles beside them.

        The file's own, else the model's: of a GPU between kernels, of other chips where each layer waits for its command and
        its first bytes, since no transfer runs ahead of it.
        """
        if self.overhead_us is not None:
            return self.overhead_us * MICRO, 0.0
        if self.is_gpu:
            return GPU_KERNEL_FLOOR_US * MICRO, float(GPU_KERNEL_GAP_CYCLES)
        waits = self.schedule.overlap != "network" and self.schedule.placement == "time"
        return 0.0, float(LAYER_START_CYCLES) if waits else 0.0

    @property
    def overhead_s(self) -> float:
        """Fixed time for each layer or kernel [s]."""
        fixed_s, cycles = self.layer_start
        return fixed_s + cycles / self.clock_hz
