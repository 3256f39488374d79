"""The list of bundled networks, which is kept on disk."""

from simulator.graph import summaries
from simulator.graph.load import load_network, summary
from simulator.graph.summaries import bundled_rows
from simulator.store import bundled, digest


def test_what_is_kept_is_what_the_networks_are(tmp_path, monkeypatch):
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    built = summaries._rows()
    assert bundled_rows() == built  # written
    with monkeypatch.context() as patched:
        patched.setattr(summaries, "_rows", lambda: [])
        assert bundled_rows() == built  # read
        patched.setattr(summaries, "networks_digest", lambda: f"not {digest.networks_digest()}")
        assert bundled_rows() == []  # of other files
    assert [row["name"] for row in built] == list(bundled.networks())
    (row,) = (row for row in built if row["name"] == "squeezenet")
    assert row.items() >= summary(load_network("squeezenet")).items()
