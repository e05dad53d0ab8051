"""Which matrix product is exact enough: for now true float32, on every device.

TF32 and bfloat16 keep 11 and 8 bits of each factor. A Parzen log-likelihood divides squared
distances by 2 sigma², and at sigma 0.1 such products miss it by whole nats.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# torch's older switches (allow_tf32, set_float32_matmul_precision) raise once these are in use
# and differ from them; these never do. So only these are read and set here.
SWITCHES = {
    "cuda.matmul": torch.backends.cuda.matmul,
    "cudnn.conv": torch.backends.cudnn.conv,  # pyright: ignore[reportAttributeAccessIssue]
    "cudnn.rnn": torch.backends.cudnn.rnn,
    "mkldnn.matmul": torch.backends.mkldnn.matmul,  # pyright: ignore[reportAttributeAccessIssue]
}


@contextmanager
def float32_products() -> Iterator[None]:
    """Products of float32 matrices are true float32 inside, whatever was allowed outside.

    Turns off TF32, bfloat16 shortcuts and autocast; on leaving, each switch has the value that it
    read before.
    """
    before = {name: switch.fp32_precision for name, switch in SWITCHES.items()}
    try:
        for switch in SWITCHES.values():
            switch.fp32_precision = "ieee"
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        for name, switch in SWITCHES.items():
            switch.fp32_precision = before[name]


def describe() -> dict[str, str]:
    """What `float32_products` chooses here, for the record: each switch as read back inside."""
    with float32_products():
        return {name: switch.fp32_precision for name, switch in SWITCHES.items()}
