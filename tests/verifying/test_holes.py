"""What is missing or damaged is a verdict on its record, and the others have theirs."""

import io
import json
import struct
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from stores import bytes_of, carried_out, copied, planned, rewritten

from genbench.errors import AlteredError, DataError, GenbenchError
from genbench.records import files, lock
from genbench.records.store import Store
from genbench.samples import arrays
from genbench.verifying import records, verification

pytestmark = pytest.mark.usefixtures("strangers")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def results(once: Path, tmp_path: Path, strangers: Path) -> Path:
    """A training on two folds and one of another seed, where a command looks for results."""
    if not (once / "results").exists():
        carried_out(planned(seeds=[0, 1]), once / "results")
    return copied(once / "results", tmp_path / "results")


@pytest.fixture
def score(results: Path) -> Path:
    """The folder of the first result."""
    return Store(results).folders()[0]


def verdicts(genbench, *how: str) -> tuple[int, dict[str, str]]:
    """How `verify all` ends, and what it says of each record."""
    ended = genbench("verify", "all", "--json", *how)
    assert "Traceback" not in ended.stderr
    found = json.loads(ended.stdout)["runs"]
    assert len(found) == 4  # one verdict each
    return ended.returncode, {one["name"]: one["status"] for one in found}


def test_what_nobody_touched_holds(results: Path, genbench) -> None:
    code, found = verdicts(genbench)
    assert code == 0
    assert set(found.values()) == {verification.HOLDS}


# --- what is missing ---

# by its place below the training's folder, and how many of the four records are without it then
MISSING = {
    "result.json": ("score", 1),  # as a kill may leave it too: a question without an answer
    "run.json": ("score", 1),
    "per_example.npz": ("score", 1),
    "provenance.json of the score": ("score", 1),
    "provenance.json of the sample": ("sample", 2),
    "provenance.json of the fit": ("fit", 2),
}


@pytest.mark.parametrize("what", MISSING)
@pytest.mark.parametrize("how", [(), ("--rescore",)], ids=["files", "rescore"])
def test_a_file_that_was_deleted_is_missed(
    what: str, how: tuple[str, ...], score: Path, genbench
) -> None:
    stage, without = MISSING[what]
    place = {"score": score, "sample": score.parent, "fit": score.parent.parent}[stage]
    (place / what.partition(" ")[0]).unlink()
    code, found = verdicts(genbench, *how)
    assert code == 3
    assert [*found.values()].count(verification.DIFFERS) == without
    assert [*found.values()].count(verification.HOLDS) == 4 - without


@pytest.mark.parametrize("what", MISSING)
def test_a_deleted_file_is_named(what: str, score: Path, genbench) -> None:
    place = {"score": score, "sample": score.parent, "fit": score.parent.parent}[MISSING[what][0]]
    name, _, of_stage = what.partition(" of the ")
    (place / name).unlink()
    said = genbench("verify", "all").stdout
    assert f"{score.name}: " in said
    assert name in said
    assert (f"of its {of_stage} is missing" in said) or not of_stage


@pytest.mark.parametrize("name", ["weights.safetensors", "samples.npz", "events.jsonl"])
def test_what_git_may_leave_out_may_be_absent_unless_the_lock_names_it(
    name: str, results: Path, score: Path, genbench
) -> None:
    lock.write(results, {})
    next(results.rglob(name)).unlink()
    code, found = verdicts(genbench)
    assert code == 3
    assert [*found.values()].count(verification.DIFFERS) == 2
    (results / lock.NAME).unlink()
    assert verdicts(genbench)[0] == 0


def test_a_failure_needs_no_provenance_of_what_it_did_not_reach(tmp_path: Path, genbench) -> None:
    carried_out(planned("raises"), tmp_path / "results")
    ended = genbench("verify", "all")
    assert (ended.returncode, "2 of 2 records hold" in ended.stdout) == (0, True), ended.stdout
    next((tmp_path / "results").rglob("failed.json")).unlink()
    assert genbench("verify", "all").returncode == 3


