"""What a node of a graph being built gives to the next, and the ways to read it at which nothing moves."""

from dataclasses import dataclass

from simulator.errors import NetworkError


@dataclass(frozen=True, slots=True)
class Output:
    """What a node of the graph being built gives to the next: channels x height x width elements for one item."""

    name: str
    channels: int
    height: int = 1
    width: int = 1

    @property
    def elements(self) -> int:
        """Elements for one item."""
        return self.channels * self.height * self.width

    def flat(self) -> "Output":
        """Return the same elements as one long vector. No node: nothing moves."""
        return Output(self.name, self.elements)

    def rows(self) -> "Output":
        """Return an image as a sequence, one row a pixel. No node: nothing moves."""
        return Output(self.name, self.channels, self.height * self.width)

    def image(self, height: int, width: int) -> "Output":
        """Return the opposite of `rows`: a sequence as an image of that height and width. No node: nothing moves."""
        if self.width != 1 or height * width != self.height:
            raise NetworkError(f"{self.name}: image: must have {self.height} pixels, got {height} x {width}")
        return Output(self.name, self.channels, height, width)

    def part(self, channels: int) -> "Output":
        """Return some of the channels, as a layer reads them that takes a slice. No node: nothing moves."""
        if not 1 <= channels <= self.channels:
            raise NetworkError(f"{self.name}: part: must be 1 to {self.channels} channels, got {channels!r}")
        return Output(self.name, channels, self.height, self.width)

    def spread(self, factor: int) -> "Output":
        """Return an image `factor` times larger in both directions with `factor`**2 times fewer channels: a pixel's channels
        become a block of pixels. No node: nothing moves.
        """
        if factor < 1 or self.channels % factor**2:
            raise NetworkError(f"{self.name}: spread: {factor!r} squared must divide the {self.channels} channels")
        return Output(self.name, self.channels // factor**2, self.height * factor, self.width * factor)

    def gather(self, factor: int) -> "Output":
        """Return the opposite of `spread`: blocks of `factor` x `factor` pixels become channels. No node: nothing moves."""
        if factor < 1 or self.height % factor or self.width % factor:
            raise NetworkError(f"{self.name}: gather: {factor!r} must divide {self.height} x {self.width} pixels")
        return Output(self.name, self.channels * factor**2, self.height // factor, self.width // factor)
