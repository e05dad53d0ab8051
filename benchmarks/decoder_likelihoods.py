"""Log p(x) of decoders beside what Parzen windows say of them, on the same test and training rows.

python benchmarks/decoder_likelihoods.py decoders.json --out results/benchmarks

decoders.json is a list of {"label", "model", "hyperparameters", "weights", "about"}: a registered
name (or module:Class), what it is built with, the file of its weights, and a sentence for the
reader; a run.json of `genbench run` has the first three. MNIST is dequantised, (k + u) / 256, and
KDE, AIS and IWAE score the same rows. All runs are kept in --state: the same command goes on with
them, and reads a decoder that is done. Slopes, by which chains move, are of bfloat16 products where
the processor has units for them; --slopes float32 takes exact ones.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from genbench.datasets._files import default_data_dir
from genbench.datasets.digits_mixture import DigitsMixture
from genbench.datasets.mnist import MNIST
from genbench.likelihood import bdmc, importance, variances
from genbench.likelihood.dequantised import dequantised
from genbench.likelihood.doubling import Bound, Plan
from genbench.likelihood.importance import Proposal
from genbench.likelihood.jobs import Jobs
from genbench.likelihood.observations import COMMON, Decoder, OfRows, decoder_of, expected
from genbench.metrics._rows import spaced
from genbench.metrics.parzen import Parzen, Windows, select_sigma
from genbench.plugins import registry
from genbench.precision import coarse_dtype, float32_products
from genbench.records import files, lock
from genbench.running import provenance
from genbench.seeding import seeded
from genbench.timing import Clock, timed
from genbench.words import duration

WIDTHS = Parzen().grid  # the paper's ten
SAMPLES, DRAWS, SEED = 10_000, 5000, 1
BOUNDS = ("AIS", f"AIS at v = {COMMON}")
console = Console(stderr=True)


def loaded(spec: Mapping[str, Any], shape: Sequence[int]) -> Any:
    """The model of an entry of decoders.json, with its weights."""
    module, _, name = spec["model"].partition(":")
    cls = getattr(import_module(module), name) if name else registry.load("model", module)
    model = cls(tuple(shape), **spec["hyperparameters"])
    arrays, _ = files.read_tensors(Path(spec["weights"]))
    model.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
    return model


class Kept:
    """The state of one decoder's runs, in a file; says how far they are."""

    def __init__(self, path: Path, label: str) -> None:
        self.path, self.label = path, label
        self.state: dict[str, Tensor] = {}
        if path.exists():
            arrays, _ = files.read_tensors(path)
            self.state = {k: torch.from_numpy(v) for k, v in arrays.items()}

    def told(self, state: Mapping[str, Tensor], job: str, made: int, most: int) -> None:
        files.write_tensors(self.path, {k: v.numpy() for k, v in state.items()})
        if made % 100 < 25:
            line = f"{self.label}, {job}: {made} of at most {most} transitions"
            console.print(line, markup=False, highlight=False)


def plain(values: Tensor) -> dict[str, Any]:
    """Mean, standard error over rows, and the values."""
    error = values.std().item() / math.sqrt(len(values))
    return {"mean": values.mean().item(), "stderr": error, "rows": values.tolist()}


def certificates(bound: Bound, halves: int) -> dict[str, Any]:
    """What tells how far to trust a bound, the first `halves` rows being test rows."""
    means = {T: w.logsumexp(dim=0) - math.log(len(w)) for T, w in bound.by_T.items()}
    return {
        "distributions": bound.T,
        "settled": bound.settled,
        "mean by distributions": [(T, rows.mean().item()) for T, rows in means.items()],
        "test by distributions": [(T, rows[:halves].mean().item()) for T, rows in means.items()],
        "stderr over chains": bound.stderr_of_chains,
        "acceptance": bound.acceptance,
        "effective chains": bound.effective.mean().item(),
    }


def kde(decoder: Decoder, x: Tensor, valid: Tensor) -> tuple[Tensor, float]:
    """Windows on 10,000 means of the model, their width chosen on validation rows."""
    with torch.no_grad(), seeded("decoder likelihoods", "windows"):
        t = torch.randn(SAMPLES, decoder.width)
        means = torch.cat([decoder.means(part) for part in t.split(1000)])
    means = expected(decoder.kind, means).float()
    sigma = select_sigma(means, valid[:1000], WIDTHS)
    return Windows(means).score(x, [sigma]).log_likelihood[0], sigma


