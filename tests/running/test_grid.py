"""A score too large for one pass: the same bytes by any workers, gone on with block by block."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from genbench import timing
from genbench.errors import AlteredError, DataError, ModelError
from genbench.metrics.parzen import Parzen
from genbench.plugins import registry
from genbench.protocols import Split
from genbench.records.store import Store
from genbench.running import brought, engines, spreading
from genbench.running.brought import Brought
from genbench.running.data import Sources
from genbench.running.engines import Engine
from genbench.running.filed import Filed, judged
from genbench.running.spreading import Begun, Part, Spread
from genbench.samples import pixels, reading
from genbench.samples.judging import Judgement
from genbench.testing import check_dataset

MANY = '''
"""Rows of which the test rows are too many for memory, as their file says."""

import hashlib

import numpy as np

import genbench
from genbench.errors import DataError


class Many:
    shape = (1, 2, 2)
    range = (0.0, 1.0)
    levels = 256
    folds = 1
    caveat = ""

    def __init__(self, data_dir) -> None:
        self.path = data_dir / "many.npy"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def split(self, fold: int) -> genbench.Split:
        if fold != 0:
            raise DataError("there is one fold")
        rows = genbench.deferred(np.load(self.path, mmap_mode="r"), 256)
        return genbench.Split(rows[:20], rows[20:40], rows[40:])
'''
TESTS, SAMPLES = 30, 70
BLOCKS = 2 * 2  # of 20 test rows and 40 samples
FIXED = {"sigma": 0.2}  # so that few blocks are computed


def rows(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 4)).astype(np.uint8)


@pytest.fixture
def many(plugged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the dataset `many`, and samples; blocks are small where a score is begun."""
    plugged({"many.py": MANY}, dataset={"many": "many:Many"})
    np.save(tmp_path / "many.npy", rows(40 + TESTS, 0))
    np.save(tmp_path / "ours.npy", rows(SAMPLES, 1))
    monkeypatch.setattr(Parzen, "at_once", (20, 40))
    return tmp_path


def spread(folder: Path, begun: Begun, told: list | None = None, **settings: float) -> Spread:
    sources = Sources(folder)
    source = sources.dataset("many")
    samples = reading.read(folder / "ours.npy", "many", source)
    of = Filed(folder / "ours.npy", "ours", "many", "parzen", settings, folder, folder, "cpu", 1)
    one = Brought("ours", samples, {})
    runs = brought.runs(one, sources.identities("many"), "parzen", settings, sources)
    place = Store(folder / "results").parts(runs[0].score_key)
    said = [] if told is None else told
    return Spread(of, runs, source.digest, place, begun, lambda *at: said.append(at))


def score(folder: Path, begun: Begun | None = None, **settings: float) -> Judgement:
    """What a score says that is put together of parts, or computed by the metric alone."""
    parts = spread(folder, begun or by_none, **settings)
    found = judged(parts.of, spread=None if begun is None else parts.on)
    return replace(found, seconds=0.0)


def by_none(part: Part) -> Callable[[], None]:
    raise AssertionError(f"{part.what} is computed again")


def by_itself(part: Part) -> Callable[[], None]:
    return lambda: spreading.done(part)


def same(one: Judgement, other: Judgement) -> bool:
    (single,), (theirs,) = one.per_example, other.per_example
    assert single is not None
    assert theirs is not None
    plain = [replace(judgement, per_example=()) for judgement in (one, other)]
    return plain[0] == plain[1] and single.tobytes() == theirs.tobytes()


def files_of(folder: Path) -> dict[str, int]:
    """The parts that are kept, and which files they are."""
    found = (folder / "results" / "scoring").rglob("*.safetensors")
    return {path.name: path.stat().st_ino for path in found}


def test_a_score_in_parts_has_the_bytes_of_the_one_that_the_metric_computes_alone(many) -> None:
    assert same(score(many, by_itself), score(many))


