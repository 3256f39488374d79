"""Arrays shared among layers side by side: cycles on some, and the fewest that do, against every way. Without the compiler."""

import itertools
import math
import os
import random

import numpy as np
import pytest

from simulator.kernels import space_share as kernels

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]


def cost_of(nest, way, slots, folds, factors):
    """(arrays, cycles, of them loading, of them filling) of one unrolling."""
    total, weights = [1] * 10, int(nest.sets[way])
    for loop, weighs, factor in zip(slots.loop.tolist(), slots.weighs.tolist(), factors, strict=True):
        total[loop] *= factor
        weights *= factor if weighs else 1
    trips = [-(-extent // factor) for extent, factor in zip(nest.extents[way].tolist(), total, strict=True)]
    groups, batch, channels, depth, height, width, kernel_height, kernel_width, flat, pixels = trips
    reduction = flat if nest.flat_reduction else depth * kernel_height * kernel_width
    pixels = batch * (pixels if nest.flat_pixels else height * width)
    stream = {kernels.OVER_PIXELS: pixels, kernels.OVER_CHANNELS: channels}.get(folds.streams, reduction)
    steps = groups * channels * reduction * pixels
    many = steps // stream
    once = folds.fill + min(folds.first, stream) - folds.less
    load = folds.bus * weights if folds.bus else folds.load
    fold = max(stream, load) if folds.hidden else stream + load
    whole, filling = many * (fold + folds.overhead) + once, max(0.0, many * folds.overhead + once)
    return math.prod(factors), *(part / folds.rate for part in (whole, whole - steps - filling, filling))


def random_layer(rng):
    """Up to three loops side by side on up to six arrays, two of them the same loop; two ways to block what an array does."""
    loops = [rng.choice([0, 2, 2, 3, 4, 8, 9]) for _ in range(rng.randint(0, 3))]
    extents = np.array([[rng.choice([1, 2, 5, 7]) for _ in range(10)] for _ in range(rng.randint(1, 2))])
    nest = kernels.Nest(
        extents, np.array([rng.choice([1, 6]) for _ in extents]), rng.random() < 0.5, rng.random() < 0.5
    )
    arrays = rng.randint(1, 6)
    slots = kernels.Slots(
        np.array(loops, dtype=np.int64), np.array([rng.randrange(2) for _ in loops], dtype=np.int64), arrays
    )
    folds = kernels.Folds(
        *(rng.choice(some) for some in (
            [0.0, 3.0], [0.0, 2.0], [0.0, 1.0], [0, 1, 2], [1.0, 0.5], [0.0, 0.5], [0.0, 4.0], [0.0, 3.0, 90.0], [0.0, 1.0, 20.0],
        ))
    )  # fmt: skip
    return nest, slots, folds


def test_cycles_of_a_layer_are_those_of_the_best_unrolling():
    """On each number of arrays or fewer; what of them is loading and filling is of one that takes as long."""
    rng, seen = random.Random(1), 0
    for _ in range(160):
        nest, slots, folds = random_layer(rng)
        out = kernels.Curve(*(np.full(slots.arrays + 1, 77.0) for _ in range(3)))
        kernels.curve(nest, slots, folds, np.full((2, 10), 9), out)
        known = [
            cost_of(nest, way, slots, folds, factors)
            for way in range(len(nest.extents))
            for factors in itertools.product(range(1, slots.arrays + 1), repeat=len(slots.loop))
            if math.prod(factors) <= slots.arrays
        ]
        assert (out.cycles[0], out.loading[0], out.filling[0]) == (math.inf, 0.0, 0.0)
        for arrays in range(1, slots.arrays + 1):
            best = min(own[1] for own in known if own[0] <= arrays)
            assert out.cycles[arrays] == pytest.approx(best, rel=1e-12)
            like = [own[2:] for own in known if own[0] <= arrays and own[1] == pytest.approx(best, rel=1e-12)]
            assert any(
                (out.loading[arrays], out.filling[arrays]) == pytest.approx(own, rel=1e-12, abs=1e-9) for own in like
            )
            seen += len({*like}) > 1
    assert seen > 0


def test_arrays_that_do_for_a_level():
    """Each step that computes takes the fewest on which it is fast enough; of all contexts the slowest that must be."""
    rng, seen = random.Random(2), set()
    for _ in range(80):
        arrays, steps = rng.randint(2, 7), rng.randint(1, 4)
        curves = np.array(
            [[math.inf, *sorted(rng.choices(range(1, 9), k=arrays), reverse=True)] for _ in range(steps)], dtype=float
        )
        computes = np.array([rng.random() < 0.8 for _ in range(steps)])
        levels, first = np.unique(np.append(curves[:, 1:], 0.0)), rng.randrange(steps)

        def fewest(step, level, curves=curves, arrays=arrays):
            return next((count for count in range(1, arrays + 1) if curves[step, count] <= level), arrays + 1)

        def slowest(last, curves=curves, computes=computes, levels=levels, first=first, arrays=arrays):
            own = [step for step in range(first, last + 1) if computes[step]]
            for at, level in enumerate(levels):
                if sum(fewest(step, level) for step in own) <= arrays:
                    return at
            return len(levels)

        out = np.full(steps, 77)
        kernels.slowest_of_all(curves, computes, levels, first, steps - 1, out)
        assert out[first:].tolist() == [slowest(last) for last in range(first, steps)]
        assert (out[:first] == 77).all()
        told = np.array([levels[min(at, len(levels) - 1)] for at in out])
        cycles, share = np.full((steps, steps), 77.0), np.full(steps, 77)
        kernels.assign_all(curves, computes, first, steps - 1, told, cycles)
        for last, step in itertools.product(range(steps), repeat=2):
            if first <= step <= last:
                assert cycles[last, step] == (curves[step, fewest(step, told[last])] if computes[step] else 0.0)
            else:
                assert cycles[last, step] == 77.0
        level = rng.choice(levels[1:].tolist())
        kernels.assign(curves, computes, first, steps - 1, level, share)
        counts = [fewest(step, level) if computes[step] else 0 for step in range(steps)]
        assert share.tolist() == [77] * first + counts[first:]
        for step in range(steps):
            need = kernels.needed(curves, step, level)
            assert need == (fewest(step, level))
            fits = kernels.fits(curves, computes, first, step, level) if step >= first else None
            seen.add((fits, bool(computes[step]), out[step] == len(levels)))
    assert len(seen) > 5