@pytest.mark.parametrize("name", ["failed.json", "result.json"])
def test_a_folder_with_a_question_only_says_what_makes_the_answer(
    name: str, tmp_path: Path, genbench
) -> None:
    carried_out(planned("raises" if name == "failed.json" else "drift"), tmp_path / "results")
    next((tmp_path / "results").rglob(name)).unlink()
    assert "the same `genbench run` makes it" in genbench("verify", "all").stdout


# --- what is damaged ---

KINDS = ("per_example.npz", "samples.npz", "weights.safetensors", "result.json", "run.json")
KINDS += ("provenance.json",)


def is_told(results: Path, folder: Path) -> bool:
    """Whether a record is said not to hold; any exception but ours fails the test."""
    try:
        records.check_files(records.read(results, folder), results, None)
    except GenbenchError:
        return True
    return False


def of_record(score: Path, name: str) -> Path:
    """The file of this name that belongs to a score, its samples or its training."""
    return next(p / name for p in (score, *score.parents[:2]) if (p / name).exists())


def content_of(path: Path) -> object:
    """What a file says to whoever reads it by our readers."""
    if path.suffix == ".npz":
        arrays, note = files.read_arrays(path)
    elif path.suffix == ".safetensors":
        arrays, note = files.read_tensors(path)
    else:
        return files.read_json(path)
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}, note


@pytest.mark.parametrize("name", KINDS)
def test_a_flipped_byte_anywhere_in_a_file_is_told_or_changes_nothing(
    name: str, results: Path, score: Path
) -> None:
    """Nothing: what is not read, such as the date of an archive's member, or a space in JSON."""
    path = of_record(score, name)
    raw, before = path.read_bytes(), content_of(path)
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        if not is_told(results, score):
            assert content_of(path) == before, at


def test_a_flipped_byte_of_a_log_is_told_or_is_in_its_last_line(results: Path, score: Path) -> None:
    """A last line that cannot be read is what a kill leaves too: it is left out."""
    store, run = Store(results), Store(results).read(score).run
    path, whole = next(score.parents[1].rglob("events.jsonl")), store.events(run)
    raw = path.read_bytes()
    last = raw.rstrip(b"\n").rfind(b"\n")
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        if not is_told(results, score):
            assert at >= last
            assert store.events(run) == whole[: -2 if at == last else -1]


def test_a_flipped_bit_anywhere_in_small_arrays_is_told_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "per_example.npz"
    files.write_arrays(path, {"values": np.arange(6.0)}, {"key": "a"})
    raw, before, told = path.read_bytes(), content_of(path), 0
    for at in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(flipped)
        try:
            assert content_of(path) == before, at
        except AlteredError:
            told += 1
    assert told > 4 * len(raw)


def test_every_seventh_byte_of_an_archive_flipped_leaves_one_verdict_for_each_record(
    score: Path, genbench
) -> None:
    path = score / "per_example.npz"
    raw = path.read_bytes()
    for at in range(0, len(raw), 7):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        code, found = verdicts(genbench)
        wrong = [*found.values()].count(verification.DIFFERS)
        assert (code, wrong) in ((3, 1), (0, 0)), at


@pytest.mark.parametrize("name", ["per_example.npz", "samples.npz", "weights.safetensors"])
def test_arrays_that_were_cut_off_anywhere_are_told(name: str, results: Path, score: Path) -> None:
    path = of_record(score, name)
    raw = path.read_bytes()
    for length in range(0, len(raw), 5):
        path.write_bytes(raw[:length])
        assert is_told(results, score), length


# --- archives as nobody writes them ---


def fields(raw: bytes, signature: bytes, at: int, value: int) -> bytes:
    """An archive with a field of two bytes changed in every header that begins so."""
    changed = bytearray(raw)
    start = raw.find(signature)
    while start >= 0:
        struct.pack_into("<H", changed, start + at, value)
        start = raw.find(signature, start + 1)
    return bytes(changed)


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def encrypted(raw: bytes) -> bytes:
    return fields(fields(raw, LOCAL, 6, 1), CENTRAL, 8, 1)


