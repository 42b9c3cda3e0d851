"""Settings of the registry."""

import re
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from services.registry.access.protection import Protection
from services.registry.notify.settings import NotifySettings
from services.registry.postgres.dsn import check_dsn, names_tls, trusts_any_server, with_parameters
from services.registry.retention.cutoffs import Keep
from shared.contract.credentials import KEY_RULE, MINIMUM_KEY_LENGTH, is_key
from shared.process.checks.origins import check_origin
from shared.process.settings import UNVERIFIED, Port, Seconds
from shared.process.tls.client_files import ClientFiles
from shared.process.tls.server_tls import ServerFiles, TlsFile

_MAX_DAYS: Final = 36_500
_MAX_BACKUP_SECONDS: Final = 30 * 86_400
LEAST_DAYS: Final = 30
"""Of the audit log, so that traces of a theft are still there; Postgres refuses less, too. Of
tombstones, so that a Redis that comes back with data of before finds them."""

Days = Annotated[int | None, BeforeValidator(lambda value: None if value == "forever" else value)]
"""How long something is kept; None: for ever."""

_PATH_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


def _must_be_path_prefix(text: str) -> str:
    if not _PATH_PREFIX.fullmatch(text):
        raise ValueError(
            "a prefix begins with a slash, does not end with one, and is made of A-Z a-z 0-9 . _ ~ "
            "-: /registry"
        )
    return text


PathPrefix = Annotated[str, AfterValidator(_must_be_path_prefix)]

Origin = Annotated[str, AfterValidator(check_origin)]
"""Where a web page comes from, as its browser says it."""


