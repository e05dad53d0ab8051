"""The scripts in examples/ run as they stand."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_quick_start_prints_a_table_and_draws_a_picture(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "quickstart.py"), str(tmp_path / "made")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "gaussian" in done.stdout
    assert (tmp_path / "made" / "parzen.png").stat().st_size > 1000
