"""What a user waits for before anything is done: whole processes, from start to end."""

import subprocess
import sys


def command(*words: str) -> None:
    """`genbench ...`, as a new process."""
    line = [sys.executable, "-m", "genbench.cli", *words]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def time_help():
    command("--help")


def time_list_models():
    command("list", "models")


def timeraw_import_genbench():
    return "import genbench"


def timeraw_import_estimator():
    return "from genbench import log_likelihood"
