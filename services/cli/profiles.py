"""Profiles: a file with the URL and the key of each registry that a person works with."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import typer

from services.cli.failures import WrongUseError
from shared.process.checks.setting_names import suggest

_DEFAULT: Final = "default"
_Profiles = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Profile:
    """One registry, as the file describes it.

    Attributes:
        url: Root of its REST API; empty: the default one.
        key: API key; empty: none.
        key_file: File that holds the API key instead; empty: none.
    """

    url: str = ""
    key: str = ""
    key_file: str = ""


def profiles_file() -> Path:
    """Return where the file is, by the XDG Base Directory Specification."""
    return Path(typer.get_app_dir("chargelight")) / "profiles.toml"


def read_profile(name: str | None) -> Profile:
    """Return a profile. If none is named: ``default``, if there is one.

    Raises:
        WrongUseError: There is none with this name, or the file has a mistake.
    """
    file = profiles_file()
    profiles = _read(file)
    found = profiles.get(name or _DEFAULT)
    if found is not None:
        return Profile(**found)
    if name:
        raise WrongUseError(f"there is no profile {name!r} in {file}. {suggest(name, profiles)}")
    return Profile()


def complete_profile() -> list[str]:
    """Return the names that a shell may complete."""
    try:
        return list(_read(profiles_file()))
    except WrongUseError:
        return []


def _read(file: Path) -> _Profiles:
    if not os.access(file, os.F_OK):  # also where the home is nobody's, or another user's
        return {}
    try:
        with file.open("rb") as opened:
            profiles = tomllib.load(opened)
            mode = os.fstat(opened.fileno()).st_mode
    except OSError as error:
        raise WrongUseError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{file} is no TOML: {error}") from error
    for name, profile in profiles.items():
        _check(file, name, profile)
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and any("key" in each for each in profiles.values()):
        raise WrongUseError(f"{file} holds a key, and others may read it. Type: chmod 600 {file}")
    return profiles


def _check(file: Path, name: str, profile: object) -> None:
    # Never a value: it may be a key.
    known = [each.name for each in fields(Profile)]
    if not isinstance(profile, dict):
        raise WrongUseError(f"{file}: {name} stands in no profile. One begins with [{_DEFAULT}]")
    for key, value in profile.items():
        if key not in known:
            raise WrongUseError(f"{file}: profile {name}: {key} is unknown. {suggest(key, known)}")
        if not isinstance(value, str) or not value:
            raise WrongUseError(f"{file}: profile {name}: {key} must be a text in quotes")
    if "key" in profile and "key_file" in profile:
        raise WrongUseError(f"{file}: profile {name}: give key or key_file, not both")
