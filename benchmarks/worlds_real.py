"""How far is each world from the pictures that it was fitted to? Two-sample tests tell.

    python benchmarks/worlds_real.py --data-dir DIR --out results/benchmarks

2,500 rows of a world against 2,500 test images of its dataset. A world's rows are clipped to [0, 1]
and rounded to grey levels, as images are, since whatever lies between would give them away. Of
`c2st`, .50 means that it found no difference and 1 that it told every row; of `c2st_nn`, 0 and .50.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.datasets._files import default_data_dir
from genbench.metrics.c2st import C2ST
from genbench.metrics.c2st_nn import C2STNN
from genbench.plugins import registry
from genbench.precision import float32_products
from genbench.records import files
from genbench.seeding import seeded

WORLDS = {
    "digits_mixture": "mnist",
    "digits_mixture_squashed": "mnist",
    "fashion_mixture": "fashion_mnist",
    "digits_mixture_small": "mnist5k",
}
ROWS = 2_500
HEAD = """# Worlds and the pictures that they were fitted to

{rows:,} rows on each side, or as many as there are. Of `c2st`, .50 means that it finds no
difference and 1 that it tells every row; of `c2st_nn`, 0 and .50. In brackets what they say of
held-out images in the world's place.

| world | images | c2st, pixels | c2st_nn, pixels | c2st, features | c2st_nn, features |
|---|---|---|---|---|---|
"""


def grey(rows: Tensor) -> Tensor:
    """As an image of 8 bits would keep them."""
    return (rows.clamp(0, 1) * 255).round() / 255


def scores(samples: Tensor, real: Tensor, features: Any) -> list[float]:
    """Both tests, in pixels and in features."""
    found = []
    for look in (lambda rows: rows, features):
        for metric in (C2ST(), C2STNN()):
            with seeded("worlds", "real", type(metric).__name__), float32_products():
                found.append(metric(samples, real, look).value)
    return found


def line(world: str, images: str, data_dir: Path) -> str:
    split = registry.load("dataset", images)(data_dir).split(0)
    n = min(ROWS, len(split.test), len(split.valid))
    rows = torch.from_numpy(registry.load("dataset", world)(data_dir).world.part("test", n)[0])
    features = registry.load("features", "digits")((1, 28, 28), data_dir)
    real = grey(split.test[:: len(split.test) // n][:n])  # MNIST's come in two halves
    ours, control = (scores(grey(x[:n]), real, features) for x in (rows, split.valid))
    cells = [f"{a:.2f} ({b:.2f})" for a, b in zip(ours, control, strict=True)]
    return " | ".join([f"| {world}", images, *cells]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    options = parser.parse_args()
    lines = []
    for world, images in WORLDS.items():
        lines.append(line(world, images, options.data_dir))
        print(lines[-1])
    text = HEAD.format(rows=ROWS) + "\n".join(lines) + "\n"
    files.write_bytes(options.out / "worlds_real.md", text.encode())


if __name__ == "__main__":
    main()
