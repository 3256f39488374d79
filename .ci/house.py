"""House rules that no linter knows: sizes, names, asserts and prints, the form of kernels, floors, references to elsewhere.

Prints one line a fault and exits 1 if there is any. Run from the root of the clone.
"""

import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeGuard

FILE_LINES = 450
FUNCTION_LINES = 80

PARAMETERS = 8
"""Of a function; those of a command are its options, and do not count."""
WIDE_KERNELS = 13
"""Kernels that may have more: as many as there are."""
LITERAL_COLUMNS = 35
"""Subscripts whose last place of several is a number, not the name of a column: as many as there are."""
ROOMS, FLOORS = 22, 14
"""Rooms of the package and floors of the import contract; what begins with two underscores is no room."""
ARRAYS = re.compile(r"\b(?:Floats|Ints|Truths|Bools|NDArray)\b")

KERNELS = "simulator.kernels"

# A path of somebody's machine in a tracked file; the address of a web page has no such beginning.
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:home|root|work|opt|Users)/\w")
# A document that is not in the clone, named as if the reader had it.
DOCUMENT = re.compile(r"(?<![\w/.:-])([\w-]+(?:/[\w-]+)*\.md)\b")
CHAPTER = re.compile(r"\bDESIGN\b|\b[A-Z]+_NOTES\b")


def main() -> int:
    """Check all tracked files; return the exit code."""
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
    files = [Path(name) for name in tracked if name and Path(name).is_file()]
    faults = [fault for path in files if path.suffix == ".py" for fault in python_faults(path)]
    faults += [fault for path in files for fault in reference_faults(path, files)]
    faults += circle_faults([path for path in files if is_kernel_file(path)])
    faults += floor_faults()
    package = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files if is_package_file(path)}
    faults += name_faults(package)
    faults += own_name_faults(package)
    faults += room_faults(package)
    for fault in faults:
        print(fault)
    print(f"house: {len(files)} files, {len(faults)} faults")
    return 1 if faults else 0


def python_faults(path: Path) -> Iterator[str]:
    """Check one Python file: its size, its functions, and what the package and the kernels may not hold."""
    text = path.read_text(encoding="utf-8")
    if (lines := len(text.splitlines())) > FILE_LINES:
        yield f"{path}: must have at most {FILE_LINES} lines, got {lines}"
    tree = ast.parse(text)
    in_package = is_package_file(path)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (lines := body_lines(node)) > FUNCTION_LINES:
            yield f"{path}:{node.lineno}: {node.name}: must have at most {FUNCTION_LINES} lines, got {lines}"
        if in_package and isinstance(node, ast.Assert):
            yield f"{path}:{node.lineno}: assert: raise an exception instead, python -O drops asserts"
        if in_package and path.parts[1] not in ("cli", "web") and is_call_of(node, "print"):
            yield f"{path}:{node.lineno}: print: only the command prints"
    if is_kernel_file(path):
        yield from kernel_faults(path, tree)


def is_package_file(path: Path) -> bool:
    """Tell whether a file is of the package, the bundled networks with it."""
    return path.parts[0] in ("simulator", "workloads") and path.suffix == ".py"


def own_name_faults(trees: dict[Path, ast.Module]) -> Iterator[str]:
    """Check that no function and no class has the name of its file: who reads the name knows which of the two is meant."""
    for path, tree in trees.items():
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == path.stem:
                yield f"{path}:{node.lineno}: {node.name}: must not have the name of its file"


def name_faults(trees: dict[Path, ast.Module]) -> Iterator[str]:
    """Check that what goes together has a name: few parameters, columns by their names, no tuples of many arrays."""
    wide, literal = [], []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            place = f"{path}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and path.parts[:2] != ("simulator", "cli"):
                if (count := parameters_of(node)) <= PARAMETERS:
                    continue
                if is_kernel_file(path):
                    wide.append(f"{place}: {node.name}")
                else:
                    yield f"{place}: {node.name}: must have at most {PARAMETERS} parameters, got {count}"
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
                last = node.slice.elts[-1]
                if isinstance(last, ast.Constant) and type(last.value) is int:
                    literal.append(f"{place}: {ast.unparse(node)}")
                if isinstance(node.value, ast.Name) and node.value.id == "tuple":
                    arrays = sum(bool(ARRAYS.search(ast.unparse(one))) for one in node.slice.elts)
                    if arrays >= 3:
                        yield f"{place}: {ast.unparse(node)}: must be a named tuple, got {arrays} arrays without names"
    for found, most, what in (
        (wide, WIDE_KERNELS, f"kernels with more than {PARAMETERS} parameters"),
        (literal, LITERAL_COLUMNS, "subscripts that end in a number"),
    ):
        if len(found) > most:
            yield f"must have at most {most} {what}, got {len(found)}:\n  " + "\n  ".join(found)


