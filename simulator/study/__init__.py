"""Questions that more than one run answers: comparison, claims, validation."""
