"""A file of a store that was changed by chance: the number stays, or somebody is told."""

import json
import random
from pathlib import Path

import pytest
from stores import carried_out, copied, planned

import genbench
from genbench.errors import GenbenchError
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running.runner import Environment, execute
from tests.fuzz.mutating import mutated

pytestmark = pytest.mark.usefixtures("strangers")
FEW, MANY = 25, 1000
NOT_PROTECTED = (".lock", "output.log")  # of which no number is made


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def whole(once: Path, strangers: Path) -> Path:
    if not (once / "results").exists():
        carried_out(planned("drift", "walk", seeds=[0, 1]), once / "results")
    return once / "results"


def numbers(folder: Path) -> str:
    """What a table says of a folder."""
    table = genbench.table(genbench.load_results(folder), numbers=True)
    return table[["model", "value", "error"]].to_json()


def rescored(folder: Path, runs: list[Run]) -> list[float | None]:
    """What another metric says of the samples that are kept."""
    for run in runs:
        execute([run], Environment(folder, folder, "cpu", threads=1))
    return [Store(folder).result(run).value for run in runs]  # pyright: ignore


def changed(folder: Path, draw: random.Random) -> Path:
    """Changes one file by chance, or puts another file's bytes in its place."""
    paths = sorted(path for path in (folder / "runs").rglob("*") if path.is_file())
    path = draw.choice([path for path in paths if path.name not in NOT_PROTECTED])
    others = [other for other in paths if other.name == path.name and other != path]
    content = path.read_bytes()
    if others and draw.random() < 0.3:
        path.write_bytes(draw.choice(others).read_bytes())
    else:
        path.write_bytes(mutated(content, [content], draw))
    return path


@pytest.mark.parametrize(
    "count", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_a_changed_file_gives_no_wrong_number_without_an_error(
    count: int, whole: Path, tmp_path: Path
) -> None:
    told, same = 0, 0
    right, draw = numbers(whole), random.Random(count)
    others = planned("drift", "walk", seeds=[0, 1], metrics=["nearness"])
    scores = rescored(copied(whole, tmp_path / "right"), others)
    for number in range(count):
        folder = copied(whole, tmp_path / str(number))
        path = changed(folder, draw)
        try:
            assert numbers(folder) == right, path
            if path.suffix in (".npz", ".safetensors"):
                found = rescored(folder, others)
                assert [*filter(None, found)] == [
                    right for right, value in zip(scores, found, strict=True) if value is not None
                ], path
            same += 1
        except GenbenchError:
            told += 1
    assert told + same == count
    assert told > count // 4
    print(json.dumps({"told": told, "same": same}))
