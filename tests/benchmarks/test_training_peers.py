"""The side-by-side of training: the peers do our arithmetic, and the counts are those of a step."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from genbench.models import layers
from genbench.plugins import registry
from genbench.protocols import Split
from genbench.records import files

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import agreement
import peers
import training
import training_contenders
from measuring import Measured, alternate
from training import model
from training_contenders import Floor, TextbookGAN


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
@pytest.mark.usefixtures("float64")
def test_one_update_of_ours_is_one_of_the_textbook_loop(update, monkeypatch):
    """Dropout off, as the two draw their masks otherwise; tests/test_gan.py has it on."""
    train = torch.rand(training.BATCH, 784)
    constant = {"rate_decay": 1.0, "final_momentum": 0.5, "epochs": 2, "update": update}
    ours = training.model("gan", dropout_input=0.0, dropout_hidden=0.0, **constant)
    theirs = TextbookGAN(update, train, training.values("gan"))
    for part in theirs.D:
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    theirs.G.load_state_dict(ours.G.state_dict())
    *_, bias = theirs.G.parameters()
    bias.data.copy_(layers.logit_of_marginals(train))
    mine = [m for m in ours.D if isinstance(m, torch.nn.Linear)]
    # ours: piece after piece; theirs: unit after unit
    order = torch.arange(1200).view(5, 240).T.flatten()
    for affine, place in zip(mine, (1, 3, 5), strict=True):
        other = theirs.D[place].affine if place < 5 else theirs.D[place]
        by = order if place < 5 else torch.arange(1)
        other.weight.data.copy_(affine.weight[by])
        other.bias.data.copy_(affine.bias[by])

    noise = (2 * torch.rand(2, training.BATCH, 100) - 1) * 3**0.5
    drawn = {"ours": iter(noise), "theirs": iter(noise)}
    monkeypatch.setattr(ours, "_noise", lambda n: next(drawn["ours"]) if n else noise[0, :0])
    monkeypatch.setattr(theirs, "noise", lambda n: next(drawn["theirs"]))
    next(ours.fit(train, train[:0]))
    theirs()
    for a, b in zip(ours.G.parameters(), theirs.G.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=0)
    for affine, place in zip(mine, (1, 3, 5), strict=True):
        other = theirs.D[place].affine if place < 5 else theirs.D[place]
        by = order if place < 5 else torch.arange(1)
        torch.testing.assert_close(affine.weight[by], other.weight, atol=1e-10, rtol=0)


@pytest.mark.parametrize(("update", "gflop"), [("alternating", 3.6), ("simultaneous", 2.8)])
def test_the_floor_of_a_gan_counts_the_products_of_one_update(update, gflop, monkeypatch):
    monkeypatch.setattr(training, "JaxGAN", lambda *_: None)
    case = training.gan(update, training.BATCH)
    assert case.jobs["floor"].flops / 1e9 == pytest.approx(gflop, abs=0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--suite", "training", "--only", "genbench"],
        ["--suite", "training", "--d", "784"],
        ["--cases", "rbm"],
    ],
    ids=" ".join,
)
def test_an_option_of_the_other_suite_is_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        peers.parsed(wrong)
    assert "of --suite" in capsys.readouterr().err


def test_a_floor_makes_its_products_and_numbers():
    floor = Floor(3, [(2, 3, 4)], uniform=5, normal=6)
    floor()
    left, right, result = floor.made[0]
    assert floor.flops == 3 * 2 * 2 * 3 * 4
    torch.testing.assert_close(result, left @ right)
    assert ((floor.uniform >= 0) & (floor.uniform < 1)).all()
    assert floor.normal.std() > 0


def test_the_jax_gan_learns_and_its_losses_start_at_log_2():
    pytest.importorskip("jax")
    given = "simultaneous", torch.rand(100, 784).numpy(), 100
    one = training_contenders.JaxGAN(*given)
    one.start(*given)
    _, losses = one.epoch(one.state, one.train, one.key(0))
    assert losses[0].tolist() == pytest.approx([0.6931, 0.6931], abs=1e-3)


def test_whoever_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    given = "alternating", torch.rand(100, 784).numpy(), 100
    others = {"jax_scan": training_contenders.JaxGAN(*given)}
    monkeypatch.setattr(training, "CASES", {"tiny": lambda n: tiny(others)})
    left_out = []
    found = training.measure("tiny", 1, 1, left_out)
    assert left_out == ["tiny: jax_scan, jax is not installed"]
    assert set(found["seconds"]) == {"genbench", "floor"}


def tiny(others):
    jobs = {"genbench": lambda: None, **others, "floor": Floor(1, [(2, 2, 2)])}
    return training.Case("a case", "call", 1, jobs, {"floor": 1e9, "sklearn": 0.6})


def test_the_page_says_who_passes_and_the_data_can_be_read_back(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "CASES", {"tiny": lambda n: tiny({"sklearn": lambda: None})})
    report = {
        "command": "python",
        "threads": 1,
        "machine": {"cpu": "a processor", "python": "3"},
        "peers": {"torch": "2"},
        "cases": [training.measure("tiny", 1, 3, [])],
        "left_out": [],
    }
    text = training.page(report)
    assert "PASS: at most 1000000000.0" in text
    assert "floor, 1.6e-08 GFLOP" in text
    files.write_json(tmp_path / "training.json", report)
    assert files.read_json(tmp_path / "training.json") == json.loads(json.dumps(report))


def test_all_are_called_in_turns_and_the_first_round_is_not_counted():
    order = []
    measured = {name: Measured(lambda name=name: order.append(name)) for name in "ab"}
    alternate(measured, 2, lambda *_: None)
    assert order == list("ababab")
    assert [len(one.seconds) for one in measured.values()] == [2, 2]


def test_an_agreement_is_written_and_said(monkeypatch, tmp_path, capsys):
    asked = ["agreement.py", "--epochs", "1", "--seeds", "2", "--samples", "50"]
    monkeypatch.setattr(sys, "argv", [*asked, "--out", str(tmp_path)])
    load = registry.load
    monkeypatch.setattr(
        registry, "load", lambda kind, name: toy if kind == "dataset" else load(kind, name)
    )
    monkeypatch.setattr(agreement, "confine", lambda _: 1)
    monkeypatch.setattr(agreement, "model", small)
    with pytest.raises(SystemExit):
        agreement.main()
    found = files.read_json(tmp_path / "agreement.json")["updates"]
    assert [one["update"] for one in found] == ["alternating", "simultaneous"]
    assert all(len(nats) == 2 for one in found for nats in one["nats"].values())
    assert capsys.readouterr().out.count("ours - textbook in [") == 2


def toy(data_dir):
    split = Split(*(torch.rand(40, 784) for _ in range(3)))
    return SimpleNamespace(split=lambda fold: split)


def small(name, dataset, **changed):
    return model(name, dataset, generator=[8, 8], discriminator=[6, 6], **changed)
