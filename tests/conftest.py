"""Hypothesis profiles: compilation makes the first example slow, so there is no deadline."""

import os

from hypothesis import settings

settings.register_profile("jit", deadline=None, print_blob=True)
settings.register_profile("nojit", deadline=None, max_examples=20, print_blob=True)
settings.load_profile("nojit" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "jit")
