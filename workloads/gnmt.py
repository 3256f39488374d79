"""GNMT (Y. Wu et al., "Google's Neural Machine Translation System", arXiv:1609.08144) as MLPerf inference 0.5 ran it.

Four layers of 1,024 units on both sides, the first of the encoder in both directions, residuals from the third layer (the
second of the decoder) on, additive attention that every layer of the decoder reads, 36,548 words. The encoder knows its whole
sequence, so the products from below are one matrix product a layer and only the recurrent half runs step by step. The decoder
makes one word after another: in each of its steps all of its layers take turns. With `beam` above 1 every step works on that
many partial translations. What leaves is the best word of each; sorting the translations is not part of the network. Parameters
leave out the two tables of words.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import NONE, Count

UNITS = 1024
LAYERS = 4


def build_gnmt(sequence_length: int = 25, output_length: Count = NONE, beam: int = 1, vocabulary: int = 36548) -> Graph:
    """GNMT. `output_length`: words of the translation, as many as `sequence_length` unless given."""
    steps = output_length if output_length > 0 else sequence_length
    settings = {
        "sequence_length": sequence_length,
        "output_length": output_length,
        "beam": beam,
        "vocabulary": vocabulary,
    }
    net = NetworkBuilder("gnmt", settings)
    memory = _encoder(net, net.embedding(net.input(1, sequence_length, name="words"), UNITS, name="embedding"))
    keys = net.dense(memory, UNITS, bias=False, name="attention_keys")
    x = net.embedding(net.input(1, steps * beam, name="words_before"), UNITS, name="decoder_embedding")
    _decoder(net, x, memory, keys, steps, vocabulary)
    return net.build()


def _encoder(net: NetworkBuilder, x: Output) -> Output:
    """One layer in both directions, three more; residuals around the last two."""
    ways = [
        net.lstm(net.dense(x, 4 * UNITS, name=f"encoder1_{way}_input"), name=f"encoder1_{way}")
        for way in ("forward", "backward")
    ]
    x = net.concat(*ways, name="encoder1")
    for number in range(2, LAYERS + 1):
        y = net.lstm(net.dense(x, 4 * UNITS, name=f"encoder{number}_input"), name=f"encoder{number}")
        x = net.add(y, x, name=f"encoder{number}_add") if number > 2 else y
    return x


def _decoder(net: NetworkBuilder, x: Output, memory: Output, keys: Output, steps: int, vocabulary: int) -> None:
    """Layers that take turns in every step.

    The attention of a step asks with what the first layer gave in the step before. A graph cannot go round, so the question
    is drawn from the word, which is as wide.
    """
    loop = "decoder"
    query = net.dense(x, UNITS, bias=False, steps=steps, loop=loop, name="attention_query")
    scores = net.vector("softmax", net.additive_score(query, keys, name="attention_scores"), name="attention_softmax")
    context = net.matmul(scores, memory, steps=steps, loop=loop, name="attention_context")
    for number in range(1, LAYERS + 1):
        name = f"decoder{number}"
        joined = net.concat(x, context, name=f"{name}_joined")
        y = net.dense(joined, 4 * UNITS, steps=steps, loop=loop, name=f"{name}_input")
        y = net.lstm(y, steps=steps, loop=loop, name=name)
        x = net.add(y, x, name=f"{name}_add") if number > 1 else y
    words = net.dense(x, vocabulary, bias=False, steps=steps, loop=loop, name="classifier")
    # The best word of each row: what leaves the chip.
    net.global_pool(Output(words.name, words.height, vocabulary), name="word")


NETWORKS = {"gnmt": build_gnmt}
