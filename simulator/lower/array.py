"""What of a chip the frontiers of its layers depend on."""

import functools
import math
from dataclasses import dataclass, replace

from simulator.chip.schema import Architecture, Inside
from simulator.errors import NetworkError
from simulator.formats import Formats, formats_of
from simulator.lower.shape import Shape
from simulator.units import CACHE_SHARE
from simulator.vocabulary import OPERANDS, WIDENING

OF_OUTPUTS = frozenset({"groups", "batch", "out_channels", "out_height", "out_width", "pixels"})
"""Words of `array.unroll` that tell outputs apart."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What of a chip the frontiers of its layers depend on: the array, its feed, and how tiles are buffered."""

    count: int
    rows: int
    columns: int
    stationary: str
    unroll_rows: tuple[str, ...]
    unroll_columns: tuple[str, ...]
    unroll_count: tuple[str, ...]
    most_rows: tuple[int, ...] = ()
    """Of each word of an axis, the most indices side by side (0: no limit of its own); empty where no word has one."""
    most_columns: tuple[int, ...] = ()
    most_count: tuple[int, ...] = ()
    rate: float = 1.0
    """MACs per unit and cycle at the precision of the run; see `spec_of`."""
    accumulator_bytes: float = 0.0
    """Accumulators of all arrays together. [B]"""
    weights_double_buffered: bool = False
    systolic: bool = False
    weight_load_cycles: float = 0.0
    weight_bus_bytes_per_cycle: float = 0.0
    """Bus that brings stationary weights to the units; 0: `weight_load_cycles` says it. [B/cycle]"""
    unit_words: tuple[int, int, int] | None = None
    """Words of inputs, weights and outputs in one row-stationary unit."""
    pass_overhead_cycles: float = 0.0
    """Cycles lost at the start of every fold."""
    multicast: bool = True
    link_bytes_per_cycle: float = float("inf")
    port_bytes_per_cycle: float = float("inf")
    holds: tuple[str, ...] = OPERANDS
    """Operands that share the SRAM; another one has a path of its own."""
    double_buffered: bool = True
    """Whether tiles are fetched while others are computed (any overlap but `none`)."""
    kind: str = "grid"
    """`sm`: a multiprocessor of a GPU, see `blocks`; the fields about stationarity and tiles then say nothing."""
    lanes: float = 0.0
    """Vector lanes, for layers that a multiprocessor runs on them and for the softmax inside attention; 0 without."""
    async_copies: bool = False
    """Whether copies to the shared memory of a multiprocessor pass no registers."""
    async_products: bool = False
    """Whether its products read the shared memory themselves, beside the threads."""
    cluster: int = 1
    """Thread blocks that may share an operand on its way from the cache."""
    few_rows: bool = False
    """Whether thread blocks may have as few rows as products of many experts in one kernel have."""

    def weights_with_gaps(self, extents: tuple[int, ...]) -> int:
        """Weights that come in for G N K C P Q R S of a layer, gaps counted.

        A systolic array takes whole sets, a weight for every unit, whatever of them a layer fills. Where weights come straight
        from the outer memory, they lie there in whole sets too; through the SRAM, or to other arrays, the layer's own come.
        """
        groups, _, channels, inputs, _, _, rows, columns = extents
        weights = groups * channels * inputs * rows * columns
        if not self.systolic or self.stationary != "weights" or "weights" in self.holds:
            return weights
        loops = {
            "groups": groups, "out_channels": channels, "in_channels": inputs, "kernel_height": rows,
            "kernel_width": columns, "reduction": inputs * rows * columns,
        }  # fmt: skip
        down = math.prod(loops.get(word, 1) for word in self.unroll_rows)
        across = math.prod(loops.get(word, 1) for word in self.unroll_columns if word not in self.unroll_rows)
        sets = -(-down // self.rows) * -(-across // self.columns) * (weights // (down * across))
        return sets * self.rows * self.columns

    @property
    def mixes_items(self) -> bool:
        """Whether pixels of one item may lie wherever those of another may."""
        axes = self.unroll_rows, self.unroll_columns, self.unroll_count
        alike = all(("batch" in words) == ("pixels" in words) and "out_height" not in words for words in axes)
        return self.kind == "grid" and alike and not (self.most_rows or self.most_columns or self.most_count)

    def sum_bytes(self, width: float) -> float:
        """Partial sums that the arrays hold [B], of `width` bytes each: as many as their accumulators have room for.

        Where the SRAM has no outputs there is no other place for them, and the registers count too in which the sums of one
        step end: one for each row, column and array over which outputs may lie.
        """
        if "outputs" in self.holds:
            return self.accumulator_bytes
        axes = (
            (self.rows, self.unroll_rows), (self.columns, self.unroll_columns), (self.count, self.unroll_count),
        )  # fmt: skip
        lengths = (length for length, words in axes if not set(words).isdisjoint(OF_OUTPUTS))
        return max(self.accumulator_bytes, width * math.prod(lengths))


def spec_of(shape: Shape, spec: ArraySpec) -> ArraySpec:
    """The array as it is for a layer that multiplies in a format of its own."""
    return _at_rate(spec, shape.rate) if shape.rate > 0.0 and shape.rate != spec.rate else spec


@functools.lru_cache(maxsize=64)
def _at_rate(spec: ArraySpec, rate: float) -> ArraySpec:
    """The array at another rate: the same record for all layers, which is found faster than made."""
    return replace(spec, rate=rate)


@dataclass(frozen=True, slots=True)
class Target:
    """All of a chip that a network lowered for it depends on, beside its schedule: what is kept of it is kept by this."""

    precision: str
    formats: Formats
    spec: ArraySpec
    lanes: int
    """Elements that the vector unit does a cycle."""
    channels: int
    lane_bytes: float
    """Of an element, what a vector lane takes; infinite where any format is one lane's."""
    cores: int
    """Cores among which every layer is cut."""
    operations: tuple[tuple[str, float], ...]
    """Operations per element of a kind of layer, where the vector unit has its own figure."""
    fuses: tuple[str, ...]
    accumulator_bytes: float
    """Width of a partial sum. [B]"""
    winograd: float
    """Bytes of a stored Winograd weight over 16 per kernel; 0 without Winograd."""
    cached_bytes: float
    """Of a GPU's shared cache, what serves activations; 0 where the SRAM is managed by software. [B]"""
    rates: tuple[tuple[str, float], ...]
    """MACs per unit and cycle in each format, and of each pair, that the array multiplies."""
    widens: tuple[str, ...]
    """Formats of weights that the load path of the array widens."""
    product: str
    """Key of the rates in which activations are multiplied by weights."""

    lane_macs: tuple[tuple[str, float], ...] = ()
    """Multiply-accumulates of the vector lanes a cycle in each format in which they do products; see `grid.lanes`."""
    inside: Inside = "nothing"
    """What never leaves the chip."""
    keeps_states: bool = False
    """Whether states stay in the SRAM."""

    @property
    def widening(self) -> float:
        """Time of the vector lanes to widen a weight. [cycle]"""
        return dict(self.operations).get(WIDENING, 1.0) / self.lanes


def target_of(chip: Architecture, precision: str) -> Target:
    """What of a chip a lowered network depends on. Raises NetworkError where the chip does not run the precision."""
    spec, array = array_spec(chip, precision), chip.array
    winograd = 0.0
    if array is not None and array.winograd:
        winograd = 1.0 if array.winograd_expands_weights else 9.0 / 16.0
    return Target(
        precision=precision,
        formats=formats_of(precision, tuple(array.rate) if array else ()),
        spec=spec,
        lanes=chip.cores * chip.vector.lanes,
        cores=chip.cores,
        channels=chip.vector.channels,
        lane_bytes=float(chip.vector.lane_bytes or math.inf),
        operations=tuple(sorted(chip.vector.operations.items())),
        fuses=tuple(chip.vector.fuses),
        accumulator_bytes=float(array.accumulator_bytes) if array else 4.0,
        winograd=winograd,
        cached_bytes=CACHE_SHARE * chip.sram.capacity_bytes if spec.kind == "sm" else 0.0,
        lane_macs=tuple((key, float(chip.cores * macs)) for key, macs in chip.vector.macs_per_cycle.items()),
        inside=chip.inside,
        keeps_states=chip.keeps_states,
        rates=tuple((key, chip.cores * rate) for key, rate in array.rate.items()) if array else (),
        widens=tuple(array.widens) if array else (),
        product=chip.product(precision).format,
    )


def array_spec(chip: Architecture, precision: str) -> ArraySpec:
    """What of a chip its frontiers depend on; of cores, one that is as fast as all of them, with the memory of one.

    Raises NetworkError where the chip does not run the precision.
    """
    array = chip.array
    if array is None:
        raise NetworkError(f"{chip.name}: array: the file has none, so the chip can be compared but not simulated")
    rate = chip.product(precision).rate
    words = array.unit_words
    return ArraySpec(
        count=array.count,
        rows=array.rows,
        columns=array.columns,
        stationary=array.stationary,
        unroll_rows=tuple(array.unroll.rows),
        unroll_columns=tuple(array.unroll.columns),
        unroll_count=tuple(array.unroll.count),
        most_rows=array.unroll.most_of("rows"),
        most_columns=array.unroll.most_of("columns"),
        most_count=array.unroll.most_of("count"),
        rate=chip.cores * float(rate),
        accumulator_bytes=1024.0 * (array.accumulator_kib or 0.0),
        weights_double_buffered=array.weights_double_buffered,
        systolic=array.systolic,
        weight_load_cycles=array.load_cycles,
        weight_bus_bytes_per_cycle=chip.cores * float(array.weight_load_bytes_per_cycle or 0.0),
        unit_words=None if words is None else (words.inputs, words.weights, words.outputs),
        pass_overhead_cycles=array.pass_overhead_cycles,
        multicast=chip.interconnect.multicast,
        link_bytes_per_cycle=chip.cores * float(chip.interconnect.bytes_per_cycle),
        port_bytes_per_cycle=chip.cores * float(chip.sram.bytes_per_cycle),
        holds=tuple(chip.sram.holds),
        double_buffered=chip.schedule.overlap != "none",
        kind=array.kind,
        lanes=float(chip.vector.lanes) if array.kind == "sm" or "attention" in chip.vector.fuses else 0.0,
        async_copies=array.async_copies,
        async_products=array.async_products,
        cluster=array.cluster,
    )
