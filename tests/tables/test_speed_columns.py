"""What a table says of speed, and what it must say beside it."""

import csv
import io
import json
from pathlib import Path

import pytest
from made import altered
from test_cli import TINY
from test_table import GAN, REFERENCES, REPLAY, current

from genbench.records.run import Result
from genbench.records.store import Store
from genbench.running import provenance
from genbench.tables import cells, formats, frames, latex, notes, speed
from genbench.tables.speed import Layout
from genbench.words import MISSING

MACHINE = {
    "cpu": "AMD EPYC",
    "device": "cpu",
    "gpus": [],
    "threads": 2,
    "packages": {"torch": "2.13.0", "genbench": "0.1.0"},
    "commit": {"sha": "0123456789abcdef", "dirty": False},
}


def stages(fit: float = 192.0, sample: float = 0.5, workers: int | None = 1, **machine) -> dict:
    """The records behind a result."""
    seconds = {"fit": fit, "sample": sample}
    found = {
        stage: {**MACHINE, **machine, "seconds": {stage: taken}, "workers": {stage: workers}}
        for stage, taken in seconds.items()
    }
    return {**found, "score": {"seconds": seconds}}


def layout(records: dict, *columns: str) -> Layout:
    return Layout(columns or ("ll", "fit", "sample"), records)


def rendered(results: list[Result], layout: Layout, render=formats.markdown) -> str:
    found = cells.cells(results, current)
    lines = notes.under_table(found, REFERENCES, layout=layout)
    return render(frames.frame(found, REFERENCES, layout), lines)


def heads(text: str) -> list[str]:
    return [head.strip() for head in text.splitlines()[0].strip("|").split("|")]


GAN_TIMED = {"k": stages()}
SLOWER = altered(REPLAY, key="r")


def test_columns_of_speed_stand_beside_the_score_in_the_order_asked_for() -> None:
    text = rendered([GAN], layout(GAN_TIMED, "fit", "ll", "sample"))
    expected = ["model", "mnist, training", "mnist", "mnist, published", "mnist, samples/s"]
    assert heads(text) == expected
    assert "3 min 12 s" in text
    assert " 20,000 |" in text


def test_without_asking_the_table_is_as_it_was() -> None:
    assert rendered([GAN], Layout(("ll",), GAN_TIMED)) == rendered([GAN], Layout())
    assert "samples/s" not in rendered([GAN], Layout())


def test_each_dataset_has_its_columns_of_speed() -> None:
    other = altered(GAN, dataset="tfd", key="t")
    text = rendered([GAN, other], layout({**GAN_TIMED, "t": stages(60, 2)}, "fit", "sample"))
    assert heads(text) == [
        "model",
        *("mnist, training", "mnist, samples/s"),
        *("tfd, training", "tfd, samples/s"),
    ]
    assert "1 min 0 s" in text


def test_a_row_without_a_record_has_a_dash_and_is_named() -> None:
    text = rendered([GAN, SLOWER], layout(GAN_TIMED, "sample"))
    row = next(line for line in text.splitlines() if line.startswith("| replay"))
    assert MISSING in row
    assert "samples/s: not recorded for replay" in text


def test_a_training_that_folds_share_counts_once() -> None:
    folds = [altered(GAN, folds=2, fold=f, key=str(f)) for f in (0, 1)]
    others = [altered(fold, train=str(i)) for i, fold in enumerate(folds)]
    records = {str(f): stages(100) for f in (0, 1)}
    assert speed.training_seconds(folds, records) == 100
    assert speed.training_seconds(others, records) == 200


def test_seeds_give_the_mean_training_and_the_rate_of_all_draws() -> None:
    seeds = [altered(GAN, seed=s, key=str(s)) for s in (0, 1)]
    records = {"0": stages(100, 1), "1": stages(300, 3)}
    assert speed.training_seconds(seeds, records) == 200
    assert speed.samples_per_second(seeds, records) == 20_000 / 4
    assert speed.seconds_per_epoch(seeds, records) == 400 / 500


def test_no_mean_over_seeds_of_which_one_was_not_timed() -> None:
    seeds = [altered(GAN, seed=s, key=str(s)) for s in (0, 1)]
    assert speed.training_seconds(seeds, {"0": stages()}) is None
    assert speed.samples_per_second(seeds, {"0": stages()}) is None


def test_a_failed_row_has_no_speed() -> None:
    failed = altered(GAN, status="failed", value=None, stderr=None, scored=0)
    text = rendered([failed], layout(GAN_TIMED))
    assert "3 min" not in text
    assert speed.numbers([failed], layout(GAN_TIMED, "sample"))["samples_per_second"] is None


