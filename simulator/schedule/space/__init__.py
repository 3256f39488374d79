"""Placement in space: all layers side by side as a pipeline of stages."""
