"""Names as a paper prints them: the class of what is registered, its words apart.

deep_gsn is registered as the class DeepGSN, so it is "Deep GSN". A class that is called otherwise
than it is registered, and what is not registered, keep the registered name.
"""

from __future__ import annotations

import re

from genbench.plugins import registry

_WORD = re.compile(r"[A-Z][A-Z0-9]*(?![a-z])|[A-Z][a-z]*|[0-9][A-Za-z0-9]*|[a-z]+")


def title(kind: str, name: str) -> str:
    """The name of a model, dataset or metric as a paper prints it; nothing is imported.

    >>> [title("model", name) for name in ("deep_gsn", "kmeans", "held_out", "a_stranger")]
    ['Deep GSN', 'K-means', 'Held out', 'a_stranger']
    """
    classes = [e.value.rpartition(":")[2] for e in registry.entries(kind) if e.name == name]
    same = [one for one in classes if one.lower() == name.replace("_", "").lower()]
    return _apart(same[0]) if same else name


def _apart(camel: str) -> str:
    """The words of a class; one that is no abbreviation is small, but for the first.

    >>> [_apart(name) for name in ("FashionMNIST", "MNIST5k", "TrainShare", "C2STNN")]
    ['Fashion MNIST', 'MNIST 5k', 'Train share', 'C2STNN']
    """
    first, *others = _WORD.findall(camel) or [camel]
    words = [word if word.isupper() or word[0].isdigit() else word.lower() for word in others]
    return ("-" if len(first) == 1 and others else " ").join([first, *words])
