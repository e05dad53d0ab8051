"""A file of an experiment is checked as a whole, and every fault is said with what would do."""

from pathlib import Path

import pytest

from genbench.errors import UsageError
from genbench.plugins import experiments
from genbench.plugins.experiments import RECIPE

WHOLE = """
model = "gan"
dataset = "gaussian_1d"
preset = "smoke"
metrics = ["parzen"]
samples = 100
seeds = [0, 1, 2]
tune = "rate"
tune_values = [0.02, 0.04]
[arms]
"k = 2" = {update = "alternating", k = 2}
"""
OURS = [*(Path(__file__).parents[2] / "experiments").glob("*.toml")]


def written(folder: Path, text: str) -> Path:
    path = folder / "toy.toml"
    path.write_text(text)
    return path


def test_the_recipes_own_arm_comes_first_and_every_arm_has_every_value(tmp_path: Path) -> None:
    one = experiments.read(written(tmp_path, WHOLE))
    assert [*one.arms] == [RECIPE, "k = 2"]
    assert one.settings(RECIPE, 0.04) == {"rate": 0.04}
    assert one.settings("k = 2", 0.02) == {"update": "alternating", "k": 2, "rate": 0.02}
    assert (one.name, one.about) == ("toy", "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("samples = 100", "sample = 100", "unknown key 'sample', did you mean 'samples'?"),
        ('tune = "rate"\n', "", "tune is missing"),
        ("seeds = [0, 1, 2]", 'seeds = "0"', "seeds = '0': Input should be a valid list"),
        ("seeds = [0, 1, 2]", "seeds = [0, 1, 1]", "at least 3 different ones"),
        ("[0.02, 0.04]", "[0.02, 0.02]", "tune_values must be different ones"),
        ('["parzen"]', '["parzem"]', "did you mean 'parzen'?"),
        ('"gaussian_1d"', '"gaussian_2d"', "did you mean 'gaussian_1d'?"),
        ('"smoke"', '"smok"', "did you mean 'smoke'?"),
        ("samples = 100", "samples = 0", "samples must be at least 1"),
        ("k = 2}", "kk = 2}", "arm 'k = 2': 'gan' has no hyperparameter 'kk'; did you mean 'k'?"),
        ("k = 2}", "k = 2.5}", "gan.k = 2.5"),
        ("k = 2}", "rate = 2.0}", "arm 'k = 2' sets rate, which every arm is tuned by"),
        ('{update = "alternating", k = 2}', "{}", "arm 'k = 2' changes nothing"),
    ],
)
def test_a_fault_is_said_with_what_would_do(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert WHOLE.count(old) == 1
    with pytest.raises(UsageError) as told:
        experiments.read(written(tmp_path, WHOLE.replace(old, new)))
    assert "toy.toml: " in str(told.value)
    assert said in str(told.value)


def test_all_faults_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    faulty = WHOLE.replace("samples", "sampels").replace("seeds", "seed")
    with pytest.raises(UsageError, match=r"(?s)'sampels'.*'seed'.*seeds is missing"):
        experiments.read(written(tmp_path, faulty))


def test_faults_of_keys_names_numbers_and_arms_are_said_together(tmp_path: Path) -> None:
    faulty = WHOLE.replace("[0, 1, 2]", "[0]").replace("k = 2}", "kk = 2}")
    faulty = faulty.replace("samples", "sampels").replace("parzen", "parzem")
    with pytest.raises(UsageError, match=r"(?s)'sampels'.*'parzen'.*seeds must be.*'kk'"):
        experiments.read(written(tmp_path, faulty))
    faulty = WHOLE.replace('tune = "rate"', "").replace("gan", "gam").replace("k = 2}", "}")
    faulty = faulty.replace('{update = "alternating", }', "{}")
    with pytest.raises(UsageError, match=r"(?s)tune is missing.*'gam'.*'k = 2' changes nothing"):
        experiments.read(written(tmp_path, faulty))


def test_a_file_that_is_no_toml_and_one_that_is_nowhere_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        experiments.read(written(tmp_path, "arms = "))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is none"):
        experiments.find("toys")
    (tmp_path / "experiments").mkdir()
    written(tmp_path / "experiments", WHOLE)
    assert experiments.find("toy") == Path("experiments/toy.toml")
    with pytest.raises(UsageError, match="did you mean 'toy'"):
        experiments.find("toys")


def test_a_file_that_says_another_thing_than_was_kept_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    kept = experiments.read(path)
    assert kept.path == path.as_posix()
    assert experiments.changed_since(kept, Path("toy")) == ""
    written(tmp_path, f'about = "A sentence."\n{WHOLE}')
    assert experiments.changed_since(kept, Path("toy")) == ""
    of_another = WHOLE.replace("k = 2}", "k = 3}"), WHOLE.replace("samples = 100\n", ""), "arms ="
    for text in of_another:
        written(tmp_path, text)
        assert experiments.changed_since(kept, Path("toy")) == path.as_posix()
    path.unlink()
    assert experiments.changed_since(kept, Path("toy")) == ""


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_own_files_are_without_fault(path: Path) -> None:
    assert len(experiments.read(path).arms) > 1
