"""`genbench cite` and CITATION.cff: what is cited is what was used."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from pybtex.database import Entry, parse_string

from genbench.cli import cite
from genbench.plugins import citations, registry
from genbench.records import files

ROOT = Path(__file__).parents[2]
COMMITTED = Path(__file__).parents[1] / "fixtures" / "verify"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def keys(text: str) -> list[str]:
    """The keys of BibTeX entries, in order; raises where a brace does not close."""
    assert text.count("{") == text.count("}")
    return re.findall(r"^@[a-z]+\{([a-z0-9]+),$", text, re.MULTILINE)


@pytest.fixture
def bib(strangers: Path) -> Iterator[Path]:
    """The place of the stranger's references, gone after the test."""
    path = strangers / "stranger" / "drift.bib"
    yield path
    path.unlink()


def entries() -> dict[str, Entry]:
    """The project's own entries as a library reads them, by key."""
    return dict(parse_string("\n\n".join(citations.references().values()), "bibtex").entries)


def test_without_results_the_suite_and_the_paper_are_cited(genbench) -> None:
    done = genbench("cite")
    assert done.returncode == 0, done.stderr
    assert keys(done.stdout)[:2] == ["genbench", "goodfellow2014"]
    assert "signature" not in done.stdout


def test_what_stands_in_a_table_is_cited_with_its_signature(genbench) -> None:
    done = genbench("cite", "--results-dir", str(COMMITTED))
    assert done.stdout.startswith("% signature: parzen|d:mnist5k@")
    assert {"genbench", "goodfellow2014", "theis2016", "lecun1998"} <= {*keys(done.stdout)}
    assert "hinton2006" not in done.stdout


def test_only_what_is_named_is_cited(genbench) -> None:
    done = genbench("cite", "-m", "gan", "--results-dir", str(COMMITTED))
    assert "theis2016" in keys(done.stdout)  # by the metric
    assert "|m:20|" in done.stdout
    named = genbench("cite", "-m", "deep-gsn", "-d", "tfd", "--results-dir", str(COMMITTED))
    assert {"bengio2014", "susskind2010"} <= {*keys(named.stdout)}
    assert "signature" not in named.stdout


@pytest.mark.parametrize(("form", "mark"), [("bibtex", "% "), ("text", "")])
def test_a_row_of_samples_that_were_brought_is_cited_by_its_name(
    form: str, mark: str, genbench, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((50, 16), np.float32))
    kept = ("--as", "own_flow", "--source", "a test", "--date", "2026-11-29")
    genbench("score", "x.npy", "-d", "tiny", "--no-references", *kept)
    done = genbench("cite", "-d", "tiny", "-m", "own-flow", "--format", form)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{mark}signature: parzen|d:tiny@")
    last = f"{mark}model own_flow (not registered) names no reference"
    assert done.stdout.splitlines()[-1] == last


def test_text_has_a_line_for_each_reference(genbench) -> None:
    done = genbench("cite", "-m", "dbn", "-d", "mnist", "--format", "text")
    lines = done.stdout.splitlines()
    assert len(lines) == len(set(lines)) == 12
    assert "Geoffrey E. Hinton, Simon Osindero, and Yee-Whye Teh. A Fast Learning" in done.stdout
    assert "18(7):1527–1554, 2006." in done.stdout
    assert "@" not in done.stdout


