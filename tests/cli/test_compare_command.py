"""`genbench compare`, end to end on results of a minute-old run."""

import json
import shutil
from pathlib import Path

import pytest

from genbench.cli import compare as compare_command

assert compare_command  # registers the command where the package does not yet

SMALL = ("-d", "tiny", "--preset", "smoke", "--samples", "60", "--no-references")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for results that are made once."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def ran(genbench, kept: Path, tmp_path: Path):
    """The command, where there are three seeds of two small models."""
    if not any(kept.iterdir()):
        where = ("--seeds", "0,1,2", "--results-dir", str(kept), "-q")
        done = genbench("run", "-m", "gaussian,drift", *SMALL, *where)
        assert done.returncode == 0, done.stderr
    shutil.copytree(kept, tmp_path / "results")
    return genbench


def test_it_prints_a_table_and_a_verdict_for_a_population(ran) -> None:
    done = ran("compare", "gaussian", "drift", "-d", "tiny")
    assert done.returncode == 0, done.stderr
    assert "these samples" in done.stdout
    assert "these methods" in done.stdout
    assert "p after Holm" in done.stdout
    assert "other seeds" in done.stdout


def test_quiet_is_the_table_alone(ran) -> None:
    lines = ran("compare", "gaussian", "drift", "-q").stdout.strip().splitlines()
    assert all(line.startswith("|") for line in lines)


def test_json_is_one_document_with_the_numbers(ran) -> None:
    (pair,) = json.loads(ran("compare", "gaussian", "drift", "--json").stdout)
    assert pair["metric"] == "parzen"
    assert [level["population"] for level in pair["levels"]] == ["these samples", "these methods"]
    assert pair["verdict"]


def test_it_writes_nothing(ran, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    ran("compare", "gaussian", "drift")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_typo_gets_the_nearest_name(ran) -> None:
    done = ran("compare", "gausian", "drift")
    assert done.returncode == 2
    assert "did you mean 'gaussian'" in done.stderr


def test_an_ambiguous_name_lists_the_rows_that_it_may_be(ran) -> None:
    ran("run", "-m", "drift", *SMALL, "--set", "drift.rate=0.5", "-q")
    done = ran("compare", "gaussian", "drift")
    assert done.returncode == 2
    assert '"drift [smoke, 60 samples]"' in done.stderr
    assert '"drift [smoke, rate=0.5, 60 samples]"' in done.stderr
    whole = ran("compare", "drift [smoke, rate=0.5, 60 samples]", "drift [smoke, 60 samples]")
    assert whole.returncode == 0, whole.stderr
    assert "these samples" in whole.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gaussian",), "at least two"),
        (("gaussian", "gaussian"), "at least two"),
        (("gaussian", "gaussian [60 samples]"), "one row"),
        (("gaussian", "drift", "-d", "tinny"), "did you mean 'tiny'"),
        (("gaussian", "drift", "--preset", "smok"), "did you mean 'smoke'"),
        (("gaussian", "drift", "--results-dir", "nowhere"), "no results"),
    ],
    ids=str,
)
def test_a_mistake_ends_in_exit_code_2_and_what_would_do(ran, arguments, said) -> None:
    done = ran("compare", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_rows_of_unlike_sample_counts_are_refused(ran) -> None:
    fewer = [*SMALL[:4], "--samples", "30", *SMALL[6:]]
    done = ran("run", "-m", "drift", *fewer, "-q")
    assert done.returncode == 0, done.stderr
    done = ran("compare", "drift [smoke, 30 samples]", "gaussian")
    assert done.returncode == 2
    assert "samples (30, 60)" in done.stderr
