"""Whether HEAD is slower than BASE: both measured in turns, on one machine, in one environment.

    python benchmarks/gate.py BASE [HEAD]       (after pip install -e '.[benchmarks]')

Both commits are checked out in worktrees of their own, which are removed afterwards. In each of
`--rounds` rounds every benchmark runs once for BASE and once for HEAD, each time in a new process
of this interpreter that imports the packages from the worktree; who is first alternates. Samples
of one process hang together, so each process counts as one number, the median of its samples.

A benchmark is slower where p < 0.01 and median(head) / median(base) > `--factor`. p is exact, of
the one-sided Mann-Whitney U test, times Holm's correction for the number of benchmarks: without
any change one run in a hundred at most ends with a `slower`, whatever the factor.

Benchmarks are the timings (`time_`, `timeraw_`) of HEAD's suites, for both sides; memory and
values are left to asv. One that works on HEAD alone is `new`, and is not compared. Entry points
are those of the installed version.

exit code  0  no benchmark is slower
           1  a benchmark is slower
           2  wrong usage, such as a commit that is not known
           4  a benchmark of HEAD failed, nothing could be compared, or the gate itself failed
         130  interrupted (143 by SIGTERM)
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from gate_rule import ALPHA, FASTER, SLOWER, Verdict, judge, rounds_needed
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from tabulate import tabulate

HERE = Path(__file__).resolve().parent
BASE, HEAD = SIDES = ("base", "head")
NEW, SKIPPED, FAILED, RAISED = "new", "skipped", "failed", "raised"
SETTINGS = {"repeat": [1, 5, 2.0], "warmup_time": 0.1}  # 1 to 5 samples, no new one after 2 s
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LIMIT = 60.0  # seconds, of a benchmark that names none
GRACE = 120.0  # seconds to start and import, beyond twice the benchmark's own limit
console = Console(stderr=True)


class UsageError(Exception):
    """The command cannot be carried out as it was given."""


class Unmeasured(Exception):
    """What was asked cannot be measured here."""


# --- what is measured ------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What one process came to.

    word: "" where `seconds` were measured, SKIPPED, RAISED where the benchmark did, as it does at
    a base that does not know what it times, or FAILED where the process ended without an answer.
    """

    word: str
    seconds: float = math.nan
    why: str = ""


@dataclass
class Benchmark:
    """One benchmark with one set of parameters, and its seconds so far."""

    function: str
    values: Sequence[str]
    timeout: float
    seconds: dict[str, list[float]] = field(default_factory=lambda: {BASE: [], HEAD: []})
    word: str = ""
    why: str = ""

    @property
    def name(self) -> str:
        return self.function + (f"({', '.join(self.values)})" if self.values else "")

    def take(self, found: Mapping[str, Outcome], is_first: bool) -> None:
        """Adds a round; says why the benchmark cannot be compared, where it cannot."""
        base, head = found[BASE], found[HEAD]
        for side, outcome in found.items():
            self.seconds[side] += [] if outcome.word else [outcome.seconds]
        if base.word == head.word == SKIPPED:
            self.word = SKIPPED
        elif head.word:
            self.word, self.why = FAILED, f"{self.name} failed at head: {head.why or head.word}"
        elif base.word and is_first and base.word != FAILED:
            self.word, self.why = NEW, f"{self.name} is new, at base: {base.why or base.word}"
        elif base.word:
            self.word, self.why = FAILED, f"{self.name} failed at base: {base.why or base.word}"


def alternate(
    benchmarks: Sequence[Benchmark],
    rounds: int,
    run: Callable[[str, Benchmark], Outcome],
    told: Callable[[], None],
) -> None:
    """Round by round, all in turns; base first in even rounds, head in odd ones."""
    for turn in range(rounds):
        for one in benchmarks:
            if not one.word:
                order = SIDES if turn % 2 == 0 else SIDES[::-1]
                one.take({side: run(side, one) for side in order}, is_first=turn == 0)
            told()


