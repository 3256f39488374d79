"""How many examples hypothesis tries: HYPOTHESIS_PROFILE=nightly asks for more of every test."""

import os

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def examples(usual: int) -> int:
    """How many a test tries that usually tries so many."""
    return 5 * usual if NIGHTLY else usual
