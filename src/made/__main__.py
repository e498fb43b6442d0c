"""``python -m made`` is ``made``."""

from made.cli import main

if __name__ == "__main__":
    main()
