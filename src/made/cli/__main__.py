"""``python -m made.cli`` is ``made``."""

from made.cli import main

main()
