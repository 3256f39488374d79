"""How far a question is: shares of loops inside loops, what is left, and that nobody pays where nobody looks."""

import contextlib
import threading

import pytest

import simulator
from simulator.errors import StoppedError
from simulator.progress import Watch, counted, each, measured, say, shared, stages, watch, watched


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def own():
    clock = Clock()
    found = Watch(clock)
    watch(found)
    yield found, clock
    watch(None)


def test_loops_inside_a_loop_count_as_parts_of_its_round(own):
    found, _ = own
    shares = []
    for _ in each("ab"):
        for _ in each("wxyz"):
            shares.append(found.share)
    assert shares == [0.0, 0.0625, 0.125, 0.1875, 0.5, 0.5625, 0.625, 0.6875]
    assert found.share is None


def test_the_share_never_falls(own):
    found, _ = own
    shares = []
    for _ in each("ab"):
        for _ in range(5):
            for _ in each("xyz"):
                for _ in each("xy"):
                    shares.append(found.share)
            shares.append(found.share)
    assert shares == sorted(shares)
    assert shares[-1] < 1.0


def test_rounds_that_others_do_count_beside_own_ones(own):
    found, _ = own
    with shared(8.0) as rounds:
        rounds.begin(4.0)
        for _ in each("ab"):
            pass
        assert found.share == 0.25  # half of half
        rounds.add(2.0)
        assert found.share == rounds.share + 0.25 == 0.5
        rounds.end(4.0)
        assert found.share == rounds.share == 0.75
        found.unwanted = True
        with pytest.raises(StoppedError):
            rounds.begin(2.0)
    assert found.share is None


def test_what_is_left_is_as_slow_as_what_is_done(own):
    found, clock = own
    clock.now = 5.0  # before the loop
    left = []
    for _ in each("abcd"):
        left.append(found.left_s)
        clock.now += 3.0
    assert left == [None, 9.0, 6.0, 3.0]
    assert found.elapsed_s == 17.0


def test_rounds_that_take_long_count_for_more(own):
    found, clock = own
    seconds = {"big": 80.0, "small": 1.0, "medium": 19.0}
    shares, left = [], []
    for item in each(list(seconds), size=seconds.get):
        shares.append(found.share)
        left.append(found.left_s)
        for _ in each("xy"):
            pass
        assert found.share > shares[-1]
        clock.now += seconds[item]
    assert shares == [0.0, 0.8, 0.81]
    assert left == [None, pytest.approx(20.0), pytest.approx(19.0)]


def test_a_loop_that_is_left_early_counts_no_longer(own):
    found, _ = own
    for item in each("abcd"):
        if item == "c":
            break
    assert found.share is None
    with contextlib.suppress(ValueError):
        for _ in each("ab"):
            raise ValueError
    assert found.share is None


def test_the_loop_outside_says_what_is_done(own):
    found, _ = own
    said = []
    for _ in each("ab", lambda item: f"outer {item}"):
        for _ in each("xy", lambda item: f"inner {item}"):
            said.append(found.words)
    assert said == ["outer a", "outer a", "outer b", "outer b"]
    say("own words")
    assert found.words == "own words"


def test_stages(own):
    found, _ = own
    then = stages(4)
    shares = [found.share]
    for _ in range(3):
        then()
        shares.append(found.share)
    assert shares == [0.0, 0.25, 0.5, 0.75]
    del then
    assert found.share is None


def test_only_the_thread_that_is_watched_is_noted(own):
    found, _ = own
    seen = []
    other = threading.Thread(target=lambda: seen.extend((watched(), list(each("ab")), list(counted(iter("cd"))))))
    other.start()
    other.join()
    assert seen == [None, ["a", "b"], ["c", "d"]]
    assert found.share is None


def test_a_share_that_is_measured_never_falls_and_is_gone_afterwards(own):
    found, clock = own
    with measured() as note:
        assert found.share == 0.0
        clock.now = 3.0
        for share, shown in ((0.25, 0.25), (0.1, 0.25), (0.5, 0.5), (2.0, 0.999)):
            for _ in each("xy"):  # what is inside does not count twice
                pass
            note(share)
            assert found.share == shown
    assert found.share is None
    watch(None)
    with measured() as note:
        note(0.5)


@pytest.mark.parametrize("study", ["lint", "size"])
def test_long_studies_say_how_far_they_are(own, study):
    found, _ = own
    shares = []
    space = {"vary": {"sram.capacity_mib": [1, 2, 4]}, "bundled": False, "max_cost_usd": 1000.0}
    getattr(simulator, study)(
        "squeezenet", "example_edge", tell=lambda _: shares.append(found.share), **(space if study == "size" else {})
    )
    told = [share for share in shares if share is not None]
    assert told == sorted(told)
    assert 0.0 < told[-1] < 1.0
