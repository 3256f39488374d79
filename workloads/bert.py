"""BERT encoders (J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers...", NAACL 2019).

A sequence lies along the height. Splitting and joining heads moves nothing, so it has no nodes; the scale by
1 / sqrt(head size) folds into the query weights; masks are not counted. The embedding is one look-up a token (the
rows of its position and segment are not counted). Parameters are those of the dense layers: not the embedding's table
nor the scales of the normalisations.
"""

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output


def build_bert_base(sequence_length: int = 128, head: str = "none") -> Graph:
    """BERT-base: 12 layers of 768, 12 heads. `head`: "none", or "squad" for two numbers a token."""
    return _build("bert_base", 12, 768, 12, sequence_length, head)


def build_bert_large(sequence_length: int = 384, head: str = "none") -> Graph:
    """BERT-large: 24 layers of 1024, 16 heads. `head`: "none", or "squad" for two numbers a token."""
    return _build("bert_large", 24, 1024, 16, sequence_length, head)


def _build(name: str, layers: int, hidden: int, heads: int, sequence_length: int, head: str) -> Graph:
    """Embedding, encoder layers, and the head."""
    if head not in ("none", "squad"):
        raise NetworkError(f"{name}: head: must be 'none' or 'squad', got {head!r}")
    net = NetworkBuilder(name, {"sequence_length": sequence_length, "head": head})
    x = net.embedding(net.input(1, sequence_length, name="tokens"), hidden, name="embedding")
    x = net.vector("layer_norm", x, name="embedding_norm")
    for number in range(1, layers + 1):
        x = _encoder(net, x, f"layer{number}", heads)
    if head == "squad":
        net.dense(x, 2, name="squad")
    return net.build()


def _encoder(net: NetworkBuilder, x: Output, name: str, heads: int) -> Output:
    """Self-attention and the feed-forward pair, each with its residual and normalisation."""
    hidden = x.channels
    y = attend(net, x, name, heads)
    x = net.vector("layer_norm", net.add(y, x, name=f"{name}_add1"), name=f"{name}_norm1")
    y = net.dense(x, 4 * hidden, activation="gelu", name=f"{name}_ffn1")
    y = net.dense(y, hidden, name=f"{name}_ffn2")
    return net.vector("layer_norm", net.add(y, x, name=f"{name}_add2"), name=f"{name}_norm2")


def attend(net: NetworkBuilder, x: Output, name: str, heads: int) -> Output:
    """Self-attention of `heads` heads, with the projection behind it."""
    query, key, value = (net.dense(x, x.channels, name=f"{name}_{part}") for part in ("query", "key", "value"))
    scores = net.matmul(query, key, heads=heads, transposed=True, name=f"{name}_scores")
    weights = net.vector("softmax", scores, name=f"{name}_softmax")
    context = net.matmul(weights, value, heads=heads, name=f"{name}_context")
    return net.dense(context, x.channels, name=f"{name}_projection")


NETWORKS = {"bert_base": build_bert_base, "bert_large": build_bert_large}
