"""The page of benchmarks/decoder_likelihoods.py, and whose order it is."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import decoder_likelihoods
from decoder_likelihoods import compared, doubled, once, page


def of_rows(*rows):
    mean = sum(rows) / len(rows)
    return {"mean": mean, "stderr": 0.5, "rows": list(rows)}


def decoder(ais, kde, changes):
    certificates = {"distributions": max(changes), "mean by distributions": [*changes.items()]}
    certificates["stderr over chains"] = 0.75
    return {
        "about": "a decoder",
        "v": 0.025,
        "validation by v": [(0.025, 11.0), (0.1, 3.0)],
        "change by doubling, by v": [0.5, -0.25],
        "AIS": {"test": of_rows(*ais), "train": of_rows(*ais)},
        "AIS at v = 0.025": {"test": of_rows(*ais), "train": of_rows(*ais)},
        "KDE": {"test": of_rows(*kde), "train": of_rows(*kde)},
        "certificates": certificates,
        "certificates at the common v": certificates,
        "BDMC gap, simulated rows only": {"mean": 0.25, "stderr": None},
    }


FOUND = {
    "a": decoder([10.0, 11.0, 12.0], [3.0, 4.0, 5.0], {250: 9.0, 500: 11.5}),
    "b": decoder([20.0, 21.0, 22.5], [1.0, 2.0, 2.5], {250: 21.0}),
    "c": decoder([0.0, 11.0, 24.0], [9.0, 9.0, 9.5], {250: 11.0}),
}
RECORD = {
    "budget": {"rows": 3, "v": None},
    "decoders": FOUND,
    "controls": {},
    "pairs": compared(FOUND),
    "machine": {"cpu": "a processor"},
}


def test_an_order_is_open_where_one_of_both_differences_is_within_its_error():
    orders = {tuple(line["pair"]): line["order"]["AIS"] for line in compared(FOUND)}
    assert orders == {("a", "b"): "opposite", ("a", "c"): "open", ("b", "c"): "open"}


def test_a_change_is_that_of_the_last_doubling():
    assert doubled(FOUND["a"]["certificates"]) == "500 (+2.5 ± 0.8)"
    assert doubled(FOUND["b"]["certificates"]) == "250 (± 0.8)"


def test_a_row_has_both_numbers_of_distributions():
    (row,) = (line for line in page(RECORD).splitlines() if line.startswith("| a |"))
    assert row.count("500 (+2.5 ± 0.8)") == 2
    assert row.count("|") == page(RECORD).count("---|") + 1


def test_the_page_says_by_which_bounds_v_was_chosen():
    assert "0.0250: 11.0 (+0.5), 0.1000: 3.0 (-0.2). Chosen" in page(RECORD)


def test_a_decoder_that_is_done_is_read_and_measured_anew_where_something_else_is_asked(
    tmp_path: Path, monkeypatch
):
    (tmp_path / "weights").write_bytes(b"weights")
    spec = {"label": "a", "weights": str(tmp_path / "weights")}
    named = ("rows", "chains", "first", "most", "v", "n_valid", "simulated", "slopes")
    o = argparse.Namespace(**dict.fromkeys(named, 1), state=tmp_path)
    times = []
    monkeypatch.setattr(
        decoder_likelihoods, "measured", lambda *_: {"time": times.append(0) or len(times)}
    )
    assert [once(spec, {}, o)["time"] for _ in range(2)] == [1, 1]
    o.rows = 2
    assert once(spec, {}, o)["time"] == 2
    (tmp_path / "weights").write_bytes(b"others")
    assert once(spec, {}, o)["time"] == 3


def test_a_pair_is_compared_at_both_variances():
    found = {**FOUND, "a": {**FOUND["a"], "AIS at v = 0.025": {"test": of_rows(30.0, 31.0, 32.0)}}}
    (line, *_) = compared(found)
    assert line["order"] == {"AIS": "opposite", "AIS at v = 0.025": "the same"}
