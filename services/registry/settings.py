"""Settings of the registry."""

from typing import ClassVar, Final, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.contract.credentials import MINIMUM_KEY_LENGTH, is_key
from shared.process.settings import Port, Seconds, Settings

_MIN_ADMIN_KEY: Final = 32


class RegistrySettings(Settings):
    """Settings of the registry."""

    model_config = SettingsConfigDict(env_prefix="CHARGELIGHT_REGISTRY_")
    service: ClassVar[str] = "registry"

    postgres_dsn: SecretStr = Field(
        default=SecretStr("postgresql://chargelight:chargelight@127.0.0.1:5432/chargelight"),
        validation_alias="CHARGELIGHT_POSTGRES_DSN",
        description="Postgres to use: postgresql://user:password@host:port/database",
    )
    host: str = Field(
        default="0.0.0.0",  # noqa: S104 - in a container, the container is the boundary
        description="Address to listen on",
    )
    port: Port = Field(default=3300, description="TCP port of the REST API")
    health_port: Port = Field(default=3103, description="TCP port of health and metrics")
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
        description="An API key that always is an admin's, to make the first ones with; "
        f"{_MIN_ADMIN_KEY} characters or more",
    )

    credential_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="CHARGELIGHT_CREDENTIAL_KEY",
        description=f"Key of the digests of devices' secrets, {MINIMUM_KEY_LENGTH} characters or "
        "more; needed to set secrets",
    )

    @field_validator("credential_key")
    @classmethod
    def _check_credential_key(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if text and not is_key(text):
            raise ValueError(
                f"it needs {MINIMUM_KEY_LENGTH} printable ASCII characters or more; "
                "make one with: openssl rand -hex 32"
            )
        return key

    @field_validator("admin_key")
    @classmethod
    def _check_admin_key(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if text and (len(text) < _MIN_ADMIN_KEY or not text.isascii() or not text.isprintable()):
            raise ValueError(
                f"it needs {_MIN_ADMIN_KEY} printable ASCII characters or more; "
                "make one with: openssl rand -hex 32"
            )
        return key

    @field_validator("postgres_dsn")
    @classmethod
    def _check_dsn(cls, dsn: SecretStr) -> SecretStr:
        try:
            conninfo_to_dict(dsn.get_secret_value())
        except psycopg.ProgrammingError:
            # Without its text, which quotes the string and its password.
            raise ValueError("it cannot be read as a connection string") from None
        return dsn
