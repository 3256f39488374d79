"""The array of a chip file: MAC units, what may be spread over them, and how stationary operands enter.

Limits are far beyond any real chip; they keep products of keys inside float64 and int64, so that no formula has to
check.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from simulator.store.foreign import printable
from simulator.units import KIB
from simulator.vocabulary import PAIRS, PRECISIONS, STATIONARY

if TYPE_CHECKING:  # words of a table are known when this runs, not before
    Precision = str
    Rated = str
    Stationary = str
else:
    Precision = Literal[*PRECISIONS]
    Rated = Literal[*PRECISIONS, *PAIRS]
    Stationary = Literal[*STATIONARY]

Dimension = Literal[
    "groups",
    "batch",
    "out_channels",
    "in_channels",
    "out_height",
    "out_width",
    "kernel_height",
    "kernel_width",
    "reduction",
    "pixels",
]
FLATTENED = {
    "reduction": ("in_channels", "kernel_height", "kernel_width"),
    "pixels": ("out_height", "out_width"),
}
"""Flattened words of `array.unroll`, and the loop dimensions each of them runs through."""

MAX_UNITS = 2**30
"""Most MAC units of a chip: a hundred times the largest wafer, and far from the end of int64."""

Side = Annotated[int, Field(ge=1, le=65_536)]  # a side of 65,536 is 256 times that of TPU v1
Cycles = Annotated[int, Field(ge=0, le=2**20)]  # per pass: a million cycles of overhead is no array any more
BytesPerCycle = Annotated[float, Field(ge=1e-3, le=2**30)]  # a GiB a cycle feeds 2**30 units


def fault(key: str, what: str) -> PydanticCustomError:
    """An error about `key` below the model being checked, for rules that pydantic's own words do not cover."""
    return PydanticCustomError("chip_fault", "{key}: {what}", {"key": key, "what": what})


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]


