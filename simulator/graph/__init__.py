"""Layers, layer graphs, fusion and loading."""
