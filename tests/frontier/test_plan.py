"""What the plan of a search says matters in each form of traffic, against the figures of the forms written out."""

import itertools
import random

import pytest

from simulator.frontier.grid import search
from simulator.kernels import grid_lists as lists
from simulator.kernels.grid_layout import Rules
from simulator.kernels.grid_search import INPUT_FIRST, OUTPUT_FIRST, PASSING, WEIGHT_FIRST

STREAMS = {
    OUTPUT_FIRST: ("", "inputs", "weights"), INPUT_FIRST: ("", "weights", "outputs"), WEIGHT_FIRST: ("", "outputs"),
    PASSING: ("inputs",),
}  # fmt: skip
COLUMN = {
    "window": lists.BY_WINDOW, "pixels": lists.BY_PIXELS, "trips": lists.BY_TRIPS, "feed": lists.BY_FEED,
    "k": lists.K_BY_SIZE, "k_trips": lists.K_BY_TRIPS, "k_feed": lists.K_BY_FEED,
    "c": lists.C_BY_SIZE, "c_trips": lists.C_BY_TRIPS, "c_feed": lists.C_BY_FEED,
}  # fmt: skip
INPUTS = {"unshared": lists.UNSHARED, "shared": lists.SHARED}
RULES = [
    Rules(1, 0, 1, *holds, merged, 100, keeps, resets)
    for holds in itertools.product((0, 1), repeat=3)
    for merged in (0, 1)
    for keeps, resets in ((0, 0), (1, 0), (1, 1), (1, 2))
    if keeps or holds[2]
]


def space_and_traffic(form, whole, resident, rules, tile):
    """(SRAM, outer memory) of a tile in each of the form's ways to stream, as the head of the kernels' file has them."""
    moved = {word: float(not resident >> bit & 1) for bit, word in enumerate(("inputs", "weights", "outputs"))}
    held = {
        "inputs": tile["window"] * tile["c"] * moved["inputs"],
        "weights": tile["k"] * tile["c"] * moved["weights"],
        "outputs": tile["k"] * tile["pixels"] * (moved["outputs"] if whole else 1.0),
    }
    inputs = tile["shared"] if form in (INPUT_FIRST, WEIGHT_FIRST) else tile["unshared"]
    inputs *= 1.0 if form == INPUT_FIRST else tile["k_trips"]
    weights = tile["trips"] if form in (OUTPUT_FIRST, INPUT_FIRST) else 1.0
    sums = 0.0 if whole or form == OUTPUT_FIRST else tile["c_trips"] - 1.0
    total = moved["inputs"] * inputs + moved["weights"] * weights + moved["outputs"] * (1.0 + sums)
    streams = [*STREAMS[form], *(["inputs"] if form == WEIGHT_FIRST and rules.merged else [])]
    ways = [word for word in streams if not word or moved[word]]
    return [(sum(0.01 if word == way else size for word, size in held.items()), total) for way in ways]


def cycles(whole, rules, feeds, widens, tile):
    """What the cycles depend on beside the folds, a term each."""
    passes = [] if whole else [tile["c_trips"] if rules.keeps else tile["c_feed"]]
    if not whole and rules.resets:
        passes.append(tile["c_feed"])
    fed = [
        rules.holds_in * tile["k_feed"],
        rules.holds_weights * tile["feed"],
        *(rules.holds_out * one for one in passes),
    ]
    return [*(one * feeds for one in fed), widens * tile["feed"], tile["trips"] if rules.resets == 2 else 0.0]


def random_tile(rng, rules):
    tile = {name: float(rng.randint(2, 9)) for name in (*COLUMN, *INPUTS)}
    tile["shared"] = tile["unshared"] if rules.merged else tile["unshared"] - rng.randint(0, 1)
    return tile


def forms_of(plan):
    """Of each form whether C may be whole and whether it may be cut."""
    return {row[lists.FORM]: (row[lists.WITH_WHOLE], row[lists.WITH_CUT]) for row in plan.tolist()}


@pytest.mark.parametrize("resident", range(8))
def test_what_is_said_to_matter_is_what_the_figures_of_a_form_depend_on(resident):
    rng, seen, truths = random.Random(resident), set(), (False, True)
    for rules, feeds, widens, cuts in rng.sample([*itertools.product(RULES, truths, truths, truths)], 40):
        tile = random_tile(rng, rules)
        for row in search._plan(resident, cuts, (feeds, widens), rules).tolist():
            form = row[lists.FORM]
            kinds = [bool(whole) for whole in (0, 1) if row[lists.WITH_WHOLE if whole else lists.WITH_CUT]]

            def figures(tile, form=form, kinds=kinds, rules=rules, limits=(feeds, widens)):
                return [
                    (space_and_traffic(form, whole, resident, rules, tile), cycles(whole, rules, *limits, tile))
                    for whole in kinds
                ]

            def matters(name, figures=figures, tile=tile):
                return figures({**tile, name: tile[name] + 1.0}) != figures(tile)

            wrong = [name for name, at in COLUMN.items() if row[at] != matters(name)]
            if kinds == [True]:  # then tiles of C are not walked
                wrong = [name for name in wrong if not name.startswith("c")]
            inputs = [kind for name, kind in INPUTS.items() if matters(name)]
            assert (wrong, inputs or [0]) == ([], [row[lists.BY_INPUTS]]), (form, rules, feeds, widens, cuts)
            seen.add(form)
    assert seen == ({*STREAMS} if not resident else seen)


def beaten(point, others):
    return any(all(a <= b for a, b in zip(one, point, strict=True)) for one in others)


@pytest.mark.parametrize("merged", [0, 1])
@pytest.mark.parametrize("resident", range(8))
def test_forms_are_those_of_which_some_tile_is_beaten_in_no_other(resident, merged):
    """One after another is left out whose points others are all as good as. Without inputs and weights to move two are alike."""
    rng, rules = random.Random(1), RULES[-1]._replace(merged=merged)
    tiles = [random_tile(rng, rules) for _ in range(60)]
    planned = forms_of(search._plan(resident, True, (True, False), rules))
    assert not any(cut for _, cut in forms_of(search._plan(resident, False, (True, False), rules)).values())
    alike = {form: INPUT_FIRST if form == WEIGHT_FIRST and resident & 3 == 3 else form for form in STREAMS}
    for whole in (True, False):
        left = [form for form in STREAMS if whole or form == OUTPUT_FIRST or not resident & 4]
        for form in (OUTPUT_FIRST, PASSING, WEIGHT_FIRST, INPUT_FIRST):
            others = [one for one in left if one != form]
            if form in left and all(
                beaten(point, [each for one in others for each in space_and_traffic(one, whole, resident, rules, tile)])
                for tile in tiles
                for point in space_and_traffic(form, whole, resident, rules, tile)
            ):
                left = others
        assert {alike[form] for form, kinds in planned.items() if kinds[not whole]} == {alike[form] for form in left}
