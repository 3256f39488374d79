"""A command that takes long: the line on a terminal, and Ctrl-C inside a kernel."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from terminal import on_terminal

from simulator.cli import watch
from simulator.errors import OptionError
from simulator.progress import Watch, each, say
from simulator.progress import watch as look

KERNEL = "from simulator.cli import app, main, watch\nimport sys, time, ctypes\n"
"""Code before that of a test. `PyDLL(None).sleep` holds nothing of Python, `ctypes.CDLL(None).sleep` is as a kernel."""


def interrupted(code, after_s):
    """(exit code, stderr, seconds from Ctrl-C to the end) of a program that is told to stop."""
    program = [sys.executable, "-c", KERNEL + code]
    with subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()  # it works
            time.sleep(after_s)
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            return process.returncode, err, time.monotonic() - begin
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("work", ["ctypes.CDLL(None).sleep(50)", "[time.sleep(0.01) for _ in range(5000)]"])
def test_ctrl_c_is_heard_inside_of_what_does_not_stop_for_signals(work):
    code = (
        f"def work():\n    print('works', flush=True)\n    {work}\n"
        "app.parser = lambda _: lambda **options: watch.beside(work)\nsys.exit(main([]))"
    )
    returned, err, took_s = interrupted(code, 0.2)
    assert (returned, err) == (130, "rooftile: interrupted\n")
    assert took_s < 5.0  # half a second, were the machine idle


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("at", ["import simulator.__main__", "import simulator.__main__ as m; m.main()"])
def test_ctrl_c_is_quiet_before_the_command_begins(at):
    """While the command is imported, and just after it has ended."""
    code = f"import os, sys; sys.argv = ['rooftile', '--version']\n{at}\nos.kill(os.getpid(), 2)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "rooftile: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interrupted_command_tidies_up():
    code = (
        "def work():\n    try:\n        print('works', flush=True)\n        [time.sleep(0.01) for _ in range(5000)]\n"
        "    finally:\n        sys.stderr.write('tidy ')\n"
        "app.parser = lambda _: lambda **options: watch.beside(work)\nsys.exit(main([]))"
    )
    returned, err, _ = interrupted(code, 0.2)
    assert (returned, err) == (130, "tidy rooftile: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_sweep_does_not_wait_for_its_kernels(tmp_path):
    code = (
        "from simulator.sweeps import run\n"
        "first = run._fill\n"
        "def slow(space, block, group):\n"
        "    if not space.begun:\n        return first(space, block, group)\n"
        "    print('works', flush=True)\n    ctypes.CDLL(None).sleep(50)\n"
        "run._fill = slow\n"
        f"sys.exit(main('sweep squeezenet --chip inferx_x1 --vary sram.capacity_mib=1,2 --out {tmp_path}/d'.split()))"
    )
    returned, err, took_s = interrupted(code, 0.5)
    assert returned == 130
    assert "rooftile: interrupted: 0 of 2 points are kept" in err
    assert took_s < 10.0  # of 50


def test_what_a_command_raises_is_raised():
    def fails() -> None:
        raise OptionError("--batch: wrong")

    with pytest.raises(OptionError, match="--batch: wrong"):
        watch.beside(fails)


def test_a_command_runs_in_another_thread_and_is_watched():
    seen = []
    watch.beside(lambda: seen.extend((threading.current_thread(), say("words"))))
    assert seen[0] is not threading.current_thread()


def test_the_line():
    now = [0.0]
    own = Watch(lambda: now[0])
    look(own)
    try:
        assert watch.line_of(own) == "working, 0 s"
        for at in each(range(4), lambda at: f"chip {at}"):
            now[0] = 100.0 * (at + 1)
            if at == 1:
                now[0] = 150.0
                assert watch.line_of(own) == "chip 1, 150 s, 25 %, about 8 min left"
    finally:
        look(None)


@pytest.mark.parametrize(
    ("seconds", "said"), [(12.4, "12 s"), (600.0, "10 min"), (9000.0, "2.5 h"), (5_163_516.0, "60 days")]
)
def test_times_are_said_as_people_do(seconds, said):
    assert watch.duration(seconds) == said


def test_a_long_command_shows_a_line_on_a_terminal_and_takes_it_away(tmp_path):
    code = (
        "import sys, time\nfrom simulator.cli import watch\nfrom simulator.progress import each\n"
        "watch.SHOWN_AFTER_S = 0.2\n"
        "def work():\n    [time.sleep(0.5) for _ in each(range(4), lambda at: f'chip {at}')]\n    print('answer')\n"
        "watch.beside(work)"
    )
    returned, printed = on_terminal([code], tmp_path, program=("-c",))
    assert returned == 0
    assert "chip 2, 1 s, 50 %, about 1 s left" in printed
    assert printed.index("chip 2") < printed.index("answer")
    assert printed.rstrip("\r\n").endswith("\x1b[K") or printed.rstrip("\r\n").endswith("answer")


def test_a_dumb_terminal_gets_no_codes_and_keeps_its_width(tmp_path):
    code = (
        "import os, time\nos.environ |= {'TERM': 'dumb', 'COLUMNS': '40'}\n"
        "from rich.text import Text\nfrom simulator.cli import watch\nfrom simulator.cli.screen import show\n"
        "from simulator.progress import say\nwatch.SHOWN_AFTER_S = 0.0\n"
        "def work():\n    say('on its way')\n    time.sleep(0.3)\n    show(Text('word ' * 30, style='red'))\n"
        "watch.beside(work)"
    )
    returned, printed = on_terminal([code], tmp_path, program=("-c",))
    assert returned == 0
    assert "on its way, 0 s" in printed
    assert "\x1b" not in printed
    assert max(len(line.rpartition("\r")[2]) for line in printed.split("\r\n")) <= 40


def test_what_is_printed_takes_the_place_of_the_line(tmp_path):
    """Not what is left of the line behind it, nor a line between two parts of an answer."""
    code = (
        "import time\nfrom simulator.cli import watch\nfrom simulator.cli.output import emit, note\n"
        "from simulator.progress import say\nwatch.SHOWN_AFTER_S = 0.0\n"
        "def work():\n    say('a long way to go')\n    time.sleep(0.5)\n    note('a note')\n    time.sleep(0.5)\n"
        "    emit('the\\n')\n    emit('answer\\n')\n    time.sleep(0.5)\n"
        "watch.beside(work)"
    )
    returned, printed = on_terminal([code], tmp_path, program=("-c",))
    assert returned == 0
    assert printed.count("\r\x1b[Ka long way to go, ") >= 3
    assert "\r\x1b[Ka note\r\n" in printed
    assert "\r\x1b[Kthe\r\nanswer\r\n" in printed
    assert printed.endswith("\r\x1b[K")


def test_no_line_is_drawn_while_something_is_printed(tmp_path):
    code = (
        "import time\nfrom simulator.cli import watch\nfrom simulator.progress import aside\nwatch.SHOWN_AFTER_S = 0.0\n"
        "def work():\n    with aside(), aside():\n        time.sleep(0.6)\n        print('bar')\n"
        "watch.beside(work)"
    )
    assert on_terminal([code], tmp_path, program=("-c",)) == (0, "bar\r\n")


def test_a_short_command_shows_none(tmp_path):
    code = "from simulator.cli import watch\nwatch.beside(lambda: print('answer'))"
    assert on_terminal([code], tmp_path, program=("-c",)) == (0, "answer\r\n")


def test_nothing_is_drawn_on_a_pipe():
    code = (
        "import time\nfrom simulator.cli import watch\nwatch.SHOWN_AFTER_S = 0.0\nwatch.beside(lambda: time.sleep(0.6))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (out.stdout, out.stderr) == ("", "")


def test_ctrl_c_is_heard_at_any_line_of_the_wait():
    """The signal strikes at the n-th line of Python that the first thread runs inside of the wait, in whatever module."""
    code = (
        "import gc\ngc.disable()  # what it calls between two lines would swallow the signal\n"
        "wait, struck = watch._Work.ends_within, 0\n"
        "class Strikes:\n"
        "    def __init__(self, at):\n        self.left = at\n"
        "    def trace(self, frame, event, arg):\n"
        "        self.left -= event == 'line'\n"
        "        if event == 'line' and self.left == 0:\n            raise KeyboardInterrupt\n"
        "        return self.trace\n"
        "    def wait(self, thread, seconds):\n        sys.settrace(self.trace)\n"
        "        try:\n            return wait(thread, seconds)\n        finally:\n            sys.settrace(None)\n"
        "for at in range(1, 11):\n"
        "    strikes = Strikes(at)\n"
        "    watch._Work.ends_within = lambda self, seconds: strikes.wait(self, seconds)\n"
        "    try:\n        watch.beside(lambda: [time.sleep(0.01) for _ in range(500)])\n"
        "    except KeyboardInterrupt:\n        struck += 1\n"
        "print(struck)"
    )
    done = subprocess.run(
        [sys.executable, "-c", KERNEL + code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("10\n", "")
