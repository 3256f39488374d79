"""Small wrong changes of Python source, by a seed: where one can be made, what it says there, what it says instead.

A change is of the text at the place of a node of the syntax tree, so all else in the file stays as it is. Never changed:
annotations, decorators, what is raised, texts (and with them docstrings), what only runs as a programme, and the check of `zip`
that what it takes is equally long.
"""

import ast
import functools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

COMPARISONS: dict[type[ast.AST], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
OPERATORS: dict[type[ast.AST], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("/",)),
    ast.Div: ("/", ("*",)),
    ast.FloorDiv: ("//", ("*",)),
    ast.Mod: ("%", ("//",)),
    ast.Pow: ("**", ("*",)),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
    ast.BitAnd: ("&", ("|",)),
    ast.BitOr: ("|", ("&",)),
    ast.BitXor: ("^", ("&",)),
    ast.And: ("and", ("or",)),
    ast.Or: ("or", ("and",)),
}
PAIRS = [("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("any", "all"), ("floor", "ceil")]
CALLS = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
SUMS = (ast.Add, ast.Sub)
PRODUCTS = (ast.Mult, ast.Div)
ATOMS = (ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Dict, ast.Set)
LEFT_OUT_FIELDS = ("annotation", "returns", "decorator_list", "type_params")
LARGEST_FLOAT = 16
"""Whole floats up to it are changed by one, as integers are: larger ones are units."""


class Edit(NamedTuple):
    """Text `new` in place of characters begin .. end - 1; of which kind the change is."""

    begin: int
    end: int
    new: str
    kind: str


class Mutant(NamedTuple):
    """One wrong change of one file: line number, the text in question, the lines that it touches before and after, the edit."""

    file: str
    line: int
    old: str
    before: str
    after: str
    edit: Edit

    def applied(self, source: str) -> str:
        return source[: self.edit.begin] + self.edit.new + source[self.edit.end :]


Groups = Mapping[str, Sequence[str]]
"""The columns that a column could be mistaken for, by its name."""


def groups_of(sources: Iterable[str]) -> Groups:
    """Find all columns that are named together: A, B, C = range(3)."""
    found = {}
    for source in sources:
        for node in ast.parse(source).body:
            if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)):
                continue
            value, names = node.value, [name.id for name in node.targets[0].elts if isinstance(name, ast.Name)]
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "range":
                found.update({name: [other for other in names if other != name] for name in names})
    return found


def draw(sources: Mapping[str, str], groups: Groups, seed: int, count: int) -> list[Mutant]:
    """Draw up to `count` places of all files, each as likely as the others, and one change at each. sources: by file."""
    places = [
        (file, edits) for file, source in sorted(sources.items()) if source for edits in Sites(source, groups).places()
    ]
    lot = random.Random(seed)
    lot.shuffle(places)
    drawn: list[Mutant] = []
    for file, edits in places:
        if len(drawn) == count:
            break
        mutant = mutant_of(file, sources[file], lot.choice(edits))
        if is_change(sources[file], mutant):
            drawn.append(mutant)
    return drawn


def mutant_of(file: str, source: str, edit: Edit) -> Mutant:
    """Say which lines an edit touches."""
    begin, end = source.rfind("\n", 0, edit.begin) + 1, source.find("\n", edit.end)
    tail = source[edit.end : end if end >= 0 else None]
    before, after = source[begin : edit.end] + tail, source[begin : edit.begin] + edit.new + tail
    words = [" ".join(text.split()) for text in (before, after)]
    return Mutant(file, source.count("\n", 0, edit.begin) + 1, source[edit.begin : edit.end], *words, edit)


def is_change(source: str, mutant: Mutant) -> bool:
    """Whether the changed file is Python, and not the same Python."""
    try:
        return dumped(mutant.applied(source)) != dumped(source)
    except SyntaxError:
        return False


@functools.lru_cache(maxsize=64)
def dumped(source: str) -> str:
    return ast.dump(ast.parse(source))


