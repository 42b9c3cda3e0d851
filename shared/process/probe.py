"""A health check for images without curl: ``python -m shared.process.probe URL``.

Exits 0 when the URL answers 200, else 1 with the reason on standard error.
"""

import sys
import urllib.error
import urllib.request

_TIMEOUT_SECONDS = 2.0
# Without the environment's proxy: it does not lead to this container.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main(arguments: list[str]) -> int:
    """Request the URL and return the exit code."""
    if len(arguments) != 1 or not arguments[0].startswith("http://"):
        sys.stderr.write("usage: python -m shared.process.probe http://HOST:PORT/readyz\n")
        return 2
    try:
        with _opener.open(arguments[0], timeout=_TIMEOUT_SECONDS):
            return 0
    except urllib.error.HTTPError as error:
        sys.stderr.write(error.read().decode(errors="replace"))
    except OSError as error:
        sys.stderr.write(f"no answer: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
