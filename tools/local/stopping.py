"""Ctrl-C, SIGTERM and the terminal's end: the first one stops us, further ones are ignored."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(BaseException):
    """The user stopped us. Not an Exception, so that no handler of errors swallows it."""


def stop_on_signals() -> None:
    """From now on, the first signal raises `StoppedError`.

    Further ones are ignored, by us and by the programs that we start from then on: pressing Ctrl-C
    twice must not interrupt `docker-compose down`.
    """
    for number in SIGNALS:
        signal.signal(number, _stop)


def ignore_signals() -> None:
    """From now on, no signal disturbs us: we are shutting down."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    ignore_signals()
    raise StoppedError
