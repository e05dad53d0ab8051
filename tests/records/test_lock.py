"""`genbench lock`: nothing that was locked changes unnoticed."""

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path, PurePosixPath

import pytest
from stores import rewritten

from genbench.cli import lock as command
from genbench.cli.table import parsed
from genbench.errors import AlteredError, UsageError
from genbench.records import files, lock
from genbench.records.store import Store
from genbench.tables import chosen
from genbench.tables import locked as tables_locked

ROOT = Path(__file__).parents[2]
COMMITTED = Path(__file__).parents[1] / "fixtures" / "verify"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def locked(once: Path, tmp_path: Path, genbench) -> Path:
    """A folder of two results, locked with its tables, which the command finds by default."""
    folder = tmp_path / "results"
    if not (once / "results").exists():
        shutil.copytree(COMMITTED, folder)
        (folder / lock.NAME).unlink()
        done = genbench("lock")
        assert done.returncode == 0, done.stderr
        shutil.copytree(folder, once / "results")
        return folder
    return Path(shutil.copytree(once / "results", folder))


def known(folder: Path) -> lock.Lock:
    found = lock.read(folder)
    assert found is not None
    return found


def check(genbench) -> tuple[int, str]:
    done = genbench("lock", "--check")
    return done.returncode, done.stdout + done.stderr


def test_what_was_just_locked_holds(locked: Path, genbench) -> None:
    n = len(known(locked).files)
    assert check(genbench) == (0, f"{n} files locked, 0 otherwise; 5 of 5 tables hold\n")


def test_the_lock_lists_every_record_and_table_sorted_and_relative(locked: Path) -> None:
    found = json.loads((locked / lock.NAME).read_text())
    names = {p.relative_to(locked).as_posix() for p in locked.rglob("*") if p.is_file()}
    assert {*found["files"], *found["tables"]} == names - {lock.NAME}
    for part in ("files", "tables"):
        assert list(found[part]) == sorted(found[part])
        assert not any(PurePosixPath(path).is_absolute() for path in found[part])


def test_a_rendered_table_is_what_the_command_prints(locked: Path, genbench) -> None:
    forms = {"md": "md", "latex": "tex", "csv": "csv", "html": "html", "json": "json"}
    for form, suffix in forms.items():
        printed = genbench("table", "-d", "mnist5k", "--format", form).stdout
        assert (locked / "tables" / f"mnist5k.{suffix}").read_text() == printed


def test_locking_again_changes_no_byte(locked: Path, genbench) -> None:
    before = (locked / lock.NAME).read_bytes()
    said = genbench("lock").stdout
    assert (locked / lock.NAME).read_bytes() == before
    assert f": {len(known(locked).files)} files of records, 1 tables in 5 formats" in said


@pytest.mark.parametrize(
    "name", ["result.json", "samples.npz", "weights.safetensors", "events.jsonl", "mnist5k.csv"]
)
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_a_locked_file_that_changed_or_is_gone_is_named(name: str, how: str, locked: Path) -> None:
    path = next(locked.rglob(name))
    if how == "changed":
        path.write_bytes(b" " + path.read_bytes())
    else:
        path.unlink()
    inside = path.relative_to(locked).as_posix()
    assert lock.changes(locked, known(locked)) == [lock.Change(inside, how)]


@pytest.mark.parametrize(("name", "said"), [("result.json", "damaged"), ("mnist5k.csv", "changed")])
def test_a_check_of_what_was_changed_ends_with_code_3(
    name: str, said: str, locked: Path, genbench
) -> None:
    path = next(locked.rglob(name))
    path.write_text(path.read_text().replace("5", "6", 1))
    code, text = check(genbench)
    assert code == 3
    assert said in text


def test_a_record_that_is_not_locked_is_named(locked: Path, genbench) -> None:
    path = next(locked.rglob("result.json"))
    record = known(locked)
    gone = {name: sha for name, sha in record.files.items() if not name.endswith(path.name)}
    files.write_json(locked / lock.NAME, asdict(lock.Lock(gone, record.tables)))
    code, said = check(genbench)
    assert code == 1
    assert f"{path.relative_to(locked).as_posix()} is not in the lock" in said
    assert genbench("verify", "all").returncode == 1


