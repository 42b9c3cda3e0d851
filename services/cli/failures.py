"""How a command can fail. Each becomes a line on standard error and an exit code in ``main``."""


class RefusedError(Exception):
    """The registry refused, or this machine did; doing the same again will not help."""


class WrongUseError(Exception):
    """What the command was given can not be meant; the text says what can."""


class UnreachableError(Exception):
    """There is no registry where we looked, or none that can answer now."""


class ReaderGoneError(Exception):
    """Whoever read our output has enough of it: ``chargelight … | head``."""
