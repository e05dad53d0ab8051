"""Keeps what these tests compute out of the user's cache."""

from pathlib import Path

import pytest

from genbench.worlds import kept


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory):
    """A folder of the session's own."""
    folder: Path = tmp_path_factory.mktemp("worlds")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept, "folder", lambda: folder)
        yield folder
