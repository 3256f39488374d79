"""NCF (X. He et al., "Neural Collaborative Filtering", WWW 2017): NeuMF as MLPerf training 0.5 has it for MovieLens 20M.

One item of a batch is one pair of a user and a film. Four rows of tables are looked up: two are multiplied number by number,
two go through three dense layers, and one last number is made of both. Parameters leave out the tables, which have 138,493 and
26,744 rows: they are traffic only as far as they are read.
"""

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder


def build_ncf(factors: int = 64, widest: int = 256, layers: int = 3) -> Graph:
    """NeuMF. `factors`: numbers multiplied; `widest`: inputs of the first dense layer; `layers`: of which all but one halve."""
    if widest % (1 << layers) or layers > 16:
        raise NetworkError(
            f"ncf: widest: must be a multiple of {1 << min(layers, 17)} for {layers} layers, got {widest}"
        )
    net = NetworkBuilder("ncf", {"factors": factors, "widest": widest, "layers": layers})
    user, film = net.input(1, name="user"), net.input(1, name="film")
    product = net.vector(
        "mul",
        net.embedding(user, factors, name="user_factors"),
        net.embedding(film, factors, name="film_factors"),
        name="product",
    )
    x = net.concat(
        net.embedding(user, widest // 2, name="user_features"),
        net.embedding(film, widest // 2, name="film_features"),
        name="features",
    )
    for number in range(layers):
        x = net.dense(x, widest >> number, activation="relu", name=f"dense{number + 1}")
    net.dense(net.concat(product, x, name="both"), 1, activation="sigmoid", name="score")
    return net.build()


NETWORKS = {"ncf": build_ncf}
