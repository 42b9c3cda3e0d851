"""Where the registry is, and which key is presented.

For each: an option, else a profile that is an option, else the environment, else another
profile, else the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.cli.failures import WrongUseError
from services.cli.profiles import read_profile
from shared.process.checks.setting_names import refuse_name
from shared.process.secret_files import SecretFileError, read_secret

PREFIX: Final = "CHARGELIGHT_CLI_"
URL: Final = "CHARGELIGHT_CLI_URL"
KEY: Final = "CHARGELIGHT_CLI_KEY"
KEY_FILE: Final = "CHARGELIGHT_CLI_KEY_FILE"
PROFILE: Final = "CHARGELIGHT_CLI_PROFILE"
DEFAULT_URL: Final = "http://127.0.0.1:3300"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach a registry.

    Attributes:
        url: Root of its REST API.
        key: API key to present; empty: none.
        is_key_withheld: Whether the profile has a key that is for another URL than this one.
    """

    url: str
    key: str
    is_key_withheld: bool = False


def read_settings(options: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Return what holds for a command.

    Args:
        options: ``url``, ``key_file`` and ``profile`` of the command line; None: not given.
        environment: The environment variables.

    Raises:
        WrongUseError: A variable is unknown, or the profile or the key file has a mistake.
    """
    _refuse_unknown(environment)
    profile = read_profile(options["profile"] or environment.get(PROFILE) or None)
    own_url = profile.url or DEFAULT_URL
    # A profile that is typed goes first: the variables may be about another registry.
    variables = {} if options["profile"] else environment
    url = options["url"] or variables.get(URL) or own_url
    key = _key_in(options["key_file"] or variables.get(KEY_FILE)) or variables.get(KEY, "").strip()
    # A profile's key is for the profile's registry, and is never sent to another one.
    if key or not (profile.key or profile.key_file):
        return Settings(url, key)
    if url.rstrip("/") != own_url.rstrip("/"):
        return Settings(url, key, is_key_withheld=True)
    return Settings(url, profile.key or _key_in(profile.key_file))


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = (URL, KEY, KEY_FILE, PROFILE)
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name not in known:
            raise WrongUseError(refuse_name(name, known))


def _key_in(name: Path | str | None) -> str:
    """Return the API key in a file; empty: no file is named.

    The key itself is never an option: every user of this machine can read its command lines.
    """
    try:
        return read_secret(name, "the API key") if name else ""
    except SecretFileError as error:
        raise WrongUseError(str(error)) from error
