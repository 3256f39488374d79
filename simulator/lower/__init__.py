"""Lowering: a layer graph at one batch and precision in numbers."""