def test_records_that_git_ignores_are_not_locked(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(COMMITTED, tmp_path / "results"))
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    everything = lock.records(folder)
    (tmp_path / ".gitignore").write_text("*.npz\n*.safetensors\n")
    kept = lock.records(folder)
    assert {*everything} > {*kept}
    assert {path.rpartition(".")[2] for path in kept} == {"json", "jsonl"}
    written = lock.write(folder, {})
    for path in folder.rglob("*.npz"):  # as in a clone
        path.unlink()
    assert lock.changes(folder, written) == []


def test_judgements_are_locked_and_their_single_sets_are_not(tmp_path: Path) -> None:
    for name in ("judgement/plane-60.json", "judgement/sets/plane-60/000.0.json"):
        files.write_json(tmp_path / name, {})
    assert lock.records(tmp_path) == ["judgement/plane-60.json"]


def test_a_lock_that_was_edited_is_refused(locked: Path, genbench) -> None:
    path = locked / lock.NAME
    path.write_text(path.read_text().replace("mnist5k.md", "mnist5k.MD"))
    code, said = check(genbench)
    assert code == 3
    assert "lock.json is damaged or was edited" in said


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname"])
def test_a_lock_names_nothing_outside_its_folder(path: str, tmp_path: Path) -> None:
    table = {"arguments": [], "form": "md", "sha256": "0" * 64, "other_code": []}
    for kept in ({"files": {path: "0" * 64}, "tables": {}}, {"files": {}, "tables": {path: table}}):
        files.write_json(tmp_path / lock.NAME, kept)
        with pytest.raises(AlteredError, match="outside the folder"):
            lock.read(tmp_path)


