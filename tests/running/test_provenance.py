"""What a record says of the commits behind it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from genbench.records.git import commit_of
from genbench.running import provenance

TOY = Path(__file__).parents[1] / "stranger" / "drift.py"
KINDS = {"model": "toy", "dataset": "mnist5k", "metric": "parzen"}


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def committed(folder: Path) -> str:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "a")
    return git(folder, "rev-parse", "HEAD")


def test_a_strangers_model_has_the_commit_of_its_own_repository(plugged) -> None:
    toy = plugged({"toy.py": "class Toy: ..."})
    sha = committed(toy.site)
    assert provenance.commits(KINDS) == {"model": {"sha": sha, "dirty": False}}
    toy.write({"toy.py": "class Toy: revision = 1"})
    assert provenance.commits(KINDS) == {"model": {"sha": sha, "dirty": True}}


def test_a_file_that_a_repository_around_it_does_not_track_has_none(tmp_path: Path) -> None:
    """Such as an installed one, in a virtual environment that lies in somebody's checkout."""
    (tmp_path / "tracked.py").write_text("")
    committed(tmp_path)
    (tmp_path / "installed.py").write_text("")
    assert commit_of(tmp_path / "installed.py") is None
    assert commit_of(tmp_path / "tracked.py") is not None


def test_what_pip_took_from_a_repository_has_the_commit_that_pip_noted(plugged) -> None:
    toy = plugged({"toy.py": "class Toy: ..."})
    about = next(toy.site.glob("*.dist-info")) / "direct_url.json"
    for noted, expected in (
        ({"vcs_info": {"vcs": "git", "commit_id": "abc"}}, {"sha": "abc", "dirty": False}),
        ({"dir_info": {}}, None),
        ([], None),
    ):
        about.write_text(json.dumps(noted))
        found = provenance.commits(KINDS)
        assert found == ({"model": expected} if expected else {})


def test_a_run_records_it(genbench, plugged, tmp_path: Path) -> None:
    toy = plugged({"toy.py": TOY.read_text(), "toy.toml": "[default]\n"}, "toy:Drift")
    shutil.copy(TOY.with_suffix(".toml"), toy.site / "toy.toml")
    sha = committed(toy.site)
    done = genbench("run", "-m", "toy", "-d", "tiny", "--no-references", "--samples", "20")
    assert done.returncode == 0, done.stderr
    record = next(tmp_path.glob("**/parzen-*/provenance.json"))
    assert json.loads(record.read_text())["commits"]["model"] == {"sha": sha, "dirty": False}
