"""How a command can fail. Each becomes a line on standard error and an exit code in ``main``."""


class RefusedError(Exception):
    """The registry refused, or this machine did; doing the same again will not help."""


class WrongUseError(Exception):
    """A command was used wrongly; the text says what is right."""


class UnreachableError(Exception):
    """No registry answers at the URL, or it cannot answer now."""


class ReaderGoneError(Exception):
    """The reader of our output has closed it: ``chargelight … | head``."""
