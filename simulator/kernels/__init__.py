"""All jitted code: arrays in, arrays out; one file a search."""
