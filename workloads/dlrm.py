"""DLRM (M. Naumov et al., "Deep Learning Recommendation Model...", arXiv:1906.00091) as MLPerf inference 0.7 has it.

Thirteen numbers go through dense layers; one row each of 26 tables is looked up; the 27 vectors are multiplied pair by pair, and
what comes out goes through dense layers to one score. An item of the batch is one user and product. The products are made as one
matrix product of all vectors with themselves. Parameters leave out the tables, which are traffic only as far as they are read.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output


def build_dlrm(numbers: int = 13, tables: int = 26, width: int = 128) -> Graph:
    """DLRM. `numbers`: of the dense input; `tables`: looked up; `width`: of their rows."""
    net = NetworkBuilder("dlrm", {"numbers": numbers, "tables": tables, "width": width})
    x = net.input(numbers, name="numbers")
    for number, units in enumerate((512, 256, width), start=1):
        x = net.dense(x, units, activation="relu", name=f"bottom{number}")
    rows = net.embedding(net.input(1, tables, name="categories"), width, name="tables")
    joined = net.concat(x, rows.flat(), name="vectors")
    vectors = Output(joined.name, width, tables + 1)
    again = net.vector("copy", vectors, name="vectors_again")
    pairs = net.matmul(vectors, again, transposed=True, name="pairs")
    distinct = Output(pairs.name, tables * (tables + 1) // 2)  # each pair once
    x = net.concat(x, distinct, name="features")
    for number, units in enumerate((1024, 1024, 512, 256), start=1):
        x = net.dense(x, units, activation="relu", name=f"top{number}")
    net.dense(x, 1, activation="sigmoid", name="score")
    return net.build()


NETWORKS = {"dlrm": build_dlrm}
