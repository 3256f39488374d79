"""Networks by name or from a file, with their parameters checked; their digest and their size."""

import dataclasses
import hashlib
import inspect
import json
import math
import operator
import os
import traceback
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, get_args, get_origin

from simulator.errors import NetworkError, argument, nearest, only_near
from simulator.graph import plugged
from simulator.graph.build import Graph
from simulator.graph.check import LONGEST_NAME, check_graph
from simulator.graph.early import freeze
from simulator.graph.layer import Layer
from simulator.graph.readers.files import AT_SIZE, not_by_name, reader_of
from simulator.graph.readers.files import SUFFIXES as READ
from simulator.reading.names import beside, known_name, near_file
from simulator.reading.sizes import Between, Count, ImageSize, height_width, image_size
from simulator.reading.values import whole_number
from simulator.store import bundled
from simulator.store.foreign import NO_CODE, code_forbidden, printable, text_of

LARGEST = 1_000_000
"""Of a parameter: a thousand times any image side or sequence in use. Larger ones are slips of the keyboard."""

EXACT = 10**15
"""Below it a number that is too large is shown with all its digits."""

SIZES = ("image_size", "sequence_length")
"""Parameters that NETWORK@SIZE sets: the first of them that the network has."""

SUFFIXES = (".py", *READ)
"""Of words that mean a file."""
MOST_BYTES = 10_000_000
"""Of a Python file."""

_LATER = {
    field.name: field.default
    for field in dataclasses.fields(Layer)
    if field.name in ("origin", "into", "table_rows", "shares")
}
"""Fields of a layer that count in a digest only where they are used: networks without them keep theirs."""

_FIELDS = tuple(field.name for field in dataclasses.fields(Layer) if field.name not in _LATER)


def load_network(name_or_path: str | Path, /, **params: Any) -> Graph:
    """One network: bundled under a name, read from a file, or what `build` of a Python file returns.

    Parameters
    ----------
    name_or_path
        A bundled name (`rooftile networks` lists them; upper case, `-`, `_` and `.` do not matter: "ResNet-50") or the
        path of a file: an ONNX or TensorFlow Lite model, a configuration of Hugging Face or its folder, a table of layers, or a
        `.py` file that has a function `build`, which is run. Each may end in its size: `yolov3@608`, `model.onnx@640`.
    params
        Keyword arguments of the builder, such as `image_size=320` or `image_size="1080x1920"` (height x width); of a model file
        the sizes of its inputs by name, such as `images="1x3x640x640"`, and its own names of open sizes.

    Returns
    -------
    networkx.DiGraph
        Checked; its `graph["name"]` and `graph["parameters"]` say what was built.

    Raises
    ------
    NetworkError
        An unknown name or parameter, a value of the wrong type or size, or a file that does not give a layer graph.
    """
    text = str(name_or_path)
    if not isinstance(name_or_path, str | Path) or not text.strip():
        raise NetworkError(f"network: must be a bundled name or the path of a file, got {name_or_path!r}")
    where, function, given = _found(name_or_path, params)
    arguments = _arguments(function, given, where)
    graph: Graph = _call(function, arguments, where)
    file = file_of(text) or ((Path(text), "") if isinstance(name_or_path, Path) else None)
    # Who wrote a builder wants all its faults; of a file that somebody else wrote one is enough.
    check_graph(graph, where, **({"lines": 1} if file and file[0].suffix != ".py" else {}))
    graph.graph["name"] = printable(str(graph.graph.get("name", Path(where).stem)))[:LONGEST_NAME]
    graph.graph["parameters"] = {
        key: _plain_value(value) for key, value in arguments.items() if key != AT_SIZE or value
    }
    if file:
        graph.graph["file"] = str(file[0])
    # Frozen: what is derived from a graph is kept beside it, so it must not change under the caller's feet.
    return freeze(graph)


def network_digest(graph: Graph) -> str:
    """Digest of the layers, their order and the edges: equal for equal graphs, in every run and on every machine."""
    place = {name: number for number, name in enumerate(graph)}
    rows = [
        [
            [getattr(data["layer"], field) for field in _FIELDS],
            sorted((place[producer], *_edge(edge)) for producer, edge in graph.pred[name].items()),
            *_later(data["layer"]),
        ]
        for name, data in graph.nodes(data=True)
    ]
    return hashlib.sha256(json.dumps([_FIELDS, rows]).encode()).hexdigest()


def _edge(edge: Mapping[str, Any]) -> tuple[Any, ...]:
    """What of an edge counts in a digest."""
    return (edge["operand"], edge["elements"]) if "elements" in edge else (edge["operand"],)


