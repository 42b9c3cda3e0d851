"""Settings from the environment: one class per service, all on this base.

Every variable starts with ``CHARGELIGHT_``. A setting of one service has the service in its
name (``CHARGELIGHT_GATEWAY_CHARGER_PORT``), a shared one does not. So one ``.env`` serves
all: a service skips the names of other services and refuses unknown ones. A setting that may
hold a secret may be in a file, which ``…_FILE`` names.
"""

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import (
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.process.checks.redis_url import check_redis_url, trusts_any_redis
from shared.process.checks.setting_names import PREFIX, refuse_name
from shared.process.checks.urls import hosts_of
from shared.process.listeners import LOOPBACK, ListenAddress, is_loopback
from shared.process.secret_files import SUFFIX, SecretFileError, secret_from
from shared.process.tls.client_files import ClientFiles

_OTHERS = ("GATEWAY", "ROUTER", "REGISTRY", "CANARY", "SIMULATOR", "CLI", "TEST", "COMPOSE")
"""Second words of names: a process reads those of its own and skips others."""

_READ_BY_SOME = (
    "CHARGELIGHT_REDIS_WAIT_REPLICAS",
    "CHARGELIGHT_POSTGRES_DSN",
    "CHARGELIGHT_POSTGRES_OWNER_DSN",
    "CHARGELIGHT_POSTGRES_TLS_CA",
    "CHARGELIGHT_POSTGRES_TLS_CERTIFICATE",
    "CHARGELIGHT_POSTGRES_TLS_KEY",
    "CHARGELIGHT_POSTGRES_TLS_VERIFY",
    "CHARGELIGHT_DEVICE_AUTH",
    "CHARGELIGHT_CREDENTIAL_KEY",
    "CHARGELIGHT_FORMER_CREDENTIAL_KEY",
    "CHARGELIGHT_OPEN",
    "CHARGELIGHT_TRACES_URL",
    "CHARGELIGHT_TRACES_SAMPLE",
)
"""Names without a service in them that only some services read."""

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
HostName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9._-]+$")]
"""A name without a port."""

_OpenTo = Literal["", "anybody-who-reaches-the-ports"]
OPEN: Final[str] = get_args(_OpenTo)[1]
"""What ``CHARGELIGHT_OPEN`` is set to: long enough that nobody sets it without reading it."""