def test_records_that_git_ignores_altogether_cannot_be_locked(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("results/runs/\n")
    files.write_json(tmp_path / "results" / "runs" / "a" / "result.json", {})
    with pytest.raises(UsageError, match="git ignores every record"):
        lock.write(tmp_path / "results", {})


# --- tables ---


def test_tables_are_locked_by_the_arguments_they_were_made_with(locked: Path, genbench) -> None:
    done = genbench("lock", "--table", "gan=-m gan --quiet", "--table", "speed=--columns ll,fit")
    assert done.returncode == 0, done.stderr
    assert (locked / "tables" / "gan.md").read_text().count("kmeans") == 0
    assert "training" in (locked / "tables" / "speed.md").read_text()
    assert list(known(locked).tables["tables/gan.md"].arguments) == ["-m", "gan", "--quiet"]
    assert check(genbench)[0] == 0
    genbench("lock")
    assert len(known(locked).tables) == 15  # those of before too
    genbench("lock", "--drop", "speed")
    assert len(known(locked).tables) == 10
    assert not (locked / "tables" / "speed.md").exists()


@pytest.mark.parametrize(
    "text",
    [
        *("nothing", "../up=-d mnist5k", "=-d mnist5k", "a b=", "x=--no-such-option"),
        *("x=-d moon", "x=--help", "x=mnist5k"),
    ],
)
def test_a_table_that_cannot_be_made_is_refused_and_nothing_is_written(
    text: str, locked: Path, genbench
) -> None:
    before = {path: path.read_bytes() for path in locked.rglob("*") if path.is_file()}
    done = genbench("lock", "--table", text)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert {path: path.read_bytes() for path in locked.rglob("*") if path.is_file()} == before


def test_a_format_and_a_folder_among_the_arguments_are_those_of_the_lock(
    locked: Path, genbench
) -> None:
    arguments = "x=-m gan --format csv --results-dir elsewhere"
    done = genbench("lock", "--table", arguments)
    assert done.returncode == 0, done.stderr
    assert (locked / "tables" / "x.md").read_text().startswith("| model")
    assert check(genbench)[0] == 0


def test_the_environment_changes_no_rendered_table(locked: Path, genbench) -> None:
    done = genbench("lock", "--check", env={"GENBENCH_MODELS": "gan", "GENBENCH_QUIET": "1"})
    assert done.returncode == 0, done.stdout


def test_other_installed_code_is_said_and_is_no_alteration(
    locked: Path, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = genbench("lock", "--check").stdout
    monkeypatch.setattr(chosen, "is_current", lambda result: result.model != "gan")
    code, said = check(genbench)
    assert (code, said != now) == (1, True)
    assert "which of its rows are by the installed code has changed" in said


def test_names_and_arguments_are_split_as_a_shell_does() -> None:
    assert lock.named(["a-b=-d mnist -m 'gan, dbn'"]) == {"a-b": ["-d", "mnist", "-m", "gan, dbn"]}
    with pytest.raises(UsageError):
        lock.named(["a='unbalanced"])


def test_a_folder_without_a_lock_is_said_so(genbench, tmp_path: Path) -> None:
    assert lock.read(tmp_path) is None
    done = genbench("lock", "--check")
    assert done.returncode == 2
    assert "`genbench lock` writes it" in done.stderr


# --- the results of this repository ---


def test_the_results_of_this_repository_are_as_locked(capsys: pytest.CaptureFixture) -> None:
    results = ROOT / "results"
    found = lock.read(results)
    assert found is not None
    code = command.print_check(results, found)
    said = capsys.readouterr().out
    assert code != 3, said
    assert "is not in the lock" not in said, said


def test_the_committed_lock_reads_as_it_was_written() -> None:
    record = files.read_json(COMMITTED / lock.NAME)
    assert known(COMMITTED).files == record["files"]


# --- while others write ---


def test_a_log_that_has_grown_since_is_as_locked_and_one_that_was_cut_is_not(locked: Path) -> None:
    path = next(locked.rglob("events.jsonl"))
    name, content = path.relative_to(locked).as_posix(), path.read_bytes()
    path.write_bytes(content + b'{"stage": "score"}\n')
    assert not lock.changes(locked, known(locked))
    path.write_bytes(content[: content[:-1].rfind(b"\n") + 1])
    assert lock.changes(locked, known(locked)) == [lock.Change(name, "changed")]
    path.write_bytes(b" " + content)
    assert lock.changes(locked, known(locked)) == [lock.Change(name, "changed")]


def test_another_metric_of_a_locked_training_leaves_what_was_locked_as_it_is(
    tmp_path: Path, genbench
) -> None:
    words = ("run", "-m", "drift", "-d", "tiny", "--samples", "20", "--no-references", "-q")
    assert genbench(*words, "--metrics", "parzen").returncode == 0
    assert genbench("lock").returncode == 0
    assert genbench(*words, "--metrics", "parzen,nearness").returncode == 0
    assert {
        change.how for change in lock.changes(tmp_path / "results", known(tmp_path / "results"))
    } == {"new"}
    verified = json.loads(genbench("verify", "all", "--json").stdout)
    assert {one["status"] for one in verified["runs"]} == {"holds"}


@pytest.mark.parametrize("torn", [b"", b'{"stage"'], ids=["whole", "torn"])
def test_a_log_is_locked_by_its_whole_lines(torn: bytes, locked: Path, genbench) -> None:
    path = next(locked.rglob("events.jsonl"))
    content = path.read_bytes()
    path.write_bytes(content + torn)
    assert genbench("lock").returncode == 0
    path.write_bytes(content + b'{"stage": "score"}\n')
    assert not lock.changes(locked, known(locked))


def test_a_question_without_an_answer_is_not_locked(locked: Path, genbench) -> None:
    score = next(locked.rglob("result.json")).parent
    (score / "result.json").unlink()
    assert genbench("lock").returncode == 0
    names = {path for path in known(locked).files if f"/{score.name}/" in path}
    assert not names


def test_records_that_change_while_tables_are_rendered_are_rendered_again(
    locked: Path, monkeypatch: pytest.MonkeyPatch, genbench
) -> None:
    path, turns = next(locked.rglob("result.json")), []
    rendered = tables_locked.rendered

    def while_another_writes(*how) -> tuple:
        found = rendered(*how)
        if not turns:
            turns.append(1)
            rewritten(path, value=files.read_json(path)["value"] + 50)
        return found

    monkeypatch.setattr(tables_locked, "rendered", while_another_writes)
    assert genbench("lock").returncode == 0
    monkeypatch.undo()
    for name, table in known(locked).tables.items():
        assert tables_locked.check(Store(locked), name, table, parsed).holds


def test_a_folder_that_is_written_all_the_time_is_not_locked(
    locked: Path, monkeypatch: pytest.MonkeyPatch, genbench
) -> None:
    path, before = next(locked.rglob("result.json")), (locked / lock.NAME).read_bytes()
    rendered = tables_locked.rendered

    def while_another_writes(*how) -> tuple:
        found = rendered(*how)
        files.write_bytes(path, path.read_bytes())
        return found

    monkeypatch.setattr(tables_locked, "rendered", while_another_writes)
    ended = genbench("lock")
    assert ended.returncode == 1
    assert "when that command has ended" in ended.stderr
    assert (locked / lock.NAME).read_bytes() == before
