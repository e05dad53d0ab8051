"""Toy models, each with some abilities, that keep the contract; and ways to break it."""

import math

import torch

from genbench.protocols import Boltzmann, Epoch, Score


class Toy:
    """Learns in closed form, anew in each epoch; a mean picture with noise."""

    samples = "mean"
    noise = 0.05

    def __init__(self, shape, epochs: int = 2) -> None:
        self.shape, self.d, self.epochs = shape, math.prod(shape), epochs
        self.kept = {}
        self.done = torch.tensor(0)

    def learn(self, train, labels):
        return {"mean": train.mean(dim=0), "std": train.std(dim=0) + 0.01}

    def fit(self, train, valid, labels=None):
        for epoch in range(int(self.done) + 1, self.epochs + 1):
            self.kept = self.learn(train, labels)
            self.done = torch.tensor(epoch)
            yield Epoch(epoch, self.epochs, {"brightness": float(train.mean())})

    def sample(self, n):
        return self.draw(self.kept["mean"].expand(n, -1), self.noise)

    def draw(self, mean, std):
        return (mean + std * torch.randn_like(mean)).clamp(0, 1)

    def state_dict(self):
        return {**self.kept, "train.done": self.done}

    def load_state_dict(self, state):
        self.kept = {k: v for k, v in state.items() if not k.startswith("train.")}
        self.done = state.get("train.done", torch.tensor(self.epochs))


def of_classes(train, labels):
    """The mean of each class, of the rows whose label is shown."""
    classes = range(int(labels.max()) + 1)
    return {"means": torch.stack([train[labels == label].mean(dim=0) for label in classes])}


class Labelled(Toy):
    """Tells classes by their means."""

    labelled = True

    def learn(self, train, labels):
        return of_classes(train, labels)

    def sample(self, n):
        return self.of(torch.randint(len(self.kept["means"]), (n,)))

    def of(self, labels):
        return self.draw(self.kept["means"][labels], self.noise)

    def classify(self, x):
        return -torch.cdist(x, self.kept["means"])


class Controlled(Labelled):
    """Has a classifier beside it that knows less."""

    def classify_control(self, x):
        return self.classify(x.round())


class Conditional(Labelled):
    """Draws of the class that is asked for."""

    conditional = True

    def sample(self, n, labels):
        return self.of(labels)


class Unbounded(Toy):
    """A Gaussian of independent numbers, anywhere on the line."""

    range = (-math.inf, math.inf)

    def sample(self, n):
        mean = self.kept["mean"].expand(n, -1)
        return mean + self.kept["std"] * torch.randn_like(mean)

    def log_prob(self, x):
        mean, std = self.kept["mean"].double(), self.kept["std"].double()
        return torch.distributions.Normal(mean, std).log_prob(x.double()).sum(dim=1)


class Signed(Toy):
    """Of data in [-1, 1] only."""

    range = (-1.0, 1.0)

    def draw(self, mean, std):
        return (mean + std * torch.randn_like(mean)).clamp(-1, 1)


class Encoding(Toy):
    """Two principal components; what they leave out of a picture is painted by the mean."""

    def learn(self, train, labels):
        _, _, axes = torch.linalg.svd(train - train.mean(dim=0), full_matrices=False)
        return {**super().learn(train, labels), "axes": axes[:2]}

    def encode(self, x):
        return (x - self.kept["mean"]) @ self.kept["axes"].T

    def decode(self, z):
        return self.kept["mean"] + z @ self.kept["axes"]

    def prior(self, n):
        return torch.randn(n, 2)

    def sample(self, n):
        return self.decode(self.prior(n)).clamp(0, 1)

    def interpolate(self, n, steps):
        start, end = self.prior(n), self.prior(n)
        share = torch.linspace(0, 1, steps)[:, None]
        lines = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
        return self.decode(torch.cat(lines))

    def inpaint(self, x, known):
        return torch.where(known, x, self.kept["mean"])


class Uniform(Encoding):
    """Codes evenly on [-1, 1], and what a recognition network would say of them."""

    def prior(self, n):
        return 2 * torch.rand(n, 2) - 1

    def code(self, t):
        return torch.erf(t / math.sqrt(2))

    def posterior(self, x):
        means = self.encode(x)
        return means, torch.full_like(means, 0.5)


