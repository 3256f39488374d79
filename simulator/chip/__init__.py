"""Chips: their schema, their files, and the memory parts and host links they name."""
