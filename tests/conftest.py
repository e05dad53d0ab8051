"""A stranger's package, installed for the tests as pip would: a folder and its dist-info."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def install(site: Path, name: str, models: dict[str, str], datasets: dict[str, str]) -> None:
    """Registers entry points of a distribution `name` in the folder `site`."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = ["[genbench.models]", *(f"{k} = {v}" for k, v in models.items())]
    lines += ["[genbench.datasets]", *(f"{k} = {v}" for k, v in datasets.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to put on the path, with the stranger's package in it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(Path(__file__).parent / "stranger", folder / "stranger")
    models = {name: f"stranger.broken:{cls}" for name, cls in BROKEN.items()}
    models |= {"drift": "stranger.drift:Drift", "unimportable": "stranger.unimportable:Model"}
    install(folder, "stranger", models, {"tiny": "stranger.tiny:Tiny"})
    return folder


@pytest.fixture
def strangers(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the stranger's package importable here and in spawned workers."""
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    return site


@pytest.fixture
def genbench(site: Path, tmp_path: Path):
    """Runs the command in a fresh folder; `genbench("run", ..., env={...})`."""

    def call(
        *arguments: str, env: dict[str, str] | None = None, **more
    ) -> subprocess.CompletedProcess:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GENBENCH_")}
        clean |= {"PYTHONPATH": str(site), "COLUMNS": "200", "CI": "true", **(env or {})}
        command = [sys.executable, "-m", "genbench.cli", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=300, **more
        )

    return call
