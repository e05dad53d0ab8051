"""The gate: a planted slowdown is caught, nothing else is; what was not measured never passes."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import gate
from gate import FAILED, NEW, RAISED, SKIPPED, Benchmark, Outcome
from gate_rule import ALPHA, FASTER, SLOWER, Verdict, holm, judge, rounds_needed

BENCHMARKS = Path(gate.__file__).parent
NOISE = np.random.default_rng(0)


def seconds(scale: float, rounds: int = 8) -> list[float]:
    """Seconds of so many processes, within some percent of `scale`."""
    return list(scale * np.exp(0.03 * NOISE.standard_normal(rounds)))


# --- the rule ---


@pytest.mark.parametrize(
    ("ratio", "word"), [(1.5, SLOWER), (1.0, ""), (0.5, FASTER), (1.1, ""), (0.95, "")]
)
def test_what_is_slower_beyond_the_factor_is_slower(ratio: float, word: str) -> None:
    found = judge({"a": (seconds(1.0), seconds(ratio))}, factor=1.2)["a"]
    assert found.word == word
    assert found.ratio == pytest.approx(ratio, rel=0.05)


def test_a_large_ratio_that_is_not_significant_is_not_slower() -> None:
    base, head = [1, 9, 1, 9, 1, 9, 1, 1], [9, 1, 9, 1, 9, 1, 9, 9]
    found = judge({"a": (base, head)}, factor=1.2)["a"]
    assert (found.ratio, found.word) == (9, "")
    assert found.p > ALPHA


def test_p_is_the_share_of_orders_in_which_head_is_as_late() -> None:
    found = judge({"a": ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])}, factor=1.2)["a"]
    assert found.p == pytest.approx(1 / 252)  # one order of 10 over 5


def test_base_and_head_exchanged_exchange_slower_and_faster() -> None:
    pair = seconds(1.0), seconds(2.0)
    there, back = (judge({"a": one}, 1.2)["a"] for one in (pair, pair[::-1]))
    assert (there.word, back.word) == (SLOWER, FASTER)
    assert there.p == back.p
    assert there.ratio == pytest.approx(1 / back.ratio)


def test_without_a_change_one_run_in_a_hundred_at_most_ends_with_a_slower() -> None:
    runs = [
        judge({str(i): (seconds(1.0, 6), seconds(1.0, 6)) for i in range(4)}, factor=1.0)
        for _ in range(1500)
    ]
    share = np.mean([any(one.word == SLOWER for one in run.values()) for run in runs])
    assert share <= ALPHA + 3 * (ALPHA / 1500) ** 0.5


def test_holm_is_that_of_the_textbook() -> None:
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("k", [1, 2, 30, 500])
def test_so_many_rounds_are_needed_and_enough(k: int) -> None:
    def smallest(rounds: int) -> float:
        halves = list(range(rounds)), list(range(rounds, 2 * rounds))
        one = {str(i): halves for i in range(k)}
        return max(verdict.p for verdict in judge(one, 1.0).values())

    assert smallest(rounds_needed(k)) < ALPHA <= smallest(rounds_needed(k) - 1)


# --- what a round comes to ---

FINE = Outcome("", 1.0)


@pytest.mark.parametrize(
    ("base", "head", "first", "word"),
    [
        ("", "", True, ""),
        (RAISED, "", True, NEW),
        (SKIPPED, "", True, NEW),
        (RAISED, "", False, FAILED),
        (FAILED, "", True, FAILED),
        ("", RAISED, True, FAILED),
        ("", SKIPPED, True, FAILED),
        ("", FAILED, False, FAILED),
        (RAISED, RAISED, True, FAILED),
        (SKIPPED, SKIPPED, True, SKIPPED),
    ],
)
def test_only_what_a_base_does_not_know_is_new(base, head, first, word) -> None:
    one = Benchmark("a", (), 60)
    outcomes = {"base": Outcome(base, 1.0), "head": Outcome(head, 1.0)}
    one.take(outcomes, is_first=first)
    assert one.word == word


def test_sides_take_turns_and_exchange_who_is_first() -> None:
    turns = []
    both = [Benchmark("a", (), 60), Benchmark("b", ("1",), 60)]

    def run(side: str, one: Benchmark) -> Outcome:
        turns.append(f"{side} {one.name}")
        return FINE

    gate.alternate(both, 2, run, lambda: None)
    assert turns[:4] == ["base a", "head a", "base b(1)", "head b(1)"]
    assert turns[4:] == ["head a", "base a", "head b(1)", "base b(1)"]


def test_a_benchmark_that_failed_is_not_run_again() -> None:
    turns = []
    one = Benchmark("a", (), 60)

    def run(side: str, one: Benchmark) -> Outcome:
        turns.append(side)
        return Outcome(FAILED)

    gate.alternate([one], 5, run, lambda: None)
    assert turns == ["base", "head"]


@pytest.mark.parametrize(
    ("words", "slower", "code"),
    [([""], True, 1), ([""], False, 0), (["", FAILED], True, 4), ([NEW], False, 4), ([], False, 4)],
)
def test_exit_codes(words: list[str], slower: bool, code: int) -> None:
    many = [Benchmark(str(i), (), 60, word=word) for i, word in enumerate(words)]
    verdict = Verdict(1.0, 2.0, 2.0, 0.001, SLOWER if slower else "")
    verdicts = {one.name: verdict for one in many if not one.word}
    assert gate.exit_code(many, verdicts) == code


# --- end to end: a repository with a package and a suite ---

PACKAGE = """
import time
def first(): time.sleep({first})
def second(): time.sleep({second})
def third(): time.sleep({third})
"""
SUITE = """
import tiny
class Suite:
    number = 1
    params = ["second", "third"]
    def time_one(self, name): getattr(tiny, name)()
