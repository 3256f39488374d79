"""Steps of an array: in how many a layer is done when some indices of its loops run side by side."""

from .jit import kernel

(
    GROUPS, BATCH, OUT_CHANNELS, IN_CHANNELS, OUT_HEIGHT, OUT_WIDTH, KERNEL_HEIGHT, KERNEL_WIDTH, REDUCTION, PIXELS,
) = range(10)  # fmt: skip
"""Loops of a layer, in the order of extents and of factors; the last two are input channels x kernel and height x width of the
outputs, each as one loop."""


@kernel
def trips(extents, factors, loop):
    """Steps over one loop."""
    return float((extents[loop] + factors[loop] - 1) // factors[loop])


@kernel
def loop_steps(extents, factors, flat_reduction, flat_pixels):
    """Steps over groups, batch, output channels, reduction and output pixels; flat: the latter two as one loop each."""
    if flat_reduction:
        reduction = trips(extents, factors, REDUCTION)
    else:
        reduction = trips(extents, factors, IN_CHANNELS)
        reduction *= trips(extents, factors, KERNEL_HEIGHT) * trips(extents, factors, KERNEL_WIDTH)
    if flat_pixels:
        pixels = trips(extents, factors, PIXELS)
    else:
        pixels = trips(extents, factors, OUT_HEIGHT) * trips(extents, factors, OUT_WIDTH)
    groups, batch = trips(extents, factors, GROUPS), trips(extents, factors, BATCH)
    return groups, batch, trips(extents, factors, OUT_CHANNELS), reduction, pixels


@kernel
def useful(extent, factor):
    """Smallest factor that needs as few steps as `factor`."""
    steps = (extent + factor - 1) // factor
    return (extent + steps - 1) // steps


@kernel
def next_useful(extent, factor):
    """Smallest factor that needs fewer steps than `factor`; extent + 1 when there is none."""
    steps = (extent + factor - 1) // factor
    if steps == 1:
        return extent + 1
    return (extent + steps - 2) // (steps - 1)
