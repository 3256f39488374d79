"""A batch of a model with experts is one item, which holds all sequences: how many of them layers have room for."""

from simulator.errors import NetworkError, OptionError
from simulator.graph.check import LARGEST_EXTENT
from simulator.graph.shallow import depths
from simulator.study.request import Question, of_batch


def of_one_item(asked: Question, most: bool) -> tuple[Question, tuple[str, ...]]:
    """The question, with fewer sequences where `most` of them are asked for and layers have no room for all; what is to be told.

    Raises OptionError for a number that is too large.
    """
    if not asked.decoder.experts or _is_built(asked, asked.batch):
        return asked, ()
    low, high = 0, asked.batch
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _is_built(asked, middle) else (low, middle)
    why = f"with experts a pass is one network, whose layers have at most {LARGEST_EXTENT:,} rows"
    if not most or low == 0:
        raise OptionError(f"batch: must be at most {low:,} for {asked.tokens:,} tokens: {why}, got {asked.batch:,}")
    return of_batch(asked, low), (f"batch {low:,} is the largest that can be told, of {asked.batch:,} that fit: {why}",)


def _is_built(asked: Question, batch: int) -> bool:
    """Whether both passes of so many sequences can be built."""
    layers = (depths(asked.decoder) or (asked.decoder.layers,))[0]
    rows = 1 if asked.speculation is None else asked.speculation.count + 1
    prompts = of_batch(asked, min(batch, asked.together or batch))
    try:
        prompts.graph_of("prefill", layers, prompt=asked.prompt, context=0)
        of_batch(asked, batch).graph_of("decode", layers, prompt=rows, context=asked.tokens - 1)
    except NetworkError:
        return False
    return True