def time_first(): tiny.first()
def track_nothing(): return 1
"""


def git(repo: Path, *words: str) -> str:
    author = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(repo), *author, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(repo: Path, files: Mapping[str, str]) -> str:
    """Writes the files, and commits them."""
    for name, text in files.items():
        path = repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--allow-empty", "-m", "a change")
    return git(repo, "rev-parse", "HEAD")


def package(first: float = 0.01, second: float = 0.01, third: float = 0.01) -> dict[str, str]:
    return {"tiny.py": PACKAGE.format(first=first, second=second, third=third)}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with one commit."""
    pytest.importorskip("asv_runner")
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, {**package(), "suites/__init__.py": "", "suites/all.py": SUITE})
    return folder


def words_of(repo: Path, *words: str) -> list[str]:
    return ["--repo", str(repo), "--suites", "suites", "--packages", "tiny", *words]


@dataclass
class Ended:
    """How the command ended and what it printed."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def run(repo: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """The command, in this process, on the repository."""

    def call(*words: str) -> Ended:
        capsys.readouterr()
        try:
            code = gate.main(words_of(repo, *words))
        except SystemExit as ended:  # argparse's own
            code = ended.code
        assert len(git(repo, "worktree", "list").splitlines()) == 1, "a worktree is left"
        return Ended(code, *capsys.readouterr())

    return call


def verdict_of(table: str) -> dict[str, str]:
    """The last cell of each row, by the first."""
    rows = [row.strip("|").split("|") for row in table.splitlines() if row.startswith("| `")]
    return {row[0].strip(" `"): row[-1].strip() for row in rows}


def test_a_planted_slowdown_is_caught(repo: Path) -> None:
    commit(repo, package(second=0.03))
    words = words_of(repo, "HEAD~1", "HEAD", "--rounds", "5", "--bench", "first|second")
    line = [sys.executable, str(BENCHMARKS / "gate.py"), *words]
    ended = subprocess.run(line, capture_output=True, text=True)
    assert ended.returncode == 1, ended.stderr
    found = {"all.time_first": "", "all.Suite.time_one('second')": SLOWER}
    assert verdict_of(ended.stdout) == found


def test_a_speed_up_no_change_and_what_is_new_pass(repo: Path, run: Callable[..., Ended]) -> None:
    more = "def fourth(): time.sleep(0.003)\n"
    suite = SUITE + "def time_fourth(): tiny.fourth()\n"
    commit(repo, {"tiny.py": package(third=0.003)["tiny.py"] + more, "suites/all.py": suite})
    ended = run("HEAD~1", "--rounds", "6", "--bench", "first|third|fourth")
    assert ended.code == 0, ended.stderr
    found = {"all.time_first": "", "all.time_fourth": NEW, "all.Suite.time_one('third')": FASTER}
    assert verdict_of(ended.stdout) == found
    assert "has no attribute 'fourth'" in ended.stdout


def test_what_is_new_alone_does_not_pass(repo: Path, run: Callable[..., Ended]) -> None:
    more = "def fourth(): pass\n"
    suite = "import tiny\ndef time_fourth(): tiny.fourth()\n"
    commit(repo, {"tiny.py": more, "suites/all.py": suite})
    ended = run("HEAD~1", "HEAD", "--rounds", "5")
    assert ended.code == 4, ended.stderr
    assert "no benchmark could be compared" in ended.stderr


@pytest.mark.parametrize(
    "broken",
    [
        {"tiny.py": "def first(): raise RuntimeError('broken')"},
        {"tiny.py": "raise ImportError('broken')"},
        {"tiny.py": "import os\ndef first(): os._exit(0)"},
        {"suites/all.py": "def time_first(): return 1 / 0"},
        {"suites/all.py": "this is no Python"},
        {"suites/all.py": "def track_nothing(): return 1"},
        {"suites/all.py": "def setup(): raise NotImplementedError\ndef time_first(): pass"},
    ],
    ids=["raises", "import", "dies", "suite raises", "suite", "no timing", "skipped"],
)
def test_a_broken_benchmark_does_not_pass(
    repo: Path, run: Callable[..., Ended], broken: dict[str, str]
) -> None:
    commit(repo, broken)
    ended = run("HEAD~1", "HEAD", "--rounds", "5", "--bench", "first")
    assert ended.code == 4, ended.stderr


def test_a_package_from_elsewhere_is_not_measured(repo: Path, run: Callable[..., Ended]) -> None:
    commit(repo, {"suites/all.py": "import json\ndef time_first(): pass"})
    ended = run("HEAD~1", "HEAD", "--packages", "json")
    assert ended.code == 4
    assert "not in the worktree" in " ".join(ended.stderr.split())


def test_a_crash_of_the_gate_is_no_slowdown(run: Callable[..., Ended], monkeypatch) -> None:
    def crash(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(gate, "worktrees", crash)
    assert run("HEAD").code == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no_such_commit"], "is no commit"),
        (["HEAD", "HEAD", "--rounds", "2"], "--rounds 6 or more"),
        (["HEAD", "--factor", "0.5"], "must be 1 or more"),
        (["HEAD", "--bench", "("], "no regular expression"),
    ],
)
def test_a_usage_error_says_what_is_wrong(
    run: Callable[..., Ended], words: list[str], said: str
) -> None:
    ended = run(*words)
    assert ended.code == 2
    assert said in " ".join(ended.stderr.split())


def test_an_interrupt_leaves_nothing_behind(repo: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    child = subprocess.Popen(
        [sys.executable, str(BENCHMARKS / "gate.py"), *words_of(repo, "HEAD")],
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 30
    while not list(scratch.glob("gate-*/empty/answer.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=30)
    assert child.returncode == 130, told
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    assert list(scratch.iterdir()) == []
