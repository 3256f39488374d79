"""Questions shared among processes: the same answers in the same order, what is raised, who ends, and who goes with whom."""

import os
import subprocess
import sys
import threading
import time

import pytest

from simulator.chip.library import bundled_entries
from simulator.errors import ChipError, InputError, StoppedError
from simulator.frontier import threads
from simulator.progress import Watch, watch
from simulator.store import processes
from simulator.study import sharing
from simulator.study.alike import Question
from simulator.study.compare import compare_entries
from simulator.study.sharing import answers
from simulator.study.validation import validate

HERE = f"__import__('os').getpid() == {os.getpid()}"
"""Whether a text is read in this process."""


@pytest.fixture
def two(monkeypatch):
    """Two cores, and help from the beginning."""
    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr(sharing, "ALONE_S", 0.0)
    monkeypatch.setattr(sharing, "_compiled", lambda: True)
    monkeypatch.setattr(sharing, "WORTH_S", 1e-9)


def held(helped, then="1"):
    """A question that this process takes until another process answered one: it makes the file `helped`."""
    here = f"[__import__('time').sleep(0.01) for _ in range(1000) if not __import__('os').path.exists({helped!r})]"
    there = f"open({helped!r}, 'w').close()"
    return f"({here} if {HERE} else {there}, {then})[1]"


def test_answers_come_in_the_order_of_the_items_whoever_found_them(two, tmp_path):
    pid = "__import__('os').getpid()"
    found = answers(eval, [held(str(tmp_path / "helped"), f"({number}, {pid})") for number in range(6)])
    assert [number for number, _ in found] == list(range(6))
    assert len({who for _, who in found}) == 2
    assert found[0][1] == os.getpid()


def test_a_short_question_starts_no_process(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr(sharing, "Helper", None)
    assert answers(abs, [-1, -2]) == [1, 2]


def test_one_core_and_cores_that_are_taken_ask_for_no_help(monkeypatch, two):
    monkeypatch.setattr(sharing, "_Shared", None)
    monkeypatch.setattr(threads, "cores", lambda: 1)
    assert answers(abs, [-1, -2]) == [1, 2]
    monkeypatch.setattr(threads, "cores", lambda: 2)
    with sharing._taken:
        assert answers(abs, [-1, -2]) == [1, 2]


def test_a_function_that_another_process_cannot_have_is_asked_here(two):
    assert answers(lambda one: time.sleep(0.1) or -one, [1, 2, 3]) == [-1, -2, -3]


def test_a_process_that_dies_is_one_line_of_exit_code_2(two, tmp_path):
    helped = str(tmp_path / "helped")
    with pytest.raises(InputError, match=r"^a process that helped ended by exit code 3; .* ask again") as told:
        answers(eval, [held(helped, f"1 if {HERE} else __import__('os')._exit(3)")] * 5)
    assert told.value.exit_code == 2
    assert "\n" not in str(told.value)


def test_of_all_that_is_raised_the_first_counts(two, tmp_path):
    text = held(str(tmp_path / "helped"), "__import__('simulator').errors.ChipError('of %d')")
    thrown = "(_ for _ in ()).throw(%s).__next__()"
    items = [thrown % (text % number) for number in range(4)]
    with pytest.raises(ChipError, match=r"^of 0$"):
        answers(eval, items)


def test_nobody_helps_once_nobody_wants_the_answer(two, tmp_path, monkeypatch):
    started = []

    class Helper(processes.Helper):
        def __init__(self):
            super().__init__()
            started.append(self)

    monkeypatch.setattr(sharing, "Helper", Helper)
    own, helped = Watch(), str(tmp_path / "helped")
    watch(own)
    there = f"1 if {HERE} else __import__('time').sleep(60)"
    threading.Timer(0.5, lambda: setattr(own, "unwanted", True)).start()
    try:
        with pytest.raises(StoppedError):
            answers(eval, [held(helped, there)] * 9)
    finally:
        watch(None)
    assert started[0]._process.wait(5) != 0
    assert own.loops == ()


def test_a_process_ends_with_the_one_that_asks():
    program = (
        "import os, time\n"
        "from simulator.store.processes import Helper\n"
        "helper = Helper()\n"
        "helper.knows(time.sleep)\n"
        "print(helper._process.pid, flush=True)\n"
        "import threading; threading.Thread(target=helper.answer, args=(60,), daemon=True).start()\n"
        "time.sleep(0.1)\n"
        "os._exit(0)\n"
    )
    asking = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    pid, begin = int(asking.stdout), time.monotonic()
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() - begin < 10
        time.sleep(0.02)


def test_another_process_validates_and_compares_to_the_bit(two, monkeypatch):
    def leave_all(shared):
        while shared._next < len(shared._items):
            time.sleep(0.01)

    chips = [bundled_entries()[name] for name in ("jetson_nano", "p4", "nvdla_32")]
    with monkeypatch.context() as other:
        other.setattr(sharing._Shared, "_do_own", leave_all)
        many = validate(chips).rows(), compare_entries(chips[:2], Question("resnet18")).to_dict()
    monkeypatch.setattr(threads, "cores", lambda: 1)
    assert many == (validate(chips).rows(), compare_entries(chips[:2], Question("resnet18")).to_dict())
