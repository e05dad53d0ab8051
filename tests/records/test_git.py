"""What lies in a stranger's clone is read, and nothing in it is run."""

import ast
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from genbench.records import git as module
from genbench.records import lock
from genbench.records.git import git

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "tests" / "fixtures" / "verify"
LISTING = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
NO_BARE = "this git looks at no bare repository that it was not given"


def run_git(*arguments: str | Path) -> str:
    """What a plain git prints."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *map(str, arguments)], capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """The file that is there once a command of the stranger's was run."""
    return tmp_path / "was-run"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The folder of results in a checkout of somebody's, with its lock."""
    top = tmp_path / "theirs"
    run_git("init", "-q", top)
    return Path(shutil.copytree(COMMITTED, top / "results"))


# --- what a stranger can plant ---


def settings(mark: Path, worktree: str) -> str:
    """The settings of a repository that has a command run whenever its files are listed."""
    command = f"touch {mark}; false"
    core = f"[core]\n repositoryformatversion = 0\n bare = false\n worktree = {worktree}\n"
    return f'{core} fsmonitor = "{command}"\n'


def bare(folder: Path, mark: Path, worktree: str = "..") -> None:
    """A bare repository, of files that any commit can hold."""
    for name in ("objects", "refs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "keep").write_text("")
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "config").write_text(settings(mark, worktree))


def in_results(results: Path, mark: Path) -> Path:
    bare(results, mark)
    return results


def in_runs(results: Path, mark: Path) -> Path:
    bare(results / "runs", mark, "../..")
    return results / "runs"


def embedded(results: Path, mark: Path) -> Path:
    """A `.git` folder, as only an archive can bring it."""
    run_git("init", "-q", results)
    (results / ".git" / "config").write_text(settings(mark, ".."))
    return results


def pointed_to(results: Path, mark: Path) -> Path:
    """A `.git` file that points to a repository elsewhere."""
    bare(results / "elsewhere", mark)
    (results / ".git").write_text("gitdir: elsewhere\n")
    return results


Plant = Callable[[Path, Path], Path]
COMMITTABLE = (in_results, in_runs)
PLANTED = (*COMMITTABLE, embedded, pointed_to)


# --- what it comes to ---


@pytest.mark.parametrize("plant", PLANTED)
def test_a_plain_git_runs_what_was_planted(plant: Plant, results: Path, mark: Path) -> None:
    """The negative control of the tests below: the command is really one that git runs."""
    folder = plant(results, mark)
    run_git("-C", folder, *LISTING)
    if not mark.exists() and plant in COMMITTABLE:
        pytest.skip(NO_BARE)
    assert mark.exists()


@pytest.mark.parametrize("plant", PLANTED)
@pytest.mark.parametrize("place", ["", "runs", "runs/mnist5k/gan"])
def test_asking_git_runs_nothing_that_was_planted(
    plant: Plant, place: str, results: Path, mark: Path
) -> None:
    plant(results, mark)
    git(results / place, *LISTING)
    git(results / place, "status", "--porcelain")
    git(results / place, "rev-parse", "HEAD")
    assert not mark.exists()


@pytest.mark.parametrize("plant", PLANTED)
@pytest.mark.parametrize(
    "command", [("verify", "all"), ("lock",), ("lock", "--check"), ("table",), ("list", "runs")]
)
def test_no_command_runs_what_was_planted(
    command: tuple[str, ...], plant: Plant, results: Path, mark: Path, genbench
) -> None:
    plant(results, mark)
    ended = genbench(*command, "--results-dir", str(results))
    assert "Traceback" not in ended.stderr
    assert ended.stdout, ended.stderr
    assert not mark.exists()


@pytest.mark.parametrize("plant", COMMITTABLE)
def test_what_was_committed_survives_a_clone_and_is_not_run_there(
    plant: Plant, results: Path, mark: Path, tmp_path: Path, genbench
) -> None:
    folder, theirs = plant(results, mark), results.parent
    run_git("-C", theirs, "add", "-A")
    run_git("-C", theirs, "commit", "-q", "-m", "results")
    clone = tmp_path / "clone"
    run_git("clone", "-q", theirs, clone)
    mark.unlink(missing_ok=True)
    for command in (("verify", "all"), ("lock", "--check"), ("lock",)):
        ended = genbench(*command, "--results-dir", str(clone / "results"))
        assert (ended.returncode, mark.exists()) == (0, False), ended.stdout + ended.stderr
    run_git("-C", clone / folder.relative_to(theirs), *LISTING)
    if not mark.exists():
        pytest.skip(NO_BARE)


