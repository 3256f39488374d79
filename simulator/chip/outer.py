"""The outer memory of a chip file: DRAM, or flash that has constants alone."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from simulator.chip import parts
from simulator.chip.array import BytesPerCycle, Model, fault
from simulator.errors import nearest
from simulator.units import DRAM_STREAMED_EFFICIENCY, GB, GIB


class Dram(Model):
    """The outer memory."""

    part: str
    """A named part (`docs/chips.md#dram-parts`), or `custom` with `gb_per_s_per_device`."""
    devices: Annotated[int, Field(ge=1, le=65_536)]
    """How many of them."""
    gb_per_s_per_device: Annotated[float, Field(ge=1e-3, le=1e6)] | None = None
    """Nominal bandwidth of one device [GB/s]; for `custom`, and only there."""
    family: str | None = None
    """Kind of memory of a `custom` part, such as `lpddr5`: its price, energy and interface, never its speed; with
    `capacity_gib` its price is its own. Left out: x32 LPDDR4X, and the cost says so."""
    port_bytes_per_cycle: BytesPerCycle | None = None
    """Width of the chip's port to the memory [bytes per cycle]; no limit when left out."""
    measured_efficiency: Annotated[float, Field(ge=0.01, le=1)] | None = None
    """Share of the nominal bandwidth that was measured on this chip [-]; left out: that of the part, or 0.86."""
    read_only: bool = False
    """Whether it holds only constants, such as flash: then activations, inputs and outputs stay in the SRAM
    (`docs/model.md#without-room-outside`)."""
    capacity_gib: Annotated[float, Field(ge=1e-3, le=1e6)] | None = None
    """Capacity of all devices together [GiB]: a board of "80 GB" has 80; a limit
    (`docs/model.md#room-in-the-dram`). Left out: the usual one of the part; a custom part has none."""

    @field_validator("part")
    @classmethod
    def _known(cls, name: str) -> str:
        known = [*parts.dram_parts(), parts.CUSTOM]
        if name not in known:
            raise fault("", f"unknown DRAM part {name!r}{nearest(name, known)}")
        return name

    @field_validator("family")
    @classmethod
    def _of_a_kind(cls, name: str | None) -> str | None:
        if name is not None and name not in parts.dram_families():
            raise fault("", f"unknown kind of memory {name!r}{nearest(name, parts.dram_families())}")
        return name

    @model_validator(mode="after")
    def _bandwidth_once(self) -> Self:
        if self.family is not None and self.part != parts.CUSTOM:
            raise fault("family", f"must be left out, {self.part} is of one; or set part: custom")
        given = self.gb_per_s_per_device is not None
        if self.part == parts.CUSTOM and not given:
            raise fault("gb_per_s_per_device", "missing; a custom part must give its bandwidth")
        if self.part != parts.CUSTOM and given:
            raise fault("gb_per_s_per_device", f"must be left out, {self.part} has its own; or set part: custom")
        return self

    @property
    def peak_bytes_per_s(self) -> float:
        """Nominal bandwidth of all devices [bytes/s]."""
        if self.gb_per_s_per_device is not None:
            return self.devices * self.gb_per_s_per_device * GB
        return self.devices * parts.dram_part(self.part).bytes_per_s

    @property
    def efficiency(self) -> float:
        """Share of the nominal bandwidth that streams reach [-]: measured, else the part's, else the model's."""
        if self.measured_efficiency is not None:
            return self.measured_efficiency
        return DRAM_STREAMED_EFFICIENCY if self.part == parts.CUSTOM else parts.dram_part(self.part).efficiency

    @property
    def capacity_bytes(self) -> int | None:
        """Capacity of all devices [bytes]: the file's own, else the usual one; None for a custom part, which has none."""
        if self.capacity_gib is not None:
            return int(self.capacity_gib * GIB)
        if self.part == parts.CUSTOM:
            return None
        return self.devices * parts.dram_part(self.part).capacity_bytes
