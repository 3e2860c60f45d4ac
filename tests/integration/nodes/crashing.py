"""A node that kills itself, as a power cut would, when it passes a named place for the n-th time.

Run as: python crashing.py DIRECTORY POINT COUNT
"""

import os
import signal
import sys
from pathlib import Path

from relto.console import serve_home


def main(directory: str, point: str, count: str) -> None:
    left = int(count)

    def fault(passed: str) -> None:
        nonlocal left
        if passed == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    serve_home(Path(directory), as_json=True, fault=fault)


if __name__ == "__main__":
    main(*sys.argv[1:])
