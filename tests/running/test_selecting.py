"""The epoch that is kept, and the rule by which a training ends before its last epoch."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from rich.console import Console
from stores import answers_of, carried_out, copied, planned

from genbench.cli.planned import _said as said
from genbench.errors import StoreError, UsageError
from genbench.plugins import registry
from genbench.records import files
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.records.watched import best_so_far, trainings
from genbench.running import cost, selecting
from genbench.running.progress import Watch
from genbench.running.runner import Environment
from genbench.timing import Clock

pytestmark = pytest.mark.usefixtures("strangers")
ROOT = Path(__file__).parents[2]
EVERY, PATIENCE, EPOCHS = 2, 6, 40
RULE = {"select": "parzen", "select_every": EVERY, "select_samples": 50}
RULE |= {"select_patience": PATIENCE, "select_gain": 1.0, "epochs": EPOCHS}


def ruled(**changed: Any) -> list[Run]:
    """The runs of a training that ends by the rule."""
    return planned(overrides={"drift": {**RULE, **changed}})


def logged(store: Store, run: Run, name: str) -> list[dict[str, Any]]:
    """The events that have an entry of this name."""
    return [event for event in store.events(run) if name in event]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def whole(once: Path, strangers: Path) -> Store:
    """A training that nobody stopped, of three sets of samples a look."""
    if not (once / "whole").exists():
        carried_out(ruled(select_sets=3), once / "whole")
    return Store(once / "whole")


class Interrupt(KeyboardInterrupt):
    pass


def stopped(runs: list[Run], folder: Path, epoch: int) -> Store:
    """A store in which the training was stopped as soon as the state after an epoch was kept."""
    put = Store.put_checkpoint

    def put_and_stop(self: Store, run: Run, state: Any, note: Any) -> None:
        put(self, run, state, note)
        if note["done"] == epoch:
            raise Interrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "put_checkpoint", put_and_stop)
        with pytest.raises(Interrupt):
            carried_out(runs, folder)
    return Store(folder)


# --- the rule ---


@pytest.mark.parametrize(("metric", "sign"), [("parzen", 1), ("nearness", -1)])
def test_a_training_ends_at_the_first_look_whose_best_rose_too_little(
    metric: str, sign: int
) -> None:
    """Against the sentence of the rule, look by look; `nearness` is better when it is lower."""
    draw, ends = random.Random(0), set[int]()
    chosen = {"metric": metric, "every": EVERY, "patience": PATIENCE, "gain": 1.0}
    for _ in range(200):
        curve, end = [], None
        for t in range(EVERY, EPOCHS + 1, EVERY):
            curve.append([t, sign * draw.gauss(t / 10, 1.5)])
            rows = [sign * value for _, value in curve]
            before = rows[: (t - PATIENCE) // EVERY] if t > PATIENCE else []
            if before and max(rows) - max(before) <= 1.0:
                end = t
                break
            assert not selecting.rises_no_more(curve, chosen)
        assert selecting.rises_no_more(curve, chosen) == (end is not None)
        ends.add(end or 0)
    assert len(ends) > 5  # not all at once, and some never


def test_values_that_are_no_number_are_no_rise() -> None:
    chosen = {"metric": "parzen", "every": 1, "patience": 2, "gain": 0.0}
    assert selecting.ends_after([[1, None]], chosen) == 3
    assert selecting.ends_after([[1, None], [2, -5.0]], chosen) == 4
    assert selecting.rises_no_more([[1, 3.0], [2, None], [3, 3.0]], chosen)


def test_a_training_without_patience_goes_to_its_last_epoch(tmp_path: Path) -> None:
    runs = ruled(select_patience=0, epochs=12)
    store = carried_out(runs, tmp_path)
    assert [event["epoch"] for event in logged(store, runs[0], "epoch")] == [*range(1, 13)]
    assert not logged(store, runs[0], "ends_after")
    assert "ended" not in [event.get("stage") for event in store.events(runs[0])]


# --- a training that ends by it ---


def test_the_log_says_by_what_a_training_ended(whole: Store) -> None:
    (run, *_) = ruled(select_sets=3)
    (ended,) = [event for event in whole.events(run) if event.get("stage") == "ended"]
    result = whole.result(run)
    assert result is not None
    curve = {epoch: value for epoch, value in result.training.curve if value is not None}
    first = max(curve, key=lambda epoch: curve[epoch])
    assert ended["by"] == "patience"
    assert ended["after"] == result.training.epochs < EPOCHS
    assert ended["best"] == [first, curve[first]]
    assert result.training.epoch == first
    assert not result.cut


@pytest.mark.parametrize(("changed", "by"), [({"epochs": 4}, "epochs"), ({}, "minutes")])
def test_the_log_says_what_else_ended_it(changed: dict, by: str, tmp_path: Path) -> None:
    minutes = 1e-9 if by == "minutes" else None
    runs = planned(overrides={"drift": {**RULE, **changed}}, minutes=minutes)
    store = carried_out(runs, tmp_path)
    assert [e["by"] for e in store.events(runs[0]) if e.get("stage") == "ended"] == [by]


def test_where_rule_and_budget_end_it_at_once_it_is_the_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a training that is stopped there would end otherwise when it goes on."""
    monkeypatch.setattr(Clock, "seconds", property(lambda self: 1.0, lambda self, value: None))
    rule = {**RULE, "select_patience": EVERY, "select_gain": 1e9}  # after the second look
    runs = planned(overrides={"drift": rule}, minutes=(2 * EVERY - 0.5) / 60)
    store = carried_out(runs, tmp_path)
    (ended,) = [event for event in store.events(runs[0]) if event.get("stage") == "ended"]
    assert (ended["by"], ended["after"]) == ("patience", 2 * EVERY)
    result = store.result(runs[0])
    assert result is not None
    assert not result.cut


