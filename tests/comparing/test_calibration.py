"""The reference rows on the real MNIST, through the command: numbers that must stay.

241.19 ± 2.13 is what 10,000 training images score under the paper's protocol; the others were
measured with plain scripts, independent of this code.
"""

import json
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.data


@pytest.fixture
def data() -> str:
    folder = Path(os.environ.get("GENBENCH_DATA", "")).resolve()
    if not list(folder.glob("mnist/train-images-idx3-ubyte*")):
        pytest.skip("GENBENCH_DATA names no folder with mnist/train-images-idx3-ubyte[.gz]")
    return str(folder)


def scored(genbench, data: str, model: str) -> dict:
    done = genbench(
        "run", "-m", model, "-d", "mnist", "--no-references", "--json", env={"GENBENCH_DATA": data}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0]


def test_training_images_score_what_the_estimator_must_give(data: str, genbench) -> None:
    row = scored(genbench, data, "replay")
    assert row["value"] == pytest.approx(241.19, abs=0.05)
    assert row["stderr"] == pytest.approx(2.13, abs=0.05)
    assert row["notes"]["sigma"] == pytest.approx(0.1668, abs=1e-4)
    assert row["caveat"] == ""
    assert "241.2 ± 2.1" in genbench("table").stdout


def test_a_clipped_gaussian_scores_about_65_nats(data: str, genbench) -> None:
    row = scored(genbench, data, "gaussian")
    assert row["value"] == pytest.approx(65, abs=2)


@pytest.mark.slow
def test_centroids_outscore_the_images_they_were_made_from(data: str, genbench) -> None:
    row = scored(genbench, data, "kmeans")
    assert row["value"] == pytest.approx(334, abs=4)
    assert row["scored"] == 10_000
    scored(genbench, data, "replay")
    assert "10000 kmeans centroids of 50000 training images" in genbench("table").stdout