def test_a_folder_in_no_checkout_is_asked_nothing_of_git(tmp_path: Path, mark: Path) -> None:
    bare(tmp_path / "results", mark)
    assert git(tmp_path / "results", *LISTING) is None
    assert not mark.exists()


def test_no_hook_of_a_checkout_is_run(results: Path, mark: Path) -> None:
    hook = results.parent / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    assert git(results, "add", "lock.json") is not None
    assert not mark.exists()
    run_git("-C", results, "add", "runs")
    assert mark.exists()  # the negative control


def promising(results: Path, mark: Path) -> None:
    """A checkout that lacks a file and says that a command will bring it, which it allows."""
    run_git("init", "-q", results)
    with (results / ".git" / "config").open("a") as config:
        config.write(
            "[core]\n repositoryformatversion = 1\n[extensions]\n partialClone = origin\n"
            f'[remote "origin"]\n url = ext::sh -c "touch% {mark}"\n promisor = true\n'
            '[protocol "ext"]\n allow = always\n'
        )
    lacking = f"100644,{'1' * 40},.gitignore"
    run_git("-C", results, "update-index", "--add", "--cacheinfo", lacking)
    run_git("-C", results, "update-index", "--skip-worktree", ".gitignore")
    mark.unlink(missing_ok=True)


@pytest.mark.parametrize("version", ["installed", "older"])
def test_what_a_checkout_lacks_is_not_fetched(
    version: str, results: Path, mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promising(results, mark)
    if version == "older":  # one that does not know the variable that turns this off
        real, folder = shutil.which("git"), tmp_path / "older"
        folder.mkdir()
        (folder / "git").write_text(f'#!/bin/sh\nunset GIT_NO_LAZY_FETCH\nexec {real} "$@"\n')
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
    git(results, *LISTING)
    assert not mark.exists()
    run_git("-C", results, *LISTING)
    if not mark.exists():
        pytest.skip("this git fetches nothing by itself")


def ignoring(results: Path) -> list[str]:
    """The records that are locked of a checkout that keeps one of the arrays that it ignores."""
    (results.parent / ".gitignore").write_text("*.npz\n*.safetensors\n")
    run_git("-C", results.parent, "add", "-f", next(results.rglob("samples.npz")))
    found = lock.records(results)
    assert sum(path.endswith("npz") for path in found) == 1
    return found


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"])
def test_the_caller_s_variables_for_git_are_left_out(
    name: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ignoring(results)
    monkeypatch.setenv(name, "/nowhere")
    assert lock.records(results) == before


@pytest.mark.parametrize("plant", COMMITTABLE)
def test_a_planted_repository_does_not_change_which_records_are_locked(
    plant: Plant, results: Path, mark: Path
) -> None:
    before = ignoring(results)
    plant(results, mark)
    assert lock.records(results) == before


def test_git_that_cannot_be_asked_is_as_if_there_were_none(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git(results, "no-such-command") is None
    every = lock.records(results)
    monkeypatch.setenv("PATH", "/nowhere")
    assert git(results, *LISTING) is None
    assert lock.records(results) == every


# --- the only place ---


def starts_git(source: str) -> bool:
    """Whether a file holds the word that a list of arguments would begin with, or a shell's line.

    A sentence for people that begins with it is no argument of something that starts a program.
    """
    tree = ast.parse(source)
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    words = {text for text in texts if isinstance(text, str)}
    starters = {
        "system",
        "popen",
        "run",
        "Popen",
        "call",
        "check_output",
        "check_call",
        "getoutput",
    }
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    shells = [n for n in calls if getattr(n.func, "attr", getattr(n.func, "id", "")) in starters]
    lines = {n.value for call in shells for n in ast.walk(call) if isinstance(n, ast.Constant)}
    return "git" in words or any(str(line).startswith("git ") for line in lines)


def test_git_is_started_in_one_place_only() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("genbench", "baselines")
        for path in (ROOT / folder).rglob("*.py")
        if starts_git(path.read_text())
    }
    assert found == {Path(module.__file__).relative_to(ROOT).as_posix()}


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['git', 'status'])",
        "subprocess.run('git status', shell=True)",
        "os.system('git -C x status')",
        "command = ['git', *words]",
        "found = shutil.which('git')",
    ],
)
def test_another_place_that_starts_git_would_be_seen(line: str) -> None:
    assert starts_git(line)
    assert not starts_git("raise UsageError('git ignores every record')")
