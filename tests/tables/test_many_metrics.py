"""Tables of many metrics: what stands side by side, whose error it is, and where bias decides."""

import pytest
from made import altered, made

from genbench.protocols import BY_SAMPLES
from genbench.records.run import Result
from genbench.tables import biases, cells, frames, notes

METRICS = ("frechet", "precision", "recall", "density", "coverage", "mmd")


def result(model: str, metric: str = "frechet", value: float = 1.0, **more) -> Result:
    return made(model=model, metric=metric, value=value, stderr=0.1, key=f"{model}{metric}", **more)


def shown(*results: Result) -> list[cells.Cell]:
    return cells.cells(results, lambda _: True)


def said(*results: Result) -> list[str]:
    return notes.under_table(shown(*results), ["replay"])


# --- blocks ---


def test_as_many_metrics_as_fit_stand_side_by_side() -> None:
    found = shown(*(result("gan", metric) for metric in METRICS))
    names = [name for name, _ in frames.blocks(found)]
    assert names == ["frechet, precision, recall, density, coverage", "mmd"]


def test_the_columns_of_a_metric_stay_together_where_they_fit() -> None:
    rows = [result("gan", metric, dataset=on) for metric in METRICS[:3] for on in ("a", "b", "c")]
    assert [name for name, _ in frames.blocks(shown(*rows))] == [*METRICS[:3]]


# --- what compares with papers ---


@pytest.mark.parametrize(
    ("features", "caveat", "remark"),
    [("inception", "JPEG", True), ("inception", "", False), ("digits", "JPEG", False)],
)
def test_the_features_of_papers_on_other_files_are_said_not_to_compare_with_papers(
    features: str, caveat: str, remark: bool
) -> None:
    settings, set_by = {"features": features}, {"frechet.features": features}
    one = result("gan", settings=settings, overrides=set_by, caveat=caveat)
    said = f"frechet [features={features}{', not comparable with papers' if remark else ''}]"
    assert shown(one)[0].head.endswith(f", {said}")


# --- whose error ---


def test_an_error_is_said_as_the_metric_says_it() -> None:
    lines = said(result("gan", over="over samples, the test rows held fixed"))
    assert "± standard error over samples, the test rows held fixed" in lines[0]


def test_an_error_over_sample_sets_is_said_beside_it() -> None:
    sets = [
        result("gan", value=value, sample_set=i, over="over samples")
        for i, value in enumerate((1.0, 2.0, 3.0))
    ]
    for i, one in enumerate(sets):
        object.__setattr__(one, "given", str(i))
    line = "± standard error over samples, and over the sample sets of one training"
    assert line in said(*sets)[0]


def test_why_there_is_no_error_is_said() -> None:
    none = made(model="gan", metric="recall", value=0.5, over="no error: it hangs together")
    assert said(none)[0].endswith("; no error: it hangs together")


CHAINS = {"chains": 100, "thinning": 2}


def of_chains(seed: int = 0, value: float = 1.0, **more) -> Result:
    drawn = {"sampling": CHAINS, "scored": 1000, "over": "over samples"}
    return altered(result("dbn", value=value), seed=seed, key=f"dbn{seed}", **{**drawn, **more})


def test_states_of_chains_are_said_not_to_be_independent() -> None:
    (line,) = (
        line
        for line in said(of_chains(), result("gan", over="over samples"))
        if "±" in line and "chains" in line
    )
    assert line.startswith("samples of dbn are 1000 states of 100 chains: ± over samples takes")


@pytest.mark.parametrize(
    "rows",
    [
        [of_chains(over="")],  # an error over the test rows
        [of_chains(scored=100)],  # one state of each chain
        [of_chains(), of_chains(1, 2.0)],  # an error over the seeds
    ],
)
def test_where_the_error_is_over_something_else_nothing_is_said_of_chains(rows) -> None:
    assert not any("takes them for independent" in line for line in said(*rows))


# --- bias ---


def curved(model: str, half: float, value: float) -> Result:
    return result(model, value=value, curves={BY_SAMPLES: [(50, half), (100, value)]}, unit="u")


def test_rows_nearer_together_than_half_the_samples_move_them_are_named() -> None:
    found = shown(curved("gan", 3.0, 2.0), curved("dbn", 3.4, 2.5), curved("vae", 9.0, 8.0))
    assert biases.notes(found, []) == [
        "half as many samples move frechet on mnist by up to 1 u, further than these lie apart: "
        "gan and dbn"
    ]


@pytest.mark.parametrize("half", [2.1, 1.9])
def test_rows_further_apart_than_that_are_not(half: float) -> None:
    assert not biases.notes(shown(curved("gan", half, 2.0), curved("dbn", half + 1, 3.0)), [])


def test_reference_rows_and_rows_without_a_curve_are_left_out() -> None:
    found = shown(curved("gan", 3.0, 2.0), curved("replay", 3.0, 2.1), result("dbn", value=2.1))
    assert not biases.notes(found, ["replay"])


def test_rows_of_more_samples_are_said_at_the_count_of_the_real_row() -> None:
    """A bias of 30 / m: 10.6 at 50, 10.3 at 100, so 10.4 at 75."""
    real = result("held_out", value=1.0, scored=75)
    (line,) = biases.at_real_count(shown(curved("gan", 10.6, 10.3), real))
    said = "frechet on mnist at the 75 samples of held_out, by each row's own curve: gan 10."
    assert line.startswith(said)
    assert float(line.split()[-1]) == pytest.approx(10.4, abs=0.05)


@pytest.mark.parametrize("count", [100, 40])
def test_rows_of_as_many_samples_or_of_no_curve_there_are_not(count: int) -> None:
    real = result("held_out", value=1.0, scored=count)
    assert not biases.at_real_count(shown(curved("gan", 10.6, 10.3), real, result("dbn")))