def test_rows_that_are_mapped_have_the_score_and_the_identity_of_rows_in_memory(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped, identity = score(many, by_itself), Sources(many).identity("many", 0)
    cls = registry.load("dataset", "many")
    mapped_split = cls.split

    def dense(source, fold: int) -> Split:
        split = mapped_split(source, fold)
        return Split(split.train.clone(), split.valid.clone(), split.test.clone())

    monkeypatch.setattr(cls, "split", dense)
    assert same(score(many), mapped)
    assert Sources(many).identity("many", 0) == identity


@pytest.mark.parametrize(
    ("kind", "workers"),
    [
        *[("serial", 1), ("spawned", 2)],
        *[pytest.param("spawned", workers, marks=pytest.mark.slow) for workers in (1, 3)],
        *[pytest.param("dask", workers, marks=pytest.mark.slow) for workers in (1, 2)],
    ],
)
def test_any_workers_give_the_same_bytes(kind: str, workers: int, many: Path) -> None:
    if kind == "dask":
        pytest.importorskip("distributed")
    whole = score(many, **FIXED)
    executor = engines.open(Engine(kind), workers, 1)
    try:
        assert same(score(many, spreading.by(executor), **FIXED), whole)
        assert len(files_of(many)) == 2 + BLOCKS  # of validation rows too
    finally:
        executor.shutdown(cancel_futures=True)


def test_a_stopped_score_goes_on_with_the_blocks_that_are_not_there(many: Path) -> None:
    done: list[Part] = []

    def stops(part: Part) -> Callable[[], None]:
        def do() -> None:
            if len(done) == 5:
                raise KeyboardInterrupt
            done.append(part)
            spreading.done(part)

        return do

    with pytest.raises(KeyboardInterrupt):
        score(many, stops)
    kept = files_of(many)
    assert kept.keys() == {part.place.name for part in done}
    again: list[Part] = []
    found = score(many, lambda part: again.append(part) or by_itself(part))
    assert not {part.key for part in done} & {part.key for part in again}
    assert {name: files_of(many)[name] for name in kept} == kept
    assert same(found, score(many))
    assert same(score(many, by_none), found)  # all is there: nothing is computed


def test_other_settings_and_other_samples_have_blocks_of_their_own(many: Path) -> None:
    score(many, by_itself)
    kept = files_of(many).keys()
    on = spread(many, by_itself)
    part = next(iter([on._part(0, "a block")]))
    of = replace(on.of, threads=2)
    assert replace(on, of=of)._part(0, "a block").key != part.key
    np.save(many / "ours.npy", rows(SAMPLES, 2))
    assert spread(many, by_itself)._part(0, "a block").key != part.key
    assert kept


def test_a_block_that_was_damaged_or_swapped_is_no_number(many: Path) -> None:
    score(many, by_itself)
    one, other, *_ = sorted((many / "results" / "scoring").rglob("*.safetensors"))
    whole = one.read_bytes()
    for content in (whole[:-3] + b"abc", other.read_bytes()):
        one.write_bytes(content)
        with pytest.raises(AlteredError, match=one.name):
            score(many, by_none)
    one.write_bytes(whole)
    score(many, by_none)


@pytest.mark.parametrize("name", ["ours.npy", "many.npy"])
def test_a_block_of_files_that_changed_meanwhile_is_refused(name: str, many: Path) -> None:
    n = SAMPLES if name == "ours.npy" else 40 + TESTS

    def late(part: Part) -> Callable[[], None]:
        np.save(many / name, rows(n, 9))
        return by_itself(part)

    with pytest.raises(DataError, match="changed"):
        score(many, late)


def test_how_many_blocks_are_done_is_told(many: Path) -> None:
    told: list[tuple[int, int, float | None]] = []
    judged(spread(many, by_none).of, spread=spread(many, by_itself, told).on)
    assert [at[:2] for at in told[-BLOCKS:]] == [(n + 1, BLOCKS) for n in range(BLOCKS)]


def test_the_time_left_is_that_of_blocks_computed_now(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    places: list[Path] = []
    told: list[tuple[int, int, float | None]] = []

    def begun(part: Part) -> Callable[[], None]:
        def ten_seconds() -> None:
            nonlocal now
            spreading.done(part)
            now += 10.0

        places.append(part.place)
        return ten_seconds

    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: now))
    score(many, begun, **FIXED)
    for place in places[1 - BLOCKS :]:
        place.unlink()
    again = spread(many, begun, told, **FIXED)
    judged(again.of, spread=again.on)
    assert [left for *_, left in told[-BLOCKS:]] == [None, None, 10.0, 0.0]


