"""Frontiers: every tiling of a layer that no other beats, for each model of an array."""
