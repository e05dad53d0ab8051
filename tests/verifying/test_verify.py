"""`genbench verify`: what was stored holds, and what was altered since is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from genbench.metrics.parzen import Parzen
from genbench.plugins import registry
from genbench.records import files, lock
from genbench.records.store import Store
from genbench.running.data import Sources
from genbench.verifying import records, verification

COMMITTED = Path(__file__).parents[1] / "fixtures" / "verify"
ONE_THREAD = ("--device", "cpu", "--threads", "1")
TINY = ("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "50", "--quiet")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of the committed results, to be altered."""
    return Path(shutil.copytree(COMMITTED, tmp_path / "kept"))


@pytest.fixture
def unlocked(kept: Path) -> Path:
    """The same without its lock, so that only the files and the numbers speak."""
    (kept / lock.NAME).unlink()
    return kept


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def tiny(once: Path, genbench) -> Path:
    """A folder of two results, its tables rendered and locked, where a command looks for it."""
    if not (once / "results").exists():
        genbench(*TINY, *ONE_THREAD)
        genbench("lock")
        shutil.copytree("results", once / "results")
        return Path("results")
    return Path(shutil.copytree(once / "results", "results"))


@pytest.fixture
def loose(tiny: Path) -> Path:
    """The same without lock and tables."""
    (tiny / lock.NAME).unlink()
    return tiny


def one(folder: Path, model: str, name: str) -> Path:
    """The only file called `name` in the results of a model."""
    (found,) = (folder / "runs" / "mnist5k" / model).rglob(name)
    return found


def rewritten(path: Path, **changed) -> None:
    """Changes a record as somebody would who also mends its checksum."""
    files.write_json(path, {**files.read_json(path), **changed})


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- what holds ---


def test_the_committed_results_are_as_they_were_written(kept: Path, genbench) -> None:
    done = genbench("verify", "all", "--results-dir", str(kept))
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("2 of 2 records hold\n")


def test_a_record_is_named_as_its_row_in_a_table_is(tiny: Path, genbench) -> None:
    genbench(*TINY, *ONE_THREAD, "--set", "parzen.sigma=0.2", "--metrics", "parzen")
    said, table = genbench("verify", "all").stdout, genbench("table", "-d", "tiny").stdout
    assert "drift [50 samples]" in table
    assert "drift [50 samples] on tiny, fold 1, seed 0 (" in said
    assert "drift [50 samples] on tiny, fold 1, seed 0, parzen [sigma=0.2] (" in said


def test_the_committed_numbers_come_out_of_their_samples_again(kept: Path, genbench) -> None:
    before = bytes_of(kept)
    done = genbench("verify", "all", "--rescore", "--results-dir", str(kept))
    assert done.returncode == 0, done.stdout
    assert "2 of 2 numbers hold: " in done.stdout
    assert bytes_of(kept) == before


def test_the_committed_results_are_small(kept: Path) -> None:
    assert sum(map(len, bytes_of(kept).values())) < 200_000


# --- what was altered ---


def flip_a_digit(path: Path) -> None:
    stored = str(files.read_json(path)["value"])
    digit = stored[-1]
    path.write_text(path.read_text().replace(stored, stored[:-1] + str((int(digit) + 1) % 10)))


@pytest.mark.parametrize("how", [(), ("--rescore",), ("--retrain",)])
def test_a_changed_digit_is_caught(how: tuple[str, ...], unlocked: Path, genbench) -> None:
    flip_a_digit(one(unlocked, "gan", "result.json"))
    done = genbench("verify", "all", *how, "--results-dir", str(unlocked))
    assert done.returncode == 3
    assert "result.json is damaged or was edited" in done.stdout


def test_a_changed_number_with_a_mended_checksum_is_caught_by_the_lock(
    kept: Path, genbench
) -> None:
    path = one(kept, "gan", "result.json")
    rewritten(path, value=files.read_json(path)["value"] + 1)
    done = genbench("verify", "all", "--results-dir", str(kept))
    assert done.returncode == 3
    assert "result.json is changed, by lock.json" in done.stdout


@pytest.mark.parametrize("name", ["value", "stderr"])
def test_a_changed_number_with_a_mended_checksum_is_caught_by_its_samples(
    name: str, unlocked: Path, genbench
) -> None:
    path = one(unlocked, "gan", "result.json")
    rewritten(path, **{name: files.read_json(path)[name] + 0.1})
    assert genbench("verify", "all", "--results-dir", str(unlocked)).returncode == 0
    done = genbench("verify", "all", "--rescore", "--results-dir", str(unlocked))
    assert done.returncode == 3
    assert "DIFFERS by 0.1 nats" in done.stdout
    assert "1 of 2 numbers hold" in done.stdout