def encrypted_in_the_directory(raw: bytes) -> bytes:
    return fields(raw, CENTRAL, 8, 1)


def by_lzma(raw: bytes) -> bytes:
    return fields(fields(raw, LOCAL, 8, zipfile.ZIP_LZMA), CENTRAL, 10, zipfile.ZIP_LZMA)


def by_lzma_with_its_header(raw: bytes) -> bytes:
    """One whose properties can be read, and whose stream cannot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("values.npy", np.random.RandomState(0).bytes(1000))
    changed = bytearray(packed.getvalue())
    start = 30 + len("values.npy") + 9  # behind the local header and the properties
    changed[start : start + 20] = b"\xff" * 20
    return bytes(changed)


def by_bzip2(raw: bytes) -> bytes:
    return fields(fields(raw, LOCAL, 8, zipfile.ZIP_BZIP2), CENTRAL, 10, zipfile.ZIP_BZIP2)


def by_deflate64(raw: bytes) -> bytes:
    return fields(fields(raw, LOCAL, 8, 9), CENTRAL, 10, 9)


def by_what_nobody_knows(raw: bytes) -> bytes:
    return fields(raw, CENTRAL, 10, 999)


def of_a_later_version(raw: bytes) -> bytes:
    return fields(raw, CENTRAL, 6, 255)


def one_array(raw: bytes) -> bytes:
    content = io.BytesIO()
    np.save(content, np.arange(3.0))
    return content.getvalue()


def a_pickle(raw: bytes) -> bytes:
    return b"\x80\x04N."


def of_objects(raw: bytes) -> bytes:
    content = io.BytesIO()
    np.savez(content, values=np.asarray([{}, None], dtype=object))
    return content.getvalue()


def larger_than_memory(raw: bytes) -> bytes:
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (70000000000000,), }"
    head = head.ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", array)
    return content.getvalue()


def deep(raw: bytes) -> bytes:
    head = (b"(" * 4000).ljust(4095) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", array)
    return content.getvalue()


def no_note(raw: bytes) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, values=np.arange(3.0))
    return content.getvalue()


def odd_note(raw: bytes) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, values=np.arange(3.0), genbench=np.asarray("[" * 5000))
    return content.getvalue()


def empty(raw: bytes) -> bytes:
    return b""


def no_member(raw: bytes) -> bytes:
    content = io.BytesIO()
    zipfile.ZipFile(content, "w").close()
    return content.getvalue()


ODD = [encrypted, encrypted_in_the_directory, by_lzma, by_lzma_with_its_header, by_bzip2]
ODD += [by_deflate64, by_what_nobody_knows, of_a_later_version, one_array, a_pickle, of_objects]
ODD += [larger_than_memory, deep, no_note, odd_note, empty, no_member]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["per_example.npz", "samples.npz"])
def test_an_odd_archive_is_one_verdict_and_the_others_have_theirs(
    odd, name: str, score: Path, genbench
) -> None:
    path = next(score.parent.rglob(name))
    path.write_bytes(odd(path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        code, found = verdicts(genbench)
    assert code == 3
    assert [*found.values()].count(verification.DIFFERS) == (1 if name == "per_example.npz" else 2)
    said = genbench("verify", "all").stdout
    assert f"{name} is damaged or was edited" in said


# --- what was forged with checksum and key ---


@pytest.mark.parametrize("name", ["per_example.npz", "samples.npz"])
def test_other_values_in_a_whole_archive_are_told_by_its_checksum(
    name: str, score: Path, genbench
) -> None:
    path = next(score.parent.rglob(name))
    with np.load(path) as kept:
        content = {part: kept[part] for part in kept.files}
    (values,) = content.keys() - {"genbench"}
    content[values] = content[values][::-1]
    np.savez_compressed(path, **content)
    code, found = verdicts(genbench)
    assert (code, [*found.values()].count(verification.DIFFERS)) in ((3, 1), (3, 2))


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((20, 9), np.uint8),
        np.zeros(320, np.uint8),
        np.zeros((20, 16), "U1"),
        np.zeros((0, 16), np.uint8),
        np.full((20, 16), np.nan, np.float32),
        np.zeros((20, 16), np.complex64),
    ],
    ids=["narrow", "flat", "text", "none", "no numbers", "complex"],
)
@pytest.mark.parametrize("metric", ["parzen", "nearness"])
def test_forged_samples_that_no_metric_takes_are_a_verdict(
    rows: np.ndarray, metric: str, once: Path, tmp_path: Path, genbench
) -> None:
    runs = planned(seeds=[0, 1], metrics=[metric])
    if not (once / metric).exists():
        carried_out(runs, once / metric)
    copied(once / metric, tmp_path / "results")
    path = tmp_path / "results" / "runs" / runs[0].sample_folder / "samples.npz"
    files.write_arrays(path, {"samples": rows}, files.read_arrays(path)[1])
    code, found = verdicts(genbench, "--rescore")
    assert code in (1, 3)
    assert [*found.values()].count(verification.HOLDS) == 2


def test_a_table_that_is_locked_as_a_page_of_help_does_not_end_the_check_with_success(
    results: Path, score: Path, genbench
) -> None:
    table = {"arguments": ["--help"], "form": "md", "sha256": "0" * 64, "other_code": []}
    files.write_bytes(results / "tables" / "x.md", b"")
    table["sha256"] = lock.sha256_of(results / "tables" / "x.md")
    kept = {name: lock.sha256_of(results / name) for name in lock.records(results)}
    files.write_json(results / lock.NAME, {"files": kept, "tables": {"tables/x.md": table}})
    rewritten(score / "result.json", value=1e6)
    assert genbench("verify", "all").returncode == 3
    assert genbench("lock", "--check").returncode == 2
    assert genbench("lock", "--table", "y=--help").returncode == 2


def test_a_check_writes_nothing(results: Path, genbench) -> None:
    before = bytes_of(results)
    for how in ((), ("--rescore",)):
        genbench("verify", "all", *how)
    assert bytes_of(results) == before


# --- no file at all ---

FOLDERS = ["result.json", "run.json", "per_example.npz", "samples.npz", "events.jsonl"]
FOLDERS += ["weights.safetensors", "provenance.json"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_in_the_place_of_a_file_is_a_verdict_and_the_others_have_theirs(
    name: str, score: Path, genbench
) -> None:
    path = next(score.parent.parent.rglob(name))
    path.unlink()
    path.mkdir()
    code, found = verdicts(genbench)
    assert code in (1, 3)
    assert 0 < [*found.values()].count(verification.HOLDS) < 4


@pytest.mark.parametrize("command", [("table", "--robustness"), ("compare", "drift", "walk")])
@pytest.mark.parametrize("odd", [encrypted, deep])
def test_a_command_that_reads_a_damaged_archive_ends_in_one_sentence(
    odd, command: tuple[str, ...], tmp_path: Path, genbench
) -> None:
    asked = ("--models", "drift,walk", "--dataset", "ring", "--samples", "20")
    genbench("run", *asked, "--no-references")
    for path in (tmp_path / "results").rglob("per_example.npz"):
        path.write_bytes(odd(path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        ended = genbench(*command, "-d", "ring")
    assert ended.returncode == 3
    assert ended.stderr.startswith("Error: ")
    assert "per_example.npz is damaged or was edited" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_archive_is_refused_as_samples_too_or_holds_the_same_array(
    odd, tmp_path: Path
) -> None:
    path = tmp_path / "samples.npz"
    np.savez_compressed(path, samples=np.arange(6.0).reshape(2, 3))
    path.write_bytes(odd(path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        with suppress(DataError):
            opened = arrays.open_array(path)
            with arrays.readable(path):
                list(opened.blocks())
