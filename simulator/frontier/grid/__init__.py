"""Grids of MAC units: unrollings, tiles, and the search for the frontier."""
