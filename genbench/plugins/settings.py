"""What a class can be told, and what was said: the settings of models and metrics, checked."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from genbench.errors import UsageError
from genbench.plugins import registry

LONGEST = 64  # characters of a value in a signature
_UNSAFE = re.compile(r"[^A-Za-z0-9_.@()+-]+")
_OURS = {"metric", "d", "m", "s", "sets", "seeds", "genbench"}  # fields that no metric names
_OURS |= {"folds", "rows", "sel", "tune", "chain"}


TOLD = ("shape", "levels")  # of the data: what a constructor that names it is told


def constructor(cls: type) -> dict[str, Any]:
    """Names and types of what a class is built from, what it is told of the data aside."""
    parameters = list(inspect.signature(cls).parameters.values())
    hints = get_type_hints(cls.__init__)
    return {p.name: hints.get(p.name, Any) for p in parameters if p.name not in ("self", *TOLD)}


def told(cls: type, levels: int | None) -> dict[str, Any]:
    """What a model class is told of the data by name, beside their shape: `levels` if it asks."""
    return {"levels": levels} if "levels" in inspect.signature(cls).parameters else {}


def defaults(cls: type) -> dict[str, Any]:
    """The default settings of a class, by name."""
    own = (p for p in inspect.signature(cls).parameters.values() if p.name not in TOLD)
    return {p.name: p.default for p in own if p.default is not p.empty}


def check_values(
    owner: str, values: Mapping[str, Any], hints: Mapping[str, Any], also: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """The values as their types have them (1 is 1.0 for a float).

    Raises UsageError where a key is not in `hints`, or a value is not of its type or not JSON-able.
    """
    checked = {}
    for key, value in values.items():
        if key not in hints:
            known = registry.nearest(key, {*hints, *also})
            raise UsageError(f"{owner!r} has no hyperparameter {key!r}; {known}")
        try:
            strict = ConfigDict(strict=True, arbitrary_types_allowed=True)
            checked[key] = TypeAdapter(hints[key], config=strict).validate_python(value)
            json.dumps(checked[key], allow_nan=False)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise UsageError(f"{owner}.{key} = {value!r}: {reason}") from error
        except (TypeError, ValueError) as error:
            raise UsageError(f"{owner}.{key} = {value!r}: {error}") from error
    return checked


def parse_setting(text: str) -> tuple[str, str, Any]:
    """`gan.rate=0.05` -> ("gan", "rate", 0.05); a value that is no TOML is a string.

    >>> parse_setting("gan.rate=0.05")
    ('gan', 'rate', 0.05)
    >>> parse_setting("gan.update=alternating")
    ('gan', 'update', 'alternating')
    >>> parse_setting("parzen.sigma=.2")  # no TOML, but a number to everybody
    ('parzen', 'sigma', 0.2)
    """
    target, equals, value = text.partition("=")
    owner, dot, key = target.strip().partition(".")
    if not (equals and dot and owner and key):
        raise UsageError(f"--set takes NAME.KEY=VALUE, such as gan.rate=0.05; got {text!r}")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = _number(value.strip())
    except RecursionError:
        raise UsageError(f"--set {owner}.{key} has a value that is nested too deeply") from None
    return owner.replace("-", "_"), key.strip(), parsed


def _number(text: str) -> float | str:
    """The float that a text spells, such as .5 or 1., or the text."""
    try:
        return float(text)
    except ValueError:
        return text


# --- what a metric says of its settings ---


def of_settings(metric: str, settings: Mapping[str, Any], levels: int | None) -> dict[str, Any]:
    """What a metric's settings mean ("fields"), and what its default ones would ("usual").

    From its own `signature(settings, levels)`. Of a metric without one, and of settings that the
    installed one does not know, the settings that are not the default, by name. JSON-able, for the
    record, so that a table needs not load the metric.
    """
    cls = registry.load("metric", metric)
    usual_ones = defaults(cls)
    said = getattr(cls, "signature", None)
    if said is not None:
        try:
            found = said(settings, levels)
            usual = said(usual_ones, levels)
            return {"fields": checked_fields(found), "usual": checked_fields(usual)}
        except (TypeError, ValueError, KeyError):
            pass
    changed = {key: value for key, value in settings.items() if value != usual_ones.get(key)}
    return {"fields": checked_fields(changed), "usual": {}}


def checked_fields(said: Mapping[str, Any]) -> dict[str, str]:
    """The fields as they may stand in a line; a name that is ours gets the prefix `x-`."""
    names = {name: f"x-{name}" if name in _OURS else safe(name) for name in map(str, said)}
    return {names[str(name)]: safe(value) for name, value in said.items()}


def safe(text: Any) -> str:
    """Text that stands unquoted in a signature: letters, digits and `_ . @ ( ) + -`, not too long.

    >>> safe("a|b:c/d <script>")
    'a-b-c-d-script-'
    """
    return _UNSAFE.sub("-", str(text))[:LONGEST] or "-"
