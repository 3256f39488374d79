"""The graph through the SRAM: residency, weights kept for ever, sub-batches, time and waterfalls."""
