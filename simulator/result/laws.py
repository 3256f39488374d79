"""Laws that every result must keep; one that breaks them is an error of the model, never a number."""

import numpy as np
import numpy.typing as npt

from simulator.errors import ModelError
from simulator.schedule.plans import Plans

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-9
"""Relative slack of the checks: sums of a few hundred float64 terms agree to far better."""


def check(name: str, plans: Plans, runs: npt.NDArray[np.bool_], compute_s: Floats, compulsory_s: Floats) -> None:
    """Raise ModelError where a chip that runs is faster than its MACs, or in steady state than its compulsory bytes. [s]"""
    floor = 1.0 - TOLERANCE
    for time_s in (plans.cold.time_s, plans.steady.time_s):
        slow = runs & (time_s < compute_s * floor)
        if slow.any():
            at = int(slow.argmax())
            raise ModelError(f"{name}: time {time_s[at]:.3g} s is below the compute bound {compute_s[at]:.3g} s")
    slow = runs & (plans.steady.time_s < compulsory_s * floor)
    if slow.any():
        at = int(slow.argmax())
        raise ModelError(
            f"{name}: time {plans.steady.time_s[at]:.3g} s is below the memory bound {compulsory_s[at]:.3g} s"
        )


def fractions(macs: Floats, slots: Floats, name: str) -> Floats:
    """MACs done of the slots there were, in [0, 1]. Raises ModelError above 1 by more than rounding."""
    share = np.divide(macs, slots, out=np.zeros(np.broadcast_shapes(macs.shape, slots.shape)), where=slots > 0.0)
    if len(share) and float(share.max()) > 1.0 + TOLERANCE:
        raise ModelError(f"{name}: utilisation must be at most 1, got {float(share.max())!r}")
    return np.minimum(1.0, share)
