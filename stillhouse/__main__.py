"""`python -m stillhouse`, the same as the command `stillhouse`."""

from stillhouse.cli import main

if __name__ == "__main__":
    main()