def measured(spec: Mapping[str, Any], rows: Mapping[str, Tensor], o: Any) -> dict[str, Any]:
    """All numbers of one decoder."""
    model = loaded(spec, MNIST.shape)
    n, x = len(rows["test"]), torch.cat([rows["test"], rows["train"]])
    decoder = replace(decoder_of(model, x), slopes=getattr(torch, o.slopes))
    kept = Kept(o.state / f"{spec['label']}.safetensors", spec["label"])
    jobs = Jobs(dict(kept.state), kept.told)
    found = {"about": spec["about"], "model": spec["model"]}
    v, plan = getattr(model, "variance", None) or o.v, Plan(o.chains, o.first, o.most, SEED)
    if v is None:
        valid = spaced(rows["valid"], o.n_valid)
        chosen = variances.choose(decoder, valid, o.most // 2, o.chains, SEED, jobs)
        v = chosen.v
        found |= {"validation by v": chosen.curve, "change by doubling, by v": chosen.moved}
    bound = jobs.bound("rows", OfRows(decoder, x, v), plan)
    common = bound if v == COMMON else jobs.bound("common v", OfRows(decoder, x, COMMON), plan)
    with seeded("decoder likelihoods", "simulated"):
        truth, drawn = bdmc.simulated(decoder, o.simulated, v, x)
    gap = bdmc.gap(OfRows(decoder, drawn, v), truth, bound.T, o.chains, SEED, bound.steps)
    windows, sigma = kde(decoder, x, rows["valid"])
    found |= {"v": v, "sigma": sigma, "certificates": certificates(bound, n)}
    found["certificates at the common v"] = certificates(common, n)
    for name, values in {
        BOUNDS[0]: bound.rows,
        BOUNDS[1]: common.rows,
        "KDE": windows,
    }.items():
        found[name] = {"test": plain(values[:n]), "train": plain(values[n:])}
    found["BDMC gap, simulated rows only"] = {"mean": gap.value, "stderr": gap.stderr}
    if hasattr(model, "posterior"):
        with seeded("decoder likelihoods", "draws"):
            iwae = importance.bounds(decoder, x, Proposal(*model.posterior(x)), DRAWS, v)
        found["IWAE"] = {"test": plain(iwae.iwae[:n]), "train": plain(iwae.iwae[n:])}
        found["IWAE"]["effective draws, median"] = iwae.effective.median().item()
    return found


def once(spec: Mapping[str, Any], rows: Mapping[str, Tensor], o: Any) -> dict[str, Any]:
    """`measured`, or what it was when it was asked the same."""
    path = o.state / f"{spec['label']}.json"
    asked = {**spec, **budget(o), "weights": lock.sha256_of(Path(spec["weights"]))}
    if path.exists() and (known := files.read_json(path))["asked"] == asked:
        return known["found"]
    found = measured(spec, rows, o)
    files.write_json(path, {"asked": asked, "found": found})
    return found


def budget(o: Any) -> dict[str, Any]:
    named = ("rows", "chains", "first", "most", "v", "n_valid", "simulated", "slopes")
    return {name.replace("_", " "): getattr(o, name) for name in named}


def controls(rows: Mapping[str, Tensor], train: Tensor) -> dict[str, Any]:
    """Exact log densities of the same test rows: Gaussians, and windows on all training rows."""
    x = train.double()
    centred = x - x.mean(dim=0)
    normal = torch.distributions.MultivariateNormal(x.mean(dim=0), centred.T @ centred / len(x))
    sigma = select_sigma(train, rows["valid"][:1000], [0.05, 0.06, 0.08, *WIDTHS])
    windows = Windows(train).score(rows["test"], [sigma]).log_likelihood[0]
    mixture = DigitsMixture(default_data_dir()).density
    return {
        "full-covariance Gaussian": plain(normal.log_prob(rows["test"].double())),
        "80 Gaussians of rank 32, `digits_mixture`": plain(mixture.log_prob(rows["test"])),
        f"KDE of all {len(train):,} training images, sigma {sigma:.3g}": plain(windows),
    }


def compared(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each pair of decoders: by how much the first is ahead on the same test rows, ± 2 errors.

    Whether windows order it as annealing does is said for each v, where both differences are sure.
    """
    lines = []
    for a, b in combinations(found, 2):
        line: dict[str, Any] = {"pair": [a, b]}
        for name in (*BOUNDS, "KDE"):
            one, other = (torch.tensor(found[label][name]["test"]["rows"]) for label in (a, b))
            gap = one.double() - other.double()
            error = 2 * gap.std().item() / math.sqrt(len(gap))
            line[name] = {"ahead": gap.mean().item(), "two errors": error}
        line["order"] = {name: order(line[name], line["KDE"]) for name in BOUNDS}
        lines.append(line)
    return lines


def order(*differences: Mapping[str, float]) -> str:
    """Whether two differences have one sign."""
    if any(abs(one["ahead"]) <= one["two errors"] for one in differences):
        return "open"
    return "the same" if len({one["ahead"] > 0 for one in differences}) == 1 else "opposite"


def page(record: Mapping[str, Any]) -> str:
    """The record as a page of Markdown."""
    budget, found = record["budget"], record["decoders"]
    settings = ", ".join(
        f"{name} {'chosen' if value is None else value}" for name, value in budget.items()
    )
    lines = [
        "# Log p(x) of decoders, and what Parzen windows say of them",
        "",
        f"MNIST, dequantised (k + u) / 256, nats; {record['machine']['cpu']}. {settings}.",
        "AIS and IWAE are lower bounds in",
        "expectation; the BDMC gap is of rows that the model made, and of no others. Errors are",
        "over rows; every column scores the same rows.",
        "",
        "T is the number of distributions, doubled until the mean changes by under 1 nat; beside",
        "it stands what the last doubling changed, and ± the error over chains, of the same rows.",
        "",
        f"| decoder | v | AIS, test | AIS, train | T | AIS at v = {COMMON}, test | train | T "
        "| KDE, test | KDE, train | IWAE, test | BDMC gap |",
        "|" + "---|" * 12,
    ]
    for label, one in found.items():
        cells = [label, f"{one['v']:.4g}", *both(one[BOUNDS[0]]), doubled(one["certificates"])]
        cells += [*both(one[BOUNDS[1]]), doubled(one["certificates at the common v"])]
        cells += [*both(one["KDE"])]
        cells += [shown(one["IWAE"]["test"]) if "IWAE" in one else "no encoder"]
        cells += [shown(one["BDMC gap, simulated rows only"])]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- `{label}`: {one['about']}" for label, one in found.items()), ""]
    lines += [over_v(label, one) for label, one in found.items() if "validation by v" in one]
    lines += ["Exact log densities of the same test rows:", ""]
    lines += [f"- {name}: {shown(one)}" for name, one in record["controls"].items()]
    lines += [
        "",
        "Pairs, the first minus the second on the same test rows, ± two standard errors, and",
        "whether the order by windows is the same, the opposite, or open:",
        "",
    ]
    for line in record["pairs"]:
        a, b = line["pair"]
        windows, *gaps = (
            f"{name} {line[name]['ahead']:.1f} ± {line[name]['two errors']:.1f}"
            for name in ("KDE", *BOUNDS)
        )
        said = (f"{gap}: {line['order'][k]}" for k, gap in zip(BOUNDS, gaps, strict=True))
        lines.append(f"- {a} and {b}: {windows}; {'; '.join(said)}")
    return "\n".join(lines) + "\n"


def both(one: Mapping[str, Any]) -> tuple[str, str]:
    return shown(one["test"]), shown(one["train"])


def doubled(certificates: Mapping[str, Any]) -> str:
    """The number of distributions, by how much the last doubling moved the mean, and its error."""
    by_T = [mean for _, mean in certificates["mean by distributions"]]
    change = f"{by_T[-1] - by_T[-2]:+.1f} " if len(by_T) > 1 else ""
    return f"{certificates['distributions']:,} ({change}± {certificates['stderr over chains']:.1f})"


def over_v(label: str, one: Mapping[str, Any]) -> str:
    """By which bounds on validation rows v was chosen."""
    pairs = zip(one["validation by v"], one["change by doubling, by v"], strict=True)
    curve = ", ".join(f"{v:.4f}: {bound:.1f} ({moved:+.1f})" for (v, bound), moved in pairs)
    return (
        f"v of `{label}`, by the bound on validation rows (what doubling changed): {curve}. "
        f"Chosen among those that moved by under a nat: {one['v']:.4g}.\n"
    )


def shown(one: Mapping[str, Any]) -> str:
    return f"{one['mean']:.1f}" + ("" if one["stderr"] is None else f" ± {one['stderr']:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("decoders", type=Path)
    parser.add_argument("--rows", type=int, default=50, help="test rows, and as many training rows")
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--first", type=int, default=250, help="distributions, doubled from here")
    parser.add_argument("--most", type=int, default=8000, help="at most; v: by half and by all")
    parser.add_argument("--n-valid", type=int, default=5, help="validation rows that choose v")
    parser.add_argument("--v", type=float, help="for those that have none; default: chosen")
    parser.add_argument("--simulated", type=int, default=20)
    slopes = str(coarse_dtype(torch.device("cpu"))).removeprefix("torch.")
    parser.add_argument("--slopes", choices=["float32", "bfloat16"], default=slopes)
    parser.add_argument("--state", type=Path, default=Path("results/local/decoder_likelihoods"))
    parser.add_argument("--out", type=Path, help="folder of decoder_likelihoods.json and .md")
    o = parser.parse_args()
    split, clock = MNIST(default_data_dir()).split(0), Clock()
    parts = {name: dequantised(getattr(split, name), name) for name in ("train", "valid", "test")}
    rows = {name: spaced(parts[name], o.rows) for name in ("train", "test")}
    rows["valid"] = parts["valid"]
    found = {}
    with timed(torch.device("cpu"), clock), float32_products():
        for spec in json.loads(o.decoders.read_text()):
            found[spec["label"]] = once(spec, rows, o)
        exact = controls(rows, parts["train"])
    console.print(f"{duration(clock.seconds)} by the clock, in this call")
    record = {
        "budget": budget(o),
        "decoders": found,
        "controls": exact,
        "pairs": compared(found),
        "machine": provenance.machine(),
    }
    print(page(record))
    if o.out:
        files.write_json(o.out / "decoder_likelihoods.json", record)
        files.write_bytes(o.out / "decoder_likelihoods.md", page(record).encode())


if __name__ == "__main__":
    main()
