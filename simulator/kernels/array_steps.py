"""Steps of an array: in how many a layer is done when some indices of its loops run side by side."""

from .jit import kernel

(
    GROUPS, BATCH, OUT_CHANNELS, IN_CHANNELS, OUT_HEIGHT, OUT_WIDTH, KERNEL_HEIGHT, KERNEL_WIDTH, REDUCTION, PIXELS,
) = range(10)  # fmt: skip
"""Loops of a layer, in the order of extents and of factors; the last two are input channels x kernel and height x width of the
outputs, each as one loop."""


@kernel
def trips(extent, factor):
    """Steps over one loop."""
    return float((extent + factor - 1) // factor)


@kernel
def loop_steps(extents, factors, flat_reduction, flat_pixels):
    """Steps over groups, batch, output channels, reduction and output pixels; flat: the latter two as one loop each."""
    if flat_reduction:
        reduction = trips(extents[REDUCTION], factors[REDUCTION])
    else:
        kernel_steps = trips(extents[KERNEL_HEIGHT], factors[KERNEL_HEIGHT])
        kernel_steps *= trips(extents[KERNEL_WIDTH], factors[KERNEL_WIDTH])
        reduction = trips(extents[IN_CHANNELS], factors[IN_CHANNELS]) * kernel_steps
    if flat_pixels:
        pixels = trips(extents[PIXELS], factors[PIXELS])
    else:
        pixels = trips(extents[OUT_HEIGHT], factors[OUT_HEIGHT]) * trips(extents[OUT_WIDTH], factors[OUT_WIDTH])
    groups, batch = trips(extents[GROUPS], factors[GROUPS]), trips(extents[BATCH], factors[BATCH])
    return groups, batch, trips(extents[OUT_CHANNELS], factors[OUT_CHANNELS]), reduction, pixels


@kernel
def next_useful(extent, factor):
    """Smallest factor that needs fewer steps than `factor`; extent + 1 when there is none."""
    steps = (extent + factor - 1) // factor
    if steps == 1:
        return extent + 1
    return (extent + steps - 2) // (steps - 1)