def _later(layer: Layer) -> list[dict[str, Any]]:
    """Fields of `_LATER` that a layer uses, as one more entry of its row."""
    used = {name: getattr(layer, name) for name, usual in _LATER.items() if getattr(layer, name) != usual}
    return [used] if used else []


def summary(graph: Graph) -> dict[str, int]:
    """Size for one item: `macs`, `parameters` (weights and biases of conv and dense layers), `layers` (not inputs)."""
    layers = [data["layer"] for _, data in graph.nodes(data=True)]
    return {
        "macs": sum(layer.macs for layer in layers),
        "parameters": sum(layer.parameters for layer in layers),
        "layers": sum(layer.kind != "input" for layer in layers),
    }


def network_parameters(name: str) -> dict[str, Any]:
    """{parameter: default} of a bundled network or of a file. Raises NetworkError for an unknown name."""
    signature = inspect.signature(_found(name, {})[1])
    return {key: parameter.default for key, parameter in signature.parameters.items()}


def is_decoder_file(text: str) -> bool:
    """Whether a text is the path of a file that describes a language model. Raises NetworkError for a file that is none."""
    return _is_path(text) and not text.endswith(".py") and {"phase", "kv_heads"} <= {*network_parameters(text)}


def asked_network(text: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name or path and parameters of a network as it was asked for: bundled names as they are listed, @SIZE read.

    Raises NetworkError as `load_network`.
    """
    where, _, given = _found(text, params)
    path = _sized(text)[0]
    return path if _is_path(path) else where, dict(given)


def _found(name_or_path: str | Path, params: Mapping[str, Any]) -> tuple[str, Callable[..., Any], Mapping[str, Any]]:
    """(bundled name or path, builder, parameters with that of @SIZE) of a network."""
    text, size = str(name_or_path), ""
    if "://" in text:
        raise NetworkError(f"network: must be a bundled name or a file of this machine, got {printable(text[:100])!r}")
    if isinstance(name_or_path, str):
        text, size = _sized(text)
    if isinstance(name_or_path, Path) or _is_path(text):
        path = Path(text)
        where, function = printable(str(path)), _user_builder(path)
    else:
        where, function = _named(text)
    if size:
        params = {**params, **_size_parameter(function, where, size, params)}
    return where, function, params


def _sized(text: str) -> tuple[str, str]:
    """(name, size) of `NAME@SIZE`; the size is empty where there is none, or where a file is called so."""
    name, at, size = text.rpartition("@")
    if not at or not name or "/" in size or "\\" in size or size.lower().endswith(SUFFIXES):
        return text, ""
    if not size.strip():
        raise NetworkError(f"network: {text!r}: must have a size behind @, such as yolov3@608")
    return name, size.strip()


def _size_parameter(function: Callable[..., Any], where: str, size: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter that @SIZE sets: the first of SIZES that the builder has."""
    known = inspect.signature(function).parameters
    if AT_SIZE in known:
        return {AT_SIZE: size}
    name = next((word for word in SIZES if word in known), None)
    if name is None:
        raise NetworkError(f"{where}@{size}: {where} has no {' or '.join(SIZES)} to set; leave @{size} out")
    if name in params:
        raise NetworkError(f"{where}@{size}: {name}: given twice")
    try:
        return {name: image_size(size) if name == SIZES[0] else whole_number(size)}
    except ValueError as error:
        raise NetworkError(f"{where}@{size}: {name}: {error}") from None


def _is_path(text: str) -> bool:
    """Whether the user means a file. A folder that happens to be named as a network does not hide the network, and
    meta-llama/Llama-3.1-8B is one."""
    if text.lower().endswith(SUFFIXES) or "\\" in text:
        return True
    if bundled.network_name(text) is not None:
        return False
    return (
        "/" in text or ("\0" not in text and os.path.isfile(os.path.join(text, "config.json"))) or plugged.reads(text)
    )


def file_of(text: str) -> tuple[Path, str] | None:
    """The file, and what stands behind @, that a text means; None for a name. Raises NetworkError for an empty size."""
    path, size = _sized(text)
    return (Path(path), size) if _is_path(path) else None


def network_named(text: str) -> str:
    """The network of the library, or of a plug-in, that a text means, by its name and with what stands behind @.

    No file is looked for. Raises NetworkError.
    """
    word, size = _sized(text)
    found = bundled.network_name(word) or known_name(word, plugged.networks())
    if found is None:
        known = [*bundled.networks(), *plugged.networks()]
        raise NetworkError(f"network: must be a bundled network, got {word[:LONGEST_NAME]!r}{nearest(word, known)}")
    return f"{found}@{size}" if size else found


def _named(text: str) -> tuple[str, Callable[..., Any]]:
    """(name, builder) of a bundled network, or of one of a plug-in."""
    found = bundled.network_name(text)
    if found is not None:
        return found, bundled.builder(found)
    own = plugged.builder(text)
    if own is not None:
        return own
    shown = text[:LONGEST_NAME]
    known = [*bundled.networks(), *plugged.networks()]
    file = near_file(Path(text), _endings()) if "." in text else beside(text, _endings())
    near = not_by_name(Path(text)) or file or nearest(shown, known, "rooftile networks") + plugged.left_out()
    if "," in text:
        near = "; it must be one network: ask once for each, or 'rooftile size' about a mix of them"
    raise NetworkError(f"network: {shown!r} is not a bundled name nor a file of a network{near}")


def _near_id(path: Path) -> str:
    """`; did you mean ...?` with the id at Hugging Face of a bundled language model that a path may stand for."""
    ids = [name for name in bundled.network_names() if "/" in name]
    return only_near(path.as_posix(), ids) if "/" in path.as_posix() and not path.exists() else ""


def _endings() -> tuple[str, ...]:
    """Suffixes of all files that hold a network, those of plug-ins too."""
    return (*SUFFIXES, *plugged.suffixes())


def _user_builder(path: Path) -> Callable[..., Any]:
    """Return the builder of what a file holds; a Python file is run for its `build`."""
    file = printable(str(path))
    if (reader := reader_of(path)) is not None or (reader := plugged.reader_of(path)) is not None:
        return reader
    if path.suffix != ".py":
        near = not_by_name(path) or (near_file(path, _endings()) or _near_id(path)) + plugged.left_out()
        kinds = f"a file of a network ({', '.join((*READ[:-1], *plugged.suffixes()))})"
        raise NetworkError(
            f"{file}: must be a bundled name, {kinds} or a .py file with a function build, which is run{near}"
        )
    if code_forbidden():
        what = f"a Python file is code and would be run, which is forbidden ({NO_CODE})"
        raise NetworkError(f"{file}: must be a bundled name: {what}")
    source = text_of(path, MOST_BYTES, NetworkError, lambda: near_file(path, (".py",)))
    # Compiled here rather than imported, so that no __pycache__ appears beside the user's file.
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise NetworkError(f"{file}:{error.lineno or 1}: not Python: {error.msg}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the file raises, it is the file's fault
        raise NetworkError(_told(error, path, "the file")) from error
    function = getattr(module, "build", None)
    if not callable(function):
        names = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        near = nearest("build", names) if names else ""
        raise NetworkError(f"{file}: build: must be a function that returns the graph, got none{near}")
    return function  # type: ignore[no-any-return]


def _plain_value(value: Any) -> Any:
    """A parameter as answers show it: a number, or text that can be seen."""
    if value is None or isinstance(value, bool | int | float):
        return value
    try:
        return printable(str(value))
    except Exception:  # of the file's own class
        return type(value).__name__


def _call(function: Callable[..., Any], arguments: Mapping[str, Any], where: str) -> Any:
    """Call a builder; what it raises becomes one line."""
    try:
        return function(**arguments)
    except NetworkError as error:
        # A bundled builder names itself already.
        if str(error).startswith((f"{where}:", f"{where}@")):
            raise
        raise NetworkError(f"{where}: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise NetworkError(_told(error, Path(where), "build")) from error


def _told(error: BaseException, path: Path, what: str) -> str:
    """One line for whatever a user's file raised, with the last line of the file that was running."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    file = printable(str(path))
    place = f"{file}:{lines[-1]}" if lines and lines[-1] else file
    try:
        text = " ".join(str(error).split())
    except Exception:  # of the file's own class
        text = ""
    return f"{place}: {what} raised {type(error).__name__}{': ' + text[:200] if text else ''}"


def _arguments(function: Callable[..., Any], params: Mapping[str, Any], where: str) -> dict[str, Any]:
    """All keyword arguments of the builder: those given, checked, and the defaults. Every fault is a line."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise NetworkError(f"{where}: build: must be a Python function, got {type(function).__name__}") from None
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = {key: parameter for key, parameter in parameters.items() if parameter.kind in plain}
    open_ended = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    faults: list[str] = []
    values: dict[str, Any] = {}
    params = _both_sides(params, known, where)
    for key in params:
        if key not in known and not open_ended:
            near = nearest(key, known) if known else "; it takes none"
            faults.append(f"{where}: {key}: unknown parameter{near}{_list_of(near, known)}")
    for key, parameter in known.items():
        if key in params:
            try:
                values[key] = _value(params[key], parameter)
            except ValueError as error:
                faults.append(f"{where}: {key}: {error}")
        elif parameter.default is inspect.Parameter.empty:
            faults.append(f"{where}: {key}: must be given, as in {argument('params')} {key}=VALUE")
        else:
            values[key] = parameter.default
    if faults:
        raise NetworkError("\n".join(faults))
    return values | {key: value for key, value in params.items() if key not in known}


def _both_sides(params: Mapping[str, Any], known: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Parameters in which `image_size=HxW` of a builder with a width of its own is a height and a width."""
    size = params.get("image_size")
    if "image_width" not in known or not isinstance(size, str | tuple | list):
        return params
    try:
        rows, columns = height_width(size)
    except ValueError as error:
        raise NetworkError(f"{where}: image_size: {error}") from None
    if "image_width" in params:
        raise NetworkError(f"{where}: image_width: must be left out where image_size is height x width")
    return {**params, "image_size": rows, "image_width": columns}


def _list_of(near: str, known: Mapping[str, Any]) -> str:
    """Return the list of parameters where the nearest name alone was shown."""
    return f" Known: {', '.join(known)}" if "did you mean" in near else ""


def _value(value: Any, parameter: inspect.Parameter) -> Any:
    """One argument in the type of its annotation, else of its default. Raises ValueError saying what it must be."""
    kind = _kind(parameter)
    if kind is ImageSize and isinstance(value, str | tuple | list):
        if max(height_width(value)) > LARGEST:
            raise ValueError(f"must be at most {LARGEST:,} on a side, got {value!r}")
        return image_size(value)
    if kind is Count:
        return _number(value, whole=True, lowest=0)
    kind = int if kind is ImageSize else kind
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"must be true or false, got {value!r}")
        return value
    if kind is str:
        if not isinstance(value, str):
            raise ValueError(f"must be text, got {value!r}")
        return value
    if isinstance(kind, Between):
        if isinstance(value, bool) or not isinstance(value, Real) or not kind.low <= float(value) <= kind.high:
            raise ValueError(f"must be {kind.words}, got {value!r}")
        return float(value)
    if kind in (int, float):
        lowest = _lowest(parameter.default, kind)
        if parameter.name == "image_size" and isinstance(value, str):
            raise ValueError(f"must be a whole number, got {value!r}; for height x width annotate it ImageSize")
        return _number(value, whole=kind is int, lowest=lowest)
    return value


def _lowest(default: Any, kind: type) -> float:
    """Least value of a parameter that says no range: it may be below 1 where its default is, else it is a size."""
    if not isinstance(default, int | float) or default > 0:
        return int(kind is int)
    return -LARGEST


def _kind(parameter: inspect.Parameter) -> Any:
    """Type that a parameter takes: its annotation (also as text), or that of its default; None for anything else."""
    names = {"int": int, "float": float, "str": str, "bool": bool, "ImageSize": ImageSize, "Count": Count}
    if parameter.annotation is inspect.Parameter.empty:
        kind: Any = type(parameter.default)
    else:
        kind = (
            names.get(parameter.annotation, parameter.annotation)
            if isinstance(parameter.annotation, str)
            else parameter.annotation
        )
    ranges = [more for more in get_args(kind) if isinstance(more, Between)] if get_origin(kind) is Annotated else []
    return ranges[0] if ranges else kind if kind in names.values() else None


def _number(value: Any, *, whole: bool, lowest: float) -> int | float:
    """Return a finite number in range, which begins above 0 where `lowest` is 0 and it is not whole; whole ones may be 224.0."""
    noun = "a whole number" if whole else "a number"
    least = "" if lowest < 0 else f" of at least {lowest}" if whole or lowest else " above 0"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"must be {noun}{least}, got {value!r}")
    number = operator.index(value) if isinstance(value, Integral) else float(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"must be a finite number, got {number!r}")
    if abs(number) > LARGEST and (number > 0 or lowest < 0):
        end = f"at most {LARGEST:,}" if number > 0 else f"at least {-LARGEST:,}"
        short = (
            f"{number:,.15g}" if abs(number) < EXACT else f"{number:.3g}" if abs(number) < 1e300 else "more than 1e300"
        )
        raise ValueError(f"must be {end}, got {short}")
    if number < lowest or (whole and number != int(number)) or (number == lowest == 0 and not whole):
        raise ValueError(f"must be {noun}{least}, got {number!r}")
    return int(number) if whole else float(number)
