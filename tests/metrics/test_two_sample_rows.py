"""What the two-sample tests and the measures of copying share: how they read samples."""

import pytest
import torch

from genbench.metrics._rows import blocks_of
from genbench.metrics.c2st import C2ST
from genbench.metrics.c2st_nn import C2STNN
from genbench.metrics.copying import Authenticity, DataCopying, NNRatio
from genbench.metrics.mmd import MMD
from genbench.metrics.train_share import TrainShare
from genbench.protocols import needs
from genbench.samples.pixels import Deferred

METRICS = [TrainShare, NNRatio, DataCopying, Authenticity, C2STNN, MMD, C2ST]


@pytest.mark.parametrize("metric", METRICS)
def test_deferred_rows_score_as_the_same_rows_in_memory(metric):
    draw = torch.Generator().manual_seed(1)
    stored = torch.randint(256, (100, 6), dtype=torch.uint8, generator=draw)
    plain = torch.rand(120, 6, generator=draw)
    kinds = {"train": plain[:40], "valid": plain[40:80], "test": plain[80:]}
    scores = []
    for samples in (Deferred(stored, 256), stored.float() / 255):
        torch.manual_seed(0)
        given = {"samples": samples, "features": lambda rows: rows * 1.0, **kinds}
        scores.append(metric()(**{name: given[name] for name in needs(metric)}))
    assert scores[0] == scores[1]


@pytest.mark.parametrize("metric", METRICS)
def test_no_more_than_10000_samples_are_read(metric):
    sizes: list[int] = []

    def features(rows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(rows))
        return rows[:, :1] + rows[:, 1:]

    torch.manual_seed(0)
    given = {name: torch.rand(40, 2) for name in ("train", "valid", "test")}
    given |= {"samples": torch.rand(10_040, 2), "features": features}
    metric()(**{name: given[name] for name in needs(metric)})
    assert max(sizes) <= 10_000
    assert sum(sizes) <= 10_000 + 3 * 40


@pytest.mark.parametrize(("n", "count"), [(10_000, 20), (9_000, 40), (37, 8)])
def test_blocks_are_of_one_size_whatever_their_number(n, count):
    sizes = blocks_of(n, count, torch.device("cpu")).bincount(minlength=count)
    assert sizes.sum() == n
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("period", [2, 4, 5, 10])
def test_blocks_are_alike_where_rows_alternate(period):
    blocks, share = blocks_of(10_000, 20, torch.device("cpu")), 1 / period
    held = blocks[::period].bincount(minlength=20)
    deviation = (500 * share * (1 - share)) ** 0.5  # of rows that chance deals out
    assert (held - 500 * share).abs().max() < 5 * deviation
