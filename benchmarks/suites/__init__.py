"""What asv and gate.py measure. One thread, unless OMP_NUM_THREADS says otherwise."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before any suite imports torch
