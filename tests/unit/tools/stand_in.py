"""A stand-in for a service, for tests of the machinery that starts services.

Says that it is ready at /readyz after `STAND_IN_NOT_READY` refusals, ends with 0 on SIGTERM, and
with 3 at once, having said why, if `STAND_IN_BREAKS` is set.
"""

import http.server
import os
import signal
import sys


class Health(http.server.BaseHTTPRequestHandler):
    """Answers 503 a few times, then 200."""

    refusals = int(os.environ.get("STAND_IN_NOT_READY", "0"))

    def do_GET(self) -> None:
        """Answer, whatever the path."""
        ready = Health.refusals == 0
        Health.refusals = max(0, Health.refusals - 1)
        self.send_response(200 if ready else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def main() -> None:
    """Listen on the port given as the argument."""
    if os.environ.get("STAND_IN_BREAKS"):
        sys.exit(3)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("stand-in started", os.environ.get("CHARGELIGHT_MARK"), flush=True)  # noqa: T201
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()


if __name__ == "__main__":
    main()
