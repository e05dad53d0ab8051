"""`genbench show`: a recipe, resolved, each value with its source."""

from __future__ import annotations

import json

import pytest

from genbench.plugins import recipe, registry
from genbench.plugins.settings import defaults
from genbench.plugins.sources import sourced


def test_each_value_has_its_table_and_the_note_beside_it(genbench) -> None:
    done = genbench("show", "gan", "-d", "mnist", "--preset", "quick", "--set", "gan.rate=.05")
    lines = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert lines["epochs"].split() == ["epochs", "25", "[mnist.quick]"]
    assert lines["select"].endswith("[mnist.quick]  the last epoch")
    assert lines["momentum_epochs"].endswith("MomentumAdjustor, saturate")
    assert lines["rate"].split()[1:] == ["0.05", "--set"]
    assert lines["noise_size"].endswith("goodfeli/adversarial mnist.yaml, but for epochs")
    assert lines["update"].split()[1:] == ['"simultaneous"', "class"]


def test_a_wrong_name_gets_the_nearest_and_ends_in_2(genbench) -> None:
    for words, near in (
        (("show", "gann"), "'gan'"),
        (("show", "gan", "-d", "mnits"), "'mnist'"),
        (("show", "gan", "--preset", "qick"), "'quick'"),
        (("show", "gan", "--set", "gan.rte=1"), "'rate'"),
        (("show", "gan", "--set", "dbn.rate=1"), "'gan'"),
        (("show",), "genbench show gan"),
    ):
        done = genbench(*words)
        assert done.returncode == 2, words
        assert near in done.stderr


@pytest.mark.parametrize("model", ["gan", "dbn", "stacked_cae", "deep_gsn", "kmeans"])
@pytest.mark.parametrize("preset", ["paper", "quick", "smoke"])
def test_it_shows_what_a_run_would_be_given(model: str, preset: str) -> None:
    for dataset in set(registry.names("dataset")) & recipe.read(model).keys():
        resolved = recipe.resolve(model, dataset, preset, {})
        shown = {one.name: one.value for one in sourced(model, dataset, preset)}
        cls = registry.load("model", model)
        later = {name: defaults(cls)[name] for name in getattr(cls, "later", ())}  # in no key
        assert shown == {**later, **resolved.hyperparameters, **resolved.written}


def test_as_json_it_is_one_document(genbench) -> None:
    record = json.loads(genbench("show", "kmeans", "-d", "tiny", "--json").stdout)
    assert record["model"] == "kmeans"
    assert {"name", "value", "where", "comment"} == set(record["recipe"][0])
