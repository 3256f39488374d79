"""The form of a result: what `simulate` returns, with the names of `rooftile run --json`."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Generic, TypeVar, get_args

from simulator.formats import in_words
from simulator.store.shown import Shown

Value = TypeVar("Value")


@dataclass(slots=True)
class LayerResult:
    """One layer as the chip ran it, for the whole batch.

    Not frozen: a network has hundreds of layers, and frozen ones take four times as long to make.
    """

    name: str
    kind: str
    macs: int
    """Multiply-accumulates of the network, before Winograd."""
    cycles: float
    """On-chip cycles: the larger of array, interconnect, SRAM ports and vector."""
    latency_s: float
    """Time this layer adds to the schedule."""
    utilisation: float
    dram_bytes: float
    """Bytes moved to and from the outer memory (DRAM, or the host link of a chip without DRAM)."""
    sram_bytes: float
    """SRAM in use while the layer runs: its tiles, the tensors resident and alive, and what is set aside."""
    bound_by: str
    tiling: dict[str, Any]
    fused: tuple[str, ...] = ()
    waterfall: dict[str, float] = field(default_factory=dict)
    resident: dict[str, float] = field(default_factory=dict)
    """Tensors that are in the SRAM as a whole while the layer runs, by the layer that makes them [B]."""


Layers = tuple[LayerResult, ...]


class Later(Generic[Value]):
    """A field given as such, or as what makes it when it is first asked for.

    Hundreds of layers take longer to make than the schedule behind them, and so does a schedule for each roof that might be
    gone; most answers are read for their totals.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        """To a schema it is the field itself."""
        return handler(get_args(source)[0])

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> Value:
        if instance is None:
            raise AttributeError(self.name)  # a field without a default
        given = instance.__dict__[self.name]
        found: Value = given() if callable(given) else given
        instance.__dict__[self.name] = found
        return found

    def __set__(self, instance: object, given: Value | Callable[[], Value]) -> None:
        instance.__dict__[self.name] = given

    @staticmethod
    def given(instance: object, name: str) -> Any:
        """A field as it was given: its value, or what makes it, which is then not called."""
        return instance.__dict__[name]


@dataclass(frozen=True, repr=False)
class Result(Shown):
    """One network on one chip at one batch. Totals are for the whole batch and equal the sums over the layers."""

    network: str
    chip: str
    batch: int
    precision: str
    latency_s: float
    """Time of one batch on an idle chip [s]."""
    throughput_per_s: float
    """Items per second in steady state."""
    throughput_low_per_s: float
    """90 % of the measured figures of such chips and networks lie, relative to their prediction, between this and the next."""
    throughput_high_per_s: float
    load_s: float
    """One-time load of the weights that stay in SRAM permanently [s]."""
    peak_tops: float
    utilisation: float
    """MACs executed / (time x MAC units x clock), in [0, 1]."""
    effective_utilisation: float
    """The same with the network's MACs: above `utilisation` where Winograd saves some."""
    macs: int
    """Multiply-accumulates of the network."""
    macs_executed: int
    """The same after Winograd."""
    dram_bytes: float
    """Traffic to and from the outer memory."""
    outer_gb_per_s: float | None
    """Sustained bandwidth of the outer memory [1e9 bytes/s]: DRAM, else the host link."""
    load_bytes: float
    sram_bytes: float
    """Largest SRAM use of any layer."""
    largest_loss: str
    """The largest part of `waterfall_period` beyond the ideal; `ideal_s` where nothing is lost."""
    lower_bound_s: float
    """No schedule on this chip is faster, whatever its compiler does: the larger of all MACs at peak, and of network inputs,
    outputs and the weights that do not fit the SRAM at full bandwidth [s]."""
    waterfall: dict[str, float]
    """Parts of the latency, by cause [s]."""
    waterfall_period: dict[str, float]
    """Parts of the time of a batch in steady state, by cause [s]."""
    bound_by: Later[str] = Later()
    """The limit with the largest gain: the one to lift first."""
    gain_if_infinite: Later[dict[str, float]] = Later()
    """Seconds saved if that one limit were removed."""
    layers: Later[Layers] = Later()
    """One entry per layer."""
    dram_used_bytes: float = 0.0
    """Weights, states of all items, inputs, outputs and activations in the DRAM; 0 without one."""
    dram_capacity_bytes: int | None = None
    """Of the DRAM; 0 without one, None where it is not known."""
    formats: dict[str, str] = field(default_factory=dict)
    """Number format of weights, activations, cache, output head and embedding table; of each part where parts differ."""
    cost: dict[str, Any] | None = None
    """Area and bill of materials with their ranges (`rooftile cost`); None where they are unknown."""
    energy: dict[str, float] | None = None
    """Of one batch in steady state, by part [J]."""
    power_w: float | None = None
    """Average in steady state."""
    throughput_per_usd: float | None = None
    throughput_per_list_usd: float | None = None
    """By the list price in the chip file, not the bill."""
    throughput_per_tops: float | None = None
    throughput_per_dram: float | None = None
    throughput_per_sram_mib: float | None = None
    throughput_per_w: float | None = None
    throughput_per_mm2: float | None = None
    energy_per_inference_j: float | None = None
    notes: tuple[str, ...] = ()
    """Approximations, assumptions and warnings."""
    subject: str = ""
    """The network in words, with the size of its input and what else is not as usual."""

    def __repr__(self) -> str:
        what = f"{self.subject or self.network} on {self.chip}: batch {self.batch}, {in_words(self.precision)}"
        return (
            f"Result({what}, {self.throughput_per_s:.4g}/s, {self.latency_s:.4g} s, {self.utilisation:.1%} of the peak)"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def to_dict(self) -> dict[str, Any]:
        """Plain data in the order of the fields, ready for JSON."""
        return asdict(self)
