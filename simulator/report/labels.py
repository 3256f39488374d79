"""Places for labels in a scatter plot on log axes, so that none lies on another or on a point."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LETTER = 6.2
"""Width of a letter [pixel] at a type size of 11."""

_LINE, _PAD = 13.0, 4.0
_RINGS = (8.0, 16.0, 28.0, 44.0, 64.0, 90.0, 120.0)  # distances from the point [pixel], nearest first
_TURNS = 16  # directions tried at each distance
_POINT = 5.0  # half a point's side [pixel]
_CROWD = 60.0  # points nearer than this [pixel] compete for places

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Point:
    """One labelled point."""

    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Label:
    """Where a label goes: its centre in data units."""

    label: str
    x: float
    y: float
    clear: bool
    """Whether it overlaps nothing."""


@dataclass(frozen=True)
class Axes:
    """Whole decades around the points, and the size of the plot [pixel]."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: float
    height: float

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Place of a point [pixel], from the upper left corner."""
        across = math.log10(x / self.x[0]) / math.log10(self.x[1] / self.x[0])
        up = math.log10(y / self.y[0]) / math.log10(self.y[1] / self.y[0])
        return across * self.width, (1.0 - up) * self.height

    def data(self, across: float, down: float) -> tuple[float, float]:
        """Data units of a place in pixels."""
        x = self.x[0] * (self.x[1] / self.x[0]) ** (across / self.width)
        y = self.y[0] * (self.y[1] / self.y[0]) ** (1.0 - down / self.height)
        return x, y


def axes(points: Sequence[Point], width: float, height: float) -> Axes:
    """Whole decades that hold every point; all values must be above 0."""
    return Axes(_decades([p.x for p in points]), _decades([p.y for p in points]), width, height)


def place(points: Sequence[Point], frame: Axes) -> list[Label]:
    """Greedy: the most crowded point first, each label at the nearest of 112 spots that is free, else the least bad.

    A point without a label takes its own place and no more.
    """
    at = [frame.pixel(p.x, p.y) for p in points]
    near = [sum(math.dist(a, b) < _CROWD for b in at) for a in at]
    labelled = [i for i, point in enumerate(points) if point.label]
    order = sorted(labelled, key=lambda i: (-near[i], points[i].label, at[i]))
    taken: list[Box] = [(x - _POINT, y - _POINT, x + _POINT, y + _POINT) for x, y in at]
    found = {i: Label("", point.x, point.y, True) for i, point in enumerate(points) if not point.label}
    for i in order:
        hits, box = _best(at[i], LETTER * len(points[i].label) + _PAD, taken, frame)
        taken.append(box)
        x, y = frame.data((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        found[i] = Label(points[i].label, x, y, hits == 0)
    return [found[i] for i in range(len(points))]


def _best(point: tuple[float, float], wide: float, taken: Sequence[Box], frame: Axes) -> tuple[int, Box]:
    """(overlaps, box) of the nearest spot with the fewest overlaps."""
    best: tuple[int, Box] | None = None
    for ring in _RINGS:
        for turn in range(_TURNS):
            box = _spot(point, wide, ring, turn * 2 * math.pi / _TURNS)
            if box[0] < 0 or box[1] < 0 or box[2] > frame.width or box[3] > frame.height:
                continue
            hits = sum(box[0] < q[2] and q[0] < box[2] and box[1] < q[3] and q[1] < box[3] for q in taken)
            if best is None or hits < best[0]:
                best = hits, box
        if best is not None and best[0] == 0:
            return best
    return best if best is not None else (1, _spot(point, wide, _RINGS[0], 0.0))


def _spot(point: tuple[float, float], wide: float, ring: float, angle: float) -> Box:
    """The box of a label in one direction and distance."""
    across = point[0] + (ring + wide / 2) * math.cos(angle) if abs(math.cos(angle)) > 0.01 else point[0]
    down = point[1] - (ring + _LINE / 2) * math.sin(angle)
    return across - wide / 2, down - _LINE / 2, across + wide / 2, down + _LINE / 2


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Powers of ten around the values, at least one decade."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return 10.0**low, 10.0 ** (high if high > low else low + 1)