def test_a_swapped_samples_file_is_caught(unlocked: Path, genbench) -> None:
    shutil.copy(one(unlocked, "kmeans", "samples.npz"), one(unlocked, "gan", "samples.npz"))
    done = genbench("verify", "all", "--results-dir", str(unlocked))
    assert done.returncode == 3
    assert "samples.npz is not of this run" in done.stdout


def test_swapped_samples_under_the_right_key_are_caught_by_their_score(
    unlocked: Path, genbench
) -> None:
    other, path = (one(unlocked, model, "samples.npz") for model in ("kmeans", "gan"))
    files.write_arrays(path, files.read_arrays(other)[0], files.read_arrays(path)[1])
    assert genbench("verify", "all", "--results-dir", str(unlocked)).returncode == 0
    done = genbench("verify", "all", "--rescore", "--results-dir", str(unlocked))
    assert done.returncode == 3
    assert "DIFFERS by" in done.stdout


def test_scores_of_single_rows_that_are_not_the_samples_are_caught(
    unlocked: Path, genbench
) -> None:
    path = one(unlocked, "gan", "per_example.npz")
    arrays, note = files.read_arrays(path)
    files.write_arrays(path, {"values": arrays["values"][::-1].copy()}, note)
    done = genbench("verify", "all", "--rescore", "--results-dir", str(unlocked))
    assert done.returncode == 3
    assert "holds other values than those of result.json" in done.stdout


def test_a_different_dataset_digest_is_caught(unlocked: Path, genbench) -> None:
    path = one(unlocked, "gan", "run.json")
    rewritten(path, data={**files.read_json(path)["data"], "digest": "0" * 64})
    done = genbench("verify", "all", "--rescore", "--results-dir", str(unlocked))
    assert done.returncode == 3
    assert "data are not those that were scored" in done.stdout
    assert "1 of 2 numbers hold" in done.stdout