def test_a_training_that_was_stopped_ends_where_it_would_have_ended(
    whole: Store, tmp_path: Path
) -> None:
    runs = ruled(select_sets=3)
    result = whole.result(runs[0])
    assert result is not None
    last = result.training.epochs
    for epoch in (1, last - 1, last):
        store = stopped(runs, tmp_path / str(epoch), epoch)
        assert store.weights(runs[0]) is None
        carried_out(runs, tmp_path / str(epoch))
        assert answers_of(tmp_path / str(epoch)) == answers_of(whole.runs.parent)
        made = {event["epoch"] for event in logged(store, runs[0], "epoch")} | {epoch}
        assert made == {*range(1, last + 1)}  # its last epoch is not followed by another


def test_a_look_scores_several_sets_and_keeps_their_mean(whole: Store, tmp_path: Path) -> None:
    (run, *_), single = ruled(select_sets=3), ruled(select_patience=0, epochs=EVERY)
    first, *_ = logged(whole, run, "score")
    assert len(first["sets"]) == len(set(first["sets"])) == 3
    assert first["score"] == fmean(first["sets"])
    alone = logged(carried_out(single, tmp_path), single[0], "score")[0]
    assert alone["score"] == first["sets"][0]  # the first set is the one of before
    assert "sets" not in alone


def test_another_protocol_is_logged_and_chooses_nothing(whole: Store, tmp_path: Path) -> None:
    beside = ruled(select_sets=3, select_beside="sigma refined")
    store = carried_out(beside, tmp_path)
    (run, *_) = ruled(select_sets=3)
    looks, before = logged(store, beside[0], "score"), logged(whole, run, "score")
    assert [look["score"] for look in looks] == [look["score"] for look in before]
    assert all(look["beside"].keys() == {"sigma refined"} for look in looks)
    assert any(look["beside"]["sigma refined"] != look["score"] for look in looks)
    ours, theirs = store.weights(beside[0]), whole.weights(run)
    assert ours is not None
    assert theirs is not None
    assert ours[0]["mean"].tobytes() == theirs[0]["mean"].tobytes()


# --- what it is asked by ---


def test_what_came_later_is_in_no_key_of_a_recipe_without_it() -> None:
    usual = ("metric", "every", "samples")
    (plain, *_) = planned(preset="selected")
    (set_to_usual, *_) = ruled(select_patience=0, select_sets=1, select_beside="", epochs=6)
    assert (*plain.selection,) == (*set_to_usual.selection,) == usual
    assert plain.fit_key == set_to_usual.fit_key
    assert ruled()[0].selection.keys() == {*usual, "patience", "gain"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("select_sets", 0), ("select_patience", -1), ("select_gain", -0.5)),
        *(("select_gain", float("inf")), ("select_beside", "sigma refind")),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(key: str, value: Any) -> None:
    with pytest.raises(UsageError, match=key):
        ruled(**{key: value})


