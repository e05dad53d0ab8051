"""A wheel, installed as a user would outside the repository, has all it needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def said(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_installed_wheel_runs_and_prints_the_table(tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "-q")
    said(*pip, "wheel", "--no-deps", "-w", tmp_path, ROOT, cwd=tmp_path)
    wheel = next(tmp_path.glob("genbench-*.whl"))
    inside = set(zipfile.ZipFile(wheel).namelist())
    for path in ROOT.glob("genbench/**/*"):
        if path.suffix in (".py", ".toml", ".csv"):
            assert str(path.relative_to(ROOT)) in inside
    said(sys.executable, "-m", "venv", tmp_path / "fresh", cwd=tmp_path)
    fresh = tmp_path / "fresh" / "bin"
    said(fresh / "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    ran = said(fresh / "genbench", "run", "--preset", "smoke", cwd=tmp_path)
    for model in ("gan", "dbn", "gaussian", "kmeans", "replay"):
        assert f"| {model}" in ran
    assert said(fresh / "genbench", "table", cwd=tmp_path) == ran
