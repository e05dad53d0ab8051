"""What a table says, and that it hides nothing."""

import csv
import io
import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import altered, made

from genbench.comparing import estimates
from genbench.protocols import BY_SAMPLES
from genbench.records.observed import Mixing, Training, Tuned
from genbench.records.run import Result
from genbench.tables import cells, centroids, formats, frames, latex, notes, published
from genbench.words import MISSING, value_and_error

GAN = made(
    model="gan",
    dataset="mnist",
    fold=0,
    folds=1,
    seed=0,
    preset="paper",
    overrides={},
    metric="parzen",
    samples=10_000,
    status="done",
    key="k",
    code={"model": "aaaaaaaa", "metric": "bbbbbbbb"},
    recipe={"rate": 0.1},
    digest="d",
    caveat="",
    value=222.345,
    stderr=2.0512,
    unit="nats",
    kind="mean",
    scored=10_000,
    distinct=10_000,
    training=Training(epochs=250, epoch=240),
    notes={"sigma": 0.2154},
)
REPLAY = altered(GAN, model="replay", value=241.19, stderr=2.13)
REFERENCES = ("gaussian", "kmeans", "replay")


def current(result: Result) -> bool:
    return True


def rendered(*results: Result, is_current=current) -> str:
    found = cells.cells(results, is_current)
    return formats.markdown(frames.frame(found, REFERENCES), notes.under_table(found, REFERENCES))


@given(
    value=st.floats(-1e7, 1e7), error=st.floats(1e-6, 1e4, exclude_min=True, allow_subnormal=False)
)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_value_and_error_are_rounded_to_the_errors_second_digit(value: float, error: float) -> None:
    shown_value, shown_error = value_and_error(value, error).split(" ± ")
    places = -int(Decimal(shown_value).as_tuple().exponent)
    assert places == -int(Decimal(shown_error).as_tuple().exponent)
    digits = Decimal(shown_error).as_tuple().digits
    assert len(digits) == 2 or (places == 0 and len(digits) >= 2)
    assert abs(float(shown_error) - error) <= 0.5 * 10**-places * (1 + 1e-6)
    assert abs(float(shown_value) - value) <= 0.5 * 10**-places * (1 + 1e-6)


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (225.0, 2.0, "225.0 ± 2.0"),
        (1909.0, 66.0, "1909 ± 66"),
        (-256075.2, 792.0, "-256075 ± 792"),
        (1.0, 0.0996, "1.00 ± 0.10"),
        (1.0, 0.996, "1.0 ± 1.0"),
        (1.0, 9.96, "1 ± 10"),
        (3.14159, 0.0, "3.14"),
        (3.14159, math.nan, "3.14 ± ?"),
    ],
)
def test_awkward_errors_are_rounded_sensibly(value: float, error: float, shown: str) -> None:
    assert value_and_error(value, error) == shown


def test_the_paper_s_style_models_down_datasets_across_published_beside() -> None:
    text = rendered(GAN, REPLAY, altered(GAN, dataset="mnist5k", value=100.0))
    head, _, first, untrained, second = text.splitlines()[:5]
    assert [cell.strip() for cell in head.strip("|").split("|")] == [
        "model",
        "mnist",
        "mnist, published",
        "mnist5k",
    ]
    assert "222.3 ± 2.1" in first
    assert "225 ± 2" in first
    assert "untrained" in untrained
    assert MISSING in second  # replay was not run on mnist5k
    assert "Table 1" in text
    assert "parzen in nats, higher is better; ± standard error over the test examples" in text
    assert "sigma 0.2154" in text
    assert "10000 samples" in text


BITS = altered(GAN, model="dbn", kind="binary", value=150.0)
FAILED = altered(GAN, model="other", status="failed", value=None, stderr=None, kind="")


def split(*results: Result) -> list[tuple[str, list[str]]]:
    """The tables as titles and models."""
    return [(title, [r.model for r in found]) for title, found in cells.tables(results)]


def test_a_table_never_mixes_means_with_binary_samples() -> None:
    expected = [("parzen", ["gan", "replay"]), ("parzen, binary samples", ["dbn"])]
    assert split(GAN, BITS, REPLAY) == expected
    assert split(BITS, GAN, REPLAY) == expected


def test_a_single_table_has_no_title() -> None:
    assert split(GAN, REPLAY) == [("", ["gan", "replay"])]
    assert split(BITS) == [("", ["dbn"])]
    assert split() == []


