"""Settings from the environment: one class per service, all on this base.

Every variable starts with ``CHARGELIGHT_``. A setting of one service has the service in its
name (``CHARGELIGHT_GATEWAY_CHARGER_PORT``), a shared one does not. So one ``.env`` serves
all: a service skips the names of other services and refuses unknown ones.
"""

import difflib
import os
import secrets
import socket
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

PREFIX = "CHARGELIGHT_"

_OTHERS = ("GATEWAY", "ROUTER", "REGISTRY", "SIMULATOR", "CLI", "TEST", "COMPOSE")
"""Second words of names: a process reads those of its own and skips others."""

_READ_BY_SOME = (
    "CHARGELIGHT_POSTGRES_DSN",
    "CHARGELIGHT_DEVICE_AUTH",
    "CHARGELIGHT_CREDENTIAL_KEY",
)
"""Names without a service in them that only some services read."""

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class WrongSettingsError(Exception):
    """The environment holds no valid settings; the text says what to change."""


class Settings(BaseSettings):
    """The settings that all services share."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="ignore",  # unknown names are refused by `load`, with a better message
        frozen=True,
        populate_by_name=True,
    )
    service: ClassVar[str]

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        validation_alias="CHARGELIGHT_REDIS_URL",
        description="Redis to use: redis://, rediss:// (TLS) or unix://; of a cluster, some of "
        "its nodes: redis://node-1:6379,node-2:6379",
        pattern=r"^(redis|rediss|unix)://",
    )
    redis_cluster: bool = Field(
        default=False,
        validation_alias="CHARGELIGHT_REDIS_CLUSTER",
        description="Whether Redis is a cluster (7 or newer); the same in every process",
    )
    partitions: int = Field(
        default=64,
        ge=1,
        le=1024,
        validation_alias="CHARGELIGHT_PARTITIONS",
        description="Number of partitions; the same in every process",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="CHARGELIGHT_LOG_LEVEL", description="Least severe line"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        validation_alias="CHARGELIGHT_LOG_FORMAT",
        description="auto: console on a terminal, json elsewhere",
    )
    instance_id: str = Field(
        default="",
        validation_alias="CHARGELIGHT_INSTANCE_ID",
        description="Name of this process; default: service, host and a random part",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
    )

    def model_post_init(self, _context: object) -> None:
        """Name the instance if no name was set."""
        if not self.instance_id:
            host = "".join(c for c in socket.gethostname() if c.isascii() and c.isalnum())[:24]
            name = f"{self.service}-{host}-{secrets.token_hex(3)}"
            object.__setattr__(self, "instance_id", name)

    @property
    def stop_seconds(self) -> float:
        """How long a stop may take; after that the process ends at once."""
        return 9.0

    @model_validator(mode="after")
    def _check_cluster_url(self) -> Self:
        parts = urlsplit(self.redis_url)
        url, cluster = f"{PREFIX}REDIS_URL", f"{PREFIX}REDIS_CLUSTER"
        if not self.redis_cluster:
            if "," in parts.netloc:
                raise ValueError(f"{url} names several hosts: for a cluster, set {cluster}=true")
        elif parts.scheme == "unix":
            raise ValueError(f"{url} is a socket, which no cluster has: remove {cluster}")
        elif parts.path.strip("/") not in ("", "0"):
            raise ValueError(f"{url} names a database, and a cluster has only number 0")
        return self

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the environment variables of this class, each with its description."""
        prefix = cls.model_config.get("env_prefix", "")
        return {
            str(info.validation_alias or f"{prefix}{name}".upper()): info.description or ""
            for name, info in cls.model_fields.items()
        }

    @classmethod
    def load(cls) -> Self:
        """Read the settings from the environment.

        Raises:
            WrongSettingsError: A value is not allowed, or a name is unknown. The
                text names each variable and what is allowed.
        """
        known = cls.variables()
        problems = [
            _unknown(name, known)
            for name in sorted(os.environ)
            if name.upper().startswith(PREFIX) and not _is_known(name.upper(), known)
        ]
        try:
            settings = cls()
        except SettingsError as error:
            problems.append(_unreadable(cls, str(error)))
        except ValidationError as error:
            problems += [_invalid(cls, details) for details in error.errors()]
        if problems:
            raise WrongSettingsError("\n".join(problems))
        return settings


SettingsType = TypeVar("SettingsType", bound=Settings)


def _is_known(name: str, known: Mapping[str, str]) -> bool:
    if name in known or name in _READ_BY_SOME:
        return True
    return any(
        name.startswith(f"{PREFIX}{other}_") and not _has_prefix(known, other) for other in _OTHERS
    )


def _has_prefix(known: Mapping[str, str], service: str) -> bool:
    return any(name.startswith(f"{PREFIX}{service}_") for name in known)


def _unknown(name: str, known: Mapping[str, str]) -> str:
    # Compared without the prefix, which makes all names look alike.
    words = {other.removeprefix(PREFIX): other for other in known}
    close = difflib.get_close_matches(name.upper().removeprefix(PREFIX), words, n=1, cutoff=0.5)
    hint = f"Did you mean {words[close[0]]}?" if close else "Known are: " + ", ".join(sorted(known))
    return f"{name} is not a setting. {hint}"


def _unreadable(cls: type[Settings], error: str) -> str:
    """Explain a value that should be JSON and is not."""
    for name, info in cls.model_fields.items():
        if f'"{name}"' in error:
            return _invalid(cls, {"loc": (name,), "msg": "expected JSON", "info": info})
    return error


def _invalid(cls: type[Settings], details: Mapping[str, object]) -> str:
    location = details["loc"]
    first = str(location[0]) if isinstance(location, tuple) and location else ""
    if not first:  # a rule about several variables, which names them itself
        return str(details["msg"]).removeprefix("Value error, ")
    prefix = cls.model_config.get("env_prefix", "")
    name = first if first.startswith(PREFIX) else f"{prefix}{first}".upper()
    # Never the value itself: it may hold a password.
    return f"{name} is not valid: {details['msg']}. It is: {cls.variables().get(name, 'a setting')}"
