"""What the site needs beyond its pages: the reference of the command line, and links to `results/`.

In the repository `results/` lies beside `docs/`; on the site it lies inside, by a symbolic link.
"""

import re
import subprocess
import sys

COMMAND = [sys.executable, "-m", "typer", "genbench.cli", "utils", "docs", "--name", "genbench"]


def on_page_markdown(markdown: str, page, **_) -> str:
    """The text of a page as the site shows it."""
    path = page.file.src_uri
    if path == "cli.md":
        shown = subprocess.run(COMMAND, capture_output=True, text=True, check=True).stdout
        return re.sub(
            r"\[(\w+)\](?!\()", r"\\[\1\\]", shown.replace("# `genbench`", "# Commands", 1)
        )
    if path.startswith("results/"):
        return markdown
    up = "../" * (path.count("/") + 1)
    return markdown.replace(f"({up}results/", f"({up[3:]}results/")