class Sites:
    """The places of one file where a small wrong change can be made."""

    def __init__(self, source: str, groups: Groups) -> None:
        self.source = source
        self.groups = groups
        self.lines = source.split("\n")
        self.tree = ast.parse(source)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        top = [name for node in self.tree.body for name in ast.walk(node)]
        self.bound = {node.id for node in top if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        self.bound |= {alias.asname or alias.name for alias in top if isinstance(alias, ast.alias)}

    def places(self) -> Iterator[list[Edit]]:
        """For each place the edits that can be made there."""
        yield from self._of(self.tree)

    def _of(self, node: ast.AST) -> Iterator[list[Edit]]:
        if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)) or is_main(node):
            return
        for edits in self._own(node):
            if edits:
                yield edits
        if is_minus_one(node):  # a negative number is one place, not two
            return
        checked = strictness(node)
        for field, value in ast.iter_fields(node):
            if field not in LEFT_OUT_FIELDS:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST) and child is not checked:
                        yield from self._of(child)

    def _own(self, node: ast.AST) -> Iterator[list[Edit]]:
        """The places of a node itself."""
        match node:
            case ast.Compare():
                operands = [node.left, *node.comparators]
                for at, sign in enumerate(node.ops):
                    yield self._sign(COMPARISONS[type(sign)], operands[at], operands[at + 1], "comparison")
            case ast.BoolOp():
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield self._sign(OPERATORS[type(node.op)], left, right, "operator")
                if len(node.values) == 2:
                    yield [self._only(node, part, "dropped term") for part in node.values]
            case ast.BinOp() if type(node.op) in OPERATORS:
                yield self._sign(OPERATORS[type(node.op)], node.left, node.right, "operator")
                yield self._dropped(node)
            case ast.AugAssign() if type(node.op) in OPERATORS:
                old, new = OPERATORS[type(node.op)]
                signs = (f"{old}=", (*(f"{sign}=" for sign in new), "="))
                yield self._sign(signs, node.target, node.value, "operator")
            case ast.UnaryOp(op=ast.Not()):
                yield [self._only(node, node.operand, "dropped not")]
            case ast.UnaryOp(op=ast.USub()) | ast.Constant():
                yield self._number(node)
            case ast.Call(func=ast.Name() | ast.Attribute()):
                yield self._renamed(node.func, [CALLS[name]] if (name := name_of(node.func)) in CALLS else [], "call")
            case ast.Name(ctx=ast.Load()):
                others = [name for name in self.groups.get(node.id, ()) if name in self.bound]
                yield self._renamed(node, others, "column")
            case ast.Attribute(ctx=ast.Load(), value=ast.Name()):
                yield self._renamed(node, self.groups.get(node.attr, ()), "column")

    def _sign(self, signs: tuple[str, tuple[str, ...]], left: ast.AST, right: ast.AST, kind: str) -> list[Edit]:
        """Other signs in place of the one between two operands."""
        begin, end = self._span(left)[1], self._span(right)[0]
        gap = re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), self.source[begin:end])
        old = re.search(r"\s+".join(map(re.escape, signs[0].split())), gap)
        if old is None:
            return []
        return [Edit(begin + old.start(), begin + old.end(), new, kind) for new in signs[1]]

    def _dropped(self, node: ast.BinOp) -> list[Edit]:
        """One of two terms or factors left out; of a longer sum one term, not all but one."""
        kin = SUMS if isinstance(node.op, SUMS) else PRODUCTS if isinstance(node.op, PRODUCTS) else None
        if kin is None:
            return []
        edits = [self._only(node, node.left, "dropped term")]
        is_long = isinstance(node.left, ast.BinOp) and isinstance(node.left.op, kin)
        if isinstance(node.op, (ast.Add, ast.Mult)) and not is_long:
            edits.append(self._only(node, node.right, "dropped term"))
        return edits

    def _only(self, node: ast.AST, part: ast.AST, kind: str) -> Edit:
        """A part in place of the whole node."""
        begin, end = self._span(part)
        text = self.source[begin:end]
        return Edit(*self._span(node), text if isinstance(part, ATOMS) else f"({text})", kind)

    def _number(self, node: ast.UnaryOp | ast.Constant) -> list[Edit]:
        """A number off by one; the other truth; a sign dropped."""
        span = self._span(node)
        if isinstance(node, ast.UnaryOp) and not is_minus_one(node):
            return [self._only(node, node.operand, "dropped sign")]
        value = -node.operand.value if isinstance(node, ast.UnaryOp) else node.value  # type: ignore[attr-defined]
        if isinstance(value, bool):
            return [Edit(*span, str(not value), "truth")]
        if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_FLOAT):
            return [Edit(*span, repr(other), "number") for other in (value + 1, value - 1)]
        return []

    def _renamed(self, node: ast.expr, others: Sequence[str], kind: str) -> list[Edit]:
        """Other names in place of the last one of a node."""
        end = self._span(node)[1]
        return [Edit(end - len(name_of(node)), end, other, kind) for other in others]

    def _span(self, node: ast.AST) -> tuple[int, int]:
        """Characters that a node stands at: the tree counts bytes."""
        at = []
        for line, byte in ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)):  # type: ignore[attr-defined]
            before = self.lines[line - 1].encode()[:byte].decode()
            at.append(self.starts[line - 1] + len(before))
        return at[0], at[1]


def name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def strictness(node: ast.AST) -> ast.keyword | None:
    """`strict=True` of a call of zip: a check, and no arithmetic."""
    if not isinstance(node, ast.Call) or name_of(node.func) != "zip":
        return None
    return next((word for word in node.keywords if word.arg == "strict" and ast.unparse(word.value) == "True"), None)


def is_minus_one(node: ast.AST) -> bool:
    """Whether a node is a negative number."""
    return (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
        and isinstance(node.operand.value, (int, float))
    )


def is_main(node: ast.AST) -> bool:
    """Whether a node is what runs only as a programme, or is only read by a type checker."""
    if not isinstance(node, ast.If):
        return False
    names = {name_of(part) for part in ast.walk(node.test)}
    return "__name__" in names or "TYPE_CHECKING" in names


def read(root: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Sources of a tree by file, in order."""
    files = {path for pattern in patterns for path in root.glob(pattern) if path.suffix == ".py"}
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(files)}
