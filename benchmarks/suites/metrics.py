"""What metrics beside the Parzen-window estimator take: 2,000 rows of 64 features."""

import torch

from genbench.metrics import prdc
from genbench.plugins import registry
from genbench.precision import float32_products
from genbench.protocols import needs
from suites.inputs import DEVICES, finish

ROWS, FEATURES = 2000, 64
TIMED = {
    "frechet": ["frechet"],
    "prdc": ["precision", "recall", "density", "coverage"],
    "mmd": ["mmd"],
    "c2st_nn": ["c2st_nn"],
    "train_share": ["train_share"],
}


def features(n, seed, device):
    """n whole numbers from 0 to 255, as our networks give them, around 10 points: (n, 64)."""
    fixed, draw = (torch.Generator().manual_seed(s) for s in (0, seed + 1))
    points = 255 * torch.rand(10, FEATURES, generator=fixed)
    near = points[torch.randint(10, (n,), generator=draw)]
    return (near + 30 * torch.randn(n, FEATURES, generator=draw)).round().clamp(0, 255).to(device)


class Metrics:
    """2,000 samples, training, validation and test rows each; the rows are their own features."""

    params = (list(TIMED), DEVICES)
    param_names = ("metrics", "device")

    def setup(self, name, device):
        known = {"features": lambda rows: rows}
        for seed, part in enumerate(("samples", "train", "valid", "test")):
            known[part] = features(ROWS, seed, device)
        classes = [registry.load("metric", metric) for metric in TIMED[name]]
        self.calls = [(cls(), {part: known[part] for part in needs(cls)}) for cls in classes]
        finish(device)

    def time_score(self, name, device):
        prdc._LAST.clear()  # so that the first of the four counts anew, and the others read it
        torch.manual_seed(0)
        with torch.device(device), float32_products():
            for metric, given in self.calls:
                metric(**given)
        finish(device)
