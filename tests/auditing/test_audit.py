"""`genbench audit`: what is scored, what is concluded, and what is not."""

import json
import math
import os
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genbench.auditing import findings, kept, subjects
from genbench.auditing import scores as scores
from genbench.auditing.scores import Audit, Gap, Row
from genbench.cli import audit, parsing
from genbench.defaults import DEFAULTS
from genbench.errors import StoreError
from genbench.plugins.code import Part
from genbench.protocols import Score, Split
from genbench.records.run import Data
from genbench.running import executors

IMAGES = "the first 100 training images"
EMPTY = Audit("key", "faces", "digest", "", 1, "likeness", "bits", True, "images", ())


class Pictures:
    """Noisy blobs of 8 x 8 pixels in the place of the stranger's data: 300, 60 and 60 of them."""

    shape = (1, 8, 8)
    range = (0.0, 1.0)
    levels = 256
    folds = 1
    caveat = ""
    digest = "pictures"

    def __init__(self, data_dir) -> None:
        at = torch.arange(8.0)
        draw = torch.Generator().manual_seed(0)
        centre = 2 + 3 * torch.rand(420, 2, generator=draw)
        x, y = ((at - centre[:, axis, None]) ** 2 for axis in (0, 1))
        blobs = (-(x[:, :, None] + y[:, None, :]) / 3).exp().reshape(420, 64)
        noisy = blobs + 0.1 * torch.randn(420, 64, generator=draw)
        self.rows = (noisy.clamp(0, 1) * 255).round() / 255

    def split(self, fold: int) -> Split:
        return Split(*self.rows.split([300, 60, 60]))


