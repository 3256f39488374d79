"""A row-stationary pass counted step by step: shares no code with simulator/."""

import itertools
from collections.abc import Mapping


def walk_rows(
    extents: Mapping[str, int], tile: Mapping[str, int], spread: Mapping[str, int], words: tuple[int, int, int] | None
) -> dict[str, int]:
    """Counts of one layer (K C P Q R S), tiles of k c p q one after another.

    spread: indices of K, C, P and R at once. words: memory of a unit for inputs, weights and outputs. Returns `steps`
    (cycles that multiply), `loaded` (weights that a set has room for, over all sets loaded), `passes_in` (how often the
    inputs of a tile enter) and `passes_out` (how often partial sums leave), the latter two over tiles of K and C once.
    """
    deep = wide = 1
    if words is not None:
        while (deep + 1) * extents["S"] <= min(words[0], words[1]):
            deep += 1
        while wide + 1 <= words[2] and (wide + 1) * deep * extents["S"] <= words[1]:
            wide += 1
    counts = {"steps": 0, "loaded": 0, "passes_in": 0, "passes_out": 0}
    pieces = {
        loop: [min(tile[loop.lower()], extents[loop] - at) for at in range(0, extents[loop], tile[loop.lower()])]
        for loop in "KCPQ"
    }
    counts["passes_in"] = sum(len(range(0, k, wide * spread["K"])) for k in pieces["K"])
    folds_r = len(range(0, extents["R"], spread["R"])) * (extents["S"] if words is None else 1)
    counts["passes_out"] = sum(len(range(0, c, deep * spread["C"])) for c in pieces["C"]) * folds_r
    for k, c, p, q in itertools.product(*(pieces[loop] for loop in "KCPQ")):
        ranges = (range(0, k, spread["K"]), range(0, c, spread["C"]), range(0, extents["R"], spread["R"]))
        for _ in itertools.product(*ranges, range(extents["S"])):
            counts["loaded"] += spread["K"] * spread["C"] * spread["R"]
            counts["steps"] += sum(1 for _ in itertools.product(range(0, p, spread["P"]), range(q)))
    return counts
