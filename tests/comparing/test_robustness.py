"""Whether the order of the models is the protocol's: the table, tau, and what it says."""

import json

import numpy as np
import pytest
from made import altered
from test_table import GAN, REFERENCES, REPLAY

from genbench import __version__ as genbench_version
from genbench.comparing.robustness import FIRST, frame, robustness
from genbench.protocols import BY_SAMPLES
from genbench.records.run import Result

NAMES = ("refined", "common")


def row(model: str, first: float, **other: float) -> list[Result]:
    """The results of one model: as run, with parts of its samples, and by other protocols."""
    curves = {BY_SAMPLES: [(2500, first - 40), (5000, first - 20), (10_000, first)]}
    base = altered(GAN, model=model, value=first, key=model, curves=curves)
    return [base, *(altered(base, protocol=p, value=v, key=model + p) for p, v in other.items())]


ABOVE = row("gan", 220.0, refined=225.0, common=150.0)
BELOW = row("dbn", 140.0, refined=150.0, common=160.0)
BETWEEN = row("deep_gsn", 200.0, refined=210.0, common=155.0)


def nothing(result: Result) -> None:
    return None


def test_the_order_is_counted_over_the_protocols_that_all_trained_rows_have() -> None:
    found = robustness([*ABOVE, *BELOW, *BETWEEN], NAMES, REFERENCES, nothing)
    assert found is not None
    assert found.order == ["gan", "deep_gsn", "dbn"]
    assert found.complete == ["refined", "common", "m / 4", "m / 2"]
    assert found.held == ["refined", "m / 4", "m / 2"]
    assert found.tau["refined"] == pytest.approx(1)
    assert found.tau["common"] == pytest.approx(-1)
    assert found.lines[0] == (
        "the order gan > deep_gsn > dbn holds in 3 of 4 protocols; another one by: common"
    )


def test_a_protocol_without_one_of_the_rows_has_no_tau_and_is_named() -> None:
    found = robustness([*ABOVE, BELOW[0], BELOW[2]], NAMES, REFERENCES, nothing)
    assert found is not None
    assert found.tau["refined"] is None
    assert found.numbers["refined"]["dbn"] is None
    assert "not known for every trained row: refined" in found.lines[1]


def test_columns_of_one_seed_are_of_a_seed_that_all_trained_rows_have() -> None:
    other = [altered(r, seed=1, value=100.0, key="other") for r in BELOW[:1]]
    first = [altered(r, seed=s, key=f"gan{s}") for r in ABOVE[:1] for s in (0, 1)]
    found = robustness([*first, *other], (), REFERENCES, nothing)
    assert found is not None
    assert found.numbers[FIRST] == {"gan": 220.0, "dbn": 100.0}
    assert [result.key for result in found.first] == ["gan1", "other"]
    assert any("of seed 1 and its first sample set" in line for line in found.lines)


def test_halves_are_of_values_that_are_means_over_test_rows() -> None:
    scores = np.array([100.0, 100.0, 350.0, 350.0])
    told = [altered(result, per_example="sha256") for result in (*ABOVE, *BELOW)]
    found = robustness(told, NAMES, REFERENCES, lambda result: scores)
    assert found is not None
    assert found.numbers["second half"] == {"gan": None, "dbn": None}


def test_a_column_in_which_all_are_equal_has_no_order() -> None:
    same = [altered(r, value=1.0) if r.protocol == "common" else r for r in (*ABOVE, *BELOW)]
    found = robustness(same, NAMES, REFERENCES, nothing)
    assert found is not None
    assert "no order, since all score the same: common" in found.lines


def test_one_score_of_a_test_row_has_no_components() -> None:
    more = [altered(r, seed=s, key=f"{r.key}{s}") for r in (ABOVE[0], BELOW[0]) for s in range(3)]
    assert robustness(more, (), REFERENCES, lambda result: np.array([1.0])) is not None


def test_reference_rows_have_no_place_in_the_order() -> None:
    highest = altered(REPLAY, value=999.0, key="replay")
    found = robustness([*ABOVE, *BELOW, highest], NAMES, REFERENCES, nothing)
    assert found is not None
    assert found.order == ["gan", "dbn"]
    shown = frame(found)
    assert list(shown["model"]) == ["gan", "dbn", "Kendall's tau", "replay"]
    assert shown.attrs["untrained"] == 1


def test_a_metric_of_which_less_is_better_is_ordered_so() -> None:
    results = [altered(r, best="low") for r in (*ABOVE, *BELOW)]
    found = robustness(results, NAMES, REFERENCES, nothing)
    assert found is not None
    assert found.order == ["dbn", "gan"]


def test_halves_second_sets_and_second_seeds_are_columns() -> None:
    scores = {"gan": 220 + np.array([-1.0, -1, 1, 1]), "dbn": 140 + np.array([1.0, 1, -1, -1])}
    more = [
        altered(ABOVE[0], sample_set=1, value=221.0, key="set"),
        altered(ABOVE[0], seed=1, value=190.0, key="seed"),
    ]
    found = robustness([ABOVE[0], BELOW[0], *more], (), REFERENCES, lambda r: scores.get(r.key))
    assert found is not None
    assert found.numbers["first half of the test rows"] == {"gan": 219.0, "dbn": 141.0}
    assert found.numbers["second half"] == {"gan": 221.0, "dbn": 139.0}
    assert found.numbers["second sample set"] == {"gan": 221.0, "dbn": None}
    assert found.numbers["second seed"] == {"gan": 190.0, "dbn": None}