class Machine(Toy):
    """A Boltzmann machine of one hidden unit that does nothing."""

    def boltzmann(self):
        biases = (self.kept["mean"].clamp(0.01, 0.99).logit(), torch.zeros(1))
        return Boltzmann((torch.zeros(self.d, 1),), biases)


class Featuring(Encoding):
    """Its encoder began as sums of pixels."""

    def learn(self, train, labels):
        return {**super().learn(train, labels), "first": torch.ones(self.d, 2)}

    def represent(self, x):
        return self.encode(x)

    def represent_initial(self, x):
        return x @ self.kept["first"]


class Critical(Toy):
    """Knows how far rows are from what it was trained on."""

    def discriminate(self, x):
        return -(x - self.kept["mean"]).norm(dim=1)


class Coins(Toy):
    """Binary pixels, independent of each other."""

    samples = "binary"

    def learn(self, train, labels):
        return {"p": train.mean(dim=0).clamp(0.01, 0.99)}

    def sample(self, n):
        return torch.bernoulli(self.kept["p"].expand(n, -1))

    def log_prob(self, x):
        return torch.distributions.Bernoulli(self.kept["p"]).log_prob(x.round()).sum(dim=1)


class Dice(Toy):
    """Grey levels, as many as it is told of: the mean's in half of the pixels, or any."""

    def __init__(self, shape, levels: int, epochs: int = 2) -> None:
        super().__init__(shape, epochs)
        self.levels = levels

    def sample(self, n):
        uniform = torch.randint(self.levels, (n, self.d)) / (self.levels - 1)
        return torch.where(torch.rand(n, self.d) < 0.5, uniform, self.nearest())

    def nearest(self):
        return (self.kept["mean"] * (self.levels - 1)).round() / (self.levels - 1)

    def log_prob(self, x):
        near = ((x - self.nearest()).abs() * (self.levels - 1) < 0.5).float()
        return (0.5 * near + 0.5 / self.levels).log().sum(dim=1)


ABLE = [Labelled, Conditional, Unbounded, Signed, Encoding, Critical, Coins, Dice]
ABLE += [Uniform, Machine, Featuring, Controlled]


class Anywhere(Unbounded):
    """Does not say that it is for data without a bound."""

    range = None


# --- broken models ---


class SeesNoLabels(Labelled):
    def learn(self, train, labels):
        return of_classes(train, torch.arange(len(train)) % 2)


class DrawsNoLabels(Conditional):
    def sample(self, n, labels):
        return self.of(torch.zeros_like(labels))


class Swapped(Conditional):
    def sample(self, n, labels):
        return self.of(len(self.kept["means"]) - 1 - labels)


class InOrder(Conditional):
    def sample(self, n, labels):
        return self.of(labels.sort().values)


class Fewer(Conditional):
    def sample(self, n, labels):
        return self.of(labels[: max(n - 1, 1)])


class HiddenIsLast(Labelled):
    def learn(self, train, labels):
        return of_classes(train, labels % (int(labels.max()) + 1))


class HiddenIsAClass(Labelled):
    def learn(self, train, labels):
        classes = labels.unique()
        return {"means": torch.stack([train[labels == label].mean(dim=0) for label in classes])}


class HiddenCrashes(Labelled):
    def learn(self, train, labels):
        torch.nn.functional.one_hot(labels)
        return of_classes(train, labels)


class Remembers(Labelled):
    """More labels than it is shown: those of rows that any model of the class has met."""

    met = {}  # noqa: RUF012 - that all models of the class share it is the defect

    def learn(self, train, labels):
        rows = [row.numpy().tobytes() for row in train]
        self.met |= {row: label for row, label in zip(rows, labels, strict=True) if label >= 0}
        return of_classes(train, torch.stack([*map(self.met.get, rows, labels)]))


class TooWide(Labelled):
    def classify(self, x):
        return torch.cat([super().classify(x), torch.full((len(x), 1), -9.0)], dim=1)


class TellsWrong(Labelled):
    def classify(self, x):
        return -super().classify(x)


class Unnormalised(Unbounded):
    def log_prob(self, x):
        return super().log_prob(x) + 0.5


class UnnormalisedMasses(Coins):
    def log_prob(self, x):
        return super().log_prob(x) * 0.9


