"""``python -m clearconv`` is the command line."""

from clearconv.cli import main

if __name__ == "__main__":
    main(prog_name="clearconv")