@dataclass(frozen=True)
class Place:
    """Worktrees, and how processes are started in them."""

    worktrees: Mapping[str, Path]
    suites: Path
    packages: Sequence[str]
    threads: int
    folder: Path  # an empty one, outside the repository

    def ask(self, side: str, timeout: float, **request: Any) -> tuple[dict[str, Any], str]:
        """The child's answer at one side, and what it printed; raises Unmeasured without one."""
        answer = self.folder / "answer.json"
        answer.unlink(missing_ok=True)
        root = self.worktrees[side]
        request |= {"suites": str(self.suites), "packages": list(self.packages)}
        request |= {"root": str(root), "answer": str(answer)}
        line = [sys.executable, "-P", str(HERE / "gate_child.py"), json.dumps(request)]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        environment |= dict.fromkeys(THREADS, str(self.threads))
        printed, code = _call(line, self.folder, environment, timeout)
        if code != 0 or not answer.exists():
            ended = f"no end within {timeout:.0f} s" if code is None else f"exit status {code}"
            raise Unmeasured(f"{ended}\n{printed}".strip())
        found = json.loads(answer.read_text(encoding="utf-8"))
        if "elsewhere" in found:
            raise Unmeasured(f"{found['elsewhere']} was imported, which is not in the worktree")
        return found, printed

    def benchmarks(self, wanted: re.Pattern[str]) -> list[Benchmark]:
        """The timings of HEAD's suites whose names match."""
        try:
            found, _ = self.ask(HEAD, GRACE, name=None)
        except Unmeasured as error:
            raise Unmeasured(f"the suites of head cannot be listed: {error}") from error
        timings = [
            Benchmark(one["name"], values, 2 * (one.get("timeout") or LIMIT) + GRACE)
            for one in found["benchmarks"]
            for values in product(*one["params"])
            if one["type"] == "time"
        ]
        return [one for one in timings if wanted.search(one.name)]

    def run(self, side: str, one: Benchmark) -> Outcome:
        """One process of one benchmark."""
        wanted = {"name": one.function, "values": list(one.values), "settings": SETTINGS}
        try:
            found, printed = self.ask(side, one.timeout, **wanted)
        except Unmeasured as error:
            return Outcome(FAILED, why=str(error))
        if "error" in found:
            console.print(printed, style="dim", markup=False, highlight=False)
            return Outcome(RAISED, why=found["error"])
        if "skipped" in found:
            return Outcome(SKIPPED)
        return Outcome("", median(found["samples"]))


def _call(
    line: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float
) -> tuple[str, int | None]:
    """What a command printed, and its exit status, None after `timeout`; leaves none behind."""
    child = subprocess.Popen(
        line,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        printed, _ = child.communicate(timeout=timeout)
        return printed[-4000:], child.returncode
    except subprocess.TimeoutExpired:
        return "", None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


# --- git -------------------------------------------------------------------------------------


def git(repo: Path, *words: str) -> str:
    """What git prints; raises Unmeasured with what it complains of."""
    done = subprocess.run(["git", "-C", str(repo), *words], capture_output=True, text=True)
    if done.returncode:
        raise Unmeasured(done.stderr.strip() or f"git {words[0]} failed")
    return done.stdout.strip()


def commit(repo: Path, name: str) -> str:
    """The commit that a name stands for; raises UsageError where there is none."""
    try:
        return git(repo, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    except Unmeasured as error:
        raise UsageError(f"{name!r} is no commit of {repo}: {error}") from error


@contextmanager
def worktrees(repo: Path, commits: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, Path]]]:
    """A temporary folder, and in it a worktree of each commit; nothing of them is left."""
    with TemporaryDirectory(prefix="gate-") as name:
        folder = Path(name).resolve()
        places = {side: folder / side for side in commits}
        try:
            for side, sha in commits.items():
                git(repo, "worktree", "add", "--detach", str(places[side]), sha)
            yield folder, places
        finally:
            for place in places.values():
                subprocess.run(
                    ["git", "-C", str(repo), "worktree", "remove", "--force", str(place)],
                    capture_output=True,
                )


# --- the command -----------------------------------------------------------------------------


def page(
    benchmarks: Sequence[Benchmark], verdicts: Mapping[str, Verdict], options: argparse.Namespace
) -> str:
    """The table in Markdown, and what it means."""
    rows = [_row(one, verdicts.get(one.name)) for one in benchmarks]
    align = ("left", *["right"] * 4, "left")
    table = tabulate(
        rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=align if rows else ()
    )
    words = [verdict.word for verdict in verdicts.values()]
    counts = f"{words.count(SLOWER)} slower, {words.count(FASTER)} faster"
    lines = [
        f"`{options.base}` against `{options.head}`: {len(words)} compared, {counts}. "
        f"Medians of {options.rounds} processes, in seconds; threads: {options.threads}. "
        f"slower: p < {ALPHA} (Mann-Whitney, Holm) and ratio > {options.factor:g}.",
        "",
        table,
        "",
    ]
    return "\n".join(lines + [f"- {_first_line(one.why)}" for one in benchmarks if one.why])


