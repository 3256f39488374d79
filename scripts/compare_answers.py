"""Does a rebuilt engine keep its answers? Some 1,400 runs and 50 sweeps, asked of a commit and of a checkout, are compared.

    python scripts/compare_answers.py --against COMMIT                the commit against the checkout this script stands in
    python scripts/compare_answers.py --against COMMIT --sample 10    every tenth question, for a quick look
    python scripts/compare_answers.py --against COMMIT --only gnmt    questions whose label matches a pattern
    python scripts/compare_answers.py --against COMMIT --save FILE    also keep the commit's answers (.jsonl.gz)
    python scripts/compare_answers.py --load FILE --checkout FOLDER   kept answers against another checkout
    python scripts/compare_answers.py --list                          the questions

Numbers must be equal within 1e-12 (of the total time, where they are differences of times). Where two schedules take the same
time either may win: such ties are listed and are no fault. Exit code 0: equal; 1: something differs; 2: cannot be asked.

Both sides search all tilings anew: nothing is taken from the cache of frontiers, and nothing is left behind.
"""

import argparse
import io
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from answers.ask import Answers, Side, ask
from answers.compare import LAYER_CHOICES, MISSING, Difference, Verdict, compare, row_in_words
from answers.questions import questions

HERE = Path(__file__).resolve().parent.parent
NEEDED = "import numpy, numba, networkx, yaml, pydantic, polars"
SHOWN_KEYS = 8
"""Differences listed of one question."""


