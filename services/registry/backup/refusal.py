"""Why a backup or a restore is refused: nothing was changed, and the same again will not help."""


class RefusedError(Exception):
    """The text says why, and what to do instead. It holds nothing of what the backup holds."""
