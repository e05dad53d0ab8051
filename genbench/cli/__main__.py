"""`python -m genbench.cli`, as the console script."""

from genbench.cli import main

main()