def main(words: Sequence[str] | None = None) -> int:
    options = arguments(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # temporary folders go whoever ends this
    try:
        return compared(options)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print(f"compare_answers: {error}", file=sys.stderr)
        return 2


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        epilog=__doc__.split("\n", 1)[1],
        formatter_class=argparse.RawTextHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--against", metavar="COMMIT", help="whose answers must be kept")
    source.add_argument("--load", metavar="FILE", type=Path, help="answers kept by --save, instead of a commit's")
    source.add_argument("--list", action="store_true", help="list the questions and ask none")
    parser.add_argument(
        "--checkout", metavar="FOLDER", type=Path, default=HERE, help="what is compared; default: this one"
    )
    parser.add_argument("--save", metavar="FILE", type=Path, help="keep the commit's answers")
    parser.add_argument("--only", metavar="REGEX", type=re.compile, help="questions whose label matches")
    parser.add_argument("--sample", metavar="N", type=int, default=1, help="every N-th question")
    parser.add_argument("--jobs", metavar="N", type=int, default=2, help="processes; default 2")
    parser.add_argument(
        "--show", metavar="N", type=int, default=20, help="faulty questions, and ties, listed; default 20"
    )
    options = parser.parse_args(words)
    if options.save and not options.against:
        parser.error("--save: needs --against, whose answers are kept")
    if options.jobs < 1 or options.sample < 1:
        parser.error("--jobs and --sample: must be at least 1")
    if not (options.checkout / "simulator").is_dir():
        parser.error(f"--checkout: must be a checkout with a folder simulator, got {options.checkout}")
    options.checkout = options.checkout.resolve()
    return options


def compared(options: argparse.Namespace) -> int:
    """Get the answers of both sides and report."""
    if options.list:
        return listed(chosen(questions(options.checkout), options))
    if options.load:
        old = Answers.load(options.load)
        old.questions = chosen(old.questions, options)
    else:
        old = answers_of_commit(options)
        if options.save:
            old.save(options.save)
    if not old.questions:
        raise RuntimeError("no question matches")
    python = interpreter(options.checkout)
    with tempfile.TemporaryDirectory(prefix="answers-", ignore_cleanup_errors=True) as folder:
        new = ask(Side("checkout", options.checkout, python, Path(folder)), old.questions, options.jobs, old.seconds)
    if old.head["versions"] != new.head["versions"]:
        print(f"other versions: {old.head['versions']} and {new.head['versions']}", file=sys.stderr)
    return report(old, new, options.show)


def chosen(asked: list[dict[str, Any]], options: argparse.Namespace) -> list[dict[str, Any]]:
    if options.only:
        asked = [each for each in asked if options.only.search(each["label"])]
    return asked[:: options.sample]


def listed(asked: Sequence[dict[str, Any]]) -> int:
    for each in asked:
        print(each["label"])
    count = Counter(each["kind"] for each in asked)
    for key in ("network", "chip", "batch", "precision"):
        spread = Counter(str(each[key]) for each in asked if each["kind"] == "run")
        print(f"{key}: " + ", ".join(f"{name} {times}" for name, times in sorted(spread.items())), file=sys.stderr)
    spread = Counter(word for each in asked if each["kind"] == "run" for word in each["set"])
    print("set: " + ", ".join(f"{name} {times}" for name, times in sorted(spread.items())), file=sys.stderr)
    print(f"{count['run']} runs, {count['sweep']} sweeps", file=sys.stderr)
    return 0


def answers_of_commit(options: argparse.Namespace) -> Answers:
    """Answers of a commit, from its files in a temporary folder."""
    commit = git(options.checkout, "rev-parse", "--verify", f"{options.against}^{{commit}}").decode().strip()
    with tempfile.TemporaryDirectory(prefix="answers-", ignore_cleanup_errors=True) as folder:
        root, cache = Path(folder, commit[:12]), Path(folder, "cache")
        cache.mkdir()
        with tarfile.open(fileobj=io.BytesIO(git(options.checkout, "archive", commit))) as archive:
            archive.extractall(root, filter="data")
        python = interpreter(options.checkout)
        if dependencies(root) != dependencies(options.checkout):
            python = own_environment(root, Path(folder, "venv"))
        asked = chosen(questions(root), options)
        return ask(Side(commit[:12], root, python, cache), asked, options.jobs) if asked else Answers()


def git(folder: Path, *words: str) -> bytes:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {words[0]}: {done.stderr.decode().strip()}")
    return done.stdout


def dependencies(root: Path) -> Any:
    """What a checkout needs to be run."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [project.get(key) for key in ("requires-python", "dependencies", "optional-dependencies")]


def interpreter(checkout: Path) -> str:
    """A Python with all that the project needs: this one, or one that scripts/test has made."""
    candidates = [sys.executable, *(str(root / ".venv" / "bin" / "python") for root in (checkout, HERE))]
    for python in candidates:
        if (
            Path(python).exists()
            and not subprocess.run([python, "-c", NEEDED], capture_output=True, check=False).returncode
        ):
            return python
    raise RuntimeError(f"no Python has what the project needs; tried {', '.join(candidates)}; run scripts/test once")


def own_environment(root: Path, place: Path) -> str:
    """An environment for a commit whose dependencies are others."""
    print("other dependencies: making an environment for the commit...", file=sys.stderr)
    python = str(place / "bin" / "python")
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{root}[sweep]"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")
    return python


def report(old: Answers, new: Answers, show: int) -> int:
    """Compare, print what differs and a summary; return the exit code."""
    total, refused, faulty, tied = Verdict(), 0, 0, 0
    kinds: Counter[str] = Counter()
    of_ties: Counter[str] = Counter()
    for question in old.questions:
        label = question["label"]
        one = old.get(label)
        other = new.get(label) if label in new else {"error": [MISSING, "not asked"]}
        verdict = compare(one, other)
        kinds[question["kind"]] += 1
        refused += "error" in one
        for name in ("numbers", "bits", "near", "points", "ties"):
            setattr(total, name, getattr(total, name) + getattr(verdict, name))
        total.added |= verdict.added
        if verdict.faults:
            faulty += 1
            if faulty <= show:
                print("\n".join(told("DIFFERENT", question, one, verdict.faults)))
        if verdict.ties:
            tied += 1
            of_ties.update({kind_of(each.key) for each in verdict.tied})
            if tied <= show:
                print("\n".join(told("tie", question, one, verdict.tied)))
    if total.added:
        print(f"keys that the older version has not: {', '.join(sorted(total.added))}")
    for what, count in (("different", faulty), ("tied", tied)):
        if count > show:
            print(f"... and {count - show} more questions {what} (--show)")
    print(
        f"{kinds['run']} runs and {kinds['sweep']} sweeps of {total.points:,} points; {refused} questions answered by an error\n"
        f"{total.numbers:,} numbers: {total.bits:,} equal to the bit, {total.near:,} within 1e-12, "
        f"{total.numbers - total.bits - total.near:,} not\n"
        f"{total.ties} ties in {tied} questions{in_words(of_ties)}; {faulty} questions differ\n"
        + "\n".join(
            f"{each['name']}: {each['seconds']:.0f} s, {each['core_seconds']:.0f} core seconds"
            for each in (old.head, new.head)
        )
    )
    return 1 if faulty else 0


def kind_of(key: str) -> str:
    """A key without the layer that it is of, and without what is below it."""
    words = key.split(".")
    # The name of a layer may have dots of its own.
    return next((f"layers.{word}" for word in words[2:] if word in LAYER_CHOICES), words[0])


def in_words(counts: Counter[str]) -> str:
    """Keys and in how many questions: a key in all ties that should be in few is no matter of choice."""
    return " (" + ", ".join(f"{key} {count}" for key, count in counts.most_common()) + ")" if counts else ""


def told(what: str, question: dict[str, Any], old: dict[str, Any], differences: Sequence[Difference]) -> list[str]:
    """The lines about one question."""
    rows = len({each.row for each in differences if each.row >= 0})
    lines = [f"{what}: {question['label']}" + (f": {rows} points" if rows else "")]
    for each in differences[:SHOWN_KEYS]:
        place = f" at point {each.row} ({row_in_words(question, old['table'], each.row)})" if each.row >= 0 else ""
        lines.append(f"    {each.key}{place}: {in_short(each.old)} -> {in_short(each.new)}")
    if len(differences) > SHOWN_KEYS:
        rest = Counter(each.key.split(".")[0] for each in differences[SHOWN_KEYS:])
        lines.append("    and " + ", ".join(f"{times} x {key}" for key, times in rest.items()))
    return lines


def in_short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."


if __name__ == "__main__":
    sys.exit(main())
