"""Features that are computed once, remembered and kept in files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.errors import StoreError
from genbench.features import kept as kept_module
from genbench.features.kept import Kept
from genbench.features.pixels import Pixels
from genbench.records.files import read_tensors, write_tensors
from genbench.samples.pixels import Deferred


class Doubled:
    """f(x) = 2 x, and how often it was computed; the class is the sign of the first number."""

    revision, width, digest = 1, 3, "d" * 64

    def __init__(self):
        self.computed = []

    def __call__(self, rows):
        self.computed.append(len(rows))
        return 2 * rows

    def classify(self, rows):
        return torch.stack([rows[:, 0], -rows[:, 0]], 1)


class Headed(Doubled):
    """Its logits come of its features."""

    def head(self, features):
        return features[:, :2]


def rows(n, seed=0):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))


def in_files(folder, extractor=None):
    return Kept(extractor or Doubled(), "doubled", folder, read_tensors, write_tensors)


def files(folder: Path):
    return sorted(folder.rglob("*.safetensors"))


def test_features_are_the_extractors():
    assert torch.equal(Kept(Doubled(), "doubled")(rows(5)), 2 * rows(5))


def test_the_same_rows_are_computed_once():
    kept = Kept(Doubled(), "doubled")
    kept(rows(5)), kept(rows(5).clone())
    assert kept.extractor.computed == [5]


def test_other_rows_are_computed():
    kept = Kept(Doubled(), "doubled")
    kept(rows(5)), kept(rows(5, 1))
    assert kept.extractor.computed == [5, 5]


@settings(deadline=None)
@given(n=st.integers(1, 30), block=st.integers(1, 12))
def test_block_by_block_equals_whole(n, block):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept_module, "BLOCK", block)
        kept = Kept(Doubled(), "doubled")
        whole = kept(rows(n))
        parts = torch.cat([kept(rows(n)[i : i + block]) for i in range(0, n, block)])
        assert torch.equal(whole, parts)
        assert sum(kept.extractor.computed) == n  # the parts were known already


def test_the_blocks_used_last_stay_in_memory():
    kept = Kept(Doubled(), "doubled", most=2 * 5 * 3 * 4)  # bytes of two
    for seed in (0, 1, 0, 2, 0, 1):  # 2 takes the place of 1, and 1 is computed again
        kept(rows(5, seed))
    assert len(kept.extractor.computed) == 4


def test_what_a_caller_does_to_its_features_is_not_remembered():
    kept = Kept(Doubled(), "doubled")
    kept(rows(5)).zero_()
    assert torch.equal(kept(rows(5)), 2 * rows(5))


def test_a_file_read_back_equals_what_was_computed(tmp_path):
    first, second = in_files(tmp_path), in_files(tmp_path)
    assert torch.equal(first(rows(5)), second(rows(5)))
    assert second.extractor.computed == []


def test_a_changed_byte_in_a_file_is_not_believed(tmp_path):
    in_files(tmp_path)(rows(5))
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    again = in_files(tmp_path)
    assert torch.equal(again(rows(5)), 2 * rows(5))
    assert again.extractor.computed == [5]
    in_files(tmp_path, healed := Doubled())(rows(5))
    assert healed.computed == []


def test_a_file_of_other_rows_is_not_believed(tmp_path):
    kept = in_files(tmp_path)
    kept(rows(5)), kept(rows(5, 1))
    one, other = files(tmp_path)
    one.write_bytes(other.read_bytes())
    again = in_files(tmp_path)
    assert torch.equal(again(rows(5)), 2 * rows(5))
    assert torch.equal(again(rows(5, 1)), 2 * rows(5, 1))


@pytest.mark.parametrize("changed", ["digest", "revision"])
def test_another_digest_or_revision_reads_no_file_of_this_one(tmp_path, changed):
    in_files(tmp_path)(rows(5))
    other = Doubled()
    setattr(other, changed, "e" * 64 if changed == "digest" else 2)
    in_files(tmp_path, other)(rows(5))
    assert other.computed == [5]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        in_files(tmp_path / "file")(rows(5))


def test_pixels_are_neither_remembered_nor_written(tmp_path):
    given = rows(5)
    kept = Kept(Pixels((3,), tmp_path), "pixels", tmp_path, read_tensors, write_tensors)
    assert kept(given) is given
    assert not files(tmp_path)


def test_classes_are_there_where_the_extractor_has_them():
    assert torch.equal(Kept(Doubled(), "doubled").classify(rows(5)), Doubled().classify(rows(5)))
    assert not hasattr(Kept(Pixels((3,), Path()), "pixels"), "classify")


def test_classes_of_known_features_need_no_second_pass():
    kept = Kept(Headed(), "headed")
    kept(rows(5))
    assert torch.equal(kept.classify(rows(5)), 2 * rows(5)[:, :2])
    assert kept.extractor.computed == [5]


def test_rows_that_are_converted_where_they_are_used_are_taken():
    stored = torch.arange(15, dtype=torch.uint8).reshape(5, 3)
    kept = Kept(Doubled(), "doubled")
    assert torch.equal(kept(Deferred(stored, 256)), 2 * (stored / 255))


def test_no_rows_have_no_features():
    assert Kept(Doubled(), "doubled")(rows(0)).shape == (0, 3)
