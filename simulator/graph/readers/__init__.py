"""Readers of networks that others wrote: ONNX, TensorFlow Lite, tables and configurations become layer graphs."""
