"""What a measured row was to those who made the model: fitted on, of a chip changed since, blind, or none of these."""

from simulator.study.validation_data import book

FITTED, CHANGED, BLIND, BESIDE = "fitted", "changed", "blind", "beside"
STANDINGS = {
    FITTED: "a constant of the model was fitted on figures of this chip, or of the chip that it is a pair of",
    CHANGED: "facts of the chip's file were changed after its measurements were known",
    BLIND: "the chip's file was written before this row was read; nothing was changed or fitted on it since",
    BESIDE: "the row and the chip's file were read together; nothing was fitted or changed",
}
"""Standing of a row -> what it means."""


def standing_of(chip: str, source: str | None) -> str:
    """The standing of a row of `chip`. source: key of its source in the chip's file."""
    entries = book()
    if chip in entries["fitted"] or chip in entries["siblings"]:
        standing = FITTED
    elif chip in entries["settled_late"]:
        standing = CHANGED
    else:
        standing = BESIDE
    spoilt = chip in entries["fitted"] or chip in entries["settled_late"]
    read_later = any((one["chip"], one["source"]) == (chip, source) for one in entries["blind"])
    return BLIND if read_later and not spoilt else standing
