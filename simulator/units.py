"""Units and the constants of the model that belong to no single chip.

SI inside; the suffix of a name carries the unit. GB = 1e9 bytes for bandwidth and traffic, KiB and MiB for capacity.
"""

KIB = 1024
"""Bytes in a KiB."""

MIB = 1024**2
"""Bytes in a MiB."""

GIB = 1024**3
"""Bytes in a GiB."""

GB = 1e9
"""Bytes in a GB, the unit of bandwidth and traffic."""

MICRO = 1e-6
"""Seconds in a microsecond."""

OPERATIONS_PER_MAC = 2
"""A multiply and an add: TOPS count both."""

DRAM_STREAMED_EFFICIENCY = 0.86
"""Share of the nominal DRAM bandwidth that long streams reach [-], for parts without a figure of their own.

Fitted on MLP0 and LSTM0 of TPU v1 (ISCA 2017): the weight traffic of their measured TOPS over the nominal 34 GB/s of
its DDR3.
"""

PORT_EFFICIENCY = 0.75
"""Share of the cycles in which a chip's port to its memory moves data [-].

Fitted on 21 networks of the Vitis AI model zoo 2.5 on a KV260 board: 7.2 GB/s of the 9.6 GB/s of two 128-bit
ports at 300 MHz. Global: no chip has its own.
"""

CACHE_SHARE = 0.5
"""Share of a cache that serves as SRAM [-]; the rest holds what streams through it. From BERT on an A100."""

LAYER_START_CYCLES = 3000
"""Cycles from the end of a layer to the work of the next where a chip takes its layers one command after another: the command
is fetched, its first bytes make their way from memory, its last ones back. None where transfers of later layers run ahead.

Fitted on 21 networks of the Vitis AI model zoo 2.5 on a KV260 board, 10 us at 300 MHz. Global: a chip file has a figure of its
own (`overhead_us`) only where one is known.
"""

GPU_KERNEL_FLOOR_US = 1.0
"""Time between two kernels of a GPU that nothing takes away [us], a file's `overhead_us: 1` where they run as a graph. Fitted on
products of an A100 and an H100, whose smallest take 3.0 and 2.8 us with a round of blocks."""

GPU_KERNEL_GAP_CYCLES = 3500
"""Cycles between two kernels of a network beside that: the last blocks drain, the next are dealt. With a time alone, 4 us, an L4
at 2 GHz is a quarter too slow on BERT at batch 1, where an A100 at 1.4 GHz is right; fitted on both, the form is a choice."""

GPU_ARRAY_EFFICIENCY, GPU_ARRAY_EFFICIENCY_ASYNC = 0.7, 0.9
"""Share of its MAC rate that a multiprocessor reaches within a thread block [-]: where every copy to the shared memory passes
registers, and where copies run beside the threads. Fitted, as all that follow and have no source, on BERT base and large on
an A100, a T4 and a V100 and on the convolutions of MLPerf on an A100 and a T4 (docs/model_gpu.md)."""

GPU_ARRAY_EFFICIENCY_DIRECT = 1.0
"""The same where the matrix units read the shared memory themselves: no thread loads registers between products. Fitted, as the
three that follow of such units, on matrix products of an H100."""

GPU_STEP_CYCLES_AHEAD = 75
"""Cycles that a thread block then needs at least for one step: a copy engine runs several steps ahead."""

GPU_SPLIT_CYCLES = 5_000
"""Cycles to add the sums of a split reduction, in a kernel or behind a barrier of its own, where copies run beside the threads:
fitted on matrix products of an A100 and an H100. Where copies pass registers `GPU_KERNEL_CYCLES` has them."""

GPU_KERNEL_CYCLES = 10_000
"""Further cycles before the first round of a kernel where copies to the shared memory pass registers."""

GPU_ROUND_CYCLES = 3500
"""Cycles of a multiprocessor to start a round of thread blocks, fetch their first operands and write their outputs."""

GPU_STEP_CYCLES = 300
"""Cycles that a thread block needs at least for one step through the reduction: the way to the shared cache and back. 190 to
260 were measured for the way alone (Z. Jia et al., arXiv 1804.06826 and 1903.07486)."""

GPU_L2_EFFICIENCY = 0.75
"""Share of the nominal bandwidth of a GPU's shared cache that thread blocks reach [-]: 0.69 on a V100, 0.78 on a T4 (Jia)."""

