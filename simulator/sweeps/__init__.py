"""Many points: what to vary, the points of a design, their evaluation in chunks, and the folder they are kept in."""
