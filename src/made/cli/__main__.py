"""``python -m made.cli`` is ``made``."""

from made.cli import main

if __name__ == "__main__":
    main()
