"""Calls one of `calls` a number of times: ``python -m … NAME COUNT``."""

import sys

from tests.benchmarks.instructions.calls import ready


def main() -> None:
    call = ready(sys.argv[1])
    for _ in range(int(sys.argv[2])):
        call()


if __name__ == "__main__":
    main()