class Model(BaseModel):
    """Frozen and strict: no conversion, no unknown key, no infinity, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def words(values: Any) -> Any:
    """A YAML list as the tuple that a frozen model holds."""
    return tuple(values) if isinstance(values, list) else values


class Unroll(Model):
    """Loop dimensions that may be spread over each axis of the array in one cycle."""

    rows: tuple[Dimension, ...] = ()
    """Dimensions on the rows; the product of their factors is at most `array.rows`."""
    columns: tuple[Dimension, ...] = ()
    """Dimensions on the columns."""
    count: tuple[Dimension, ...] = ()
    """Dimensions spread over the arrays."""
    most: dict[Literal["rows", "columns", "count"], dict[Dimension, Side]] = Field(default_factory=dict)
    """Of an axis, the most indices of a dimension side by side: `{count: {out_height: 4, out_width: 4}}` is 16 arrays wired as
    4 x 4. Left out: as many as there is room for."""

    _tuples = field_validator("rows", "columns", "count", mode="before")(words)

    @model_validator(mode="after")
    def _unmixed(self) -> Self:
        axes = {"rows": self.rows, "columns": self.columns, "count": self.count}
        used = {word for words in axes.values() for word in words}
        for flat, inside in FLATTENED.items():
            clash = [word for word in inside if word in used]
            if flat in used and clash:
                raise fault(
                    next(axis for axis, words in axes.items() if flat in words),
                    f"{flat!r} already runs through {', '.join(inside)}; must not be unrolled beside {clash[0]!r}",
                )
        for axis, words in axes.items():
            for word in words:
                if words.count(word) > 1:
                    raise fault(axis, f"must name each dimension once, got {word!r} twice")
        for axis, limits in self.most.items():
            for word in limits:
                if word not in axes[axis]:
                    raise fault(
                        f"most.{axis}.{word}", f"must be one of array.unroll.{axis}, {', '.join(axes[axis]) or 'none'}"
                    )
        return self

    def most_of(self, axis: Literal["rows", "columns", "count"]) -> tuple[int, ...]:
        """Most indices of each dimension of an axis, in their order, 0 where it has no limit; empty where none has one."""
        limits = self.most.get(axis, {})
        return tuple(limits.get(word, 0) for word in getattr(self, axis)) if limits else ()


class UnitWords(Model):
    """Memory of one MAC unit in words, for row-stationary arrays."""

    inputs: Annotated[int, Field(ge=1, le=2**20)]
    """Inputs; the channels that a unit works through in one pass have their kernel row of inputs here [words]."""
    weights: Annotated[int, Field(ge=1, le=2**20)]
    """Weights of one pass [words]."""
    outputs: Annotated[int, Field(ge=1, le=2**20)]
    """Partial sums, one for each output channel of a pass [words]."""


_OF_GRIDS = (
    "accumulator_kib", "weights_double_buffered", "systolic", "weight_load_cycles", "weight_load_bytes_per_cycle",
    "unit_words", "winograd", "pass_overhead_cycles",
)  # fmt: skip

_OF_MULTIPROCESSORS = ("async_copies", "async_products", "cluster", "half_sums")


def _needs_no_grid(schema: dict[str, Any]) -> None:
    """In the JSON schema, `stationary` and `unroll` are for grids alone."""
    of_grids = ["stationary", "unroll"]
    schema["required"] = [name for name in schema["required"] if name not in of_grids]
    schema["if"] = {"properties": {"kind": {"const": "sm"}}, "required": ["kind"]}
    schema["else"] = {"required": of_grids}


class Array(Model):
    """`count` arrays of `rows` x `columns` MAC units."""

    model_config = ConfigDict(json_schema_extra=_needs_no_grid)

    kind: Literal["grid", "sm"] = "grid"
    """`sm`: multiprocessors of a GPU, which run thread blocks (`docs/model_gpu.md`); of their units only the number counts, and
    `stationary`, `unroll` and what is of grids are left out."""
    count: Side = 1
    """Arrays on the chip."""
    rows: Side
    """MAC units in a column."""
    columns: Side
    """MAC units in a row."""
    stationary: Stationary
    """Operand that stays in the units while the others stream; `rows` keeps rows of the kernel (row stationary)."""
    unroll: Unroll
    """Loop dimensions that each axis may unroll."""
    rate: dict[Rated, Annotated[float, Field(ge=1e-3, le=65_536)]] = Field(min_length=1)
    """Speed in each precision that the array computes [MACs per unit and cycle]; `int4*fp16`: weights in int4, inputs in fp16."""
    widens: tuple[Precision, ...] = ()
    """Formats of weights that the load path widens to that of the products, so that no vector lane has to (`docs/formats.md`)."""
    accumulator_kib: Annotated[float, Field(gt=0, le=2**22)] | None = None
    """Accumulators of all arrays together, where partial sums need no SRAM [KiB]; their only place where `sram.holds` has no
    outputs. Left out: room for the sums of one step."""
    accumulator_bytes: Annotated[int, Field(ge=1, le=8)] = 4
    """Width of one partial sum [bytes]."""
    weights_double_buffered: bool = False
    """The next weights load while the present ones compute."""
    systolic: bool = False
    """Operands move from unit to unit, so a fold has to be filled and drained; weights that do not come through the SRAM come
    in whole sets of rows x columns. false: broadcast and adder trees."""
    weight_load_cycles: Cycles | None = None
    """Time to load one set of stationary weights [cycles]; left out: `rows` when systolic, else 0."""
    weight_load_bytes_per_cycle: BytesPerCycle | None = None
    """Bus that loads stationary weights into the units [bytes per cycle]: a set takes its bytes over this. Replaces
    `weight_load_cycles`."""
    unit_words: UnitWords | None = None
    """Memory of one unit with `stationary: rows`; without it partial sums leave the array after every step."""
    winograd: bool = False
    """F(2x2, 3x3) for convolutions of 3x3 with stride 1: 2.25 times fewer MACs."""
    winograd_expands_weights: bool = True
    """Winograd weights lie in memory transformed, 16/9 times larger; false: transformed on the way into the array."""
    pass_overhead_cycles: Cycles = 0
    """Cycles that are lost at the start of every pass over the array [cycles]."""
    async_copies: bool = False
    """Of a multiprocessor: copies from memory to its shared memory bypass the registers and run asynchronously."""
    async_products: bool = False
    """Of a multiprocessor with such copies: its matrix units read the shared memory asynchronously (Hopper)."""
    cluster: Annotated[int, Field(ge=1, le=16)] = 1
    """Thread blocks on neighbouring multiprocessors that share one read of the cache by multicast; 2 on Hopper."""
    half_sums: Annotated[float, Field(ge=1, le=16)] = 1.0
    """Of a multiprocessor: rate of fp16 products with 16-bit accumulators over that of `rate`, which has 32-bit ones. Used by
    runtimes that accumulate in 16 bits (`docs/generate.md`)."""

    _tuples = field_validator("widens", mode="before")(words)

    @model_validator(mode="before")
    @classmethod
    def _no_grid(cls, data: Any) -> Any:
        """Fill in what a multiprocessor has no choice of."""
        if not isinstance(data, dict) or data.get("kind") != "sm":
            return data
        return {"stationary": "outputs", "unroll": {}, **data}

    @model_validator(mode="after")
    def _of_kind(self) -> Self:
        for name in _OF_MULTIPROCESSORS:
            if self.kind != "sm" and getattr(self, name) != type(self).model_fields[name].default:
                raise fault(name, "must be left out where kind is grid")
        if self.async_products and not self.async_copies:
            raise fault(
                "async_products", "must be left out where async_copies is false: the products wait for the copies"
            )
        if self.kind == "sm":
            for name in _OF_GRIDS:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise fault(name, "must be left out where kind is sm")
            if self.stationary != "outputs" or self.unroll != Unroll():
                name = "unroll" if self.stationary == "outputs" else "stationary"
                raise fault(name, "must be left out where kind is sm")
        return self

    @field_validator("rate")
    @classmethod
    def _alone(cls, rates: dict[str, float]) -> dict[str, float]:
        if all("*" in word for word in rates):
            raise fault("", f"must have a precision beside its pairs, got {list(rates)}")
        return rates

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.macs > MAX_UNITS:
            raise fault("count", f"count x rows x columns must be at most {MAX_UNITS:,}, got {self.macs:,}")
        if self.weight_load_bytes_per_cycle is not None:
            if self.weight_load_cycles is not None:
                raise fault("weight_load_bytes_per_cycle", "must be left out beside weight_load_cycles")
            if self.stationary not in ("weights", "rows"):
                raise fault("weight_load_bytes_per_cycle", f"must be left out where {self.stationary} are stationary")
        if self.unit_words is not None and (self.stationary != "rows" or self.accumulator_kib is not None):
            raise fault("unit_words", "must be left out unless rows are stationary and accumulator_kib is left out")
        return self

    @property
    def macs(self) -> int:
        """MAC units of all arrays."""
        return self.count * self.rows * self.columns

    @property
    def load_cycles(self) -> int:
        """Cycles to load one set of stationary weights, the default filled in."""
        if self.weight_load_cycles is not None:
            return self.weight_load_cycles
        return self.rows if self.systolic and self.weight_load_bytes_per_cycle is None else 0

    @property
    def accumulator_capacity_bytes(self) -> int:
        """Accumulators of all arrays together [bytes]; 0 when there are none."""
        return int((self.accumulator_kib or 0) * KIB)

    @property
    def unit_memory_bytes(self) -> int:
        """Memory of all units together, words as wide as partial sums [bytes]; 0 when they have none."""
        words = self.unit_words
        return (
            0 if words is None else self.macs * self.accumulator_bytes * (words.inputs + words.weights + words.outputs)
        )
