"""Bundled networks: one module a family, each with NETWORKS = {name: function that builds the graph}."""