def _row(one: Benchmark, verdict: Verdict | None) -> dict[str, str]:
    if verdict is None:
        base, head = (f"{median(s):.3g}" if (s := one.seconds[side]) else "" for side in SIDES)
        ratio, p, word = "", "", one.word
    else:
        base, head = f"{verdict.base:.3g}", f"{verdict.head:.3g}"
        ratio, p, word = f"{verdict.ratio:.2f}", f"{verdict.p:.2g}", verdict.word
    name = f"`{one.name}`".replace("|", "\\|")
    return {"benchmark": name, BASE: base, HEAD: head, "ratio": ratio, "p": p, "verdict": word}


def _first_line(text: str) -> str:
    return text.splitlines()[0]


def exit_code(benchmarks: Sequence[Benchmark], verdicts: Mapping[str, Verdict]) -> int:
    """4 where a benchmark failed or none was compared; else 1 where one is slower; else 0."""
    if not verdicts or any(one.word == FAILED for one in benchmarks):
        return 4
    return int(any(verdict.word == SLOWER for verdict in verdicts.values()))


def compare(options: argparse.Namespace) -> int:
    """Measures, prints the table, and returns the exit code."""
    commits = {side: commit(options.repo, getattr(options, side)) for side in SIDES}
    with worktrees(options.repo, commits) as (folder, places):
        empty, suites = folder / "empty", places[HEAD] / options.suites
        empty.mkdir()
        place = Place(places, suites, options.packages, options.threads, empty)
        benchmarks = place.benchmarks(options.bench)
        needed = rounds_needed(max(1, len(benchmarks)))
        if options.rounds < needed:
            raise UsageError(
                f"{options.rounds} rounds cannot show anything of {len(benchmarks)} benchmarks at "
                f"p < {ALPHA}: --rounds {needed} or more can, and so can a narrower --bench"
            )
        columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("measuring", total=options.rounds * len(benchmarks))
            alternate(benchmarks, options.rounds, place.run, lambda: bar.advance(task))
    compared = [one for one in benchmarks if not one.word]
    seconds = {one.name: (one.seconds[BASE], one.seconds[HEAD]) for one in compared}
    verdicts = judge(seconds, options.factor)
    print(page(benchmarks, verdicts, options))
    for one in benchmarks:
        if one.word == FAILED:
            console.print(one.why, style="red", markup=False, highlight=False)
    if not verdicts:
        console.print("no benchmark could be compared", style="red")
    return exit_code(benchmarks, verdicts)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:  python benchmarks/gate.py main HEAD --bench estimator --factor 1.1",
    )
    parser.add_argument("base", metavar="BASE", help="a commit, branch or tag")
    parser.add_argument("head", metavar="HEAD", nargs="?", default="HEAD", help="default: HEAD")
    parser.add_argument("--factor", type=_factor, default=1.15, help="default: 1.15")
    parser.add_argument("--rounds", type=_count, default=8, help="default: 8")
    parser.add_argument(
        "--bench", type=_regex, default="", metavar="REGEX", help="only names in which it is found"
    )
    parser.add_argument("--threads", type=_count, default=1, help="of each process; default: 1")
    parser.add_argument("--repo", type=Path, default=HERE.parent, help="default: this one")
    parser.add_argument(
        "--suites",
        default="benchmarks/suites",
        help="a folder of the repository; default: %(default)s",
    )
    parser.add_argument(
        "--packages",
        type=lambda text: text.split(","),
        default="genbench,baselines",
        help="what must come from the worktrees; default: %(default)s",
    )
    return parser.parse_args(arguments)


def _factor(text: str) -> float:
    factor = float(text)
    if not 1 <= factor < math.inf:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {text}")
    return factor


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return count


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return compare(options)
    except UsageError as error:
        console.print(f"Error: {error}", style="red", markup=False, highlight=False)
        return 2
    except Unmeasured as error:
        console.print(f"Not measured: {error}", style="red", markup=False, highlight=False)
        return 4
    except KeyboardInterrupt:
        console.print("Interrupted.", style="red")
        return 130
    except Exception:  # 1 would say that a benchmark is slower
        console.print_exception()
        return 4
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
