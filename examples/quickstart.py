"""Train, score, print, draw: the whole of genbench in Python, in some seconds.

    python examples/quickstart.py [FOLDER]

A ring of eight Gaussians takes no files and hardly any time. Put "mnist" in its place for digits.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws into a file, with or without a screen
import genbench

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "quickstart")

# 1. What is asked: two models, one dataset, two metrics, three seeds. Nothing is trained yet.
runs = genbench.plan(
    ["gaussian", "replay"], "ring", ["parzen", "modes"], seeds=[0, 1, 2], samples=500
)

# 2. Train, draw, score. What the folder holds already is not done again.
results = genbench.run(runs, folder)

# 3. The table as people read it, and every number of it unrounded.
print(genbench.table(results).to_markdown())
numbers = genbench.table(results, numbers=True)

# 4. A picture: each model's log-likelihood with its standard error.
parzen = numbers[numbers.metric == "parzen"].set_index("model")
axes = parzen.value.plot.barh(xerr=parzen.error, color="grey")
axes.set_xlabel("Parzen log-likelihood, nats")
axes.figure.savefig(folder / "parzen.png", bbox_inches="tight")
print(f"{folder / 'parzen.png'}: the picture; {folder / 'runs'}: every record")
