"""Training as it is watched: bars on a terminal, lines elsewhere, from the store's event logs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from genbench.errors import plain
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.records.watched import best_said, best_so_far, since_begun
from genbench.timing import Since
from genbench.words import duration

SILENCE = 60.0  # seconds after which a log says again how far each training is
_STAGES = {
    "fit": "training",
    "tune": "tuning",
    "sample": "sampling",
    "score": "scoring",
    "end": "ending what it left behind",
}


class Watch:
    """Shows how far each training of a plan is; reads only what the workers logged."""

    def __init__(
        self,
        groups: Sequence[Sequence[Run]],
        store: Store,
        console: Console,
        live: bool,
        quiet: bool = False,
    ) -> None:
        self._store, self._console, self._lines = store, console, not live and not quiet
        self._groups = {group[0].fit_key: group[0] for group in groups}
        self._seen = {key: len(store.events(run)) for key, run in self._groups.items()}
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, str] = {}  # how far each training was when it logged last
        self._silence = Since()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not live,
            transient=True,
        )

    def __enter__(self) -> Watch:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self) -> None:
        """Looks at every log once."""
        for key, run in self._groups.items():
            events = self._store.events(run)
            new = events[self._seen[key] :]
            if new:
                self._seen[key] = len(events)
                self._show(key, run, events, new)
        if self._lines and self._silence.seconds > SILENCE:
            for text in self._said.values():
                self._print(f"{text}; still at work")

    def _show(self, key: str, run: Run, events: list[dict], new: list[dict]) -> None:
        name = f"{run.model} on {run.data.name}" + (f", seed {run.seed}" if run.seed else "")
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(name, total=None, state="starting")
        starts = [i for i, event in enumerate(events) if event.get("stage") == "fit"]
        epochs = [event for event in events[max(starts, default=0) :] if "epoch" in event]
        of_all = [event for event in since_begun(events) if "epoch" in event]
        state = plain(_state(events[-1], epochs, best_so_far(of_all)))
        if epochs:
            done, of = epochs[-1]["epoch"], epochs[-1]["of"]
            self._bars.update(self._tasks[key], completed=done, total=of)
        self._bars.update(self._tasks[key], state=state)
        where = f"epoch {epochs[-1]['epoch']}/{epochs[-1]['of']}, " if epochs else ""
        self._said[key] = f"{name}: {where}{state}"
        if self._lines and any(_worth_a_line(event) for event in new):
            self._print(self._said[key])

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
        self._silence = Since()

    def finish(self, run: Run) -> None:
        """Takes a finished training's bar away; its log is looked at no more."""
        self._groups.pop(run.fit_key, None)
        self._said.pop(run.fit_key, None)
        if run.fit_key in self._tasks:
            self._bars.remove_task(self._tasks[run.fit_key])


def _worth_a_line(event: dict) -> bool:
    """Every stage, about ten epochs of a training, and what a long score logs of itself."""
    return "epoch" not in event or event["epoch"] % max(1, event["of"] // 10) == 0


def _state(last: dict, epochs: list[dict], stands: str) -> str:
    """Losses and time left while training, else the stage.

    epochs: since it was begun or resumed last. stands: see `watched.best_so_far`.
    """
    if "step" in last:
        where = f"{last['job']}, step {last['step']} of at most {last['steps']}"
        return f"scoring by {last['metric']}: {where}, {duration(last['seconds_left'])} left"
    if last.get("stage") == "ended":
        return _why_ended(last)
    if "epoch" not in last:
        return _STAGES.get(last.get("stage", ""), "")
    parts = [f"{name} {loss:.4g}" for name, loss in last["losses"].items()]
    recent = epochs[-5:]
    left = (last["of"] - last["epoch"]) * sum(e["seconds"] for e in recent) / len(recent)
    parts += [stands, f"at most {duration(left)} left"] if stands else [f"{duration(left)} left"]
    return ", ".join(parts)


def _why_ended(event: dict) -> str:
    """Why a training that may end before its last epoch ended where it did."""
    rule = f"it rose by no more than {event['gain']:g} in {event['patience']} epochs"
    whys = {"patience": rule, "minutes": "its minutes are over", "epochs": "it was the last"}
    return f"ended after epoch {event['after']}, {best_said(event['best'])}: {whys[event['by']]}"
