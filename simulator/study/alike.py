"""Which published results are of the network in question, and what makes one unfair to compare, in words.

A result is of a network by its name, or of a model file by the file's digest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from simulator.chip.library import Entry
from simulator.chip.published import Row
from simulator.errors import NetworkError
from simulator.formats import in_words
from simulator.graph.build import Graph
from simulator.graph.load import file_of, load_network
from simulator.reading.sizes import image_size
from simulator.store import bundled
from simulator.store.digest import file_digest

SMALL_BATCH, LARGE_BATCH = 1, 10
"""The two classes of the tables: batch 1, and batch 10 or more. Results between the two belong to neither."""

UNCHECKED = ("recalled", "low")


@dataclass(frozen=True)
class Question:
    """What is compared: a network, by its name or the path of its file, with its parameters, a precision, and the batch that is
    simulated.

    Without a batch the large class is simulated at the batch of the published figure beside it; without one at LARGE_BATCH, or
    what fills a GPU.
    """

    network: str
    params: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "int8"
    batch: int | None = None
    """The batch to rank at; below LARGE_BATCH the large class is simulated as if it were left out."""

    @cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the network's file, read when a result first asks for it; None of a network without a file."""
        found = file_of(self.network)
        return None if found is None else file_digest(found[0])


def batch_class(row: Row) -> str | None:
    """`batch_1` or `batch_10`; a result whose batch is free or not told counts as large; None between the two."""
    if row.batch is None:
        return "batch_10"
    if row.batch == SMALL_BATCH:
        return "batch_1"
    return "batch_10" if row.batch >= LARGE_BATCH else None


def is_same(row: Row, question: Question) -> bool:
    """Whether a result is of the very network: of the file where both are one, else of its name."""
    if row.sha256 is not None and question.sha256 is not None:
        return row.sha256 == question.sha256
    return row.network == question.network


def is_of(row: Row, question: Question) -> bool:
    """Whether a result is of the network or of another version of it (`resnet50_v1` beside `resnet50`)."""
    if is_same(row, question):
        return True
    of_files = row.sha256 is not None and question.sha256 is not None
    return not of_files and _family(row.network) == _family(question.network)


def _family(network: str) -> str:
    """The network's name without its version, where that is no other network (MobileNet v1 and v2 are two)."""
    head, _, tail = network.rpartition("_")
    return head if head.startswith("resnet") and tail in ("v1", "v2") else network


def remarks_of(
    chip: Entry, row: Row, question: Question, params: Mapping[str, Any], macs: int
) -> list[str]:  # fmt: skip
    """What makes a published result unfair to compare, in words; empty when nothing does."""
    remarks = []
    if is_same(row, question):
        remarks += [f"{key}={theirs}, not {ours}" for key, theirs, ours in _otherwise(row, params)]
    else:
        remarks.append(f"{row.network}, not {question.network}")
    if row.image_size is not None and row.image_size != params.get("image_size", row.image_size):
        remarks.append(f"image of {row.image_size}, not {params['image_size']}")
    length = params.get("sequence_length")
    if row.sequence_length is not None and length is not None and row.sequence_length != length:
        remarks.append(f"sequence of {row.sequence_length}, not {length}")
    if row.sequence_length is not None and row.sha256 is not None and length is None:
        remarks.append(f"sequence of {row.sequence_length}; the file's own is not known")
    if row.precision is not None and row.precision != question.precision:
        remarks.append(f"{row.precision}, not {in_words(question.precision)}")
    if row.batch is None:
        remarks.append("batch free" if row.mode in ("offline", "server") else "batch not told")
    if row.confidence in UNCHECKED:
        remarks.append("figure unchecked")
    if row.accelerators_in_system is not None and row.accelerators_in_system > 1:
        remarks.append(f"share of a system of {row.accelerators_in_system}")
    remarks += [f"ran with {key}={value}" for key, value in row.ran_with.items()]
    remarks += [f"with {key}={value}" for key, value in row.settings.items()]
    if row.not_modelled is not None:
        remarks.append(row.not_modelled)
    remarks.extend(beyond_compute(chip, row.throughput_per_s, row.precision, _scaled(macs, row, params)))
    return remarks


def _otherwise(row: Row, params: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(parameter, of the row, of the question) where they differ: a row has what it tells, and the network's own values else."""
    own = defaults(row.network)
    for key, ours in params.items():
        theirs = row.params.get(key, own.get(key, ours))
        told = key in ("image_size", "sequence_length") and key not in row.params
        if not told and key not in row.ran_with and theirs != ours:
            yield key, theirs, ours


@cache
def defaults(network: str) -> Mapping[str, Any]:
    """Parameters of a bundled network as they are unless they are set; empty where there is no such network.

    A name that is not listed is never looked for as a file: it comes from a chip file, and may be anything.
    """
    if bundled.network_name(network) is None:
        return {}
    try:
        return dict(load_network(network).graph["parameters"])
    except NetworkError:
        return {}


def params_of(graph: Graph) -> dict[str, Any]:
    """Parameters that results are told apart by: those that were given, and of a file the size of its first image."""
    params = dict(graph.graph.get("parameters", {}))
    first = next((data["layer"] for _, data in graph.nodes(data=True) if data["layer"].kind == "input"), None)
    if (
        "file" in graph.graph
        and first is not None
        and first.out_channels <= 4
        and min(first.out_height, first.out_width) > 1
    ):
        params.setdefault("image_size", image_size(f"{first.out_height}x{first.out_width}"))
    return params


def same_size(row: Row, params: Mapping[str, Any]) -> bool:
    """Whether a result is of the same image size or sequence length, as far as it tells them."""
    return all(
        told is None or params.get(name, told) == told
        for name, told in (("image_size", row.image_size), ("sequence_length", row.sequence_length))
    )


def _scaled(macs: int, row: Row, params: Mapping[str, Any]) -> float | None:
    """MACs of one item of a row; None where its size or network differs, so that ours say nothing about it."""
    same = same_size(row, params)
    return float(macs) if same and not row.params and not row.ran_with and not row.network.endswith("_v2") else None


def beyond_compute(chip: Entry, throughput_per_s: float, precision: str | None, macs: float | None) -> Sequence[str]:
    """One remark where a throughput needs more operations a second than the chip has, else none."""
    half = precision in ("fp16", "bf16")
    peak = chip.published.peak_tflops_fp16 if half else chip.published.peak_tops_int8
    if peak is None or macs is None or not (half or precision == "int8"):
        return ()
    needed = throughput_per_s * macs * 2.0 / 1e12
    return (f"needs {needed:.3g} of {peak:g} TOPS: beyond its compute bound",) if needed > peak else ()