@pytest.mark.parametrize("how", ["--rescore", "--retrain"])
def test_data_that_changed_since_are_caught(
    how: str, loose: Path, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert genbench("verify", "all", how).returncode == 0
    from stranger.tiny import Tiny

    build = Tiny.__init__

    def changed(self, data_dir) -> None:
        build(self, data_dir)
        self.rows = 1 - self.rows

    monkeypatch.setattr(Tiny, "__init__", changed)
    done = genbench("verify", "all", how)
    assert done.returncode == 3
    assert "has the train sha256" in done.stdout


def test_a_changed_setting_no_longer_belongs_to_its_key(loose: Path, genbench) -> None:
    path = next(loose.rglob("run.json"))
    settings = {**files.read_json(path)["settings"], "n_valid": 999}
    rewritten(path, settings=settings)
    done = genbench("verify", "all")
    assert done.returncode == 3
    assert "result.json does not answer" in done.stdout


def test_the_provenance_of_another_run_is_caught(unlocked: Path, genbench) -> None:
    ours, other = (one(unlocked, m, "result.json").parent for m in ("gan", "kmeans"))
    shutil.copy(other / "provenance.json", ours / "provenance.json")
    done = genbench("verify", "all", "--results-dir", str(unlocked))
    assert done.returncode == 3
    assert "provenance.json is not of this run" in done.stdout


@pytest.mark.parametrize("name", ["weights.safetensors", "samples.npz", "per_example.npz"])
def test_a_damaged_file_of_arrays_is_caught(name: str, unlocked: Path, genbench) -> None:
    path = one(unlocked, "gan", name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    done = genbench("verify", "all", "--results-dir", str(unlocked))
    assert done.returncode == 3
    assert f"{name} is damaged" in done.stdout


# --- what cannot be told ---


def test_samples_that_were_not_kept_are_said_so_with_what_makes_them(genbench) -> None:
    genbench(*TINY, "--set", "drift.epochs=3", "--set", "parzen.n_valid=20")
    next(Path("results").rglob("samples.npz")).unlink()
    done = genbench("verify", "all", "--rescore")
    assert done.returncode == 1
    assert "its samples are not kept here" in done.stdout
    command = done.stdout.partition("`")[2].partition("`")[0].split()
    genbench(*command[1:])
    done = genbench("verify", "all", "--rescore")
    assert (done.returncode, "2 of 2 numbers hold" in done.stdout) == (0, True), done.stdout


def test_samples_that_the_lock_names_must_be_there(kept: Path, genbench) -> None:
    one(kept, "gan", "samples.npz").unlink()
    done = genbench("verify", "all", "--rescore", "--results-dir", str(kept))
    assert done.returncode == 3
    assert "samples.npz is missing, by lock.json" in done.stdout


def test_a_failed_run_has_no_number_to_hold(genbench) -> None:
    genbench("run", "-m", "raises", "-d", "tiny", "--no-references", "--samples", "50")
    assert genbench("verify", "all").returncode == 0
    done = genbench("verify", "all", "--rescore")
    assert done.returncode == 1
    assert "it failed then" in done.stdout


# --- how near ---


def scoring_otherwise(by: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the metric say another number, as another processor might."""
    from dataclasses import replace

    score = Parzen.__call__

    def other(self, samples, valid, test):
        found = score(self, samples, valid, test)
        return replace(found, value=found.value + by, per_example=found.per_example + by)

    monkeypatch.setattr(Parzen, "__call__", other)


@pytest.mark.parametrize(
    ("by", "tolerance", "code"),
    [(0.0004, (), 0), (0.02, (), 3), (0.02, ("--tolerance", "0.05"), 0)],
)
def test_a_number_holds_within_the_tolerance_that_is_said(
    by: float,
    tolerance: tuple[str, ...],
    code: int,
    kept: Path,
    genbench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scoring_otherwise(by, monkeypatch)
    done = genbench("verify", "all", "--rescore", "--results-dir", str(kept), *tolerance)
    assert done.returncode == code, done.stdout
    assert (f"2 of 2 numbers hold: 2 within {by:g} nats" in done.stdout) == (code == 0)


# --- trained again ---

# by FID, since Parzen chooses by the rows that held_out shows
SMOKE = ("--dataset", "mnist5k", "--preset", "smoke", "--samples", "100", "--metrics", "frechet")


@pytest.mark.parametrize(
    "models",
    [
        *("gan", "dbn", "stacked_cae", "deep_gsn", "rbm,dbm,vae,dae"),
        "bigan,latent_regressor",
        "gaussian,held_out,kmeans,replay,probabilistic_pca",
        "conditional_gan,semi_supervised_gan",
    ],
)
def test_every_model_trained_again_gives_its_number_to_the_last_bit(models: str, genbench) -> None:
    ran = genbench("run", "-m", models, *SMOKE, *ONE_THREAD, "--no-references", "-q")
    assert ran.returncode == 0, ran.stderr
    before = bytes_of(Path("results"))
    done = genbench("verify", "all", "--retrain", *ONE_THREAD)
    assert done.returncode == 0, done.stdout
    n = len(models.split(","))
    assert done.stdout.endswith(f"{n} of {n} numbers hold: {n} to the last bit\n")
    assert bytes_of(Path("results")) == before


def test_every_registered_model_of_ours_is_among_those_trained_again() -> None:
    (mark,) = test_every_model_trained_again_gives_its_number_to_the_last_bit.pytestmark
    ours = {e.name for e in registry.entries("model") if registry.owner(e).startswith("genbench ")}
    assert set(",".join(mark.args[1]).split(",")) == ours


def test_folds_and_sample_sets_of_one_training_are_trained_again_once(
    genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    genbench(*TINY, "--sample-sets", "2")
    calls, execute = [], verification.execute
    monkeypatch.setattr(
        verification, "execute", lambda runs, e: calls.append(len(runs)) or execute(runs, e)
    )
    done = genbench("verify", "all", "--retrain", *ONE_THREAD)
    assert done.returncode == 0, done.stdout
    assert "4 of 4 numbers hold" in done.stdout
    assert calls == [4]


def drawing_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    from stranger.drift import Drift

    sample = Drift.sample
    monkeypatch.setattr(Drift, "sample", lambda self, n: 0.9 * sample(self, n))


def test_a_model_that_draws_otherwise_is_caught(
    loose: Path, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing_otherwise(monkeypatch)
    done = genbench("verify", "all", "--retrain", *ONE_THREAD)
    assert done.returncode == 3
    assert "0 of 2 numbers hold; 2 differ" in done.stdout


def test_with_another_number_of_threads_only_a_given_tolerance_judges(
    loose: Path, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing_otherwise(monkeypatch)
    two = ("--device", "cpu", "--threads", "2")
    done = genbench("verify", "all", "--retrain", *two)
    assert done.returncode == 1
    assert "with other threads: only the spread over seeds can be expected" in done.stdout
    assert genbench("verify", "all", "--retrain", *two, "--tolerance", "1e6").returncode == 0


def test_a_training_that_was_cut_by_time_is_not_trained_again(genbench) -> None:
    genbench(*TINY, "--minutes", "1e-9")
    done = genbench("verify", "all", "--retrain")
    assert done.returncode == 1
    assert "a time budget ended its training" in done.stdout


# --- which ---


def test_a_result_is_named_by_its_key_a_folder_or_a_file(kept: Path, genbench) -> None:
    path = one(kept, "gan", "result.json")
    key = files.read_json(path)["key"]
    for target in (
        key,
        key[:5],
        str(path),
        str(path.parent),
        "mnist5k/gan",
        path.parent.name[-12:],
    ):
        done = genbench("verify", target, "--results-dir", str(kept))
        assert done.returncode == 0, (target, done.stderr)
        assert done.stdout.endswith("1 of 1 records hold\n")
    assert "2 of 2" in genbench("verify", str(kept), "--results-dir", str(kept)).stdout


@pytest.mark.parametrize("target", ["nothing", "e0", "", "../nowhere", "README.md"])
def test_what_names_no_result_ends_in_a_sentence(target: str, kept: Path, genbench) -> None:
    done = genbench("verify", target, "--results-dir", str(kept))
    assert done.returncode == 2
    assert "give `all`, a key" in done.stderr


def test_both_ways_at_once_are_refused(kept: Path, genbench) -> None:
    done = genbench("verify", "all", "--rescore", "--retrain", "--results-dir", str(kept))
    assert done.returncode == 2


def test_json_says_the_same(kept: Path, genbench) -> None:
    done = genbench("verify", "all", "--rescore", "--json", "--results-dir", str(kept))
    said = json.loads(done.stdout)
    assert [run["status"] for run in said["runs"]] == ["holds", "holds"]
    assert all(run["difference"] < 0.01 for run in said["runs"])
    assert said["summary"].startswith("2 of 2 numbers hold")


# --- tables ---


def test_a_rendered_table_is_verified_with_the_results_in_it(tiny: Path, genbench) -> None:
    done = genbench("verify", "results/tables/tiny.md", "--rescore")
    assert done.returncode == 0, done.stdout
    assert "2 of 2 numbers hold: 2 to the last bit; 1 of 1 tables hold" in done.stdout


def test_a_changed_digit_in_a_rendered_table_is_caught(tiny: Path, genbench) -> None:
    path = tiny / "tables" / "tiny.tex"
    text = path.read_text()
    digit = next(c for c in text if c.isdigit())
    path.write_text(text.replace(digit, str((int(digit) + 1) % 10), 1))
    done = genbench("verify", str(path))
    assert done.returncode == 3
    assert "tables/tiny.tex: changed, by lock.json" in done.stdout


def test_a_table_that_was_never_locked_is_refused(tiny: Path, genbench) -> None:
    (tiny / "tables" / "mine.md").write_text("| gan | 999 |")
    done = genbench("verify", "results/tables/mine.md")
    assert done.returncode == 2
    assert "`genbench lock` adds it" in done.stderr


def test_a_record_that_is_not_its_table_s_is_caught_even_with_a_mended_lock(
    tiny: Path, genbench
) -> None:
    path = next(tiny.rglob("result.json"))
    rewritten(path, value=files.read_json(path)["value"] + 1)
    known = lock.read(tiny)
    assert known is not None
    lock.write(tiny, known.tables)
    done = genbench("verify", "all")
    assert done.returncode == 3
    assert "its records give another table" in done.stdout


# --- the record of a run ---


def test_a_record_holds_its_whole_question(genbench) -> None:
    genbench(*TINY, "--preset", "selected", "--set", "drift.epochs=4", "--sample-sets", "2")
    folders = records.find(Path("results"), "all")
    assert len(folders) == 4
    for folder in folders:
        record = records.read(Path("results"), folder)
        assert record.run.score_key == record.result.key
        assert Store(Path("results")).result(record.run) == record.result


def test_stored_samples_are_read_as_they_were_scored(kept: Path) -> None:
    record = records.read(kept, one(kept, "gan", "result.json").parent)
    verdict = verification.rescored(
        record, Store(kept), Sources(kept), torch.device("cpu"), tolerance=np.inf
    )
    assert verdict.difference is not None
    assert verdict.difference < verification.TOLERANCE
