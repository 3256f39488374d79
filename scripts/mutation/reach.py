"""Which tests run a line, and how long each takes: kept for a file of tests until it or what its tests ran changes."""

import ast
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Lines = dict[str, dict[str, list[str]]]
"""Tests by file and line number."""


class Reach:
    """The lines that each test runs. asked: runs tests and says {"failed", "seconds", "lines"}."""

    def __init__(self, root: Path, sources: Mapping[str, str], kept: Path) -> None:
        self.root = root
        self.sources = sources
        self.kept = kept
        self.seconds: dict[str, float] = {}
        self.lines: Lines = {}

    def learn(self, tests: Sequence[str], asked: Callable[[list[str]], dict[str, Any]]) -> None:
        """Take what is kept of these tests, and run the others."""
        files: dict[str, list[str]] = {}
        for test in tests:
            files.setdefault(test.split("::")[0], []).append(test)
        missing = [file for file, own in files.items() if not self._read(file, own)]
        if missing:
            found = asked([test for file in missing for test in files[file]])
            if found["failed"]:
                raise RuntimeError(f"the tests must pass without a change, got {found['failed']}")
            for file in missing:
                self._add(self._write(file, files[file], found))

    def tests(self, file: str, line: int, most_s: float) -> list[str]:
        """The tests that run a line, quickest first, as many as take `most_s`. At import: all, those of the file first."""
        own = self.lines.get(file, {})
        lines = lines_of(self.sources[file], line)
        near = {test for at in own if lines is None or int(at) in lines for test in own[at]}
        far = set(self.seconds) - near if lines is None else set()
        order = [test for part in (near, far) for test in sorted(part, key=lambda one: (self.seconds[one], one))]
        spent, told = 0.0, []
        for test in order:
            spent += self.seconds[test]
            if spent > most_s and told:
                break
            told.append(test)
        return told

    def _place(self, file: str) -> Path:
        return self.kept / f"{file.replace('/', '.')}.json"

    def _read(self, file: str, tests: list[str]) -> bool:
        """Take what is kept of a file of tests; whether it still holds."""
        try:
            kept = json.loads(self._place(file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if list(kept["seconds"]) != tests or kept["stamps"] != self._stamps(file, kept["lines"]):
            return False
        self._add(kept)
        return True

    def _write(self, file: str, tests: list[str], found: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what was found of a file of tests, and return it."""
        own = set(tests)
        lines = {
            source: {at: sorted(own.intersection(by)) for at, by in of.items() if not own.isdisjoint(by)}
            for source, of in found["lines"].items()
        }
        lines = {source: of for source, of in lines.items() if of}
        told = {
            "stamps": self._stamps(file, lines),
            "seconds": {test: found["seconds"][test] for test in tests},
            "lines": lines,
        }
        self.kept.mkdir(parents=True, exist_ok=True)
        self._place(file).write_text(json.dumps(told), encoding="utf-8")
        return told

    def _stamps(self, file: str, sources: Iterable[str]) -> dict[str, str]:
        """What tests, and what they run, look like."""
        texts = {source: self.sources.get(source, "") for source in sources}
        texts[file] = (self.root / file).read_text(encoding="utf-8")
        return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in sorted(texts.items())}

    def _add(self, known: Mapping[str, Any]) -> None:
        self.seconds |= known["seconds"]
        for source, of in known["lines"].items():
            for at, by in of.items():
                self.lines.setdefault(source, {}).setdefault(at, []).extend(by)


def lines_of(source: str, line: int) -> range | None:
    """Lines of the innermost statement at one, without the statements in it; None where it runs when the file is imported."""
    found, within = range(line, line + 1), False
    shortest = len(source)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            continue
        body = getattr(node, "body", None)
        begin = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
        end = body[-1].end_lineno if isinstance(node, ast.match_case) else node.end_lineno
        if not begin <= line <= end:
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and line >= body[0].lineno:
            within = True
        if end - begin < shortest:
            shortest = end - begin
            found = range(begin, max(begin + 1, body[0].lineno) if body else end + 1)
    return found if within else None