@pytest.mark.parametrize(
    ("preset", "read", "unread"),
    [
        ("smoke", "select", "select_sets"),
        ("smoke", "select", "select_patience"),
        ("selected", "select_patience", "select_gain"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(preset: str, read: str, unread: str) -> None:
    with pytest.raises(UsageError, match=f"without {read} nothing reads {unread}: set both"):
        planned(overrides={"drift": {unread: 2}}, preset=preset)


# --- how it is watched ---


def test_progress_says_the_best_value_and_by_when_it_ends(whole: Store, tmp_path: Path) -> None:
    runs, folder = ruled(select_sets=3), copied(whole.runs.parent, tmp_path / "whole")
    log = next(folder.rglob("events.jsonl"))
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"")
    told = io.StringIO()
    with Watch([runs], Store(folder), Console(file=told, width=400), live=False) as watch:
        for line in lines:
            log.write_bytes(log.read_bytes() + line)
            watch.update()
    (ended,) = [event for event in whole.events(runs[0]) if event.get("stage") == "ended"]
    epoch, value = ended["best"]
    text = told.getvalue()
    assert f"best held-out {value:.5g} of epoch {epoch}, ends after epoch" in text
    assert "at most" in text
    why = f"ended after epoch {ended['after']}, best held-out {value:.5g} of epoch {epoch}: it rose"
    assert f"{why} by no more than 1 in {PATIENCE} epochs" in text
    assert best_so_far([{"epoch": 1, "score": 1.0}]) == ""


def test_a_training_that_goes_on_says_the_best_value_of_before(tmp_path: Path) -> None:
    runs, told = ruled(select_every=3), io.StringIO()
    store = stopped(runs, tmp_path, 4)  # after its first look; epoch 5 is none
    carried_out(runs, tmp_path)
    log = next(tmp_path.rglob("events.jsonl"))
    lines = log.read_bytes().splitlines(keepends=True)
    upto = next(i for i, line in enumerate(lines) if b'"epoch": 5,' in line)
    log.write_bytes(b"")
    with Watch([runs], store, Console(file=told, width=400), live=False) as watch:
        log.write_bytes(b"".join(lines[: upto + 1]))
        watch.update()
    assert "of epoch 3, ends after epoch 9 unless that rises, at most" in told.getvalue()


def test_epochs_of_a_training_that_began_anew_are_not_those_of_before(tmp_path: Path) -> None:
    log = tmp_path / "runs" / "tiny" / "drift" / "seed-0-0" / "events.jsonl"
    dropped = {"stage": "fit", "dropped": "a checkpoint by other code"}
    begun = {"stage": "fit", "done": 0}
    for event in (begun, {"epoch": 1}, {"epoch": 2}, dropped, begun, {"epoch": 1}):
        files.append_line(log, event, "")
    (training,) = trainings(tmp_path)
    assert [event["epoch"] for event in training.epochs] == [1]


def test_the_cost_is_of_the_epochs_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ruled()
    monkeypatch.setattr(cost, "_timed", lambda *_: (0.1, EPOCHS))
    whole, *_ = cost.costs(runs, Environment(tmp_path, tmp_path, "cpu"))
    store = stopped(runs, tmp_path, 3)
    left, *_ = cost.costs(runs, Environment(tmp_path, tmp_path, "cpu"))
    assert (whole.epochs, left.epochs) == (EPOCHS, EPOCHS - 3)
    assert left.seconds == pytest.approx(whole.seconds * (EPOCHS - 3) / EPOCHS)
    assert said(left).startswith(f"at most {EPOCHS - 3} epochs, about")
    found = store.checkpoint(runs[0])
    assert found is not None
    store.put_checkpoint(runs[0], found[0], {**found[1], "code": {}})  # by other code
    anew, *_ = cost.costs(runs, Environment(tmp_path, tmp_path, "cpu"))
    assert anew.epochs == EPOCHS


# --- what is carried to another machine ---


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_a_clone_holds_what_an_unfinished_training_goes_on_from(
    whole: Store, tmp_path: Path
) -> None:
    runs, here, there = ruled(select_sets=3), tmp_path / "here", tmp_path / "there"
    stopped(runs, here / "results" / "unfinished", PATIENCE + 1)
    shutil.copy(ROOT / ".gitignore", here)
    git(here, "init", "-q")
    git(here, "add", "results")
    git(here, "commit", "-qm", "What is not done")
    git(tmp_path, "clone", "-q", "here", "there")
    folder = there / "results" / "unfinished"
    kept = {path.name for path in folder.rglob("*") if path.is_file()}
    assert kept == {"best.safetensors", "checkpoint.safetensors", "events.jsonl"}
    carried_out(runs, folder)
    assert answers_of(folder) == answers_of(whole.runs.parent)
    starts = [event["done"] for event in logged(Store(folder), runs[0], "done")]
    assert starts == [0, PATIENCE + 1]


@pytest.mark.parametrize("of", ["none", "before", "later"])
def test_a_checkpoint_without_its_best_weights_is_not_gone_on_from(of: str, tmp_path: Path) -> None:
    runs = ruled()
    store = stopped(runs, tmp_path, EVERY)
    best = next(tmp_path.rglob("best.safetensors"))
    if of == "none":
        best.unlink()
    else:
        kept = store.best(runs[0])
        assert kept is not None
        epoch = {"before": 1, "later": EVERY + 2}[of]
        store.put_best(runs[0], kept[0], [epoch, kept[1][1]])
    with pytest.raises(StoreError, match=f"without the weights of epoch {EVERY}"):
        carried_out(runs, tmp_path)
    assert store.checkpoint(runs[0]) is not None


def test_nearness_is_better_when_it_is_lower() -> None:
    assert registry.load("metric", "nearness").best == "low"
