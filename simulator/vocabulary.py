"""The model's words, one table a word: what time is lost to, and the roof that each loss belongs to."""

ROOF_OF = {
    "ideal_s": "array",
    "edges_s": "array",
    "fill_drain_s": "array",
    "weight_loading_s": "array",
    "interconnect_s": "interconnect",
    "sram_s": "sram",
    "vector_s": "vector",
    "overhead_s": "overhead",
    "dram_s": "dram",
    "host_s": "host",
    "power_s": "power",
}
"""The parts of a waterfall in the order in which they are filled, and the roof that each belongs to."""

WATERFALL = tuple(ROOF_OF)
"""Parts of a waterfall in order; `pipeline_s` follows where layers lie side by side."""

PIPELINE = "pipeline_s"
"""What a stage waits for the slowest one of its pipeline; it counts as the array."""

ROOFS = tuple(dict.fromkeys(ROOF_OF.values()))
"""What a network can be bound by, in the order in which the first of equals counts."""
