"""The script for a GPU, as far as a CPU can carry it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import gpu


def dry(seconds: float = 60.0) -> gpu.Session:
    return gpu.Session(torch.device("cpu"), True, time.monotonic() + seconds, None)


def test_the_estimator_and_the_gan_are_timed_beside_what_they_are_made_of() -> None:
    report = gpu.measured(["estimator", "gan"], dry())
    (row,) = report["estimator"]
    assert (row["d"], row["rows"]) == (784, 1000)
    assert min(row["genbench"], row["product"]) > 0
    assert row["genbench / product"] == pytest.approx(row["genbench"] / row["product"])
    assert [one["way"] for one in report["gan"]] == ["eager"]  # a graph needs CUDA


def test_a_stage_that_fails_says_so_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: gpu.Session) -> list[gpu.Row]:
        raise RuntimeError("no kernel image")

    monkeypatch.setitem(gpu.STAGES, "parity", broken)
    monkeypatch.setitem(gpu.STAGES, "gan", lambda session: [{"way": "eager"}])
    report = gpu.measured(["parity", "gan"], dry())
    assert report == {
        "parity": [{"failed": "RuntimeError: no kernel image"}],
        "gan": [{"way": "eager"}],
    }


def test_a_stage_without_time_is_left_out() -> None:
    assert gpu.measured(["gan"], dry(seconds=0)) == {"gan": [{"left out": "the time was over"}]}


def test_the_page_has_a_table_for_each_stage() -> None:
    machine = {"gpus": ["a card"], "cpu": "a processor"}
    text = gpu.page({"gan": [{"way": "eager", "seconds": 1.0}]}, machine, "python gpu.py")
    assert "`python gpu.py` on a card; CPU: a processor." in text
    assert "| eager |" in text
