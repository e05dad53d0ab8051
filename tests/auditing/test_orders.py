"""Audits of metrics that say what they rank below real rows: by what, against what, the verdict."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genbench.auditing import findings, scores, subjects
from genbench.auditing.scores import Audit, Gap, Row, Scored
from genbench.auditing.subjects import Audited
from genbench.protocols import Split
from genbench.records import audits
from genbench.records.files import write_json
from genbench.records.run import Data

DATA = Data("tiny", 0, 1, "", "", "", "", "", 256)
EMPTY = Audit("", "tiny", "", "", 1, "nearness", "share", "low", "images", ())


class Source:
    shape, range, levels, folds = (1, 4, 4), (0.0, 1.0), 256, 1

    def split(self, fold: int) -> Split:
        rows = torch.rand(600, 16, generator=torch.Generator().manual_seed(0))
        return Split(*rows.split([200, 300, 100]))


def row(kind: str, value: float, error: float | None = 0.1, *gaps: Gap) -> Row:
    return Row(kind, f"the {kind}", 100, 100, value, error, gaps=gaps)


def gap(ours: Row, other: Row, *real: Row, best: str | float = "low") -> Gap:
    others = [Scored(other, None)]
    (found,) = scores._by_value(ours, others, real, best)
    return found


# --- what is compared ---


def planned(*orders: str) -> dict[str, subjects.Subject]:
    audited = Audited(DATA, "x", "kmeans", "gaussian", {}, orders, samples=100)
    found, _ = subjects.subjects(audited, Source(), torch.device("cpu"))
    return {one.kind: one for one in found}


def test_copies_are_compared_with_what_they_are_made_of() -> None:
    assert planned("blurred")["blurred"].against == ("the first 100 training images",)


def test_where_training_rows_are_to_rank_low_all_is_compared_with_rows_held_out() -> None:
    found = planned("images", "blurred")
    assert found["images"].against == found["blurred"].against == ("held-out images",)


def test_the_null_is_two_random_halves_of_the_test_rows() -> None:
    half = planned("noise")["real_split"]
    assert half.test is not None
    both = torch.cat([half.make(), half.test])
    assert both.sort(dim=0)[0].equal(Source().split(0).test.sort(dim=0)[0])
    assert not half.make().equal(Source().split(0).test[:50])  # not in the file's order


# --- by how much ---


def test_a_difference_is_positive_where_the_value_is_better() -> None:
    assert gap(row("a", 1.0), row("b", 3.0)).difference == 2.0
    assert gap(row("a", 1.0), row("b", 3.0), best="high").difference == -2.0
    assert gap(row("a", 0.4), row("b", 0.9), best=0.5).difference == pytest.approx(0.3)


def test_its_error_is_that_of_both_rows() -> None:
    assert gap(row("a", 1.0, 3.0), row("b", 3.0, 4.0)).error == 5.0


def test_where_no_error_is_known_it_is_what_two_sets_of_real_rows_are_apart() -> None:
    real = row("as_many", 1.0, None), row("held_out", 1.5, None)
    assert gap(row("a", 2.0, None), real[1], *real).sign == 0
    assert gap(row("a", 2.01, None), real[1], *real).sign == -1


# --- the verdict ---


def verdict(*rows: Row, orders: tuple[str, ...] = ("blurred", "noise")) -> str:
    return findings.verdict(replace(EMPTY, rows=rows, orders=orders))[-1]


BELOW, EVEN, ABOVE = (Gap("images", difference, 1.0) for difference in (-9.0, 0.5, 9.0))


def test_all_that_it_says_it_ranks_below_is_below() -> None:
    assert verdict(row("blurred", 1, 0.1, BELOW), row("noise", 1, 0.1, BELOW)) == (
        "verdict: nearness on tiny ranks 2 of 2 sets of worse samples below real ones, as it "
        "should all"
    )


def test_what_it_prefers_and_what_it_does_not_tell_apart_is_named() -> None:
    said = verdict(row("blurred", 1, 0.1, ABOVE), row("noise", 1, 0.1, EVEN))
    assert "ranks 0 of 2" in said
    assert said.endswith("it prefers: the blurred; it does not tell from real rows: the noise")


def test_what_it_does_not_speak_of_does_not_count() -> None:
    assert "ranks 1 of 1" in verdict(row("shifted", 1, 0.1, ABOVE), row("noise", 1, 0.1, BELOW))


# --- under tables ---


def test_tables_print_the_verdict_of_these_data_only(tmp_path: Path) -> None:
    write_json(
        audits.place(tmp_path, "tiny", "mmd"), {"digest": "a", "verdict": ["x", "verdict: y"]}
    )
    assert audits.verdict([tmp_path / "none", tmp_path], "tiny", "mmd", "a") == "verdict: y"
    assert audits.verdict([tmp_path], "tiny", "mmd", "b") == ""
    assert audits.verdict([tmp_path], "tiny", "frechet", "a") == ""


def test_several_metrics_are_audited_by_one_command(strangers: Path, genbench) -> None:
    done = genbench(
        *("audit", "-d", "mnist5k", "--metrics", "frechet,train_share", "--json", "-q"),
    )
    assert done.returncode == 0, done.stderr
    found = {one["metric"]: one for one in json.loads(done.stdout)}
    assert found.keys() == {"frechet", "train_share"}
    shared = [{row["name"]: row["count"] for row in one["rows"]} for one in found.values()]
    assert shared[0] == shared[1]
    by_kind = {row["kind"]: row["value"] for row in found["train_share"]["rows"]}
    assert by_kind["images"] == 1
    assert abs(by_kind["held_out"] - 0.5) < 0.15
