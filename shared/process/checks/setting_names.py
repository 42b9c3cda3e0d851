"""Names that are not known: of settings, and of what is called by a name elsewhere."""

import difflib
from collections.abc import Collection
from typing import Final

PREFIX: Final = "CHARGELIGHT_"


def refuse_name(name: str, known: Collection[str]) -> str:
    """Say that no setting has this name, and which one may be meant."""
    return f"{name} is not a setting. {suggest(name.upper(), known)}"


def suggest(name: str, known: Collection[str]) -> str:
    """Return a sentence with the known name that is closest, or with all of them."""
    # Compared without the prefix, which makes all names of settings look alike.
    words = {each.removeprefix(PREFIX): each for each in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), words, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {words[close[0]]}?"
    return f"Known are: {', '.join(sorted(known)) or 'none'}"
