"""Build the pages of docs/ into a site that needs no server and no network.

Run ``python docs/build.py site/`` and open ``site/index.html``. It needs clearconv and what
``pip install '.[docs]'`` adds to it.
"""

import argparse
import sys
from pathlib import Path

from builder.site import BrokenLink, build

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Read the command line, build, say what there is to open."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the site goes; made if it is missing")
    folder = parser.parse_args().folder
    try:
        count = build(ROOT, folder)
    except BrokenLink as error:
        sys.exit(f"error: {error}")
    print(f"{count} pages\n{folder / 'index.html'}")


if __name__ == "__main__":
    main()
