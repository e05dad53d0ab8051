"""What is said of our value beside a published one."""

from dataclasses import replace

import pytest
from made import altered
from test_table import GAN, current

from genbench.records.observed import Training
from genbench.tables import cells, frames
from genbench.tables.published import Published, differing, verdict
from genbench.tables.signature import Protocol

STATED = {"m": "10000", "sigma": "grid10", "s": "mean"}
PAPER = Published(225.0, 2.0, "nats", "Table 1", STATED, ("m", "s", "sigma"))
SAME = {"m": "10000", "sigma": "grid10", "s": "mean", "scale": "255"}


def test_a_value_where_another_seed_would_fall_is_reproduced() -> None:
    assert verdict([223.0, 226.0, 224.0], SAME, PAPER)[0] == "reproduced"


@pytest.mark.parametrize(("by", "sign"), [(60.0, "+"), (-60.0, "-")])
def test_the_verdict_is_two_sided(by: float, sign: str) -> None:
    seeds = [value + by for value in (223.0, 226.0, 224.0)]
    said, why = verdict(seeds, SAME, PAPER)
    assert said.startswith(f"differs by {sign}")
    assert why.startswith("seed spread 1.5")


def test_two_seeds_reproduce_nothing() -> None:
    said, why = verdict([225.0, 225.0], SAME, PAPER)
    assert said == "differs by +0.0 nats"
    assert "2 of the 3 seeds" in why


def test_another_protocol_is_named_field_by_field_whatever_the_value() -> None:
    ours = {**SAME, "sigma": "refine10", "m": "2000"}
    said = verdict([225.0, 224.0, 226.0], ours, PAPER)
    assert said == (
        "not comparable: m, sigma",
        "m 2000, theirs 10000; sigma refine10, theirs grid10",
    )


def test_what_the_source_does_not_state_is_not_compared() -> None:
    assert differing({"m": "10000"}, {"m": "10000"}) == {}
    assert differing({}, {"m": "10000"}) == {"m": ("not stated", "10000")}


def paper_fields(result) -> Protocol:
    own = {"scale": "255", "sigma": "grid10", "v": "first1000"}
    return Protocol({"m": "10000", "s": "mean", **own}, own)


def test_a_table_says_the_verdict_beside_the_published_value() -> None:
    training = replace(GAN.training, rows=50_000)
    seeds = [
        altered(GAN, seed=s, key=str(s), value=v, training=training)
        for s, v in enumerate((223.0, 226.0, 224.0))
    ]
    (cell,) = cells.cells(seeds, current, paper_fields)
    assert cell.verdict == "reproduced"
    shown = frames.frame([cell], ())
    assert shown.loc[0, "mnist, verdict"] == "reproduced"


def test_a_training_on_other_rows_is_not_comparable() -> None:
    (cell,) = cells.cells([GAN], current, paper_fields)
    assert cell.verdict == "not comparable: rows"
    assert cell.why == "rows not stated, theirs 50000"


def test_a_chain_from_noise_is_not_the_published_chain_from_a_test_image() -> None:
    chain = {"start": "noise", "chains": 100}
    gsn = altered(GAN, model="deep_gsn", training=Training(rows=60_000), sampling=chain)
    fields = {"m": "10000", "s": "mean", "scale": "256", "sigma": "fixed0.2", "v": "none"}
    (cell,) = cells.cells([gsn], current, lambda result: Protocol(fields))
    assert cell.verdict == "not comparable: chain"
    assert cell.why == "chain started at noise, theirs one from a test image"


def test_a_source_that_states_little_is_in_range_at_most_and_says_what_it_leaves_out() -> None:
    vague = Published(225.0, 2.0, "nats", "quoted", {"m": "10000"}, ("m", "s", "sigma"))
    said, why = verdict([223.0, 226.0, 224.0], SAME, vague)
    assert said == "in range"
    assert why.endswith("the source does not state s, sigma")


def test_stale_and_cut_rows_have_no_verdict() -> None:
    (stale,) = cells.cells([GAN], lambda result: False, paper_fields)
    (cut,) = cells.cells([altered(GAN, cut=True)], current, paper_fields)
    assert (stale.verdict, cut.verdict) == ("", "")
