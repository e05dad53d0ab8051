"""Type hints of what a Python user meets are complete, by pyright's count of a package's names."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import genbench

ROOT = Path(__file__).parent.parent
ROOMS = ("front", "protocols", "errors", "defaults", "words", "records", "tables", "comparing")
ROOMS += ("report", "cli", "testing", "plugins")


def site_of(folder: Path) -> Path:
    """A virtual environment with a copy of the package and of all that is installed here."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python3.*/site-packages")
    for name in ("genbench", "baselines"):
        shutil.copytree(ROOT / name, site / name)
    here = [path for path in sys.path if path.endswith("site-packages")]
    here += [str(Path(pytest.__file__).parent.parent)]
    (site / "others.pth").write_text("\n".join(dict.fromkeys(here)) + "\n")
    return folder / "bin"


def meets(name: str) -> bool:
    """Whether a name is one that the package exports, or in a room with a front door."""
    _, _, rest = name.partition(".")
    return rest in genbench.__all__ or rest.partition(".")[0] in ROOMS


@pytest.mark.slow
def test_every_public_name_that_a_user_meets_has_a_complete_type(tmp_path: Path) -> None:
    programs = site_of(tmp_path / "site")
    command = [sys.executable, "-m", "pyright", "--verifytypes", "genbench"]
    command += ["--ignoreexternal", "--outputjson"]
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(programs.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    met = [one for one in symbols if one["isExported"] and meets(one["name"])]
    assert {f"genbench.{name}" for name in ("plan", "run", "table", "load_results")} <= {
        one["name"] for one in met
    }
    known = [one for one in met if one["isTypeKnown"] and not one["isTypeAmbiguous"]]
    assert sorted({one["name"] for one in met} - {one["name"] for one in known}) == []
