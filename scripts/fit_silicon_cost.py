"""Fit the area model again on the published dies of `simulator/data/silicon_cost.yaml` and print what comes out.

    python scripts/fit_silicon_cost.py

Prints the errors of earlier forms as they were, and the form in use with its coefficients, standard errors (jackknife), and
errors in the fit and left out of it. The coefficients in use are those that the data file holds under
`fit`; the script says where they differ from what it finds.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple

import numpy as np

from simulator.cost import calibration as model
from simulator.cost.bill import Z
from simulator.cost.book import Fit, cost_book, fit


def main() -> None:
    chips = model.chips()
    for name, form in cost_book()["calibration"]["earlier"].items():
        left_out, worst = form["mean_error_left_out"], form["worst_error_left_out"]
        print(f"Earlier form, {name}: {form['mean_error']:.1%}, left out {left_out:.1%}, worst {worst:.1%}")
    full, folds = both(chips)
    report("Form in use: one share, which gives way near the reticle limit", chips, full, folds)
    rows = model.comparisons(chips, full, folds, Z)
    print(f"log_rms_left_out: {model.log_rms(rows):.4f} (in use {cost_book()['residuals']['log_rms_left_out']:.4f})")
    found, used = astuple(model.rounded(full)), astuple(fit())
    for name, new, old in zip(model.NAMES, found, used, strict=True):
        print(f"  {name}: {new:.4g}" + ("" if new == old else f" (in use {old:.4g})"))
    for nm, column in ((28, 2), (16, 3)):
        (fixed, per_mac, per_mib), errors = model.ip_fit(column)
        worst = max(abs(error) for error in errors)
        print(f"NVDLA {nm} nm: {fixed:.3f} mm2 + {per_mac:.0f} um2/MAC + {per_mib:.2f} mm2/MiB, worst {worst:.1%}")


def both(chips: Sequence[model.Published], **how: object) -> tuple[Fit, list[Fit]]:
    """Fit on all chips, and without each of them."""
    return model.fitted(chips, **how), model.left_out(chips, **how)  # type: ignore[arg-type]


def report(title: str, chips: Sequence[model.Published], full: Fit, folds: Sequence[Fit] | None) -> None:
    """Print one form: coefficients, then errors."""
    print(title)
    errors = model.jackknife_se(folds) if folds else None
    for name in model.NAMES:
        spread = f" +- {getattr(errors, name):.2g}" if errors else ""
        print(f"  {name}: {getattr(full, name):.4g}{spread}")
    score("in the fit", chips, lambda _: full)
    if folds:
        score("left out", chips, lambda at: folds[at])
    print()


def score(label: str, chips: Sequence[model.Published], fit_for: Callable[[int], Fit]) -> None:
    """Print mean and worst error."""
    errors = np.array([model.predicted(chip, fit_for(at)) / chip.mm2 - 1.0 for at, chip in enumerate(chips)])
    each = " ".join(f"{chip.name} {error:+.1%}" for chip, error in zip(chips, errors, strict=True))
    print(f"  {label}: mean {np.abs(errors).mean():.1%}, worst {np.abs(errors).max():.1%}")
    print(f"    {each}")


if __name__ == "__main__":
    main()
