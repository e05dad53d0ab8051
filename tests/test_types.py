"""Type hints are complete, by pyright's count of the names that a package exports."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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


@pytest.mark.slow
def test_every_exported_name_has_a_complete_type(tmp_path: Path) -> None:
    programs = site_of(tmp_path / "site")
    command = [sys.executable, "-m", "pyright", "--verifytypes", "genbench"]
    command += ["--ignoreexternal", "--outputjson"]
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(programs.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    exported = [one for one in symbols if one["isExported"]]
    names = {one["name"] for one in exported}
    assert {"genbench.run", "genbench.table", "genbench.models.gan.GAN.velocity"} <= names
    incomplete = [one for one in exported if one["isTypeAmbiguous"] or not one["isTypeKnown"]]
    assert sorted(one["name"] for one in incomplete) == []
