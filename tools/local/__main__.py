"""Bring the hub up, show it at work, and take it down on Ctrl-C: `python -m tools.local`."""

import sys

from tools.local import containers
from tools.local.stopping import StoppedError, stop_on_signals
from tools.local.trouble import TroubleError
from tools.local.way import FORCED_BY, decide, requested
from tools.servers.server_source import ServerSource, UnknownSourceError


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 after being asked to stop, 1 after trouble, 2 for a wrong wish."""
    stop_on_signals()
    # In order with what the programs that we start print, in a file too.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        decision = decide(requested(arguments))
        print(f"Chargelight on this machine: {decision.choice.way} ({decision.choice.why})")
        if decision.choice.way is ServerSource.CONTAINERS:
            return containers.run(decision.compose)
        # Only now: this way needs the packages of .venv, the other one nothing but Python.
        from tools.local import embedded  # noqa: PLC0415

        return embedded.run(decision.choice)
    except StoppedError:
        return 0
    except UnknownSourceError as error:
        print(f"{error} ({FORCED_BY} chooses)", file=sys.stderr)
        return 2
    except TroubleError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
