"""Would the tests notice a small wrong change? Mutants of the rooms of the model, drawn by a seed, and who survives.

    python scripts/mutants.py --seed 1 --count 60             of all rooms, with the tests of each
    python scripts/mutants.py --rooms schedule,kernels        of some
    python scripts/mutants.py --seed 1 --list                 what would be tried

Each mutant is one change of a copy of the tree: another comparison, operator, column or number, a term left out, a `min` for a
`max`. It is killed by a test that fails, by the limit of time, or by a crash. A survivor is a hole in the tests, or equivalent:
then scripts/data/equivalent_mutants.yaml says why. Exit code 0: at most 5 % survive that are not listed; 1: more; 2: cannot run;
130: interrupted. The tests stand in scripts/mutation/rooms.py. Those that run the line of a mutant judge it: which these are is
found out by running all of them once, some ten minutes, and kept in .cache/mutants until they or what they run changes.
"""

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from mutation import draw, judge, rooms
from mutation.draw import Mutant
from mutation.judge import Judge, Verdict
from mutation.rooms import ROOMS, room_of

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".cache" / "mutants"
EQUIVALENT = ROOT / "scripts" / "data" / "equivalent_mutants.yaml"
MOST_SURVIVORS = 0.05
"""Share of the mutants judged that may survive without being listed."""

Reasons = dict[tuple[str, str, str | None], str]
"""Why changes are none, by file, line before and line after; None: whatever comes after."""


def main(words: Sequence[str] | None = None) -> int:
    options = arguments(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `timeout` too gets a summary
    mutants = drawn(options)
    if options.list:
        for mutant in mutants:
            print(in_words(mutant))
        return 0
    verdicts: list[Verdict] = []
    code = 0
    try:
        with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
            run(mutants, options, Path(folder), verdicts)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except RuntimeError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    found = report(verdicts, options)
    return code or found


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        epilog=__doc__.split("\n", 1)[1],
        formatter_class=argparse.RawTextHelpFormatter,
    )
    names = list(dict.fromkeys(room.name for room in ROOMS))
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="which mutants; default 1")
    parser.add_argument("--count", metavar="N", type=int, default=60, help="how many; default 60")
    parser.add_argument("--rooms", metavar="NAMES", default=",".join(names), help=f"default: {','.join(names)}")
    parser.add_argument("--files", metavar="GLOB", default="*", help="only files whose path matches")
    parser.add_argument("--jobs", metavar="N", type=int, choices=(1, 2), default=2, help="processes, 1 or 2; default 2")
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=float,
        default=30.0,
        help="how long tests of a mutant may take, quickest first; default 30",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write all verdicts there")
    parser.add_argument("--list", action="store_true", help="list the mutants and try none")
    options = parser.parse_args(words)
    options.rooms = options.rooms.split(",")
    if unknown := set(options.rooms) - set(names):
        parser.error(f"--rooms: must be of {', '.join(names)}, got {', '.join(sorted(unknown))}")
    if options.count < 1 or not options.seconds > 0:
        parser.error("--count and --seconds: must be positive")
    return options


def drawn(options: argparse.Namespace) -> list[Mutant]:
    """Draw of the rooms asked for. Columns are looked for in all rooms: a name is often used elsewhere."""
    sources = draw.read(ROOT, [pattern for room in ROOMS for pattern in room.files])
    wanted = {
        file: source
        for file, source in sources.items()
        if (room := room_of(file)) and room.name in options.rooms and Path(file).match(options.files)
    }
    return draw.draw(wanted, draw.groups_of(sources.values()), options.seed, options.count)


