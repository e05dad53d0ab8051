"""Names as a paper prints them: the class of what is registered, its words apart.

deep_gsn is registered as the class DeepGSN, so it is "Deep GSN": the registered name says where the
words of the class end. A class that is called otherwise than it is registered, and what is not
registered, keep the registered name.
"""

from __future__ import annotations

from genbench.plugins import registry


def title(kind: str, name: str) -> str:
    """The name of a model, dataset or metric as a paper prints it; nothing is imported.

    >>> [title("model", name) for name in ("deep_gsn", "bigan", "held_out", "a_stranger")]
    ['Deep GSN', 'BiGAN', 'Held out', 'a_stranger']
    """
    classes = [e.value.rpartition(":")[2] for e in registry.entries(kind) if e.name == name]
    same = [one for one in classes if one.lower() == name.replace("_", "").lower()]
    return _apart(same[0], name) if same else name


def _apart(camel: str, name: str) -> str:
    """The words of a class; one with a single capital letter is small, but for the first.

    >>> _apart("C2STNN", "c2st_nn"), _apart("TrainShare", "train_share")
    ('C2ST NN', 'Train share')
    """
    words, start = [], 0
    for part in name.split("_"):
        words.append(camel[start : start + len(part)])
        start += len(part)
    first, *others = words
    small = [word if sum(map(str.isupper, word)) > 1 else word.lower() for word in others]
    return " ".join([first, *small])
