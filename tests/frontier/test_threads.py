"""Work on idle cores: all of it is done, what fails is heard, and who comes second does it alone."""

import threading

import pytest

from simulator.frontier import threads
from simulator.frontier.kept import Store
from simulator.lower.array import target_of
from simulator.lower.rows import lower_to

cores = threads.cores


@pytest.fixture(autouse=True)
def three_cores(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 3)


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    """Where no system says which, all that there are; one where that is not known either."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {1, 3, 4} - {process}, raising=False)
    assert cores() == 3
    monkeypatch.delattr("os.sched_getaffinity")
    for known, wanted in ((5, 5), (None, 1)):
        monkeypatch.setattr("os.cpu_count", lambda known=known: known)
        assert cores() == wanted


def test_every_item_is_done_on_several_threads():
    done, names, met = [], set(), threading.Barrier(3, timeout=30)

    def work(item):
        if item < 3:
            met.wait()  # three at once, or this fails
        names.add(threading.current_thread().name)
        done.append(item)

    threads.side_by_side(work, range(20))
    assert sorted(done) == list(range(20))
    assert len(names) == 3


def test_few_items_stay_on_this_thread():
    names = []
    threads.side_by_side(lambda _: names.append(threading.current_thread().name), range(threads.FEWEST - 1))
    assert set(names) == {threading.current_thread().name}


def test_as_many_threads_as_items_where_there_are_fewer(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 1)
    names, mine = set(), threading.current_thread().name
    threads.side_by_side(lambda _: names.add(threading.current_thread().name), range(20))
    assert names == {mine}
    monkeypatch.setattr(threads, "cores", lambda: 8)
    met = threading.Barrier(threads.FEWEST, timeout=30)

    def work(_):
        names.add(threading.current_thread().name)
        met.wait()

    threads.side_by_side(work, range(threads.FEWEST))
    assert len(names - {mine}) == threads.FEWEST
    assert all(name.startswith(threads.WORKER) for name in names - {mine})


def test_a_second_one_meanwhile_stays_on_its_thread():
    names = []

    def outer(_):
        mine = threading.current_thread().name
        threads.side_by_side(lambda _: names.append((mine, threading.current_thread().name)), range(8))

    threads.side_by_side(outer, range(8))
    assert len(names) == 64
    assert all(mine == inner for mine, inner in names)


def test_what_fails_is_raised_and_the_cores_are_free_again():
    def work(item):
        if item == 5:
            raise ValueError("five")

    for _ in range(2):
        with pytest.raises(ValueError, match="five"):
            threads.side_by_side(work, range(10))
    assert not threads._taken.locked()


def test_frontiers_do_not_depend_on_threads(monkeypatch, tmp_path):
    from simulator import load_chip, load_network  # noqa: PLC0415

    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    low = lower_to(load_network("squeezenet", image_size=64), target_of(load_chip("inferx_x1"), "int8"), 1)
    places = [(shape, mask) for shape in dict.fromkeys(row.shape for row in low.rows if row.shape) for mask in (0, 1)]
    together = Store().get_all(places, low.spec)
    alone = Store()
    monkeypatch.setattr("simulator.store.disk.load", lambda _: None)
    for place, found in zip(places, together, strict=True):
        expected = alone.get(place[0], low.spec, place[1])
        for name in ("footprint", "bytes_", "cycles", "codes"):
            assert (getattr(found, name) == getattr(expected, name)).all()


def test_one_who_has_the_cores_keeps_them_from_others():
    names, mine = set(), threading.current_thread().name
    with threads.alone():
        threads.side_by_side(lambda _: names.add(threading.current_thread().name), range(9))
        with threads.alone():
            assert threads._taken.locked()
        assert threads._taken.locked()
    assert (names, threads._taken.locked()) == ({mine}, False)
