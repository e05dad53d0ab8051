"""What models find hard, from planted results: every number, and why a cell has none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import altered, made

from genbench.defaults import DEFAULTS
from genbench.records.run import Result
from genbench.tables import challenge_frames, challenges, texts
from genbench.tables.challenges import COLUMNS, Fact
from genbench.tables.texts import Options


class Kept:
    """A store of records and samples that are the same for all results."""

    def __init__(self, samples: Any = None, **sample: Any) -> None:
        self.kept, self.sample = samples, {"seconds": {"sample": 2.0}, **sample}

    def records(self, result: Result) -> dict[str, Any]:
        return {"fit": {"seconds": {"fit": 60.0}}, "sample": self.sample, "score": {}}

    def samples(self, run: Any) -> Any:
        return self.kept


def scored(model: str, value: float, seed: int = 0, **more: Any) -> Result:
    fields = {"metric": "parzen", "unit": "nats", "scored": 10_000, **more}
    return made(model=model, value=value, seed=seed, **fields)


def of(model: str, results: list[Result], store: Any = None) -> dict[str, Fact]:
    found = challenges.rows(results, "mnist", store or Kept())
    return dict(next(row.facts for row in found if row.model == model))


@pytest.fixture(autouse=True)
def _all_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "is_current", lambda result: True)


GAN = [scored("gan", value, seed) for seed, value in enumerate((200.0, 210.0, 40.0, 190.0, 195.0))]
GAUSSIAN = scored("gaussian", 50.0)


def test_of_five_seeds_that_fails_which_does_no_better_than_the_untrained_gaussian() -> None:
    fact = of("gan", [*GAN, GAUSSIAN])["failures"]
    assert (fact.numbers["failed"], fact.numbers["seeds"]) == (1, 5)
    assert fact.text == "1 of 5: 1 to 72 %"
    whole = of("gan", [*GAN[:2], *GAN[3:], altered(GAN[2], value=51.0), GAUSSIAN])["failures"]
    assert whole.text == "0 of 5: 0 to 52 %"
    ended = altered(GAN[0], status="failed", value=None, error="it became nan")
    assert of("gan", [ended, *GAN[1:2], GAUSSIAN])["failures"].numbers["failed"] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"samples": 2000},
        {"settings": {"sigma": 0.2}},
        {"overrides": {"parzen.sigma": 0.2}},
        {"overrides": {"gaussian.shrink": 0.5}},
        {"fold": 1, "folds": 2},
        {"status": "failed", "value": None},
    ],
    ids=str,
)
def test_the_floor_of_failures_is_a_gaussian_with_all_else_the_same(other: dict[str, Any]) -> None:
    unlike = altered(scored("gaussian", 500.0), **other)
    assert of("gan", [*GAN, unlike, GAUSSIAN])["failures"].numbers["failed"] == 1
    assert "no row gaussian of as many samples" in of("gan", [*GAN, unlike])["failures"].lacks


def test_a_gaussian_of_an_older_revision_is_no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    older = altered(scored("gaussian", 500.0), key="older")
    monkeypatch.setattr(challenges, "is_current", lambda result: result.key != "older")
    assert of("gan", [*GAN, older, GAUSSIAN])["failures"].numbers["failed"] == 1


class WithoutFailed(Kept):
    """A store that has no records of what is not done."""

    def records(self, result: Result) -> dict[str, Any]:
        return super().records(result) if result.status == "done" else {}


@pytest.mark.parametrize("status", ["failed", "unmet"])
def test_what_is_not_done_blanks_no_cell_and_is_worth_no_draws(status: str) -> None:
    chain = {"sampling": {"chains": 100, "thinning": 1}}
    first = scored("dbn", 0.0, status=status, error="so it is")
    first = altered(first, value=None)
    rest = [scored("dbn", 100.0, seed, **chain) for seed in (1, 2)]
    facts = of("dbn", [first, *rest], WithoutFailed())
    assert facts["training"].numbers == {"seconds": 60.0}
    assert facts["sampling"].numbers == {"seconds": 2.0, "independent": None}
    assert "samples of its chains are not kept" in facts["sampling"].lacks


def test_what_cannot_be_done_is_no_training_that_did_not_fail() -> None:
    unmet = altered(scored("gan", 0.0, 9), status="unmet", value=None)
    assert of("gan", [*GAN, unmet, GAUSSIAN])["failures"].numbers["seeds"] == 5


def test_failures_are_of_the_row_with_most_seeds_and_the_rest_of_the_full_recipe() -> None:
    small = [altered(result, preset="budget") for result in GAN]
    facts = of("gan", [GAN[0], *small, GAUSSIAN])
    assert facts["failures"].text == "1 of 5: 1 to 72 % (budget)"
    rows = challenges.rows([GAN[0], *small], "mnist", Kept())
    assert next(row.label for row in rows if row.model == "gan") == "gan"


def test_what_was_not_measured_says_why() -> None:
    facts = of("dbn", [GAUSSIAN])
    assert {facts[name].text for name in ("training", "sampling", "failures")} == {"–"}
    assert all(facts[name].lacks for name in ("training", "sampling", "failures"))
    assert "no row gaussian" in of("gan", GAN)["failures"].lacks
    assert "not recorded" in of("vae", [scored("vae", 100.0)])["inference"].lacks


def test_training_inference_and_sampling_are_as_recorded() -> None:
    facts = of("vae", [scored("vae", 100.0)], Kept(seconds_per_code=2e-5))
    assert facts["training"].numbers == {"seconds": 60.0}
    assert facts["inference"].text == "20 µs a row"
    assert facts["sampling"].numbers == {"seconds": 2.0, "independent": 10_000.0}
    assert of("gan", GAN)["inference"].text == "none"


def test_rows_of_chains_are_worth_as_many_as_their_states_say() -> None:
    still = np.tile(np.random.default_rng(0).integers(0, 255, (100, 4)), (100, 1))
    dbn = [scored("dbn", 100.0, sampling={"chains": 100, "thinning": 1})]
    fact = of("dbn", dbn, Kept((still, None)))["sampling"]
    assert fact.numbers["independent"] == pytest.approx(100, rel=0.05)
    assert "not kept" in of("dbn", dbn)["sampling"].lacks


def bound(model: str, value: float, sign: str, metric: str = "elbo") -> Result:
    run = altered(scored(model, value, metric=metric, bound=sign), draws=False)
    return altered(run, metric=metric)


def test_p_of_x_is_exact_or_bounds_with_their_gap_or_windows_only() -> None:
    both = [bound("vae", -95.0, ">="), bound("vae", -90.0, ">=", "ais"), bound("vae", -88.0, "<=")]
    assert of("vae", both)["p(x)"].text == "-90.0 to -88.0, gap 2"
    assert of("vae", both[:1])["p(x)"] == Fact(
        "at least -95.0", {"low": -95.0}, "no upper bound is kept"
    )
    exact = bound("probabilistic_pca", -100.0, "", "log_likelihood")
    assert of("probabilistic_pca", [exact])["p(x)"].text == "exact: -100.0"
    assert of("probabilistic_pca", [])["p(x)"].text == "exact"
    assert of("vae", [])["p(x)"].text == "by bounds"
    assert of("deep_gsn", [])["p(x)"] == Fact("windows only")


def test_every_family_has_a_line_of_the_paper_after_its_models() -> None:
    assert set(DEFAULTS.families.values()) == set(challenges.paper())
    frame = challenge_frames.frame(challenges.rows([*GAN, GAUSSIAN], "mnist", Kept()))
    for family in challenges.paper():
        assert f"the paper: {family}" in [*frame.model]


@pytest.mark.parametrize("form", texts.FORMATS)
def test_it_is_printed_in_every_form(form: str) -> None:
    options: Any = Options(challenges=True)
    store: Any = Kept()
    text = texts.rendered([*GAN, GAUSSIAN], form, store, options)
    assert "72 %" in text or "72 \\%" in text or "0.716" in text
    assert all(name in text for name in COLUMNS)