def test_a_worker_that_dies_fails_the_score_and_the_same_command_goes_on(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = engines.open(Engine("spawned"), 1, 1)

    def dies(part: Part) -> Callable[[], None]:
        if part.what["of"] == "test" and part.what["rows"][0] == 20:
            return lambda: engines.outcome(executor.submit(signal.raise_signal, signal.SIGKILL))
        return by_itself(part)

    try:
        with pytest.raises(ModelError, match="died; the same command goes on"):
            score(many, dies)
    finally:
        executor.shutdown(cancel_futures=True)
    kept = files_of(many)
    assert kept
    assert same(score(many, by_itself), score(many))
    assert {name: files_of(many)[name] for name in kept} == kept


def test_rows_that_do_not_fit_are_never_converted_at_once(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(many / "many.npy", rows(40 + 9000, 0))
    monkeypatch.setattr(Parzen, "at_once", (5000, 40))
    whole = score(many, **FIXED)
    monkeypatch.setattr(pixels, "LARGEST", 4 * pixels.BLOCK)  # numbers; a block has 5000 rows
    assert same(score(many, by_itself, **FIXED), whole)
    check_dataset("many", many)


def test_many_samples_alone_make_a_score_one_of_parts(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Parzen, "at_once", (TESTS, 40))
    assert not spreading.suits(Parzen, TESTS, 40)
    assert spreading.suits(Parzen, TESTS, 41)
    told: list[tuple[int, int, float | None]] = []
    parts = spread(many, by_itself, told, **FIXED)
    found = replace(judged(parts.of, spread=parts.on), seconds=0.0)
    assert [(done, of) for done, of, _ in told] == [
        (1, 2),
        (2, 2),
    ] * 2  # validation rows, test rows
    assert same(found, score(many, **FIXED))


# --- the command ---

ALONE = ("-d", "many", "--no-references", "--json", "--data-dir", ".")


def test_the_command_puts_blocks_together_and_removes_them(many: Path, genbench) -> None:
    one = genbench("score", "ours.npy", *ALONE)
    two = genbench("score", "ours.npy", *ALONE, "--workers", "2")
    assert one.returncode == two.returncode == 0, one.stderr + two.stderr
    texts = []
    for ended in (one, two):
        (found,) = json.loads(ended.stdout)["scores"]
        texts.append({**found, "seconds": 0})
    assert texts[0] == texts[1]
    assert texts[0]["value"] == score(many).value
    assert f"ours by parzen: {BLOCKS} of {BLOCKS} blocks" in one.stderr
    assert files_of(many) == {}
    kept = genbench(
        *("score", "ours.npy", *ALONE, "--as", "flow", "--source", "x", "--date", "2026-11-29")
    )
    assert kept.returncode == 0, kept.stderr
    assert files_of(many) == {}
    verified = genbench("verify", "all", "--data-dir", ".")
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.slow
def test_a_killed_command_goes_on_and_prints_the_same(
    plugged, cold_command, tmp_path: Path
) -> None:
    """With blocks as they are, two of test rows."""
    plugged({"many.py": MANY}, site=".", dataset={"many": "many:Many"})
    np.save(tmp_path / "many.npy", rows(40 + 16_500, 0))
    np.save(tmp_path / "ours.npy", rows(200, 1))
    words = ("score", "ours.npy", *ALONE, "--set", "parzen.sigma=0.2", "--workers", "2")
    printed = []
    for kill in (True, False, False):
        process = cold_command(*words, "--threads", "1")
        if kill:
            while not files_of(tmp_path) and process.poll() is None:
                time.sleep(0.01)
            process.kill()
            said = process.communicate(timeout=120)[1]
            assert files_of(tmp_path), said
            continue
        out, said = process.communicate(timeout=600)
        assert process.returncode == 0, said
        (found,) = json.loads(out)["scores"]
        printed.append({**found, "seconds": 0})
    assert printed[0] == printed[1]