def test_the_notes_say_once_where_all_rows_were_timed() -> None:
    text = rendered([GAN, SLOWER], layout({**GAN_TIMED, "r": stages()}))
    assert text.count("on AMD EPYC, 2 threads, torch 2.13.0") == 2  # training and sampling
    assert "do not compare" not in text


@pytest.mark.parametrize(
    "other",
    [
        {"threads": 4},
        {"cpu": "Xeon"},
        {"device": "cuda:0", "gpus": ["H100"]},
        {"packages": {"torch": "2.14.0"}},
    ],
    ids=str,
)
def test_rows_timed_on_different_machines_are_said_not_to_compare(other: dict) -> None:
    records = {**GAN_TIMED, "r": stages(**other)}
    text = rendered([GAN, SLOWER], layout(records, "sample"))
    assert "do not compare: AMD EPYC, 2 threads, torch 2.13.0 (gan); " in text
    assert "(replay)" in text


def test_rows_timed_at_different_commits_are_said_to_be() -> None:
    changed = {"commit": {"sha": "fedcba9876543210", "dirty": True}}
    records = {**GAN_TIMED, "r": stages(**changed)}
    text = rendered([GAN, SLOWER], layout(records, "fit"))
    assert "different commits: 01234567 (gan); fedcba98 with changes (replay)" in text


def test_what_was_timed_beside_others_is_said_to_be() -> None:
    records = {**GAN_TIMED, "r": stages(workers=4)}
    text = rendered([GAN, SLOWER], layout(records, "fit"))
    assert "timed beside up to 3 other trainings, slower than alone: replay" in text


def test_an_old_record_says_its_times_and_that_nobody_knows_what_ran_beside() -> None:
    old = stages(workers=None)
    for stage in ("fit", "sample"):
        del old[stage]["workers"]
    text = rendered([GAN], layout({"k": old}))
    assert "3 min 12 s" in text
    assert "training: what ran beside was not recorded: all rows" in text


HOSTILE = "a_b & $x$ | 50% <b>"


@pytest.mark.parametrize("render", [formats.markdown, latex.latex])
def test_a_hostile_processor_is_harmless(render) -> None:
    text = rendered([GAN], layout({"k": stages(cpu=HOSTILE)}), render)
    assert HOSTILE not in text
    assert "samples/s" in text


def test_csv_has_numbers_and_where_they_were_taken() -> None:
    found = cells.cells([GAN], current)
    (row,) = csv.DictReader(
        io.StringIO(formats.comma_separated(frames.numbers(found, layout(GAN_TIMED))))
    )
    assert float(row["training_seconds"]) == 192
    assert float(row["seconds_per_epoch"]) == 192 / 250
    assert float(row["samples_per_second"]) == 20_000
    assert float(row["seconds_per_10000_samples"]) == 0.5
    assert row["sampling_timed_on"] == "AMD EPYC, 2 threads, torch 2.13.0"
    assert row["training_workers"] == "1"
    assert "training_seconds" not in formats.comma_separated(frames.numbers(found))


def test_json_has_the_numbers_of_each_score() -> None:
    (row,) = json.loads(formats.as_json([GAN], layout(GAN_TIMED, "sample")))
    assert row["samples_per_second"] == 20_000
    assert "training_seconds" not in row


# --- what is recorded ---


def test_only_the_last_training_of_a_log_counts() -> None:
    log = [
        {"stage": "fit", "done": 0, "workers": 8},
        {"epoch": 1, "seconds": 100.0},
        {"stage": "fit", "done": 0, "workers": 1},
        {"epoch": 1, "seconds": 5.0},
        {"stage": "fit", "done": 1, "workers": 3},  # it was killed, and went on beside others
        {"epoch": 2, "seconds": 1.0},
        {"epoch": 3, "seconds": 3.0},
        {"stage": "sample"},
    ]
    assert provenance.of_training(log, 9.0, 3) == {
        "epochs": 3,
        "seconds_per_epoch": {"mean": 3.0, "median": 3.0},
        "workers": {"fit": 3},
    }