@pytest.mark.parametrize("arguments", [("-m", "gna"), ("-d", "moon"), ("--format", "ris")])
def test_an_unknown_name_ends_in_a_sentence(arguments: tuple[str, ...], genbench) -> None:
    done = genbench("cite", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: unknown")


def test_a_stranger_s_reference_is_the_bib_file_beside_the_module(genbench, bib: Path) -> None:
    none = genbench("cite", "-m", "drift")
    assert "% model drift (stranger 1.0) names no reference" in none.stdout
    text = "@misc{drift,\n  title = {{Drift}},\n  author = {Doe, Jane},\n}"
    bib.write_text(f"{text}\n")
    assert text in genbench("cite", "-m", "drift").stdout
    assert "Jane Doe. Drift.\n" in genbench("cite", "-m", "drift", "-f", "text").stdout


BROKEN = {
    "brace": (b"@misc{drift,\n  title = {Drift\n}\n", "premature end of file"),
    "name": (b"@misc{drift, author = {A, B, C, D}}", "Too many commas"),
    "bytes": (b"\xff\xfe", "utf-8"),
    "nothing": (b"Jane Doe, Drift, 2020", "holds no entry"),
}


@pytest.mark.parametrize("form", ["bibtex", "text"])
@pytest.mark.parametrize("how", BROKEN)
def test_a_stranger_s_broken_bib_file_is_named_and_the_rest_is_printed(
    how: str, form: str, genbench, bib: Path
) -> None:
    content, why = BROKEN[how]
    bib.write_bytes(content)
    done = genbench("cite", "-m", "drift", "--format", form)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("% model drift" if form == "bibtex" else "model drift")
    assert "drift.bib" in last
    assert why in last
    assert "Generative Adversarial Nets" in done.stdout


def test_an_entry_that_lacks_a_field_is_printed_in_bibtex_and_named_in_text(
    genbench, bib: Path
) -> None:
    bib.write_text("@article{drift, title = {Drift}}")
    assert "@article{drift" in genbench("cite", "-m", "drift").stdout
    done = genbench("cite", "-m", "drift", "-f", "text")
    assert "drift.bib cannot be read: missing author in drift" in done.stdout


def test_a_type_that_bibtex_does_not_know_reads_as_misc(genbench, bib: Path) -> None:
    bib.write_text("@weights{drift, title = {{Drift}}, author = {Doe, Jane}, year = 2020}")
    assert "Jane Doe. Drift. 2020." in genbench("cite", "-m", "drift", "-f", "text").stdout


def test_a_name_that_is_no_longer_registered_does_not_break_the_command(
    genbench, tmp_path: Path
) -> None:
    genbench("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "50", "-q")
    for path in (tmp_path / "results").rglob("result.json"):
        files.write_json(path, {**files.read_json(path), "model": "gone"})
    done = genbench("cite")
    assert done.returncode == 0, done.stderr
    assert "% signature: parzen|d:tiny@" in done.stdout


def test_features_are_cited_where_a_result_was_scored_in_them() -> None:
    by = [{"features": "inception"}, {"features": "gone"}, {"features": "digits"}, {}]
    results = [SimpleNamespace(run=SimpleNamespace(settings=settings)) for settings in by]
    found = cite._features(results)  # pyright: ignore[reportArgumentType]
    assert found == [("features", "inception"), ("features", "digits")]
    cited = keys("\n\n".join(citations.entries(found, "bibtex")))
    assert cited[2:] == ["heusel2017", "szegedy2016", "lecun1998", "lecunmnist"]


def test_everything_that_this_project_registers_has_its_references() -> None:
    known = citations.cited()
    for kind in registry.REGISTERED:
        ours = {e.name for e in registry.entries(kind) if registry.owner(e).startswith("genbench ")}
        assert ours == {*known[kind]}
    used = {key for kind in registry.REGISTERED for names in known[kind].values() for key in names}
    assert {*used, *known["suite"]} == {*citations.references()}


def test_every_entry_is_complete_and_plain_ascii() -> None:
    needed = {
        "article": {"journal", "volume", "pages", "year"},
        "inproceedings": {"booktitle", "year"},
        "techreport": {"institution", "year"},
        "misc": set(),
    }
    for key, entry in entries().items():
        assert {"title", *needed[entry.type]} <= entry.fields.keys(), key
        assert entry.persons["author"], key
        assert citations.references()[key].isascii(), key


def test_the_suite_is_cited_with_its_version() -> None:
    assert entries()["genbench"].fields["note"] == f"Version {PROJECT['version']}"


# --- CITATION.cff ---


@pytest.fixture(scope="module")
def cff() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_file_has_what_its_schema_requires(cff: dict) -> None:
    assert str(cff["cff-version"]) == "1.2.0"
    for record in (cff, cff["preferred-citation"], *cff["references"]):
        assert {"title", "type", "authors"} <= record.keys()
        for author in record["authors"]:
            assert author.keys() in ({"name"}, {"family-names", "given-names"})
    assert isinstance(cff["message"], str)


def test_the_citation_file_is_of_this_version(cff: dict) -> None:
    assert cff["version"] == cff["preferred-citation"]["version"] == PROJECT["version"]
    assert cff["license"] == PROJECT["license"]


def test_the_citation_file_names_the_paper_as_the_command_does(cff: dict) -> None:
    for reference in cff["references"]:
        names = [f"{a['family-names']}, {a['given-names']}" for a in reference["authors"]]
        same = [e for e in entries().values() if e.fields["title"] == f"{{{reference['title']}}}"]
        assert [list(map(str, entry.persons["author"])) for entry in same] == [names]
        assert same[0].fields["pages"] == f"{reference['start']}--{reference['end']}"


def test_the_entries_are_package_data() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert {"*.toml", "*.bib"} <= {*data["package-data"]["genbench.plugins"]}