class RegistrySettings(NotifySettings):
    """Settings of the registry."""

    model_config = SettingsConfigDict(env_prefix="CHARGELIGHT_REGISTRY_")
    service: ClassVar[str] = "registry"
    auth_field: ClassVar[str] = "operator_auth"

    postgres_dsn: SecretStr = Field(
        default=SecretStr("postgresql://chargelight:chargelight@127.0.0.1:5432/chargelight"),
        validation_alias="CHARGELIGHT_POSTGRES_DSN",
        description="Postgres to use: postgresql://user:password@host:port/database",
    )
    postgres_owner_dsn: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="CHARGELIGHT_POSTGRES_OWNER_DSN",
        description="The same with the user who owns the tables, if that is another one: for the "
        "commands migrate, backup and restore, not for a running registry",
    )
    postgres_tls_ca: str = Field(
        default="",
        validation_alias="CHARGELIGHT_POSTGRES_TLS_CA",
        description="File (PEM) of the CA of Postgres' certificate; turns TLS on",
    )
    postgres_tls_certificate: str = Field(
        default="",
        validation_alias="CHARGELIGHT_POSTGRES_TLS_CERTIFICATE",
        description="File (PEM) of the certificate to present to Postgres",
    )
    postgres_tls_key: str = Field(
        default="",
        validation_alias="CHARGELIGHT_POSTGRES_TLS_KEY",
        description="File (PEM) of its key, without a password",
    )
    postgres_tls_verify: bool = Field(
        default=True,
        validation_alias="CHARGELIGHT_POSTGRES_TLS_VERIFY",
        description="Whether Postgres' certificate and name are checked",
    )
    tls_certificate: str = Field(
        default="",
        description="File (PEM) of the certificate, with its chain, for https:// of the REST API; "
        "default: http://",
    )
    tls_key: str = Field(default="", description="File (PEM) of its key, without a password")
    port: Port = Field(default=3300, description="TCP port of the REST API")
    health_port: Port = Field(default=3103, description="TCP port of health and metrics")
    path_prefix: PathPrefix = Field(
        default="",
        description="What a proxy's addresses of the REST API begin with, such as /registry",
    )
    origins: tuple[Origin, ...] = Field(
        default=(),
        description='Web pages that may use the REST API, as JSON: ["https://booth.example.org"]',
    )
    proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description='Balancers that send PROXY protocol v2, as JSON: ["10.0.0.0/24"]; '
        "from them it is required",
    )
    max_connections: int = Field(
        default=500, ge=10, description="Most connections to the REST API at once"
    )
    full_projection_seconds: Seconds = Field(
        default=300, description="How often the whole directory is projected again, in seconds"
    )
    poll_seconds: Seconds = Field(
        default=2, description="How often to look for changes without a notification, in seconds"
    )

    operator_auth: Literal["off", "required"] = Field(
        default="off", description="API keys of operators: off (every request is allowed), required"
    )
    admin_key: SecretStr = Field(
        default=SecretStr(""),
        description="The bootstrap key: makes the first admin's API key, and nothing else; "
        f"{MINIMUM_KEY_LENGTH} characters or more",
    )

    audit_file: str = Field(
        default="",
        description="A file that the audit log is sent on to, as JSON lines, for a log shipper",
    )

    credential_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="CHARGELIGHT_CREDENTIAL_KEY",
        description=f"Key of the digests of devices' secrets, {MINIMUM_KEY_LENGTH} characters or "
        "more; needed to set secrets",
    )

    former_credential_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="CHARGELIGHT_FORMER_CREDENTIAL_KEY",
        description="The key before it; digests made with it count too, while it is changed",
    )

    keep_rentals_days: Days = Field(
        default=30,
        ge=1,
        le=_MAX_DAYS,
        description="How many days after its collection a rental, with its visitor's ticket, is "
        f"removed: 1 to {_MAX_DAYS}, or forever",
    )
    keep_audit_days: Days = Field(
        default=365,
        ge=LEAST_DAYS,
        le=_MAX_DAYS,
        description="How many days an entry of the audit log is kept: "
        f"{LEAST_DAYS} to {_MAX_DAYS}, or forever",
    )
    keep_tombstones_days: Days = Field(
        default=30,
        ge=LEAST_DAYS,
        le=_MAX_DAYS,
        description="How many days Postgres remembers that a device was unregistered: "
        f"{LEAST_DAYS} to {_MAX_DAYS}, or forever",
    )

    keep_history_days: Days = Field(
        default=7,
        ge=1,
        le=_MAX_DAYS,
        description="How many days the levels and lights of a rental are kept, if the rental is: "
        f"1 to {_MAX_DAYS}, or forever",
    )

    backup_folder: str = Field(
        default="",
        description="A folder that backups are written to on a timer, the same for all registries; "
        "default: none are",
    )
    backup_every_seconds: float = Field(
        default=3600, ge=1, le=_MAX_BACKUP_SECONDS, description="How often, in seconds"
    )
    backup_keep: int = Field(
        default=48, ge=1, description="How many of them are kept; older ones are removed"
    )

    @property
    def keep(self) -> Keep:
        """How long things are kept."""
        return Keep(
            self.keep_rentals_days,
            self.keep_audit_days,
            self.keep_tombstones_days,
            self.keep_history_days,
        )

    @property
    def tls_files(self) -> ServerFiles | None:
        """The files of TLS for the REST API; None: it speaks plain ``http://``."""
        if not self.tls_certificate:
            return None
        return ServerFiles(
            certificate=TlsFile(self._variable("tls_certificate"), self.tls_certificate),
            key=TlsFile(self._variable("tls_key"), self.tls_key),
        )

    @property
    def protection(self) -> Protection:
        """What protects the hub, as far as settings say it."""
        user = urlsplit(self.redis_url).username
        return Protection(
            warnings=self.warnings,
            bootstrap_key=bool(self.admin_key.get_secret_value()),
            former_digest_key=bool(self.former_credential_key.get_secret_value()),
            redis_user=unquote(user or "default"),
        )

    @property
    def warnings(self) -> list[str]:
        """What is set and should not be, each with what to do."""
        unverified = trusts_any_server(self.postgres_dsn.get_secret_value())
        own = [UNVERIFIED.format("Postgres", "CHARGELIGHT_POSTGRES")] if unverified else []
        return super().warnings + own

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError(
                f"{self._variable('tls_certificate')} and {self._variable('tls_key')} need each "
                "other: set both"
            )
        if self.tls_files is not None:
            self.tls_files.context()
        return self

    @model_validator(mode="after")
    def _complete_dsn(self) -> Self:
        """Put the files of TLS into the connection strings: libpq takes them from there."""
        files = ClientFiles(
            "CHARGELIGHT_POSTGRES_TLS",
            self.postgres_tls_ca,
            self.postgres_tls_certificate,
            self.postgres_tls_key,
            self.postgres_tls_verify,
        )
        if files.are_set:
            files.check()
            for field in ("postgres_dsn", "postgres_owner_dsn"):
                if dsn := getattr(self, field).get_secret_value():
                    self._complete(field, dsn, files)
        return self

    def _complete(self, field: str, dsn: str, files: ClientFiles) -> None:
        if names_tls(dsn):
            raise ValueError(
                f"{files.prefix}_… need {self._variable(field)} to say nothing of TLS itself"
            )
        object.__setattr__(self, field, SecretStr(with_parameters(dsn, files.for_postgres)))

    @field_validator("admin_key", "credential_key", "former_credential_key")
    @classmethod
    def _check_key(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if text and not is_key(text):
            raise ValueError(KEY_RULE)
        return key

    @field_validator("postgres_dsn", "postgres_owner_dsn")
    @classmethod
    def _check_dsn(cls, dsn: SecretStr, info: ValidationInfo) -> SecretStr:
        if dsn.get_secret_value() or info.field_name == "postgres_dsn":
            check_dsn(dsn.get_secret_value())
        return dsn
