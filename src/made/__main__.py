"""``python -m made`` is ``made``."""

from made.cli import main

main()