def test_metrics_share_the_table_of_a_kind_of_samples() -> None:
    other = [altered(result, metric="other") for result in (BITS, GAN)]
    titles = ["mean samples", "other, binary samples"]
    assert [title for title, _ in cells.tables([GAN, *other])] == titles


def test_a_failed_result_stands_with_the_means_or_in_the_only_table() -> None:
    assert split(FAILED, BITS, GAN) == [
        ("parzen", ["other", "gan"]),
        ("parzen, binary samples", ["dbn"]),
    ]
    assert split(BITS, FAILED) == [("", ["dbn", "other"])]
    assert split(FAILED) == [("", ["other"])]


def test_a_failed_seed_of_a_binary_row_leaves_that_row_no_value() -> None:
    failed = altered(FAILED, model="dbn", seed=1)
    (_, means), (_, binary) = cells.tables([GAN, BITS, failed])
    assert means == [GAN]
    assert [cell.text for cell in cells.cells(binary, current)] == ["failed"]


def test_a_published_value_stands_beside_means_only() -> None:
    dbn = altered(BITS, kind="mean")
    assert "mnist, published" in rendered(dbn)
    assert "published" not in rendered(BITS)
    lines = [
        formats.comma_separated(frames.numbers(cells.cells([result], current)))
        for result in (dbn, BITS)
    ]
    rows = [next(csv.DictReader(io.StringIO(line))) for line in lines]
    assert [row["published"] for row in rows] == ["138.0", ""]


def test_no_published_value_stands_beside_reconstructions() -> None:
    still = altered(GAN, sampling={"reconstruct": True})
    assert "published" not in rendered(still)


def test_a_training_that_saw_the_validation_rows_is_said_to_have() -> None:
    seen = altered(GAN, recipe={**GAN.recipe, "uses_validation": True})
    assert "validation rows took part in training" in rendered(seen)


def test_the_csv_says_what_kind_the_samples_are() -> None:
    found = cells.cells([GAN, BITS, FAILED], current)
    rows = csv.DictReader(io.StringIO(formats.comma_separated(frames.numbers(found))))
    assert [row["kind"] for row in rows] == ["mean", "binary", ""]


SAMPLING = {"chains": 1000, "start": "noise", "burn_in": 100, "thinning": 10}
TUNED = Tuned("noise", 0.5, [(0.1, 12.3), (0.5, 20.0), (1.0, 7.0)])
MIXING = Mixing(
    looked_at=2000,
    chains=200,
    steps=10,
    class_transitions_per_100_steps=3.2041,
    distinct_nearest=812,
    near_copies=0.0,
    classes={"0": 1.0},
    class_entropy=0.0,
)


def protocol(*chains: dict) -> str:
    """What the note says after the epoch, of a row of a seed for each table of fields."""
    seeds = [altered(GAN, seed=i, **more) for i, more in enumerate(chains)]
    found = cells.cells(seeds, current)
    (line,) = [line for line in notes.under_table(found, REFERENCES) if "preset" in line]
    return line.split("epoch 240 of 250 made")[1]


def test_the_protocol_of_a_chain_says_how_it_sampled_was_tuned_and_mixed() -> None:
    assert protocol({"sampling": SAMPLING, "tuned": TUNED, "mixing": MIXING}) == (
        "; 1000 chains, start noise, burn-in 100, thinning 10; noise 0.5 chosen of 0.1, 0.5, 1; "
        "3.2 class transitions per 100 steps, 812 distinct nearest training images, "
        "0 % near-copies, all of class 0 among 2000 samples"
    )


def test_what_parts_of_the_samples_score_is_said_as_the_mean_over_seeds() -> None:
    one = {"curves": {BY_SAMPLES: [(2500, 70.0), (5000, 90.0), (10_000, 109.0)]}}
    two = {"curves": {BY_SAMPLES: [(2500, 71.0), (5000, 91.0), (10_000, 110.0)]}}
    assert protocol(one) == "; 70.0 with 2500, 90.0 with 5000"
    assert protocol(one, two) == "; 70.5 with 2500, 90.5 with 5000"
    assert protocol(one, {}) == ""


def test_nothing_is_said_of_chains_where_there_are_none() -> None:
    assert protocol({}) == ""
    assert protocol({"sampling": {}, "tuned": None, "mixing": None}) == ""
    assert protocol({"sampling": {"noise": None}}) == ""


def test_what_a_mixing_report_does_not_know_is_left_out() -> None:
    unknown = dict.fromkeys(("class_transitions_per_100_steps", "near_copies"))
    assert protocol({"mixing": replace(MIXING, **unknown)}) == (
        "; 812 distinct nearest training images, all of class 0 among 2000 samples"
    )


