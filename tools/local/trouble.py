"""What can go wrong on a person's machine."""


class TroubleError(Exception):
    """The hub can not be brought up, or broke; the message says what to do about it."""
