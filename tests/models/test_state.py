"""A net, its optimiser and its counters go on from their flat state as if never interrupted."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genbench.models import state
from genbench.records import files

BUILDERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "adam": lambda p: torch.optim.Adam(p, lr=0.03, betas=(0.7, 0.95)),
    "amsgrad": lambda p: torch.optim.AdamW(p, lr=0.03, amsgrad=True),
    "nadam": lambda p: torch.optim.NAdam(p),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, momentum=0.5, centered=True),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "asgd": lambda p: torch.optim.ASGD(p, lr=0.1),
    "rprop": lambda p: torch.optim.Rprop(p, lr=0.1),
    "counts": lambda p: Counts(p, {"lr": 0.1}),
}
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
    "milestones": lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [1, 3]),
    "plateau": lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0),
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
}


class Counts(torch.optim.Optimizer):
    """Keeps a plain number of each parameter, which torch's own keep as tensors."""

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                kept = self.state[p]
                kept["step"] = kept.get("step", 0) + 1
                p.data -= group["lr"] / kept["step"] * p.grad


class Regression:
    """y = x, by a net with buffers."""

    def __init__(self, optimizer: str = "adam", schedule: str = "exponential") -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
        self.optimizer = BUILDERS[optimizer](self.net.parameters())
        self.schedule = SCHEDULES[schedule](self.optimizer)
        self.mean = torch.zeros(3)
        self.rows = torch.zeros(0, 3)
        self.epoch, self.loss, self.warm = 0, 0.0, False

    def train(self, until: int) -> None:
        while self.epoch < until:
            torch.manual_seed(self.epoch)
            x = torch.randn(8, 3)
            loss = (self.net(x) - x).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            plateau = isinstance(self.schedule, torch.optim.lr_scheduler.ReduceLROnPlateau)
            self.schedule.step(*([loss.item()] if plateau else []))
            self.mean.lerp_(x.mean(dim=0), 0.1)
            self.rows = x[:2]
            self.epoch, self.loss, self.warm = self.epoch + 1, 0.9 * self.loss + loss.item(), True

    def state_dict(self) -> dict[str, Tensor]:
        own = ("net", "mean", "rows", "optimizer", "schedule", "epoch", "loss", "warm")
        return state.flat(self, *own)

    def load_state_dict(self, saved) -> None:
        state.restore(self, saved)


def kept(saved: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in saved.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(one[k], other[k]) and one[k].dtype == other[k].dtype for k in one
    )


@pytest.mark.parametrize("optimizer", BUILDERS)
@pytest.mark.parametrize("stop", [0, 1, 3])
def test_a_resumed_training_ends_with_the_same_bytes(optimizer: str, stop: int) -> None:
    whole, first, second = (Regression(optimizer) for _ in range(3))
    whole.train(6)
    first.train(stop)
    second.load_state_dict(kept(first.state_dict()))
    second.train(6)
    assert same(second.state_dict(), whole.state_dict())
    assert second.loss == whole.loss


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_resumed_schedule_goes_on_where_it_was(schedule: str) -> None:
    whole, first, second = (Regression("adam", schedule) for _ in range(3))
    whole.train(6)
    first.train(2)
    second.load_state_dict(kept(first.state_dict()))
    assert second.optimizer.param_groups[0]["lr"] == first.optimizer.param_groups[0]["lr"]
    second.train(6)
    assert same(second.state_dict(), whole.state_dict())


def test_an_optimiser_that_has_made_steps_takes_the_state_of_one_that_has_not() -> None:
    used, new = Regression(), Regression()
    used.train(2)
    used.load_state_dict(kept(new.state_dict()))
    assert same(used.state_dict(), new.state_dict())


def test_what_is_restored_changes_nothing_in_what_was_saved() -> None:
    first, second = Regression(), Regression()
    first.train(2)
    saved = kept(first.state_dict())
    before = copy.deepcopy(saved)
    second.load_state_dict(saved)
    second.train(6)
    assert same(saved, before)


def test_the_weights_alone_restore_what_sampling_needs_and_leave_the_rest() -> None:
    first, second = Regression(), Regression()
    first.train(3)
    weights = {k: v for k, v in kept(first.state_dict()).items() if not k.startswith("train.")}
    second.load_state_dict(weights)
    assert same(second.net.state_dict(), first.net.state_dict())
    assert torch.equal(second.rows, first.rows)
    assert (second.epoch, second.optimizer.state_dict()["state"]) == (0, {})


def test_only_nets_and_tensors_are_kept_for_sampling() -> None:
    model = Regression()
    model.train(1)
    tops = {n.split(".")[0] for n in model.state_dict() if not n.startswith("train.")}
    assert tops == {"net", "mean", "rows"}


def test_a_net_that_only_training_needs_is_named_so_and_restored() -> None:
    first, second = Regression(), Regression()
    first.train(2)
    saved = state.flat(first, "train.net", "mean")
    assert {name for name in saved if not name.startswith("train.")} == {"mean"}
    second.state_dict = lambda: state.flat(second, "train.net", "mean")
    second.load_state_dict(saved)
    assert same(second.net.state_dict(), first.net.state_dict())


def test_a_state_is_of_tensors_that_can_be_stored(tmp_path: Path) -> None:
    model = Regression()
    model.train(2)
    saved = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    files.write_tensors(tmp_path / "state.safetensors", saved)
    arrays, _ = files.read_tensors(tmp_path / "state.safetensors")
    back = {name: torch.from_numpy(array) for name, array in arrays.items()}
    assert same(back, model.state_dict())


def test_what_cannot_be_kept_is_refused_by_its_name() -> None:
    model = Regression()
    model.words = "a sentence"
    with pytest.raises(TypeError, match="words is a str; a state is made of nets"):
        state.flat(model, "words")
    net = nn.Linear(1, 1)
    model.optimizer = torch.optim.LBFGS(net.parameters())
    net(torch.ones(1, 1)).sum().backward()
    model.optimizer.step(lambda: net(torch.ones(1, 1)).square().sum())
    with pytest.raises(TypeError, match=r"optimizer\.state: \w+ is a list, no tensor or number"):
        state.flat(model, "optimizer")


def test_a_state_without_a_net_of_the_model_is_refused() -> None:
    model = Regression()
    saved = {k: v for k, v in model.state_dict().items() if not k.startswith("net.0")}
    with pytest.raises(ValueError, match=r"lacks net\.0\.weight"):
        model.load_state_dict(saved)


def test_an_optimiser_that_fit_builds_is_refused_with_what_would_do() -> None:
    model = Regression()
    model.train(1)
    saved = model.state_dict()
    model.optimizer = None
    model.state_dict = dict
    with pytest.raises(ValueError, match=r"'optimizer'.* None: build it in the constructor"):
        model.load_state_dict(saved)
