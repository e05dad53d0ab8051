"""A signature says what a table's numbers mean, in one line that survives every medium."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import altered, made

from genbench.errors import UsageError
from genbench.metrics.parzen import Parzen
from genbench.plugins import registry
from genbench.plugins.settings import of_settings
from genbench.records.observed import Tuned
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.tables import signature

DIGEST = "0c36ee5df878cc60cfa15d1c190dce4060adb1191d1e0e54254e0b342e15e4f4"
SAFE = re.compile(r"[A-Za-z0-9_.@()+:|/-]+")
SETTINGS = {"sigma": None, "grid_size": 10, "n_valid": 1000}


def result(model: str = "gan", **changed) -> Result:
    """A result as the store has it; `changed` are its fields."""
    said = {
        "model": model,
        "dataset": "mnist",
        "fold": 0,
        "folds": 1,
        "seed": 0,
        "preset": "paper",
        "overrides": {},
        "metric": "parzen",
        "samples": 10000,
        "scored": 10000,
        "status": "done",
        "kind": "mean",
        "key": model,
        "code": {},
        "recipe": {},
        "digest": DIGEST,
        "caveat": "",
    }
    return made(**{**said, **changed})


def record(select: str = "", settings: dict | None = None, **changed) -> dict:
    """The provenance of the stages of a result."""
    score = {
        "settings": SETTINGS if settings is None else settings,
        "selection": {"metric": select} if select else {},
        "hyperparameters": {"epochs": 250},
        "packages": {"genbench": "0.1.0"},
    }
    return {"score": {**score, **changed}}


def asked(one: Result, about: dict) -> Result:
    """The result with the question that `record` was told of."""
    names = ("settings", "selection", "hyperparameters")
    return altered(one, **{name: about["score"][name] for name in names if name in about["score"]})


def of(*pairs: tuple[Result, dict]) -> signature.Signature:
    named = [
        (asked(altered(one, key=str(i)), about), about) for i, (one, about) in enumerate(pairs)
    ]
    return signature.of([one for one, _ in named], {one.key: about for one, about in named})


def sets_and_seeds(n: int) -> list[tuple[Result, dict]]:
    return [
        (result(seed=seed, sample_set=which), record()) for seed in range(n) for which in range(n)
    ]


def test_a_table_of_the_paper_s_protocol_reads_as_documented() -> None:
    assert of(*sets_and_seeds(3)).full == (
        "parzen|d:mnist@0c36ee5df8|m:10000|s:mean|scale:255|sigma:grid10|v:first1000|prec:auto"
        "|sel:none|sets:3|seeds:3|genbench:0.1.0"
    )


def test_the_short_form_leaves_out_what_is_as_usual() -> None:
    assert of(*sets_and_seeds(3)).short == (
        "parzen|d:mnist@0c36ee5df8|m:10000|sets:3|seeds:3|genbench:0.1.0"
    )
    refined = of((result(), record(settings={"sigma_search": "refine"})))
    assert "|sigma:refine10|" in refined.short
    assert "|v:" not in refined.short


def test_fields_that_differ_between_rows_are_listed_in_one_spelling_in_both_forms() -> None:
    found = of((result(), record(select="parzen")), (result("dbn", scored=4000), record()))
    assert "|sel:parzen/none|" in found.full
    assert "|m:4000/10000|" in found.full
    assert "|sel:parzen/none|" in found.short
    assert "|m:4000/10000|" in found.short


def test_the_order_of_the_rows_changes_nothing() -> None:
    rows = [(result(), record(select="parzen")), (result("dbn", scored=4000), record())]
    assert of(*rows).full == of(*rows[::-1]).full


def test_a_row_without_epochs_does_not_say_how_they_were_selected() -> None:
    untrained = (result("replay"), record(hyperparameters={}))
    assert "|sel:parzen|" in of((result(), record(select="parzen")), untrained).full
    assert "|sel:none|" in of(untrained).full


def test_stand_in_data_carry_their_mark() -> None:
    found = of((result(caveat="TFD-layout file 1a2b…, not known to be TFD"), record()))
    assert found.full.startswith("parzen|d:mnist@0c36ee5df8(not-canonical)|")
    assert "(not-canonical)" in found.short


def test_chains_tuning_folds_and_validation_rows_are_said_where_there_are_any() -> None:
    chain = {"start": "noise", "chains": 100}
    tuned = Tuned("noise", 0.5, [])
    special = result(sampling=chain, tuned=tuned, folds=5, recipe={"uses_validation": True})
    found = signature.parse(of((special, record())).full)
    assert (found["chain"], found["tune"]) == ("noise100", "noise")
    assert (found["folds"], found["rows"]) == ("5", "train+valid")
    assert (
        not {"chain", "tune", "folds", "rows"}
        & signature.parse(of((result(), record())).full).keys()
    )


def test_results_that_cannot_share_a_signature_are_refused_and_grouped() -> None:
    others = [result(), result(digest="1" * 64), result(metric="nearness"), result(protocol="x")]
    with pytest.raises(ValueError, match="one metric on one dataset"):
        signature.of(others, {})
    assert [len(group) for group in signature.groups([*others, result("dbn")])] == [2, 1, 1, 1]
    assert signature.groups([result(status="failed")]) == []


def test_each_field_of_the_protocol_moves_the_signature() -> None:
    usual = of((result(), record())).full
    changed = {
        "d": of((result(digest="1" * 64), record())),
        "m": of((result(scored=2000), record())),
        "s": of((result(kind="binary"), record())),
        "sigma": of((result(), record(settings={"sigma": 0.2}))),
        "scale": of((result(), record(settings={"scale": 255 / 256}))),
        "prec": of((result(), record(settings={"precision": "float64"}))),
        "v": of((result(), record(settings={"n_valid": 500}))),
        "sel": of((result(), record(select="parzen"))),
        "genbench": of((result(), record(packages={"genbench": "0.2.0"}))),
    }
    for name, other in changed.items():
        assert name in signature.differences(usual, other.full), name
    threshold = of((result(), record(settings={"threshold": 0.5}))).full
    assert signature.differences(usual, threshold) == ["threshold"]


def test_every_protocol_that_the_metric_offers_has_a_signature_of_its_own() -> None:
    every = [{}, *Parzen.protocols(256, "mean").values()]
    lines = {of((result(), record(settings=dict(settings)))).full for settings in every}
    assert len(lines) == len(every)


def test_reading_it_back_gives_its_fields() -> None:
    found = of(*sets_and_seeds(2))
    read = signature.parse(found.full)
    assert read == {name: "/".join(values) for name, values in found.fields.items()}
    assert signature.parse(found.full.replace("|", "\\|")) == read  # as Markdown has it
    assert signature.differences(found.full, found.full) == []


@pytest.mark.parametrize(
    "text", ["", "|m:1", "parzen|m", "parzen|m:", "parzen|:1", "parzen|m:1|m:2"]
)
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a signature reads"):
        signature.parse(text)


HOSTILE = st.text(max_size=300)


@settings(deadline=None)
@given(name=HOSTILE, caveat=HOSTILE, kind=HOSTILE, version=HOSTILE, select=HOSTILE)
def test_no_name_can_break_the_line(name: str, caveat: str, kind: str, version: str, select: str):
    odd = result(dataset=name, metric=name, caveat=caveat, kind=kind)
    about = record(select=select, packages={"genbench": version}, settings={name: caveat})
    found = of((odd, about))
    for line in (found.full, found.short):
        assert SAFE.fullmatch(line)
        assert html.escape(line) == line
        assert signature.parse(line)
        assert len(line) < 2000


# --- metrics ---


class Plain:
    """A metric that says nothing of its settings."""

    def __init__(self, k: int = 5, m: int = 3) -> None: ...


class Wrong(Plain):
    @staticmethod
    def signature(settings, levels):
        raise ValueError(settings)


@pytest.mark.parametrize("cls", [Plain, Wrong])
def test_of_a_metric_that_says_nothing_the_changed_settings_stand_by_name(
    cls: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "load", lambda kind, name: cls)
    found = of_settings("plain", {"k": 7, "m": 4}, None)
    assert found == {"fields": {"k": "7", "x-m": "4"}, "usual": {}}
    assert of_settings("plain", {"k": 5, "m": 3}, None)["fields"] == {}


def test_a_metric_that_is_no_longer_installed_leaves_a_name_for_its_settings() -> None:
    one, other = (of((result(metric="gone"), record(settings={"k": k}))) for k in (1, 2))
    assert signature.differences(one.full, other.full) == ["settings"]


def test_what_was_recorded_is_taken_and_the_metric_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = of_settings("parzen", {"sigma": 0.2}, 256)
    assert json.loads(json.dumps(recorded)) == recorded
    without = of((result(), record(settings={"sigma": 0.2}))).full
    monkeypatch.setattr(registry, "load", None)
    assert of((result(), record(signature=recorded))).full == without


def test_a_signature_of_recorded_fields_loads_no_torch() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, genbench.tables.signature as s; assert 'torch' not in sys.modules",
        ],
        check=False,
    )
    assert done.returncode == 0


def test_stored_results_have_a_signature(tmp_path: Path) -> None:
    store = Store(Path(__file__).parents[1] / "fixtures" / "verify")
    results = list(store)
    found = signature.of(results, {one.key: store.records(one) for one in results})
    assert found.full.startswith("parzen|d:mnist5k@")
    assert "|m:20|s:mean|prec:auto|scale:255|sigma:grid10|v:first1000|sel:none|" in found.full
