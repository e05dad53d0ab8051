"""The command that makes a result again, whatever stands in its record."""

import pytest

from genbench.verifying.commands import setting


@pytest.mark.parametrize("key", ["", ".", "gan.", "a=b", " ", "gan", ".=", "="])
def test_an_odd_key_of_a_record_is_printed_and_ends_no_report(key: str) -> None:
    assert setting(key, "text")[0] == "--set"
    assert setting(key, "text")[1].startswith(key)


def test_a_text_stands_without_quotes_where_it_reads_as_the_same_text() -> None:
    assert setting("gan.update", "alternating") == ["--set", "gan.update=alternating"]
    assert setting("gan.update", "3") == ["--set", 'gan.update="3"']
