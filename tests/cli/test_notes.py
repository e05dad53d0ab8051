"""How much stands under a table: eight lines, all that there is, or nothing."""

import pytest

from genbench.cli import executing, model_file
from genbench.datasets._files import default_data_dir
from genbench.errors import UsageError
from genbench.running import clusters


@pytest.fixture
def ran(genbench, monkeypatch):
    monkeypatch.delenv("GENBENCH_NOTES")
    done = genbench("run", "-m", "drift", "-d", "tiny", "--samples", "50")
    assert done.returncode == 0, done.stderr
    return done


def notes(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("- ")]


def test_a_run_and_a_table_have_at_most_eight_lines_the_last_a_signature(ran, genbench) -> None:
    for text in (ran.stdout, genbench("table").stdout):
        assert 3 < len(notes(text)) <= 8
        assert notes(text)[-1].startswith("- signature: parzen|d:tiny")


def test_full_notes_say_more_of_each_row(ran, genbench) -> None:
    full = genbench("table", "--notes", "full").stdout
    assert len(notes(full)) > len(notes(genbench("table").stdout))
    assert "sigma" in full


def test_without_notes_latex_keeps_caption_label_and_signature(ran, genbench) -> None:
    for quiet in (("-q",), ("--notes", "none")):
        text = genbench("table", "--format", "latex", *quiet).stdout
        assert "\\caption[" in text
        assert "\\label{" in text
        assert "Signature: parzen" in text
        assert "\\parbox" not in text


def test_a_word_for_notes_that_is_unknown_is_a_usage_error(genbench) -> None:
    ended = genbench("table", "--notes", "shrt")
    assert ended.returncode == 2
    assert "short" in ended.stderr


# --- what is said of where and how ---


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_folder_below_home_may_be_written_with_a_tilde(
    how: str, genbench, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    where = ("--results-dir=~/kept",) if how == "option" else ()
    env = {} if where else {"GENBENCH_RESULTS_DIR": "~/kept"}
    alone = ("-m", "drift", "-d", "tiny", "--samples", "50", "--no-references", "-q")
    assert genbench("run", *alone, *where, env=env).returncode == 0
    assert (tmp_path / "home" / "kept" / "runs").is_dir()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("data", "import", "mnist", "~/mine"),
        ("features", "import", "inception", "~/mine"),
        ("run", "-m", "gaussian", "-d", "mnist", "--data-dir", "~/mine"),
        ("run", "-m", "gaussian", "-d", "mnist", "--dry-run"),
    ],
)
def test_a_file_of_one_s_own_may_be_written_with_a_tilde(
    command: tuple[str, ...], genbench, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    done = genbench(*command, env={"GENBENCH_DATA": "~/mine"})
    assert str(tmp_path / "home" / "mine") in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "variable", "option"),
    [
        (("run", "-m", "drift", "-d", "tiny"), "GENBENCH_DATA", "--data-dir"),
        (("data", "list"), "GENBENCH_DATA", "--data-dir"),
        (("run", "-m", "drift", "-d", "tiny"), "GENBENCH_RESULTS_DIR", "--results-dir"),
        (("table",), "GENBENCH_RESULTS_DIR", "--results-dir"),
        (("figure", "all"), "", "--out"),
        (("theory",), "", "--out"),
        (("watch",), "", "--tensorboard"),
    ],
)
def test_a_file_where_a_folder_must_be_is_told_as_that(
    command: tuple[str, ...], variable: str, option: str, genbench, tmp_path
) -> None:
    place = tmp_path / "mine"
    place.touch()
    if option == "--tensorboard":
        genbench("run", "-m", "drift", "-d", "tiny", "--samples", "50", "--no-references", "-q")
    ways = [genbench(*command, option, str(place))]
    ways += [genbench(*command, env={variable: str(place)})] if variable else []
    for ended in ways:
        assert ended.returncode == 2
        assert ended.stderr.startswith(f"Error: {option} needs a folder, and '{place}' is a file")
    assert not variable or variable in ways[1].stderr


@pytest.mark.parametrize("option", ["--data-dir", "--results-dir"])
def test_a_folder_that_is_not_there_yet_is_no_fault(option: str, genbench, tmp_path) -> None:
    alone = ("-m", "drift", "-d", "tiny", "--samples", "50", "--no-references", "-q")
    assert genbench("run", *alone, option, str(tmp_path / "new")).returncode == 0


def test_the_library_reads_the_variable_as_the_commands_do(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GENBENCH_DATA", "~/mine")
    assert default_data_dir() == tmp_path / "mine"


def test_files_of_a_scheduler_may_be_written_with_a_tilde(monkeypatch) -> None:
    monkeypatch.setattr(clusters, "packages", lambda: None)  # Dask need not be there
    monkeypatch.setenv("HOME", "/me")
    asked = executing.engine("dask", "~/s.json", None, "~/ca.pem, ~/own.pem,/own.key")
    assert asked is not None
    assert asked.scheduler == "/me/s.json"
    assert asked.tls == ("/me/ca.pem", "/me/own.pem", "/own.key")


def test_a_file_with_a_model_may_be_written_with_a_tilde(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my-model.py").touch()
    with pytest.raises(UsageError, match=r"my-model\.py cannot be imported by its name"):
        model_file.registered("~/my-model.py")


def test_a_preset_that_a_recipe_has_not_is_said_to_run_in_full(genbench) -> None:
    asked = ("run", "-m", "gan", "-d", "mnist5k", "--no-references", "--dry-run")
    text = "gan on mnist5k: no preset 'quick', so the full recipe runs"
    assert text in genbench(*asked, "--preset", "quick").stderr
    assert "full recipe" not in genbench(*asked, "--preset", "smoke").stderr
