"""No file, whoever made it, ends a reader in anything but an array or one clear refusal."""

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import warm

from genbench.errors import AlteredError, UsageError
from genbench.plugins import recipe
from genbench.plugins.settings import parse_setting
from genbench.records import files
from genbench.records.store import Store
from tests.fuzz.mutating import mutated, mutated_json

ROOT = Path(__file__).parent.parent.parent


def test_changed_files_and_what_was_found_before_are_read_or_refused_by_every_reader() -> None:
    ended = warm.run("-m", "tests.fuzz", "--seconds", "10", cwd=ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(" files, ") == 14


def test_the_same_seed_makes_the_same_files() -> None:
    one, two = (mutated(b"abc" * 20, [b"x" * 9], random.Random(3)) for _ in range(2))
    assert one == two != b"abc" * 20
    assert mutated_json({"a": 1}, random.Random(1)) == mutated_json({"a": 1}, random.Random(1))


# --- what was found, by name ---


def test_a_setting_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(UsageError, match=r"gan.rate has a value that is nested too deeply"):
        parse_setting("gan.rate=" + "[" * 3000)


def test_a_recipe_that_is_nested_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep.toml").write_text("x = " + "[" * 3000)
    monkeypatch.setattr(recipe, "source", lambda module: tmp_path / "deep.py")
    with pytest.raises(UsageError, match=r"deep.toml of 'gaussian' cannot be read"):
        recipe.read("gaussian")


def test_a_member_that_is_no_array_is_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    files.write_arrays(path, {"samples": np.zeros(3)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more", b"no array")
    with pytest.raises(AlteredError, match="damaged or was edited"):
        files.read_arrays(path)


def test_a_note_of_the_last_command_without_keys_is_told(tmp_path: Path) -> None:
    files.write_json(tmp_path / "last.json", {"key": []})
    with pytest.raises(AlteredError, match="names no results"):
        Store(tmp_path).last()