GPU_VECTOR_L2_EFFICIENCY = 0.25
"""The same of kernels without products, such as a normalisation: threads fetch rows, wait for their sums at a barrier and read
them again, and nobody runs ahead. Fitted on BERT of large batches on a V100, whose norms are a tenth of its time."""

GPU_LANE_EFFICIENCY = 0.35
"""Share of one MAC a cycle that a vector lane reaches in a depthwise convolution: it loads and counts between products [-]."""

GPU_SOFTMAX_CYCLES, GPU_SOFTMAX_NARROW_CYCLES = 17, 3
"""Cycles of a vector lane for one score of attention inside its kernel: scale, maximum, exponential, sum, conversion; and further
ones where it becomes a number of 8 bits: scaled, rounded, clamped, packed. Fitted on attention of prompts on an A100 and an
H100, and on BERT with 384 tokens in INT8 on an A100."""

GPU_SOFTMAX_EXPOSED = 0.35
"""Share of the shorter of products and softmax that shows where products run asynchronously [-]: two groups of threads take
turns, one multiplies while the other one is at its softmax. Fitted on attention of prompts on an H100."""

GPU_ATTENTION_ROWS, GPU_ATTENTION_DEPTH = 512, 64
"""Longest sequence, and most numbers of a head, of which one thread block takes a head whole in attention: those for which
TensorRT has such kernels."""

GPU_ATTENTION_PART = 64
"""Queries of a thread block in attention over longer sequences or of wider heads."""

GPU_DECODE_ROWS, GPU_DECODE_KEYS = 16, 256
"""Most queries of a head that share a tile of the matrix unit, as in decoding, and the fewest keys of a part of them."""

GPU_DECODE_BLOCKS = (2, 1)
"""Blocks of such attention beside each other on a multiprocessor: of one query a head, and of several that share its keys, beyond
one tile of them. Libraries have two kernels: the first multiplies on the lanes and holds little, the second on the matrix unit,
and the tiles of keys and values that it fetches ahead fill the shared memory (TensorRT-LLM: masked multi-head attention, XQA)."""

GPU_DECODE_CYCLES, GPU_DECODE_MERGE_CYCLES, GPU_DECODE_ROUND_CYCLES, GPU_DECODE_STEP_CYCLES = 10_500, 2_000, 5_000, 700
"""Cycles of attention of so few queries: to start, to add the parts of a head in a kernel of its own, of a round of blocks, and
of 64 keys and their values, whose way from memory nothing hides. Fitted on decoding on an A100 and an H100."""

GPU_RECTIFIED_ENERGY = 0.75
"""Energy of a MAC whose input comes through a ReLU, over that of others [-]: half its inputs are zero and toggle little. Fitted
on the convolutions of MLPerf on a T4 and an A100; that zeros cost an A100 less power is measured (H. He, 2024)."""

GPU_STEP_BYTES = 64
"""Bytes of the reduction, for each row and column of a block, that one step fetches: two sectors of 32 bytes."""

GPU_SUM_BYTES = 128 * KIB
"""Registers of a multiprocessor that hold partial sums [bytes]: half of its 256 KiB (maker's white papers, Volta on)."""


def peak_tops(macs: float, rate: float, clock_hz: float) -> float:
    """Peak operations per second [TOPS] of `macs` units doing `rate` MACs a cycle each at `clock_hz` [Hz]."""
    return macs * rate * clock_hz * OPERATIONS_PER_MAC / 1e12


def part_bytes_per_s(width_bits: float, rate_mt_per_s: float) -> float:
    """Nominal bandwidth [bytes/s] of a memory part: data pins [bit] x transfers [MT/s] / 8."""
    return width_bits / 8 * rate_mt_per_s * 1e6


def effective_bytes_per_s(peak_bytes_per_s: float, efficiency: float, port_bytes_per_s: float | None) -> float:
    """Bandwidth [bytes/s] that a layer sees: the devices' share or the chip's port, whichever is less.

    `peak_bytes_per_s` is devices x nominal rate, `efficiency` [-] the share that streams reach, `port_bytes_per_s` the
    nominal rate of the chip's port (None where it is no limit). Section "Time" of the model.
    """
    devices = peak_bytes_per_s * efficiency
    return devices if port_bytes_per_s is None else min(devices, PORT_EFFICIENCY * port_bytes_per_s)