def test_a_training_that_went_on_elsewhere_says_so() -> None:
    gpu, cpu = {"device": "cuda:0", "threads": 8}, {"device": "cpu", "threads": 1}
    log = [
        {"stage": "fit", "done": 0, "workers": 1, **gpu},
        {"epoch": 1, "seconds": 1.0},
        {"stage": "fit", "done": 1, **cpu},  # by a version that did not say what ran beside
        {"epoch": 2, "seconds": 60.0},
    ]
    found = provenance.of_training(log, 61.0, 2)
    assert found["resumed_on"] == ["cuda:0, 8 threads", "cpu, 1 thread"]
    assert found["workers"] == {"fit": None}
    records = {GAN.key: stages()}
    records[GAN.key]["fit"] |= found
    lines = speed.notes({"a row": [GAN]}, speed.Layout(("fit",), records))
    said = "a row was stopped and went on with another device or number of threads"
    assert f"training: {said}: cuda:0, 8 threads; cpu, 1 thread" in lines


def test_an_earlier_version_s_record_is_merged_by_stage() -> None:
    old = {"seconds": {"fit": 2.0}, "peak_bytes": {"host": 5}, "threads": 1}
    new = {"seconds": {"score": 1.0}, "peak_bytes": {"score": {"host": 7}}, "threads": 2}
    assert provenance.of_stages(fit=old, sample={}, score=new) == {
        "seconds": {"fit": 2.0, "score": 1.0},
        "peak_bytes": {"score": {"host": 7}},
        "workers": {},
        "threads": 2,
    }


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_peak_memory_is_that_of_what_follows() -> None:
    import numpy as np
    import torch

    here, size = torch.device("cpu"), 200 * 2**20
    np.ones(size, np.uint8).sum()
    provenance.forget_peak(here)
    before = provenance.peak_bytes(here)["host"]
    np.ones(size, np.uint8).sum()
    assert provenance.peak_bytes(here)["host"] - before > 0.8 * size
    provenance.forget_peak(here)
    assert provenance.peak_bytes(here)["host"] - before < 0.2 * size


def test_a_run_records_what_each_stage_took(genbench, tmp_path: Path) -> None:
    genbench(*TINY)
    record = json.loads(next(tmp_path.rglob("parzen*/provenance.json")).read_text())
    for name in ("seconds", "peak_bytes", "workers"):
        assert list(record[name]) == ["fit", "sample", "score"]
    assert record["peak_bytes"]["sample"]["host"] > 10 * 2**20
    assert record["epochs"] == 6
    assert record["seconds_per_epoch"]["mean"] == record["seconds"]["fit"] / 6
    assert record["samples_per_second"] == 50 / record["seconds"]["sample"]
    assert record["seconds_per_10000_samples"] == 200 * record["seconds"]["sample"]


def test_every_result_finds_the_records_of_its_stages(genbench, tmp_path: Path) -> None:
    genbench(*TINY, "--seeds", "0,1")
    store = Store(tmp_path / "results")
    for result in store:
        records = store.records(result)
        assert list(records) == ["fit", "sample", "score"]
        assert records["score"]["key"] == result.key
        assert [*records["fit"]["seconds"]] == ["fit"]


def test_workers_are_recorded_as_many_as_there_can_be(genbench, tmp_path: Path) -> None:
    genbench(*TINY, "--workers", "4", "--seeds", "0,1")
    found = [json.loads(path.read_text()) for path in tmp_path.rglob("parzen*/provenance.json")]
    assert [record["workers"]["fit"] for record in found] == [2] * 4


def test_the_command_shows_speed_and_times_one_training_at_a_time(genbench) -> None:
    ran = genbench(*TINY, "--workers", "2", "--columns", "ll,fit,sample", "--seeds", "0,1")
    assert ran.returncode == 0, ran.stderr
    assert "one training at a time" in ran.stderr
    assert "tiny, samples/s" in ran.stdout
    assert "beside" not in ran.stdout
    shown = genbench("table", "--columns", "ll,fit,sample")
    assert shown.stdout == ran.stdout


@pytest.mark.parametrize("form", ["md", "latex", "csv", "json"])
def test_speed_comes_in_four_formats(form: str, genbench) -> None:
    genbench(*TINY)
    done = genbench("table", "--format", form, "--columns", "fit,sample")
    assert done.returncode == 0, done.stderr
    assert "samples/s" in done.stdout or "samples_per_second" in done.stdout


def test_speed_changes_no_result(genbench, tmp_path: Path) -> None:
    genbench(*TINY)
    genbench(*TINY, "--columns", "fit", "--workers", "3", "--results-dir", "again")
    first, again = (
        {path.parent.name: path.read_bytes() for path in (tmp_path / name).rglob("result.json")}
        for name in ("results", "again")
    )
    assert first == again