def run(mutants: Sequence[Mutant], options: argparse.Namespace, folder: Path, verdicts: list[Verdict]) -> None:
    """Check that the tests pass as they are, then judge all mutants: those of kernels, and the others, each in one process."""
    tree = judge.copied(ROOT, folder)
    ways = {
        compiled: [one for one in mutants if (room := room_of(one.file)) and room.compiled == compiled]
        for compiled in (False, True)
    }
    ways = {compiled: own for compiled, own in ways.items() if own}
    judges = {compiled: Judge(tree, rooms.words(tree, compiled), compiled, options.seconds) for compiled in ways}
    one_at_a_time, ended = threading.Lock(), threading.Event()

    def told(verdict: Verdict) -> None:
        with one_at_a_time:
            verdicts.append(verdict)
            fate = verdict.fate if verdict.fate == judge.SURVIVED else f"killed by {verdict.fate}"
            by = verdict.by or f"{verdict.mutant.before}  -->  {verdict.mutant.after}"
            said = f"{verdict.mutant.file}:{verdict.mutant.line}  {fate}, {verdict.tests} tests: {by}"
            print(f"{len(verdicts)}/{len(mutants)}  {said}", file=sys.stderr)

    def judged(compiled: bool) -> None:
        begin, sources = (
            time.monotonic(),
            draw.read(ROOT, [p for room in ROOMS if room.compiled == compiled for p in room.files]),
        )
        judges[compiled].learn(sources, KEPT / ("compiled" if compiled else "plain"))
        print(f"{len(judges[compiled].reach.seconds)} tests pass, {time.monotonic() - begin:.0f} s", file=sys.stderr)
        for mutant in ways[compiled]:
            if not ended.is_set():
                told(judges[compiled].judge(mutant))

    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            for future in [pool.submit(judged, compiled) for compiled in ways]:
                future.result()
        finally:
            ended.set()
            for each in judges.values():
                each.stop()


def report(verdicts: Sequence[Verdict], options: argparse.Namespace) -> int:
    """Print survivors and a summary; return the exit code."""
    reasons = equivalents()
    survivors = [verdict.mutant for verdict in verdicts if verdict.fate == judge.SURVIVED]
    holes = [mutant for mutant in survivors if not reason_of(mutant, reasons)]
    for mutant in survivors:
        why = reason_of(mutant, reasons)
        print(in_words(mutant) + (f"\n    equivalent: {why}" if why else ""))
    names = sorted({room_name(verdict) for verdict in verdicts})
    for name in names:
        print(counted(name, [verdict for verdict in verdicts if room_name(verdict) == name], reasons))
    if len(names) != 1:
        print(counted("all", verdicts, reasons))
    if options.json:
        options.json.write_text(json.dumps([as_dict(verdict, reasons) for verdict in verdicts], indent=1) + "\n")
    return int(len(holes) > MOST_SURVIVORS * len(verdicts))


def counted(name: str, verdicts: Sequence[Verdict], reasons: Reasons) -> str:
    """One line of the summary."""
    count = Counter(verdict.fate for verdict in verdicts)
    drawn_, lived = len(verdicts), count[judge.SURVIVED]
    listed = sum(verdict.fate == judge.SURVIVED and bool(reason_of(verdict.mutant, reasons)) for verdict in verdicts)
    share = f"{(lived - listed) / drawn_:.0%}" if drawn_ else "-"
    return (
        f"{name}: {drawn_} drawn, {drawn_ - lived} killed ({count[judge.BY_TEST]} by a test, {count[judge.BY_TIME]} by time, "
        f"{count[judge.BY_CRASH]} by a crash), {lived} survived, of these {listed} equivalent: {share} not noticed"
    )


def room_name(verdict: Verdict) -> str:
    room = room_of(verdict.mutant.file)
    return room.name if room else ""


def as_dict(verdict: Verdict, reasons: Reasons) -> dict[str, Any]:
    mutant = verdict.mutant
    return {
        "file": mutant.file, "line": mutant.line, "kind": mutant.edit.kind, "old": mutant.before, "new": mutant.after,
        "fate": verdict.fate, "by": verdict.by, "tests": verdict.tests, "equivalent": reason_of(mutant, reasons),
    }  # fmt: skip


def reason_of(mutant: Mutant, reasons: Reasons) -> str | None:
    """Why nothing can tell a mutant from the original, listed itself or with its whole line, which is known by what it says: line
    numbers move.
    """
    line = mutant.file, mutant.before
    return reasons.get((*line, mutant.after)) or reasons.get((*line, None))


def equivalents() -> Reasons:
    """Reasons by file and lines before and after."""
    rows = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
    return {(row["file"], row["old"], row.get("new")): row["why"] for row in rows}


def in_words(mutant: Mutant) -> str:
    return f"{mutant.file}:{mutant.line}: {mutant.old} -> {mutant.edit.new}\n    {mutant.before}\n    {mutant.after}"


if __name__ == "__main__":
    sys.exit(main())
