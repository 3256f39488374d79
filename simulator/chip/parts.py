"""Memory parts and host links by name: what a chip file may say instead of a bandwidth.

The figures and their sources are in `simulator/data/dram.yaml` and `host.yaml`; bandwidths are always derived from
width and rate here, so that no file holds a number twice.
"""

from dataclasses import dataclass
from functools import cache

from simulator.errors import ChipError, nearest
from simulator.store.data import read_data
from simulator.units import DRAM_STREAMED_EFFICIENCY, GB, GIB, part_bytes_per_s

CUSTOM = "custom"
"""The part name of a chip that gives its own `gb_per_s_per_device`."""


@dataclass(frozen=True, slots=True)
class DramPart:
    """One memory device (or module or stack) as a chip sees it."""

    name: str
    width_bits: int
    """Data pins [bit]."""
    rate_mt_per_s: float
    """Transfers on each pin [MT/s]."""
    capacity_gib: float
    """A usual capacity [GiB]."""
    efficiency: float
    """Share of the nominal bandwidth that long streams reach [-]."""
    source: str

    @property
    def bytes_per_s(self) -> float:
        """Nominal bandwidth [bytes/s]."""
        return part_bytes_per_s(self.width_bits, self.rate_mt_per_s)

    @property
    def gb_per_s(self) -> float:
        """Nominal bandwidth [GB/s, 1e9]."""
        return self.bytes_per_s / GB

    @property
    def capacity_bytes(self) -> int:
        """Usual capacity [bytes]."""
        return int(self.capacity_gib * GIB)


@dataclass(frozen=True, slots=True)
class HostLink:
    """A link to the host, each direction by itself."""

    name: str
    line_bytes_per_s: float
    """Payload the line code lets through, one direction [bytes/s]."""
    efficiency: float
    """Share left after packet headers [-]."""
    source: str

    @property
    def bytes_per_s(self) -> float:
        """Payload bandwidth [bytes/s], one direction."""
        return self.line_bytes_per_s * self.efficiency


@cache
def dram_parts() -> dict[str, DramPart]:
    """All named memory parts, in the order of the file."""
    parts = {}
    for family, entry in read_data("dram.yaml")["families"].items():
        efficiency = entry.get("efficiency", DRAM_STREAMED_EFFICIENCY)
        for rate in entry["rate_mt_per_s"]:
            for width, capacity_gib in entry["capacity_gib_by_width"].items():
                name = entry["name"].format(family=family, rate=rate, gt=rate / 1000, width=width)
                parts[name] = DramPart(name, width, float(rate), float(capacity_gib), efficiency, entry["source"])
    return parts


@cache
def host_links() -> dict[str, HostLink]:
    """All named host links, in the order of the file."""
    links = {}
    for family, entry in read_data("host.yaml")["links"].items():
        lane = entry["gbit_per_s_per_lane"] * GB / 8 * entry["line_code"]
        for lanes in entry.get("lanes", [None]):
            name = family if lanes is None else f"{family}-x{lanes}"
            links[name] = HostLink(name, lane * (lanes or 1), entry["packet_efficiency"], entry["source"])
    return links


@cache
def dram_families() -> tuple[str, ...]:
    """Kinds of memory that named parts are of, in the order of the file."""
    return tuple(read_data("dram.yaml")["families"])


def usual_part(family: str) -> str:
    """The part that stands for a kind of memory: its narrowest, at the fastest rate."""
    own = [part for part in dram_parts().values() if part.name.split("-")[0] == family]
    return min(own, key=lambda part: (part.width_bits, -part.rate_mt_per_s)).name


def dram_part(name: str) -> DramPart:
    """The memory part called `name`; ChipError with the nearest names when there is none."""
    try:
        return dram_parts()[name]
    except KeyError:
        raise ChipError(f"unknown DRAM part {name!r}{nearest(name, [*dram_parts(), CUSTOM])}") from None


def host_link(name: str) -> HostLink:
    """The host link called `name`; ChipError with the nearest names when there is none."""
    try:
        return host_links()[name]
    except KeyError:
        raise ChipError(f"unknown host link {name!r}{nearest(name, host_links())}") from None
