"""A mapped file that is read from end to end never lies in memory as a whole."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from genbench.protocols import Split
from genbench.records import pages
from genbench.records.files import sha256_of_arrays
from genbench.samples import judging, pixels, reading

SMAPS = Path("/proc/self/smaps")
ROWS = np.random.default_rng(0).integers(256, size=(20_000, 784), dtype=np.uint8)  # 16 MB
SPLIT = Split(*(torch.rand(9, 784) for _ in range(3)))
GREY = SimpleNamespace(shape=(1, 28, 28), range=(0.0, 1.0), levels=256, split=lambda fold: SPLIT)

pytestmark = pytest.mark.skipif(not SMAPS.exists(), reason="needs what Linux says of a map")


def resident(path: Path) -> int:
    """Bytes of maps of a file that lie in memory."""
    found, inside = 0, False
    for line in SMAPS.read_text().splitlines():
        if "-" in line.split()[0]:
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            found += 1024 * int(line.split()[1])
    return found


@pytest.fixture(params=["npy", "safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"rows.{request.param}"
    if request.param == "npy":
        np.save(path, ROWS)
    else:
        save_file({"other": ROWS[:3], "samples": ROWS}, path)
    return path


def deferred(rows: np.ndarray) -> torch.Tensor:
    return judging.as_given(rows, GREY, torch.device("cpu"))


READERS: dict[str, Callable[[np.ndarray], object]] = {
    "a metric, in order": lambda rows: [part.sum() for part in deferred(rows).split(500)],
    "a metric, by strides": lambda rows: [part.sum() for part in deferred(rows)[::2].split(500)],
    "a metric, a few from end to end": lambda rows: deferred(rows)[::40] + 1,
    "a metric, by index": lambda rows: [
        deferred_rows.index_select(0, torch.arange(start, start + 500)).sum()
        for deferred_rows in [deferred(rows)]
        for start in range(0, len(rows), 500)
    ],
    "the digests of rows": pixels.digests,
    "the digest of a file": lambda rows: sha256_of_arrays({"rows": rows}),
}


@pytest.mark.parametrize("reader", READERS)
def test_the_pages_of_a_mapped_file_are_given_back_behind_its_reader(
    reader: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "HELD", 2**20)
    monkeypatch.setattr(pixels, "LARGEST", 2**22)
    rows = reading.read(path, "grey", GREY).rows
    seen = [resident(path)]
    assert np.array_equal(rows, ROWS)  # which maps all of it
    assert resident(path) > ROWS.nbytes / 2
    READERS[reader](rows)
    seen.append(resident(path))
    assert max(seen) < ROWS.nbytes / 3
    assert np.array_equal(rows, ROWS)


def test_an_array_in_memory_has_no_pages_to_give_back() -> None:
    assert pages.mapped(ROWS[3:]) is None
    assert np.array_equal(np.concatenate([*pages.blocks(ROWS, 999)]), ROWS)
    assert [len(block) for block in pages.blocks(ROWS, 19_999)] == [19_999, 1]
