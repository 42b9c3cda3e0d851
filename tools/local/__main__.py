"""Bring the hub up, show it at work, and take it down on Ctrl-C: `python -m tools.local`."""

import sys

from tools.local import containers
from tools.local.decision import FORCED_BY, Request, decide
from tools.local.errors import LocalHubError
from tools.local.stopping import StoppedError, stop_on_signals
from tools.servers.server_source import ServerSource, UnknownSourceError


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 after Ctrl-C, 1 after an error, 2 for a wrong argument."""
    stop_on_signals()
    # In order with the output of the programs that we start, in a file too.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        request = Request.of(arguments)
        with_tls = request.wants_tls()
        decision = decide(request.source, with_tls=with_tls)
        print(f"Chargelight on this machine: {decision.choice.source} ({decision.choice.reason})")
        if decision.choice.source is ServerSource.CONTAINERS:
            return containers.run(decision.compose, request.address, with_tls=with_tls)
        # Not above: processes need the packages of .venv; containers need nothing but Python.
        from tools.local import processes  # noqa: PLC0415

        return processes.run(decision.choice, request.address, with_tls=with_tls)
    except StoppedError:
        return 0
    except UnknownSourceError as error:
        print(f"{error} ({FORCED_BY} chooses)", file=sys.stderr)
        return 2
    except LocalHubError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