def test_seeds_that_differ_are_named_by_value_or_by_their_range() -> None:
    tuned = [TUNED, replace(TUNED, value=0.1), TUNED]
    mixing = [MIXING, replace(MIXING, near_copies=1.0), MIXING]
    said = protocol(*({"tuned": t, "mixing": m} for t, m in zip(tuned, mixing, strict=True)))
    assert "noise 0.5, 0.1 chosen of 0.1, 0.5, 1, at the end of its list" in said
    assert "812 distinct nearest training images, 0 to 100 % near-copies" in said


def test_the_rarest_and_the_most_frequent_class_are_the_mean_over_seeds() -> None:
    shares = ({"0": 0.7, "1": 0.2, "2": 0.1}, {"0": 0.5, "1": 0.5})
    said = protocol(*({"mixing": replace(MIXING, classes=classes)} for classes in shares))
    assert "near-copies, 3 classes (2: 5 % to 0: 60 %) among 2000 samples" in said
    assert "class 0" not in protocol({"mixing": replace(MIXING, classes=None)})


@pytest.mark.parametrize(("value", "edge"), [(0.1, True), (0.5, False), (1.0, True)])
def test_a_tuned_value_at_the_end_of_its_list_is_said_to_be_there(value: float, edge: bool) -> None:
    said = protocol({"tuned": replace(TUNED, value=value)})
    assert said.endswith("at the end of its list: a better one may lie outside") == edge


def test_a_switch_that_is_off_is_not_mentioned() -> None:
    assert protocol({"sampling": {"chains": 3, "reconstruct": False}}) == "; 3 chains"


def test_a_setting_that_was_tuned_is_said_once() -> None:
    said = protocol({"sampling": SAMPLING | {"noise": None}, "tuned": TUNED})
    assert said.count("noise") == 2  # start noise, noise 0.5 chosen
    assert protocol({"sampling": {"noise": 0.5}, "tuned": TUNED}).count("noise") == 1
    assert protocol({"sampling": {"noise": 0.5}}) == "; noise 0.5"


def test_a_failed_cell_is_shown_with_its_reason() -> None:
    failed = altered(GAN, status="failed", value=None, stderr=None, error="ModelError: NaN")
    text = rendered(failed)
    assert " failed |" in text
    assert "ModelError: NaN" in text


def test_five_folds_give_their_mean_and_the_error_across_folds() -> None:
    values = [2000.0, 2050.0, 2100.0, 1990.0, 2080.0]
    folds = [altered(GAN, folds=5, fold=i, value=v) for i, v in enumerate(values)]
    cell = cells.cells(folds, current)[0]
    assert cell.value == pytest.approx(np.mean(values))
    assert cell.error == pytest.approx(np.std(values, ddof=1) / math.sqrt(5))
    assert cell.over == "folds"


def test_no_mean_over_folds_that_are_missing() -> None:
    folds = [altered(GAN, folds=5, fold=i) for i in (0, 1, 3)]
    assert cells.cells(folds, current)[0].text == "seed 0: 3 of 5 folds"


def test_several_seeds_give_the_error_across_seeds() -> None:
    seeds = [altered(GAN, seed=i, value=v) for i, v in enumerate([100.0, 110.0, 120.0])]
    cell = cells.cells(seeds, current)[0]
    assert (cell.value, cell.over) == (110.0, "seeds")
    assert cell.error == pytest.approx(10 / math.sqrt(3))


@pytest.mark.parametrize(
    "other",
    [
        {"preset": "quick"},
        {"overrides": {"rate": 0.05}},
        {"samples": 500},
        {"overrides": {"minutes": 5.0}},
    ],
    ids=str,
)
def test_rows_never_mix_presets_settings_or_sample_counts(other: dict) -> None:
    found = cells.cells([GAN, altered(GAN, **other)], current)
    assert [len(cell.results) for cell in found] == [1, 1]
    assert found[0].label == "gan"
    assert found[1].label.startswith("gan [")


def test_a_row_made_by_other_code_is_marked_and_never_mixed_in() -> None:
    old = altered(GAN, code={"model": "cccccccc", "metric": "bbbbbbbb"}, value=1.0)
    text = rendered(GAN, old, is_current=lambda result: result is not old)
    assert "gan [version " in text
    assert "made by another code or recipe" in text


def test_data_that_are_not_canonical_are_said_so_and_have_no_published_value() -> None:
    text = rendered(altered(GAN, dataset="tfd", caveat="TFD-layout file 3f2a…, not TFD"))
    assert "tfd (TFD-layout file 3f2a…, not TFD)" in text
    assert "published" not in text