UNVERIFIED = (
    "another server can pass for {0}: its certificate, or the name in it, is not checked. Set "
    "{1}_TLS_VERIFY=true, and {1}_TLS_CA to the file of its CA"
)
"""A warning about a server, and the beginning of its settings' names."""

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")


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
    )
    redis_cluster: bool = Field(
        default=False,
        validation_alias="CHARGELIGHT_REDIS_CLUSTER",
        description="Whether Redis is a cluster (7 or newer); the same in every process",
    )
    redis_tls_ca: str = Field(
        default="",
        validation_alias="CHARGELIGHT_REDIS_TLS_CA",
        description="File (PEM) of the CA of Redis' certificate; default: the system's",
    )
    redis_tls_certificate: str = Field(
        default="",
        validation_alias="CHARGELIGHT_REDIS_TLS_CERTIFICATE",
        description="File (PEM) of the certificate to present to Redis",
    )
    redis_tls_key: str = Field(
        default="",
        validation_alias="CHARGELIGHT_REDIS_TLS_KEY",
        description="File (PEM) of its key, without a password",
    )
    redis_tls_verify: bool = Field(
        default=True,
        validation_alias="CHARGELIGHT_REDIS_TLS_VERIFY",
        description="Whether Redis' certificate and name are checked",
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
        description="Name of this process, 1 to 64 of A-Z a-z 0-9 . _ -; default: service, host "
        "and a random part",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
    )
    host: str = Field(
        default=LOOPBACK,
        description="Address to listen on; localhost, the default: this machine alone, IPv4 and "
        "IPv6; ::: every address, IPv4 and IPv6",
    )
    allowed_hosts: tuple[HostName, ...] = Field(
        default=(),
        validation_alias="CHARGELIGHT_ALLOWED_HOSTS",
        description='This hub\'s names, as JSON: ["hub.example.org"]; no request for another name '
        "is served over REST or on a health port, and an Origin may have one of them",
    )

    def model_post_init(self, _context: object) -> None:
        """Name the instance if no name was set."""
        if not self.instance_id:
            host = "".join(c for c in socket.gethostname() if c.isascii() and c.isalnum())[:24]
            name = f"{self.service}-{host}-{secrets.token_hex(3)}"
            object.__setattr__(self, "instance_id", name)

    @property
    def warnings(self) -> list[str]:
        """What is set and should not be, each with what to do; logged at the start."""
        unverified = trusts_any_redis(self.redis_url)
        return [UNVERIFIED.format("Redis", f"{PREFIX}REDIS")] if unverified else []

    @property
    def stop_seconds(self) -> float:
        """How long a stop may take; after that the process ends at once."""
        return 9.0

    def listen_address(self, port: str) -> ListenAddress:
        """Return where to listen for what the field ``port`` is the port of."""
        names = f"{self._variable('host')} or {self._variable(port)}"
        return ListenAddress(self.host, getattr(self, port), names)

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str) -> str:
        check_redis_url(url)
        return url

    @field_validator("host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if not _HOST_NAME.fullmatch(host):
                raise ValueError(
                    "it must be an IP address, without brackets and port, or a host name"
                ) from None
        return host

    @model_validator(mode="after")
    def _check_ports(self) -> Self:
        taken: dict[int, str] = {}
        for field in type(self).model_fields:
            port = getattr(self, field)
            if not f"_{field}".endswith("_port") or isinstance(port, bool) or port == 0:
                continue
            if port in taken:
                raise ValueError(f"{taken[port]} and {self._variable(field)} must differ")
            taken[port] = self._variable(field)
        return self

    @model_validator(mode="after")
    def _check_cluster_url(self) -> Self:
        parts = urlsplit(self.redis_url)
        url, cluster = f"{PREFIX}REDIS_URL", f"{PREFIX}REDIS_CLUSTER"
        if not self.redis_cluster:
            if len(hosts_of(parts)) > 1:
                raise ValueError(f"{url} names several hosts: for a cluster, set {cluster}=true")
        elif parts.scheme == "unix":
            raise ValueError(f"{url} is a socket, which no cluster has: remove {cluster}")
        elif parts.path.strip("/") not in ("", "0"):
            raise ValueError(f"{url} names a database, and a cluster has only number 0")
        return self

    @model_validator(mode="after")
    def _complete_redis_url(self) -> Self:
        """Put the files of TLS into the URL: redis-py takes them from there."""
        files = ClientFiles(
            f"{PREFIX}REDIS_TLS",
            self.redis_tls_ca,
            self.redis_tls_certificate,
            self.redis_tls_key,
            self.redis_tls_verify,
        )
        if files.are_set:
            if not self.redis_url.startswith("rediss://") or "?" in self.redis_url:
                raise ValueError(
                    f"{files.prefix}_… need {PREFIX}REDIS_URL to begin with rediss://, "
                    "and to have no parameters of its own"
                )
            files.check()
            object.__setattr__(self, "redis_url", f"{self.redis_url}?{files.for_redis}")
        return self

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the environment variables of this class, each with its description."""
        return {
            cls._variable(name): info.description or "" for name, info in cls.model_fields.items()
        }

    @classmethod
    def secret_variables(cls) -> dict[str, str]:
        """Return the variables that may hold a secret, each with its field."""
        return {
            cls._variable(name): name
            for name, info in cls.model_fields.items()
            # A URL of Redis may hold a password.
            if info.annotation is SecretStr or name == "redis_url"
        }

    @classmethod
    def _variable(cls, field: str) -> str:
        prefix = cls.model_config.get("env_prefix", "")
        return str(cls.model_fields[field].validation_alias or f"{prefix}{field}".upper())

    @classmethod
    def load(cls) -> Self:
        """Read the settings from the environment.

        Raises:
            WrongSettingsError: A value is not allowed, or a name is unknown. The
                text names each variable and what is allowed.
        """
        known = cls.variables()
        files = [name + SUFFIX for name in cls.secret_variables()]
        names = {name.upper() for name in os.environ} - set(files)
        problems = [
            refuse_name(name, known)
            for name in sorted(names)
            if name.startswith(PREFIX) and not _is_known(name, known)
        ]
        try:
            settings = cls(**_secrets_in_files(cls, problems))
        except SettingsError as error:
            problems.append(_unreadable(cls, str(error)))
        except ValidationError as error:
            problems += [_invalid(cls, details) for details in error.errors()]
        if problems:
            raise WrongSettingsError("\n".join(problems))
        return settings


class SettingsWithAuth(Settings):
    """Settings of a service that lets others in, from elsewhere only with authentication."""

    auth_field: ClassVar[str]
    """The field that is ``off`` where anyone may come in."""

    open_to: _OpenTo = Field(
        default="",
        validation_alias="CHARGELIGHT_OPEN",
        description=f"{OPEN}: listen on other addresses than this machine's own, although "
        "authentication is off",
    )

    @model_validator(mode="after")
    def _check_open(self) -> Self:
        is_off = getattr(self, self.auth_field) == "off"
        if is_off and not self.open_to and not is_loopback(self.host):
            auth = self._variable(self.auth_field)
            raise ValueError(
                f"{self._variable('host')}={self.host} lets others reach this service, and "
                f"{auth}=off lets all of them in. Set {auth}=required, or leave the host at "
                f"{LOOPBACK}. If anyone may come in, set {self._variable('open_to')}={OPEN}"
            )
        return self


SettingsType = TypeVar("SettingsType", bound=Settings)


def _secrets_in_files(cls: type[Settings], problems: list[str]) -> dict[str, Any]:
    """Return the fields whose values are in files; add to ``problems`` what cannot be read."""
    found: dict[str, Any] = {}
    for name, field in cls.secret_variables().items():
        if os.environ.get(name + SUFFIX):
            try:
                # By its alias, if it has one: errors then name the variable.
                alias = cls.model_fields[field].validation_alias
                found[str(alias or field)] = secret_from(os.environ, name)
            except SecretFileError as error:
                problems.append(str(error))
    return found


def _is_known(name: str, known: Mapping[str, str]) -> bool:
    if name in known or name.removesuffix(SUFFIX) in _READ_BY_SOME:
        return True
    return any(
        name.startswith(f"{PREFIX}{other}_") and not _has_prefix(known, other) for other in _OTHERS
    )


def _has_prefix(known: Mapping[str, str], service: str) -> bool:
    return any(name.startswith(f"{PREFIX}{service}_") for name in known)


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
    reason = str(details["msg"]).removeprefix("Value error, ")
    # Never the value itself: it may hold a password.
    return f"{name} is not valid: {reason}. It is: {cls.variables().get(name, 'a setting')}"
