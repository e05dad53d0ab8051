"""The Parzen-window estimator: its seconds, its memory, and its value."""

import math

import torch

from genbench import log_likelihood, select_sigma
from suites.inputs import DEVICES, finish, pictures

ROWS, SIGMA = 2000, 0.2
GRID = [10 ** (-1 + i / 9) for i in range(10)]  # as the paper's protocol: ten widths, 0.1 to 1


class LogLikelihood:
    """2,000 rows under 2,000 centres, d = 784."""

    params = (DEVICES,)
    param_names = ("device",)

    def setup(self, device):
        self.samples, self.x = pictures(ROWS, 0, device), pictures(ROWS, 1, device)
        finish(device)

    def time_log_likelihood(self, device):
        log_likelihood(self.samples, self.x, SIGMA)
        finish(device)

    def time_select_sigma(self, device):
        select_sigma(self.samples, self.x[:1000], GRID)
        finish(device)

    def peakmem_log_likelihood(self, device):
        log_likelihood(self.samples, self.x, SIGMA)

    def track_mean(self, device):
        return log_likelihood(self.samples, self.x, SIGMA).mean().item()

    def track_largest_error(self, device):
        """Against the definition in float64, on 100 rows."""
        mu, x = self.samples.double(), self.x[:100]
        sq_dist = torch.stack([(mu - row).square().sum(dim=1) for row in x.double()])
        log_norm = math.log(len(mu)) + mu.shape[1] * math.log(SIGMA * math.sqrt(2 * math.pi))
        exact = torch.logsumexp(-0.5 * sq_dist / SIGMA**2, dim=1) - log_norm
        return (log_likelihood(self.samples, x, SIGMA) - exact).abs().max().item()

    def track_gpu_memory(self, device):
        """Bytes beyond the inputs."""
        if device != "cuda":
            return math.nan  # asv shows nothing for it
        finish(device)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        log_likelihood(self.samples, self.x, SIGMA)
        finish(device)
        return torch.cuda.max_memory_allocated() - before

    track_mean.unit = track_largest_error.unit = "nats"
    track_gpu_memory.unit = "bytes"