class OneForAll(Unbounded):
    def log_prob(self, x):
        return super().log_prob(x).mean()


class DecodesShort(Encoding):
    def decode(self, z):
        return super().decode(z)[:, 1:]

    def sample(self, n):
        return Toy.sample(self, n)


class OtherCodes(Encoding):
    def prior(self, n):
        return torch.randn(n, 3)

    def decode(self, z):
        return super().decode(z[:, :2])


class NoCodes(Toy):
    def decode(self, z):
        return z


class CodesOfTheWrongKind(Uniform):
    def code(self, t):
        return t


class CodesWithoutSlopes(Uniform):
    def code(self, t):
        return super().code(t.detach())


class NegativeDeviations(Uniform):
    def posterior(self, x):
        means, deviations = super().posterior(x)
        return means, -deviations


class WidePosterior(Uniform):
    def posterior(self, x):
        means, deviations = super().posterior(x)
        return torch.cat([means, means], dim=1), torch.cat([deviations, deviations], dim=1)


class Transposed(Machine):
    def boltzmann(self):
        machine = super().boltzmann()
        return Boltzmann((machine.weights[0].T,), machine.biases)


class UpsideDown(Machine):
    def boltzmann(self):
        machine = super().boltzmann()
        return Boltzmann((machine.weights[0].T,), machine.biases[::-1])


class NoTrainedFeatures(Toy):
    def represent_initial(self, x):
        return x


class NarrowAtFirst(Featuring):
    def represent_initial(self, x):
        return super().represent_initial(x)[:, :1]


class NeverLearnt(Featuring):
    def represent_initial(self, x):
        return self.represent(x)


class MovesItsStart(Featuring):
    def learn(self, train, labels):
        return {**super().learn(train, labels), "first": torch.full((self.d, 2), 1.0 + self.done)}


class TooFewSteps(Encoding):
    def interpolate(self, n, steps):
        return super().interpolate(n, steps - 1)


class RepaintsAll(Encoding):
    def inpaint(self, x, known):
        return self.kept["mean"].expand_as(x)


class PaintsOutside(Encoding):
    def inpaint(self, x, known):
        return torch.where(known, x, -self.kept["mean"] - 0.1)


class LooksBelow(Encoding):
    def inpaint(self, x, known):
        return torch.where(known, x, (x + self.kept["mean"]) / 2)


class SpoilsItsInput(Critical):
    def discriminate(self, x):
        return -x.sub_(self.kept["mean"]).norm(dim=1)


class LearnsOn(Critical):
    def discriminate(self, x):
        logits = super().discriminate(x)
        self.kept["mean"] = self.kept["mean"] + 0.1
        return logits


class ForgetsItsCritic(Critical):
    """Keeps what it judges by for the training alone."""

    def state_dict(self):
        return {**super().state_dict(), "train.critic": self.kept["mean"]}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        if "train.critic" in state:
            self.critic = state["train.critic"]

    def fit(self, train, valid):
        for epoch in super().fit(train, valid):
            self.critic = self.kept["mean"]
            yield epoch

    def discriminate(self, x):
        return -(x - self.critic).norm(dim=1)


class Overshoots(Signed):
    def sample(self, n):
        return super().sample(n) * 3


class NoRange(Toy):
    range = (1.0, 0.0)


class NotesNoJSON(Toy):
    def notes(self):
        return {"mean": self.kept["mean"]}


