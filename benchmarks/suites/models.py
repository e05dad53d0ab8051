"""Every registered model by its recipe for MNIST: one epoch, and one call of `sample`."""

from functools import cache
from typing import Any

import torch

from genbench.plugins import recipe, registry
from genbench.precision import float32_products
from genbench.protocols import abilities
from suites.inputs import DEVICES, SHAPE, finish, pictures

ROWS, SAMPLES = 1000, 100
CLASSES = 10
SETTINGS = {
    "held_out": {"skip": 0},  # its recipe skips more validation rows than there are here
    # an epoch ends with as many batches for statistics as for learning, as on all of MNIST
    "bigan": {"deploy": 8, "deploy_between": 8},
    "latent_regressor": {"deploy": 8},
}


def begun(name: str, device: str) -> tuple[Any, Any]:
    """An untrained model and the iterator of its epochs."""
    told = recipe.resolve(name, "mnist", recipe.PAPER, SETTINGS.get(name, {}))
    train, valid = pictures(ROWS, 0, device), pictures(ROWS // 5, 1, device)
    torch.manual_seed(0)
    with torch.device(device):
        model = registry.load("model", name)(SHAPE, **told.hyperparameters)
    given = [train, valid if told.runner.get("uses_validation") else valid[:0]]
    if "labelled" in abilities(type(model)):
        given.append(labels(ROWS, device))
    return model, model.fit(*given)


def labels(n: int, device: str) -> torch.Tensor:
    """The classes in turn, int64 (n,)."""
    return torch.arange(n, device=device) % CLASSES


@cache
def trained(name: str, device: str) -> Any:
    """A model after its first epoch, which is trained once in a process."""
    model, epochs = begun(name, device)
    with torch.device(device), float32_products():
        next(epochs, None)
    finish(device)
    return model


class Models:
    """1,000 rows to train on, d = 784; 100 samples."""

    params = (registry.names("model"), DEVICES)
    param_names = ("model", "device")
    timeout = 300


class Epoch(Models):
    number = 1  # `setup` makes a new model for each call

    def setup(self, name, device):
        self.epochs = begun(name, device)[1]
        finish(device)

    def time_epoch(self, name, device):
        with torch.device(device), float32_products():
            next(self.epochs, None)
        finish(device)


class Sample(Models):
    def setup(self, name, device):
        self.model = trained(name, device)
        can = abilities(type(self.model))
        self.asked = [labels(SAMPLES, device)] if "conditional" in can else []

    def time_sample(self, name, device):
        torch.manual_seed(0)
        with torch.device(device), float32_products():
            self.model.sample(SAMPLES, *self.asked)
        finish(device)