def test_two_versions_of_a_dataset_are_two_columns() -> None:
    for other in (altered(GAN, caveat="unverified files 3f2a…"), altered(GAN, digest="other")):
        assert len({cell.head for cell in cells.cells([GAN, other], current)}) == 2


def test_a_warning_of_the_metric_stands_under_the_table() -> None:
    assert "sigma is at the grid's edge" in rendered(
        altered(GAN, warnings=["sigma is at the grid's edge"])
    )


def audited(gain: float, **other) -> list[str]:
    rng = np.random.default_rng(0)
    images = rng.normal(241, 200, 1000)
    values = {"kmeans": images + rng.normal(gain, 30, 1000), "replay": images}
    kmeans = altered(GAN, model="kmeans", training=Training(rows=50000), **other)
    return centroids.on_centroids([kmeans, REPLAY], lambda r: values[r.model], "kmeans", "replay")


def test_centroids_are_judged_only_beyond_two_paired_errors() -> None:
    (line,) = audited(20)
    assert "50000 training images" in line
    assert "does not mean better samples" in line
    assert audited(0) == []


def test_centroids_are_compared_only_at_the_same_sample_count_seed_and_data() -> None:
    for other in ({"samples": 60}, {"seed": 1}, {"digest": "x"}, {"overrides": {"steps": 1}}):
        assert audited(20, **other) == []


def test_a_recipe_that_changed_since_is_marked_and_has_its_own_row() -> None:
    old = altered(GAN, recipe={"rate": 0.2}, value=1.0)
    found = cells.cells([GAN, old], lambda result: result is not old)
    assert [cell.stale for cell in found] == [False, True]
    assert "version" in found[1].label


def test_a_seed_that_lacks_a_fold_leaves_no_value() -> None:
    folds = [altered(GAN, folds=2, fold=f, seed=s) for f, s in ((0, 0), (1, 0), (0, 1))]
    assert cells.cells(folds, current)[0].text == "seed 1: 1 of 2 folds"


HOSTILE = ["<script>alert(1)</script>", "\\input{/etc/passwd}", "a|b", "50% & #1_x ~ ^ $x$ {y}"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless_in_latex_and_markdown(text: str) -> None:
    hostile = altered(GAN, error=text, status="failed", value=None, stderr=None, caveat=text)
    found = cells.cells([hostile], current)
    said = latex.latex(frames.frame(found, REFERENCES), notes.under_table(found, REFERENCES))
    assert text not in said or text == "a|b"
    assert "\\input" not in said
    for line in said.splitlines()[1:]:
        assert "%" not in line.replace("\\%", "")
    markdown = formats.markdown(
        frames.frame(found, REFERENCES), notes.under_table(found, REFERENCES)
    )
    assert "<script>" not in markdown
    rows = [line.replace("\\|", "") for line in markdown.splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_text_of_a_csv_is_a_spreadsheets_formula(text: str) -> None:
    found = cells.cells([altered(GAN, model=text, value=-3.5)], current)
    row = next(csv.DictReader(io.StringIO(formats.comma_separated(frames.numbers(found)))))
    assert row["model"].startswith("'")
    assert float(row["value"]) == -3.5  # a negative number stays one


def test_json_has_an_object_for_each_score() -> None:
    import json

    wanted = "model dataset fold seed preset metric value stderr unit status key notes best"
    rows = json.loads(formats.as_json([GAN, REPLAY]))
    assert [row["model"] for row in rows] == ["gan", "replay"]
    assert set(wanted.split()) <= rows[0].keys()


def test_a_metric_without_notes_has_its_csv_line_too() -> None:
    found = cells.cells([altered(GAN, notes={}, metric="other")], current)
    assert (
        next(csv.DictReader(io.StringIO(formats.comma_separated(frames.numbers(found)))))["notes"]
        == ""
    )


def test_every_published_value_has_a_source() -> None:
    values = published.values()
    assert all(len(row["source"]) > 10 for row in values)
    of = [(row["model"], row["dataset"], row["metric"]) for row in values]
    assert len(of) == len({*of})


def test_a_paired_difference_is_much_surer_than_an_unpaired_one() -> None:
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 200, 1000)
    mean, error = estimates.paired_difference(hard + 1, hard)
    assert mean == pytest.approx(1)
    assert error < 1e-6
    with pytest.raises(ValueError, match="one shape"):
        estimates.paired_difference(hard, hard[1:])