BROKEN_MODELS = {
    SeesNoLabels: "other labels give another model: no, the labels are ignored",
    DrawsNoLabels: "other labels give other rows: no, the labels are ignored",
    Swapped: "rows lie near the class that was asked for: no, 0 % lie nearer",
    InOrder: "each row is of the label at its own place: no, asked in turn 5. % .* blocks 100 %",
    Fewer: "a row for each label that is asked for: no, got 99 for 100",
    HiddenIsLast: "a hidden label, -1, is not taken for class 1: no, the model is the same",
    HiddenIsAClass: "a hidden label is no class of its own: no, its state has the sizes",
    HiddenCrashes: "it trains where labels are hidden, -1: no, RuntimeError",
    Remembers: "it reads the labels that it is shown and no others: no, after a training",
    TooWide: r"classify gives \(5, 2\), \(1, 4, 4\): no, got \(5, 3\)",
    TellsWrong: "classify tells two classes that lie far apart: no, it is right of 0 %",
    Unnormalised: r"integrates to one on ring: no, its integral over the plane is 1\.6",
    UnnormalisedMasses: "sums to one over all 64 pictures of 6 bits: no, its sum is",
    OneForAll: r"log_prob gives \(5,\), \(1, 4, 4\): no, got \(\)",
    DecodesShort: r"decode\(encode\(x\)\) gives \(5, 16\), \(1, 4, 4\): no, got \(5, 15\)",
    OtherCodes: "encode and prior give codes of one width, .*: no, 2 and 3",
    NoCodes: "decode has codes, .*: no, the model has neither encode nor prior",
    CodesOfTheWrongKind: "code of normal rows is distributed as prior, .*: no, their dis",
    CodesWithoutSlopes: r"decode\(code\(t\)\) has slopes with respect to t, .*: no, it was",
    NegativeDeviations: "deviations of posterior are positive, .*: no, the least is -0.5",
    WidePosterior: "posterior is of codes as wide as those of prior, .*: no, 4 and 2",
    Transposed: r"weights between each layer and the next, .*: no, units \[16, 1\], weights",
    UpsideDown: "layer 0 of boltzmann is the 16 numbers of a row, .*: no, it has 1 units",
    NoTrainedFeatures: "represent_initial has a represent, .*: no, the model has none",
    NarrowAtFirst: "represent_initial is as wide as represent, .*: no, 1 and 2",
    NeverLearnt: "represent_initial is not the trained encoder, .*: no, both give the same",
    MovesItsStart: "represent_initial is the same after every epoch, .*: no, after the first",
    TooFewSteps: r"interpolate gives \(12, 16\), .*: no, got \(9, 16\)",
    RepaintsAll: "inpaint keeps the known entries, .*: no, it changed some",
    PaintsOutside: "inpaint stays in the data's range, .*: no, from -",
    LooksBelow: "inpaint reads the known entries only, .*: no, other values below the gaps",
    SpoilsItsInput: "discriminate leaves its input alone, .*: no, it changed rows",
    LearnsOn: "discriminate changes nothing in the model, .*: no, its state is another",
    ForgetsItsCritic: "without `train.` are all that discriminate needs, .*: no, AttributeError",
    Overshoots: r"samples lie in the data's range, .*: no, from -.*; the data lie in \[-1, 1\]",
    NoRange: r"its range is a least and a greatest value: no, range = \(1.0, 0.0\)",
    NotesNoJSON: "notes are JSON-able",
}


# --- metrics ---


class Distance:
    """How far the mean of the test rows is from that of the samples."""

    unit = "pixels"
    best = "low"

    def __call__(self, samples, test):
        return Score(float((samples.mean(dim=0) - test.mean(dim=0)).norm()))


class Likelihood:
    """Of held-out rows by the model itself; there are no samples."""

    unit = "nats"
    best = "high"
    requires = ("log_prob",)

    def __call__(self, model, test):
        log_p = model.log_prob(test).double()
        return Score(log_p.mean().item(), log_p.std().item() / len(test) ** 0.5, log_p)


class Surprise:
    """How likely samples are by the true density."""

    unit = "nats"
    best = "high"

    def __call__(self, samples, density):
        return Score(density.log_prob(samples).mean().item())


class ClassAccuracy:
    """Whether samples lie in the class that was asked for."""

    unit = "%"
    best = 100

    def __call__(self, samples, sample_labels, train, labels):
        means = torch.stack([train[labels.train == label].mean(dim=0) for label in (0, 1)])
        nearest = torch.cdist(samples, means).argmin(dim=1)
        return Score(100 * (nearest == sample_labels).double().mean().item())


class NearestNeighbour:
    """Whether samples can be told from rows; best where half of them are."""

    unit = ""
    best = 0.5

    def __call__(self, samples, test, features=None):
        both = torch.cat([samples[: len(test)], test])
        both = both if features is None else features(both)
        own = torch.arange(len(both)) < len(test)
        nearest = torch.cdist(both, both).fill_diagonal_(torch.inf).argmin(dim=1)
        return Score((own[nearest] == own).double().mean().item())