def test_a_fold_that_is_missing_leaves_no_mean() -> None:
    folds = [altered(r, folds=2) for r in (*ABOVE, *BELOW)]
    found = robustness(folds, NAMES, REFERENCES, nothing)
    assert found is not None
    assert found.numbers[FIRST] == {"gan": None, "dbn": None}
    assert found.order == []


def test_only_reference_rows_make_no_table() -> None:
    assert robustness([REPLAY], NAMES, REFERENCES, nothing) is None


# --- through the command ---

TINY = ("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "50")


@pytest.fixture
def protocols(monkeypatch: pytest.MonkeyPatch):
    """Other ways to score for the metric of these tests, which has fifty validation rows."""
    from genbench.metrics.parzen import Parzen

    offered = staticmethod(lambda levels, kind: {"sigma .3": {"sigma": 0.3}})
    monkeypatch.setattr(Parzen, "protocols", offered)


def test_stored_samples_are_scored_by_other_protocols_and_nothing_is_trained(
    genbench, protocols, tmp_path
) -> None:
    assert genbench(*TINY).returncode == 0
    before = {
        p: p.read_bytes() for p in tmp_path.rglob("*") if p.suffix in (".safetensors", ".npz")
    }
    main = genbench("table").stdout
    done = genbench("score", "--protocols", "--models", "drift", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["numbers"]["sigma .3"]["drift [50 samples]"] is not None
    assert {p: p.read_bytes() for p in before} == before
    assert genbench("table").stdout == main  # other protocols have no row there
    log = "".join(p.read_text() for p in tmp_path.rglob("events.jsonl"))
    assert log.count('"stage": "sample"') == 1
    again = genbench("score", "--protocols")
    assert "drift [50 samples]: done" not in again.stderr  # nothing was left to do
    shown = genbench("table", "--robustness").stdout
    assert "sigma .3" in shown
    (signature,) = found["signatures"]  # of the first column: the plain protocol, one of each
    assert "|sigma:grid10|" in signature
    assert signature.endswith(f"|sets:1|seeds:1|genbench:{genbench_version}")
    assert f'signature of "as run": {signature}' in shown


def test_samples_that_were_not_kept_are_named(genbench, protocols, tmp_path) -> None:
    genbench(*TINY)
    for path in tmp_path.rglob("samples.npz"):
        path.unlink()
    done = genbench("score", "--protocols")
    assert "its samples were not kept" in done.stderr
    assert not list(tmp_path.rglob("samples.npz"))


@pytest.mark.parametrize(
    "more",
    [["x.npy"], ["--set", "parzen.sigma=1"], ["--sigma-search", "grid"], ["--no-references"]],
)
def test_protocols_refuse_what_is_for_files(genbench, more: list[str]) -> None:
    done = genbench("score", "--protocols", *more)
    assert done.returncode == 2
    assert more[0].split("=")[0] in done.stderr or "FILE" in done.stderr


def test_score_without_a_file_says_what_it_needs(genbench) -> None:
    done = genbench("score")
    assert done.returncode == 2
    assert "--protocols" in done.stderr


# --- sample sets ---


def test_sample_sets_share_one_training_and_differ(genbench, tmp_path) -> None:
    assert genbench(*TINY).returncode == 0
    first = {p: p.read_bytes() for p in tmp_path.rglob("samples.npz")}
    rows = json.loads(genbench(*TINY, "--sample-sets", "3", "--json").stdout)
    assert sorted({row["sample_set"] for row in rows}) == [0, 1, 2]
    assert len({row["value"] for row in rows if row["fold"] == 0}) == 3
    assert len(list(tmp_path.rglob("weights.safetensors"))) == 1
    assert {p: p.read_bytes() for p in first} == first  # the first set is what it was alone
    assert "3 sample sets" in genbench("table").stdout


def test_drawing_again_gives_every_set_its_own_bytes(genbench, tmp_path) -> None:
    genbench(*TINY, "--sample-sets", "2")
    before = {p: p.read_bytes() for p in tmp_path.rglob("samples.npz")}
    genbench(*TINY, "--sample-sets", "2", "--rerun")
    assert {p: p.read_bytes() for p in tmp_path.rglob("samples.npz")} == before
    assert len(set(before.values())) == 2


def test_reference_rows_have_one_sample_set(genbench) -> None:
    command = [word for word in TINY if word != "--no-references"]
    rows = json.loads(genbench(*command, "--sample-sets", "2", "--json").stdout)
    sets = {row["model"]: row["sample_set"] for row in rows}
    assert {row["sample_set"] for row in rows if row["model"] != "drift"} == {0}
    assert len(sets) > 1
