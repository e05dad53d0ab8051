"""What all kernels share: one thread, true float32 products, and a record without a host name."""

from collections.abc import Iterator

import pytest
import torch

from genbench.precision import float32_products
from genbench.running import provenance


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """As the runner computes, but with one thread; random tensors are the same every time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with float32_products():
        yield
    torch.set_num_threads(threads)


def pytest_benchmark_update_machine_info(config, machine_info) -> None:
    machine_info.pop("node", None)
    machine_info["genbench"] = {**provenance.machine(), "threads": 1}