class Points(Pictures):
    """Points of the plane, which are no images and have no bounds."""

    shape = (2,)
    range = (-math.inf, math.inf)
    levels = None

    def __init__(self, data_dir) -> None:
        self.rows = torch.randn(420, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def pictures(strangers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stranger import tiny

    monkeypatch.setattr(tiny, "Tiny", Pictures)


@pytest.fixture
def hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    """The protocol draws 100 samples, a third of the training rows."""
    monkeypatch.setitem(vars(DEFAULTS), "samples", 100)


QUICK = ("audit", "-d", "tiny", "--metrics", "nearness")
QUICKS = "tiny.nearness.json"


def audited(genbench, *command: str) -> Audit:
    done = genbench(*(command or ("audit", "-d", "tiny")), "--json")
    assert done.returncode == 0, done.stderr
    return kept.from_json(json.loads(done.stdout))


def of(audit: Audit, kind: str) -> list[Row]:
    return [row for row in audit.rows if row.kind == kind]


# --- what is concluded ---


def row(kind: str, name: str, *gaps: tuple[str, float, float], count: int = 100, **more) -> Row:
    given = {"value": 0.0, "error": 1.0, "notes": {"sigma": 0.2}, **more}
    return Row(kind, name, count, count, gaps=tuple(Gap(*gap) for gap in gaps), **given)


def said(*rows: Row) -> list[str]:
    return findings.verdict(replace(EMPTY, rows=(row("images", IMAGES), *rows)))


SOUND = (
    row("shifted", "shifted copies", (IMAGES, -1.0, 1.0)),
    row("blurred", "blurred copies", (IMAGES, -1.9, 1.0)),
    row("linear", "linear reconstructions, 30 dimensions", (IMAGES, 1.9, 1.0)),
    row("centroids", "means of them", (IMAGES, 1.9, 1.0)),
    row("held_out", "held-out images", (IMAGES, 1.9, 1.0)),
    row("all", "all images", (IMAGES, 1.9, 1.0)),
    row("covariance", "samples of x", (IMAGES, 1.9, 1.0)),
)


def test_what_is_within_two_paired_errors_is_not_spoken_of() -> None:
    found = "0 of 4 copies that are worse or equal by construction outscore the images"
    assert said(*SOUND) == [
        f"verdict: no defect of likeness found on faces ({found} that they are made of)"
    ]


def test_centroids_that_outscore_are_named_at_equal_data_and_beyond() -> None:
    few = row("centroids", "means of the first", (IMAGES, 18.0, 1.0), count=20)
    many = row("centroids", "means of all", ("all images", 16.0, 1.0), (IMAGES, 94.0, 1.0))
    lines = said(few, many)
    assert lines[0] == (
        f"at equal data, 20 means of the first outscore {IMAGES} by 18.0 ± 1.0 bits; "
        f"100 means of all outscore all images by 16.0 ± 1.0 bits and {IMAGES} by 94.0 ± 1.0 bits: "
        "likeness here does not mean better samples"
    )
    assert "not to be trusted as a measure of sample quality on faces: 2 of 2" in lines[-1]


def test_equal_data_is_said_of_equal_data_only() -> None:
    many = row("centroids", "means of all", ("all images", -3.0, 1.0), (IMAGES, 94.0, 1.0))
    lines = said(many)
    assert lines[0].startswith(f"100 means of all outscore {IMAGES} by 94.0")
    assert "equal data" not in lines[0]
    assert "0 of 1" in lines[-1]


def test_linear_reconstructions_are_counted_and_the_best_is_named() -> None:
    rows = [
        row("linear", f"linear reconstructions, {k} dimensions", (IMAGES, by, 1.0))
        for k, by in ((30, 5.0), (60, 9.0), (100, 1.0))
    ]
    assert said(*rows)[0] == (
        "2 of 3 linear reconstructions outscore the images that they are made of, "
        "60 dimensions by 9.0 ± 1.0 bits"
    )


@pytest.mark.parametrize("kind", ["shifted", "blurred", "binarised"])
def test_a_copy_that_outscores_what_it_is_made_of_is_a_defect(kind: str) -> None:
    lines = said(*SOUND, row(kind, "copies", (IMAGES, 7.0, 1.0)))
    assert "copies outscore the images that they are made of by 7.0 ± 1.0 bits" in lines
    assert "1 of 5 copies" in lines[-1]
    assert "not to be trusted" in lines[-1]


def test_copies_that_lose_are_listed_and_binary_ones_explained() -> None:
    lines = said(
        row("blurred", "blurred copies", (IMAGES, -7.0, 1.0)),
        row("binarised", "binary copies", (IMAGES, -128.0, 1.0)),
    )
    assert lines[:2] == [
        "below the images that they are made of stay: blurred copies by 7.0 ± 1.0 bits, "
        "binary copies by 128.0 ± 1.0 bits",
        "binary samples lose for being binary: they compare with binary samples only",
    ]
    assert not any("for being binary" in line for line in said(SOUND[1]))


def test_more_of_the_same_images_and_two_real_sets_are_told_apart_only_if_they_differ() -> None:
    lines = said(
        row("all", "all 300 images", (IMAGES, 77.0, 1.0)),
        row("held_out", "held-out images", ("as many", -9.0, 1.0)),
    )
    assert lines[0] == (
        f"all 300 images outscore {IMAGES} by 77.0 ± 1.0 bits: scores compare at equal counts only"
    )
    assert lines[1].startswith(
        "100 held-out images score less than as many, by 9.0 ± 1.0 bits, and both are real"
    )


def test_a_gaussian_outscores_only_by_more_than_two_real_sets_differ() -> None:
    real = row("held_out", "held-out images", ("as many", -9.0, 1.0))
    copy = SOUND[0]
    chance = said(copy, real, row("covariance", "samples of x", (IMAGES, 8.0, 1.0)))
    assert "no defect" in chance[-1]
    beyond = said(copy, real, row("covariance", "samples of x", (IMAGES, 10.0, 1.0)))
    assert f"samples of x, outscore {IMAGES} by 10.0 ± 1.0 bits" in beyond
    assert "not to be trusted" in beyond[-1]
    holds = said(copy, real, row("covariance", "samples of x", (IMAGES, -8.0, 1.0)))
    assert any(line.startswith("this does hold: samples of x, stay below") for line in holds)


@pytest.mark.parametrize("kind", findings.CONTROLS)
def test_junk_that_is_not_below_the_images_is_a_defect(kind: str) -> None:
    assert "no defect" in said(SOUND[0], row(kind, "junk", (IMAGES, -9.0, 1.0)))[-1]
    lines = said(SOUND[0], row(kind, "junk", (IMAGES, 9.0, 1.0)))
    assert f"junk, scores more than {IMAGES}" in lines
    assert lines[-1].endswith("on faces: junk, scores more")


@pytest.mark.parametrize("difference", [0.0, 1.9, -1.9])
def test_junk_that_may_be_below_is_no_defect_but_is_named(difference: float) -> None:
    lines = said(SOUND[0], row("noise", "junk", (IMAGES, difference, 1.0)))
    assert f"junk, is not shown to score less than {IMAGES}" in lines
    assert "no defect" in lines[-1]
    assert lines[-1].endswith("but not shown to score less: junk")


def test_a_warning_of_the_metric_is_said_and_qualifies_a_clean_verdict() -> None:
    rows = (row("images", IMAGES, warnings=("sigma is at the edge",)), SOUND[0])
    lines = findings.verdict(replace(EMPTY, rows=rows))
    assert any(line == f"sigma is at the edge: {IMAGES}" for line in lines)
    assert lines[-1].endswith("but likeness warns of the data themselves")
    assert not any("edge" in line for line in said(*SOUND))


def test_without_scores_of_single_rows_nothing_is_concluded() -> None:
    rows = [replace(one, gaps=(), value=1e9) for one in SOUND]
    lines = said(*rows, row("noise", "noise", value=1e9))
    assert lines == ["verdict: none, as likeness gave nothing that can be compared"]


# --- what is scored ---


def test_each_image_moves_by_one_pixel_in_one_of_four_directions() -> None:
    image = torch.zeros(40, 1, 5, 6)
    image[:, 0, 2, 3] = 1
    moved = subjects.shifted(image.reshape(40, 30), (1, 5, 6)).reshape(40, 5, 6)
    assert (moved.sum(dim=(1, 2)) == 1).all()
    places = {tuple(place.tolist()) for place in moved.nonzero()[:, 1:]}
    assert places == {(1, 3), (3, 3), (2, 2), (2, 4)}


def test_a_shift_repeats_the_border_and_keeps_channels_apart() -> None:
    flat = torch.tensor([0.2, 0.7]).repeat_interleave(20).repeat(10, 1)
    assert torch.equal(subjects.shifted(flat, (2, 4, 5)), flat)


def test_a_blur_spreads_a_point_by_one_pixel_and_keeps_its_mass() -> None:
    image = torch.zeros(1, 2, 17, 17)
    image[0, 0, 8, 8] = 1
    blurry = subjects.blurred(image.reshape(1, -1), (2, 17, 17)).reshape(2, 17, 17)
    at = torch.arange(17.0) - 8
    assert float(blurry[0].sum()) == pytest.approx(1, abs=1e-5)
    assert float((blurry[0].sum(dim=0) * at**2).sum()) == pytest.approx(1, abs=0.01)
    assert not blurry[1].any()


def test_principal_directions_are_those_of_a_singular_value_decomposition() -> None:
    rows = torch.rand(50, 12) * torch.arange(1, 13)
    found = subjects.principal(rows, 5)
    x = rows.double() - rows.double().mean(dim=0)
    expected = torch.linalg.svd(x, full_matrices=False).Vh[:5]
    assert torch.allclose((found.T @ expected.T).abs(), torch.eye(5).double(), atol=1e-8)


def test_all_is_scored_that_exists_each_with_its_count(pictures, hundred, genbench) -> None:
    audit = audited(genbench, *QUICK)
    counts = {(row.kind, row.name): (row.count, row.distinct) for row in audit.rows}
    whole = "all 300 training images"
    assert counts == {
        ("images", IMAGES): (100, 100),
        ("all", whole): (300, 300),
        ("as_many", "as many training images, evenly spaced"): (30, 30),
        ("held_out", "held-out images"): (30, 30),
        ("shifted", "copies shifted by one pixel"): (100, 100),
        ("blurred", "blurred copies"): (100, 100),
        ("binarised", "copies binarised at 0.5"): (100, of(audit, "binarised")[0].distinct),
        ("linear", "linear reconstructions, 30 dimensions"): (100, 100),
        ("linear", "linear reconstructions, 60 dimensions"): (100, 100),
        ("centroids", f"kmeans centroids of {IMAGES}"): (20, 20),
        ("centroids", f"kmeans centroids of {whole}"): (60, 60),
        ("covariance", f"samples of gaussian, fitted to {whole}"): (100, 100),
        ("repeated", "the mean of all training images, repeated"): (100, 1),
        ("noise", "uniform noise"): (100, 100),
    }
    many = of(audit, "centroids")[1]
    assert [gap.of for gap in many.gaps] == [whole, IMAGES]
    assert "too few to tune on" in audit.remarks[0]


def test_validation_rows_that_did_not_choose_are_held_out(
    pictures, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "TUNING_ROWS", 20)
    split = Pictures(None).split(0)
    (_, held_out), remarks = subjects._held_out(split, "images")
    assert torch.equal(held_out.make(), split.valid[20:])
    assert torch.equal(held_out.valid, split.valid[:20])
    assert remarks == []


def test_rows_of_the_table_are_rows_of_the_audit(genbench) -> None:
    """On tiny, whose training rows are fewer than the samples: fold 0 of the same three models."""
    names = {"images": "replay", "centroids": "kmeans", "covariance": "gaussian"}
    asked = ("-m", ",".join(names.values()), "-d", "tiny", "--samples", "200", "--json")
    done = genbench("run", *asked)
    table = {r["model"]: r for r in json.loads(done.stdout) if r["fold"] == 0}
    audit = audited(genbench)
    for kind, model in names.items():
        (found,) = of(audit, kind)[:1]
        assert (found.value, found.error) == (table[model]["value"], table[model]["stderr"])
        assert found.notes["sigma"] == table[model]["notes"]["sigma"]
    assert audit.folds == 2
    assert "fold 0 of 2 folds" in findings.notes(audit)


def test_gaps_are_paired_over_the_test_rows(pictures, genbench) -> None:
    audit, split = audited(genbench, *QUICK), Pictures(None).split(0)
    blurry = subjects.blurred(split.train, (1, 8, 8))
    samples = (split.train, (blurry * 255).round() / 255)  # less far is better
    ours, theirs = (torch.cdist(split.test.double(), x.double()).amin(dim=1) for x in samples)
    (gap,) = of(audit, "blurred")[0].gaps
    paired = (ours - theirs).numpy()
    assert gap.difference == pytest.approx(paired.mean(), abs=1e-6)
    assert gap.error == pytest.approx(paired.std(ddof=1) / math.sqrt(len(paired)), rel=1e-4)


def test_data_that_are_no_images_leave_out_what_only_images_have(
    strangers, hundred, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stranger import tiny

    monkeypatch.setattr(tiny, "Tiny", Points)
    monkeypatch.setattr("genbench.plugins.recipe.values", lambda *_: {})
    audit = audited(genbench, *QUICK)
    kinds = {row.kind for row in audit.rows}
    assert not kinds & {"shifted", "blurred", "binarised", "linear"}
    assert {"images", "centroids", "noise", "held_out"} <= kinds
    assert audit.rows[0].name == "the first 100 training rows"
    remarks = " ".join(audit.remarks)
    for what in ("shifted and blurred copies", "binarised copies", "linear reconstructions"):
        assert f"{what} are left out" in remarks


def test_noise_on_unbounded_data_has_the_range_of_the_training_rows() -> None:
    source = Points(None)
    train = source.split(0).train
    (_, noise) = subjects._controls(source, train, 1000, train, "rows", "rows")
    drawn = noise.make()
    assert (drawn >= train.min()).all()
    assert (drawn <= train.max()).all()
    assert drawn.std() == pytest.approx(float(train.max() - train.min()) / 12**0.5, rel=0.05)


def test_a_metric_by_which_less_is_better_is_read_the_right_way(pictures, genbench) -> None:
    audit = audited(genbench, *QUICK)
    assert audit.best == "low"
    (noise,) = of(audit, "noise")
    assert noise.value > audit.rows[0].value
    assert noise.gaps[0].difference == pytest.approx(audit.rows[0].value - noise.value)
    assert noise.notes == {"train_rows": 300}
    assert any("this does hold: below" in line for line in audit.verdict)


# --- the command ---


def test_the_verdict_stands_below_the_table(pictures, hundred, genbench) -> None:
    done = genbench(*QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("| samples, on tiny ")
    assert done.stdout.rstrip().splitlines()[-1].startswith("- verdict: nearness ")
    assert "blurred copies: " in done.stderr
    quiet = genbench(*QUICK, "-q")
    assert quiet.stderr == ""
    assert "standard error" not in quiet.stdout
    assert "- verdict: nearness " in quiet.stdout


def test_the_same_command_writes_the_same_bytes_and_the_second_time_only_prints(
    pictures, hundred, genbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = genbench(*QUICK)
    genbench(*QUICK, "--results-dir", "other")
    paths = [tmp_path / name / "audit" / QUICKS for name in ("results", "other")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [path.name for path in paths[0].parent.iterdir()] == [QUICKS]
    monkeypatch.setattr(scores, "_scored", None)  # whoever scores now fails
    again = genbench(*QUICK)
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, "")


def test_an_interrupted_audit_goes_on_from_the_last_row_to_the_same_bytes(
    pictures, hundred, genbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genbench(*QUICK, "--results-dir", "whole")
    scored, names = scores._scored, []

    def interrupted(subject, *more):
        names.append(subject.name)
        if len(names) == 6:
            raise KeyboardInterrupt
        return scored(subject, *more)

    monkeypatch.setattr(scores, "_scored", interrupted)
    broken = genbench(*QUICK)
    assert broken.returncode != 0
    assert "the same command goes on" in broken.stderr
    assert kept.stored(Path("results"), "tiny", "nearness") is None
    done = genbench(*QUICK)
    assert done.returncode == 0, done.stderr
    assert len(names) == 14 + 1  # all, and the interrupted one twice
    paths = [tmp_path / name / "audit" / QUICKS for name in ("results", "whole")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [path.name for path in paths[0].parent.iterdir()] == [QUICKS]


@pytest.mark.parametrize("what", ["samples", "code", "data", "recipe"])
def test_an_audit_of_other_code_data_or_samples_is_made_anew(
    what: str, pictures, hundred, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = audited(genbench, *QUICK)
    if what == "samples":
        monkeypatch.setitem(vars(DEFAULTS), "samples", 90)
    elif what == "code":
        other = Part("stranger", "nearness", revision=2)
        monkeypatch.setattr(kept, "identify", lambda kind, name: other)
    elif what == "data":
        turned = Split(*(1 - Pictures(None).rows).split([300, 60, 60]))
        monkeypatch.setattr(Pictures, "split", lambda self, fold: turned)
    else:
        monkeypatch.setattr(
            "genbench.plugins.recipe.values",
            lambda model, *_: {"steps": 3} if model == "kmeans" else {},
        )
    after = audited(genbench, *QUICK)
    assert after.key != before.key
    assert kept.stored(Path("results"), "tiny", "nearness") == after


def test_metrics_are_kept_apart(pictures, hundred, genbench) -> None:
    other, usual = audited(genbench, *QUICK), audited(genbench)
    assert kept.stored(Path("results"), "tiny", DEFAULTS.metrics[0]) == usual
    assert kept.stored(Path("results"), "tiny", "nearness") == other
    assert kept.stored(Path("results"), "nothing", DEFAULTS.metrics[0]) is None


def test_samples_are_scored_as_samples_of_a_model_are_kept() -> None:
    seen = []

    class Noting:
        best = "high"

        def __call__(self, samples, valid, test):
            seen.append(samples)
            return Score(0.0, 1.0)

    off = torch.tensor([[-0.5, 1.5, 0.5, 0.1]]).repeat(2, 16)
    data = Data("tiny", 0, 1, "", "", "", "", "", 256)
    asked, source = subjects.Audited(data, "x", "y", "z", {}), Pictures(None)
    subject = subjects.Subject("noise", "x", lambda: off, source.rows)
    (found,) = scores.rows([subject], asked, source, Noting(), torch.device("cpu"))
    assert (seen[0][0, :4] * 255).tolist() == pytest.approx([0, 255, 128, 26], abs=1e-4)
    assert (found.row.count, found.row.distinct) == (2, 1)
    assert found.per_example is None


def test_a_strangers_words_are_harmless_in_the_table(
    pictures, hundred, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "<script>alert(1)</script> | \\input{x}\n# *head* ![x](y)\u202e" + "x" * 300
    monkeypatch.setattr(Pictures, "caveat", hostile, raising=False)
    monkeypatch.setattr("stranger.nearness.Nearness.unit", hostile)
    shown = genbench(*QUICK).stdout
    lines = shown.rstrip().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert all(line.startswith(("|", "- ")) or not line for line in lines)
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert not any(bad in shown for bad in (" <script", " *head", " ![x]", "\u202e"))


MISTAKES = {
    "dataset": (("-d", "tinny"), "did you mean 'tiny'"),
    "path": (("-d", "../../tiny"), "unknown dataset"),
    "metric": (("-d", "tiny", "--metrics", "parsen"), "did you mean 'parzen'"),
    "metrics": (("-d", "tiny", "--metrics", "nearness,parsen"), "did you mean 'parzen'"),
    "device": (("-d", "tiny", "--device", "cuda:7"), "not there"),
    "faulty": (("-d", "faulty"), "a stranger's reader broke"),
    "no data": (("-d", "mnist", "--data-dir", "no"), "data fetch mnist"),
    "unwritable": (("-d", "tiny", "--results-dir", "/dev/null/x"), "--results-dir names another"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_clear_paragraph_and_exit_code_2(
    name: str, genbench, tmp_path: Path
) -> None:
    arguments, hint = MISTAKES[name]
    done = genbench("audit", *arguments)
    assert done.returncode == 2, done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.rglob("*.json"))


def test_an_executor_makes_the_audits_that_this_process_makes(
    pictures, hundred, genbench, tmp_path: Path
) -> None:
    one = genbench(*QUICK, "--results-dir", "a")
    other = genbench(*QUICK, "--results-dir", "b", "--executor", "serial")
    assert other.returncode == 0, other.stderr
    assert one.stdout == other.stdout != ""
    kept = [next((tmp_path / name).rglob("*.json")).read_bytes() for name in ("a", "b")]
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("more", "workers", "threads"), [((), 2, 1), (("--threads", "2"), 1, 2)], ids=["usual", "two"]
)
def test_audits_at_a_time_share_the_cores(
    more: tuple[str, ...],
    workers: int,
    threads: int,
    genbench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen, serial = [], executors.KINDS["serial"]

    def noted(workers: int, threads: int | None) -> Executor:
        seen.append((workers, threads))
        return serial(workers, threads)

    monkeypatch.setitem(executors.KINDS, "spawned", noted)
    monkeypatch.setattr(parsing, "cores", lambda: 2)
    monkeypatch.setattr(audit, "kept_audit", lambda *_: None)
    monkeypatch.setattr(audit, "_audits", lambda *_, **__: iter(()))
    genbench("audit", "--metrics", "parzen,frechet,prdc", "--executor", "spawned", *more)
    assert seen == [(workers, threads)]


def test_an_edited_audit_ends_in_3(pictures, hundred, genbench, tmp_path: Path) -> None:
    audited(genbench, *QUICK)
    path = tmp_path / "results" / "audit" / QUICKS
    path.write_text(path.read_text().replace("verdict: ", "verdict: not "))
    done = genbench(*QUICK)
    assert done.returncode == 3
    assert "edited" in done.stderr


def test_an_audit_of_another_version_is_refused_by_whoever_reads_it() -> None:
    plain = kept.as_json(replace(EMPTY, rows=SOUND))
    assert kept.from_json(json.loads(json.dumps(plain))) == replace(EMPTY, rows=SOUND)
    with pytest.raises(StoreError, match="another version"):
        kept.from_json({**plain, "colour": "red"})
    with pytest.raises(StoreError, match="another version"):
        kept.from_json({name: plain[name] for name in ("key", "rows")})


def test_a_metric_that_refuses_some_samples_is_named_with_them(
    pictures, hundred, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_):
        raise ValueError("no sigma")

    monkeypatch.setattr("stranger.nearness.Nearness.__call__", lambda s, samples: refuse())
    done = genbench(*QUICK)
    assert done.returncode == 1
    assert f"{IMAGES} cannot be scored: no sigma" in done.stderr
    assert "Traceback" not in done.stderr


# --- on the real MNIST ---


@pytest.fixture
def mnist() -> str:
    folder = Path(os.environ.get("GENBENCH_DATA", "")).resolve()
    if not list(folder.glob("mnist/train-images-idx3-ubyte*")):
        pytest.skip("GENBENCH_DATA names no folder with mnist/train-images-idx3-ubyte[.gz]")
    return str(folder)


@pytest.mark.data
@pytest.mark.slow
def test_the_audit_of_mnist_gives_what_was_measured(mnist: str, genbench) -> None:
    done = genbench("audit", "-d", "mnist", "--data-dir", mnist, "--json")
    assert done.returncode == 0, done.stderr
    audit = kept.from_json(json.loads(done.stdout))
    (images,), (binary,) = of(audit, "images"), of(audit, "binarised")
    few, many = of(audit, "centroids")
    assert images.value == pytest.approx(241.19, abs=0.05)
    assert images.error == pytest.approx(2.13, abs=0.05)
    assert binary.value == pytest.approx(112.76, abs=0.05)
    assert binary.error == pytest.approx(1.53, abs=0.05)
    assert (few.count, few.value) == (2000, pytest.approx(258.9, abs=3))
    assert (many.count, many.value) == (10_000, pytest.approx(334, abs=4))
    assert of(audit, "covariance")[0].value == pytest.approx(65, abs=2)
    linear = [row.value for row in of(audit, "linear")]
    assert linear == pytest.approx([293.7, 313.0, 304.5, 278.8], abs=1.5)
    assert audit.verdict[0].startswith("at equal data, 2,000 kmeans centroids of the first 10,000")
    assert "does not mean better samples" in audit.verdict[0]
    assert (
        "parzen is not to be trusted as a measure of sample quality on mnist" in (audit.verdict[-1])
    )
