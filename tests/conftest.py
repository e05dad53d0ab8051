"""A stranger's package, installed for the tests as pip would: a folder and its dist-info."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# read when torch is imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # as many workers as cores: threads would only wait
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
import warm
from plugin import Plugin, fresh, unload

from genbench import cli
from genbench.running import executors
from genbench.worlds import kept

os.fsync = lambda _: None  # nobody cuts the power of a test
collect_ignore = ["stranger"]  # installed by a fixture, not collected

BROKEN = {
    "wrong_range": "WrongRange",
    "not_a_number": "NotANumber",
    "too_many": "TooMany",
    "non_deterministic": "NonDeterministic",
    "not_resumable": "NotResumable",
    "changes_its_input": "ChangesItsInput",
    "hard_coded_d": "HardCodedD",
    "ignores_its_data": "IgnoresItsData",
    "wrong_shape": "WrongShape",
    "diverges": "Diverges",
    "raises": "Raises",
    "dies": "Dies",
}
MISBEHAVING = {
    "exits": "Exits",
    "interrupts": "Interrupts",
    "raises_its_own": "RaisesItsOwn",
    "unsayable": "Unsayable",
    "says_nothing": "SaysNothing",
    "leaves_things": "LeavesThings",
    "dies_and_leaves_things": "DiesAndLeavesThings",
    "lasts": "Lasts",
    "prints": "Prints",
}

# files that take long by a few tests; those of tests/chaos and tests/fuzz fork, and so come before
# test_clusters, which leaves threads
LONGEST = """
    test_front test_chaos test_keys test_statistics_coverage test_clusters_killed test_changes
    test_figures test_peers test_asv_suites test_c2st test_frechet test_copying test_examples
    test_worlds_data test_abilities test_inception test_executors test_changed_stores test_judge
    test_datasets_real test_datasets_mnist_binary test_orders test_c2st_nn test_holes test_verify
    test_beside test_faulty_machines test_fuzz
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files begin first: else one process works on the last of them and the others wait."""
    place = {name: i for i, name in enumerate(LONGEST.split())}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def install(site: Path, name: str, **entries: dict[str, str]) -> None:
    """Registers entry points, by group, of a distribution `name` in the folder `site`."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, found in entries.items():
        lines += [f"[genbench.{group}]", *(f"{name} = {value}" for name, value in found.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to put on the path, with the stranger's package in it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(Path(__file__).parent / "stranger", folder / "stranger")
    models = {name: f"stranger.broken:{cls}" for name, cls in BROKEN.items()}
    models |= {name: f"stranger.misbehaving:{cls}" for name, cls in MISBEHAVING.items()}
    models |= {"drift": "stranger.drift:Drift", "walk": "stranger.walk:Walk"}
    models["unimportable"] = "stranger.unimportable:Model"
    models["exits_at_import"] = "stranger.exits_at_import:Model"
    metrics = {"nearness": "stranger.nearness:Nearness"}
    datasets = {"tiny": "stranger.tiny:Tiny", "faulty": "stranger.faulty:Faulty"}
    install(folder, "stranger", models=models, datasets=datasets, metrics=metrics)
    return folder


@pytest.fixture
def strangers(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the stranger's package importable here and in spawned workers."""
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    return site


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Plugin]]:
    """A new plug-in: `plugged({"toy.py": ...}, "toy:Toy")` registers the model toy."""
    tops: set[str] = set()

    def new(
        files: dict[str, str | bytes],
        value: str = "toy:Toy",
        *,
        site: str = "site",
        recorded: bool = False,
        name: str = "toyplug",
        **kinds: dict[str, str],
    ) -> Plugin:
        folder = tmp_path / site
        made = Plugin(folder, name, recorded=recorded)
        made.write(files)
        tops.update(Path(name).parts[0].removesuffix(".py") for name in files)
        for kind, entries in (kinds or {"model": {"toy": value}}).items():
            for called, where in entries.items():
                made.register(kind, called, where)
        monkeypatch.syspath_prepend(str(folder))
        fresh()
        return made

    yield new
    unload(*tops)  # else a later plug-in of such names is not found


@dataclass
class Ended:
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(autouse=True, scope="session")
def worlds_of_this_session(tmp_path_factory: pytest.TempPathFactory):
    """Keeps what tests compute of worlds out of the user's cache."""
    folder: Path = tmp_path_factory.mktemp("worlds")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept, "folder", lambda: folder)
        yield folder


NOTES = {"GENBENCH_NOTES": "full"}  # what most tests of commands look at


def by_one_metric(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """`run` and `score` by Parzen alone, where no metric is named: enough for most claims."""
    named = "--metrics" in arguments or "GENBENCH_METRICS" in os.environ
    if arguments[:1] in (("run",), ("score",)) and not named:
        return (arguments[0], "--metrics", "parzen", *arguments[1:])
    return arguments


@pytest.fixture
def genbench(strangers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """The command, in this process and in a fresh folder: `genbench("run", ..., env={...})`."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    # without the cost of new processes
    monkeypatch.setitem(executors.KINDS, "spawned", executors.KINDS["serial"])
    for name in [name for name in os.environ if name.startswith("GENBENCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GENBENCH_NOTES", "full")

    def call(*arguments: str, env: dict[str, str] | None = None) -> Ended:
        capsys.readouterr()
        with monkeypatch.context() as patched:
            for name, value in (env or {}).items():
                patched.setenv(name, value)
            patched.setattr(sys, "argv", ["genbench", *by_one_metric(arguments)])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, *capsys.readouterr())

    yield call
    torch.set_num_threads(threads)


def of_its_own(site: Path) -> dict[str, str]:
    """The environment of a command with the stranger's package."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GENBENCH_")}
    return {**clean, "PYTHONPATH": str(site), "COLUMNS": "200", "CI": "true", **NOTES}


@pytest.fixture
def command(site: Path, tmp_path: Path):
    """The command as a process of its own, started: `command("run", ...)`."""

    def start(*arguments: str) -> warm.Started:
        words = ("-m", "genbench.cli", *by_one_metric(arguments))
        return warm.start(*words, cwd=tmp_path, env=of_its_own(site))

    return start


@pytest.fixture
def cold_command(site: Path, tmp_path: Path):
    """As `command`, from the first line of Python on: 5 s of a core more."""

    def start(*arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "genbench.cli", *by_one_metric(arguments)],
            cwd=tmp_path,
            env=of_its_own(site),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_heed_interrupts,
        )

    return start


def _heed_interrupts() -> None:
    """A shell's background job inherits a deaf ear for Ctrl-C; a user's command has none."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
