"""What the simulator reads from the environment: addresses, an API key, a secret.

Key and secret are no options: every user of a machine can read its command lines.
"""

from collections.abc import Mapping
from typing import Final

from shared.process.checks.setting_names import PREFIX, refuse_name
from shared.process.secret_files import SUFFIX, SecretFileError, secret_from

CHARGERS_URL: Final = "CHARGELIGHT_SIMULATOR_CHARGERS_URL"
WIDGETS_URL: Final = "CHARGELIGHT_SIMULATOR_WIDGETS_URL"
REGISTRY_URL: Final = "CHARGELIGHT_SIMULATOR_REGISTRY_URL"
KEY: Final = "CHARGELIGHT_SIMULATOR_KEY"
SECRET: Final = "CHARGELIGHT_SIMULATOR_SECRET"  # noqa: S105 - its name

_KNOWN: Final = (
    *(CHARGERS_URL, WIDGETS_URL, REGISTRY_URL, KEY, SECRET),
    *(KEY + SUFFIX, SECRET + SUFFIX),
)


class WrongEnvironmentError(Exception):
    """A variable has a wrong name or value; the text says what to change."""


def check_names(environment: Mapping[str, str]) -> None:
    """Check that all variables of the simulator are known.

    Raises:
        WrongEnvironmentError: One is not; another one may be meant.
    """
    own = [name for name in sorted(environment) if name.upper().startswith(f"{PREFIX}SIMULATOR_")]
    wrong = [refuse_name(name, _KNOWN) for name in own if name not in _KNOWN]
    if wrong:
        raise WrongEnvironmentError("\n".join(wrong))


def word_in(environment: Mapping[str, str], name: str) -> str:
    """Return a key or a secret, from its variable or its file; empty: there is none.

    Raises:
        WrongEnvironmentError: Its file cannot be read, or no HTTP header can have it in it. The
            text does not show it.
    """
    try:
        word = secret_from(environment, name)
    except SecretFileError as error:
        raise WrongEnvironmentError(str(error)) from error
    if not word.isascii() or not word.isprintable() or " " in word:
        raise WrongEnvironmentError(f"{name} is not valid: it is one word of printable ASCII")
    return word