def parameters_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count what a function takes by name: positional and keyword-only, without `self` and `cls`."""
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def is_kernel_file(path: Path) -> bool:
    """Tell whether a file holds kernels."""
    in_room = path.parts[:2] == ("simulator", "kernels") and path.suffix == ".py"
    return in_room and path.name not in ("jit.py", "warm.py", "__init__.py")


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return lines


def is_call_of(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    """Tell whether a node calls the plain name `name`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def kernel_faults(path: Path, tree: ast.Module) -> Iterator[str]:
    """Check a file of kernels: its place, one decorator, no threads of numba's own, no loose arithmetic, no calls elsewhere."""
    if len(path.parts) != 3:
        yield f"{path}: must stand in simulator/kernels itself, whose files void the compiled kernels"
    for node in ast.walk(tree):
        if (isinstance(node, ast.Name) and node.id == "prange") or (
            isinstance(node, ast.Attribute) and node.attr == "prange"
        ):
            yield f"{path}:{node.lineno}: prange: run slices of rows on a thread pool instead"
        if isinstance(node, ast.keyword) and node.arg in ("parallel", "fastmath"):
            yield f"{path}:{node.value.lineno}: {node.arg}: not allowed, results must be the same everywhere"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if any(name.split(".")[0] == "numba" for name in names):
                yield f"{path}:{node.lineno}: numba: only jit.py imports it, kernels use @kernel"
            # Compiled kernels are void after an edit in this folder, not after one elsewhere.
            for name in our_imports(node):
                if not name.startswith(f"{KERNELS}."):
                    yield f"{path}:{node.lineno}: {name}: a kernel file imports only from simulator/kernels"
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if not (isinstance(decorator, ast.Name) and decorator.id == "kernel"):
                    yield f"{path}:{node.lineno}: {node.name}: must be decorated with @kernel alone"


def our_imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Name the modules of the package that an import in a file of kernels is of, from its root."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        base = (KERNELS.split(".")[: 3 - node.level] if node.level else []) + ([node.module] if node.module else [])
        names = [".".join(base)]
        if names[0] in ("simulator", KERNELS):  # what is imported are modules themselves
            names = [f"{names[0]}.{alias.name}" for alias in node.names]
    yield from (name for name in names if name.split(".")[0] in ("simulator", "workloads"))


def circle_faults(files: list[Path]) -> Iterator[str]:
    """Check that files of kernels import each other in no circle."""
    needs = {}
    for path in files:
        imports = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, (ast.Import, ast.ImportFrom))]
        needs[f"{KERNELS}.{path.stem}"] = {name for node in imports for name in our_imports(node)}
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        yield f"{KERNELS}: imports in a circle: {' -> '.join(error.args[1])}"


def reference_faults(path: Path, files: list[Path]) -> Iterator[str]:
    """Check that a text file speaks of nothing outside the clone."""
    if path == Path(__file__).resolve().relative_to(Path.cwd()):
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    names = {file.name for file in files}
    for number, line in enumerate(text.splitlines(), 1):
        for match in MACHINE_PATH.finditer(line):
            yield f"{path}:{number}: {match[0]}...: a path of one machine"
        for match in CHAPTER.finditer(line):
            yield f"{path}:{number}: {match[0]}: a document that is not here"
        for match in DOCUMENT.finditer(line):
            if "://" not in line and "github.com/" not in line and Path(match[1]).name not in names:
                yield f"{path}:{number}: {match[1]}: there is no such document"


def floor_faults() -> Iterator[str]:
    """Check that every room of the package stands on a floor of the import contract, and that neither are too many."""
    with open("pyproject.toml", "rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = contracts[0]["layers"]
    named = set(re.findall(r"simulator\.(\w+)", " ".join(layers)))
    rooms = [path.stem for path in sorted(Path("simulator").iterdir()) if is_room(path)]
    for name in rooms:
        if name not in named:
            yield f"pyproject.toml: importlinter: must place simulator.{name} on a floor"
    for count, most, what in ((len(rooms), ROOMS, "rooms"), (len(layers), FLOORS, "floors")):
        if count > most:
            yield f"simulator: must have at most {most} {what}, got {count}"


def is_room(path: Path) -> bool:
    """Tell whether a file or folder of the package holds code that others import."""
    holds = path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    return holds and not path.stem.startswith("__")


def room_faults(trees: dict[Path, ast.Module]) -> Iterator[str]:
    """Check that rooms import each other in no circle: those of one floor of the contract might."""
    needs: dict[str, set[str]] = {}
    for path, tree in trees.items():
        own = room_of(path.with_suffix("").parts)
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            ours = {room_of(name.split(".")) for name in names if name.split(".")[0] in ("simulator", "workloads")}
            needs.setdefault(own, set()).update(ours - {own})
    needs = {own: {room for room in rooms if not room.startswith("__")} for own, rooms in needs.items()}
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        yield f"simulator: rooms import in a circle: {' -> '.join(error.args[1])}"


def room_of(parts: Sequence[str]) -> str:
    """Name the room of a file or module by its parts; all bundled networks are one."""
    return [*parts, "__init__"][1] if parts[0] == "simulator" else parts[0]


if __name__ == "__main__":
    sys.exit(main())
