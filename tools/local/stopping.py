"""Being asked to stop: once, and then nothing may disturb the tidying up."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(BaseException):
    """We were asked to stop. Not an Exception: no handler of errors may swallow it."""


def stop_on_signals() -> None:
    """From now on, Ctrl-C, SIGTERM and the terminal's end raise `StoppedError`, the first time.

    Any further one is ignored, by us and by the programs that we start from then on: pressing
    Ctrl-C twice must not keep `docker-compose down` from taking the containers along.
    """
    for number in SIGNALS:
        signal.signal(number, _stop)


def ignore_signals() -> None:
    """The end has begun: nothing is to disturb it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    ignore_signals()
    raise StoppedError