class Brightness:
    """Nothing is good or bad but by what held-out rows have; its notes are all there is in JSON."""

    unit = ""
    best = "real"

    def __call__(self, samples):
        notes = {"list": [1.0, 2.0], "tuned": 2, "table": {"a": None}, "sigma": [1.0, [2]]}
        return Score(samples.mean().item(), None, notes=notes)


class Chance:
    """Draws some of the rows that it compares."""

    unit = ""
    best = "low"

    def __call__(self, samples, test):
        some = test[torch.randint(len(test), (10,))]
        return Score(torch.cdist(some, samples).amin(dim=1).mean().item())


GOOD_METRICS = [Distance, Likelihood, Surprise, ClassAccuracy, NearestNeighbour, Brightness, Chance]


# --- broken metrics ---


class NoBest:
    unit = "pixels"
    __call__ = Distance.__call__


class BestIsTrue(Distance):
    best = True


class BestIsWrongWay(Distance):
    best = "high"


class NoUnit:
    best = "low"
    __call__ = Distance.__call__


class SpoilsItsRows(Distance):
    def __call__(self, samples, test):
        test -= samples.mean(dim=0)
        return Score(float(test.mean(dim=0).norm()))


class SpoilsItsModel(Likelihood):
    def __call__(self, model, test):
        model.means.clamp_(max=0.5)
        return super().__call__(model, test)


class TakesTheUnknown(Distance):
    def __call__(self, samples, teste):
        return super().__call__(samples, teste)


class RequiresTheUnknown(Likelihood):
    requires = ("logprob",)


class OtherMean(Likelihood):
    def __call__(self, model, test):
        log_p = model.log_prob(test).double()
        return Score(log_p.sum().item(), None, log_p)


class OtherLength(Likelihood):
    def __call__(self, model, test):
        log_p = model.log_prob(test[1:]).double()
        return Score(log_p.mean().item(), None, log_p)


class Shuffles(Likelihood):
    def __call__(self, model, test):
        score = super().__call__(model, test)
        return Score(score.value, score.stderr, score.per_example.sort().values)


class FirstOnly(Distance):
    def __call__(self, samples, test):
        return super().__call__(samples, test[:3])


class BadNotes(Distance):
    def __call__(self, samples, test):
        return Score(super().__call__(samples, test).value, notes={"mean": test.mean(dim=0)})


class NoScore(Distance):
    def __call__(self, samples, test):
        return super().__call__(samples, test).value


class NoNumber(Distance):
    def __call__(self, samples, test):
        return Score(float("nan"))


class CountsItsCalls(Distance):
    calls = 0

    def __call__(self, samples, test):
        self.calls += 1
        return Score(super().__call__(samples, test).value + self.calls)


class Crashes(Distance):
    def __call__(self, samples, test):
        raise RuntimeError("its own mistake")


class NeedsASetting(Distance):
    def __init__(self, power: float) -> None:
        self.power = power


BROKEN_METRICS = {
    NoBest: "says what is best: high, low, real or a number: no, best = None",
    BestIsTrue: "says what is best: high, low, real or a number: no, best = True",
    BestIsWrongWay: "samples of other data score worse: no, .* and best is high",
    NoUnit: "unit is a word: no, got None",
    SpoilsItsRows: "it leaves its input alone: no, it changed its input",
    SpoilsItsModel: "it leaves its input alone: no, it changed its input",
    TakesTheUnknown: "takes by name what a metric is given: no, it takes teste; there is samples",
    RequiresTheUnknown: "what it requires of a model are abilities: no, logprob",
    OtherMean: "gives a score: no, ValueError: the mean of per_example is .*, the value",
    OtherLength: r"per_example must be \(30,\), a value for each test row, got \(29,\)",
    Shuffles: "per_example keeps the order of the test rows: no",
    FirstOnly: "the order of the test rows does not matter: no",
    BadNotes: "gives a score: no, ValueError: notes must be JSON-able",
    NoScore: "a metric must give a genbench.Score",
    NoNumber: "gives a score: no, NotFinite: a score must be a finite number, got nan",
    CountsItsCalls: "the same input gives the same value: no",
    Crashes: "gives a score: no, RuntimeError: its own mistake",
    NeedsASetting: r"every setting has a default: no, \['power'\] have none",
}
