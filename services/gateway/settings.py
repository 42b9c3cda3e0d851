"""Settings of the gateway."""

import os
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.contract.credentials import MINIMUM_KEY_LENGTH, is_key
from shared.process.settings import Port, Seconds, Settings

_MOST_WORKERS: Final = 256
_LONGEST_ID: Final = 60
"""Longest id of an instance with workers: each appends its number, and the limit is 64."""


class GatewaySettings(Settings):
    """Environment variables ``CHARGELIGHT_GATEWAY_…``, and those all services share."""

    service: ClassVar[str] = "gateway"
    model_config = SettingsConfigDict(env_prefix="CHARGELIGHT_GATEWAY_")

    device_auth: Literal["off", "optional", "required"] = Field(
        default="off",
        validation_alias="CHARGELIGHT_DEVICE_AUTH",
        description="Secrets of devices: off, optional (who has one must present it), required",
    )
    credential_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="CHARGELIGHT_CREDENTIAL_KEY",
        description=f"Key of the secrets' digests, {MINIMUM_KEY_LENGTH} characters or more",
    )
    host: str = Field(default="0.0.0.0", description="Address to listen on")  # noqa: S104 - devices come from outside
    charger_port: Port = Field(default=3100, description="Port for chargers")
    widget_port: Port = Field(default=3200, description="Port for widgets")
    health_port: Port = Field(
        default=3101, description="Port for /healthz, /readyz, /accepting and /metrics"
    )
    reuse_port: bool = Field(
        default=False, description="Share the ports with other gateways on this machine"
    )
    workers: int = Field(
        default=1,
        ge=0,
        le=_MOST_WORKERS,
        description="Processes that share the ports and the work; 0: one per core it may use",
    )
    origins: tuple[str, ...] = Field(
        default=(),
        description='Browser origins allowed, as JSON: ["https://example.org"]; devices send none',
    )
    max_connections: int = Field(
        default=15000,
        ge=1,
        description="Most connections of one process at once; beyond it a handshake gets HTTP 503",
    )
    max_waiting: int = Field(
        default=5000,
        ge=1,
        description="Most connections that may wait for the directory; beyond it HTTP 503",
    )
    handshake_seconds: Seconds = Field(default=5, description="Deadline of a handshake")
    ping_interval_seconds: Seconds = Field(default=12, description="Time between pings to a device")
    silence_seconds: Seconds = Field(
        default=25, description="A device that sends nothing for so long is cut off"
    )
    bytes_per_second: int = Field(
        default=16 * 1024,
        ge=256,
        description="How fast a device may send for long; each frame counts 26 bytes more",
    )
    burst_bytes: int = Field(
        default=32 * 1024, ge=1024, description="How much a device may send at once"
    )
    too_fast_seconds: Seconds = Field(
        default=10, description="A device that sends faster for so long is closed with 4429"
    )
    drain_seconds: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="Time over which a stopping gateway closes its connections",
    )

    @property
    def processes(self) -> int:
        """How many processes serve devices."""
        return self.workers or _cores()

    @property
    def stop_seconds(self) -> float:
        """The drain, what follows it, and with workers the time to kill one that hangs."""
        return self.drain_seconds + (13.0 if self.processes > 1 else 9.0)

    @model_validator(mode="after")
    def _check_workers(self) -> Self:
        if self.processes > 1:
            if 0 in (self.charger_port, self.widget_port):
                raise ValueError(
                    f"CHARGELIGHT_GATEWAY_WORKERS={self.workers} needs ports that are not 0: "
                    "each process would get another one"
                )
            if len(self.instance_id) > _LONGEST_ID:
                raise ValueError(
                    f"CHARGELIGHT_INSTANCE_ID may have {_LONGEST_ID} characters at most with "
                    f"CHARGELIGHT_GATEWAY_WORKERS={self.workers}: each process adds its number"
                )
        return self

    @model_validator(mode="after")
    def _check_credential_key(self) -> Self:
        key = self.credential_key.get_secret_value()
        if self.device_auth != "off" and not is_key(key):
            raise ValueError(
                f"CHARGELIGHT_DEVICE_AUTH={self.device_auth} needs CHARGELIGHT_CREDENTIAL_KEY "
                f"with {MINIMUM_KEY_LENGTH} characters or more, all printable ASCII; "
                "make one with: openssl rand -hex 32"
            )
        return self

    @model_validator(mode="after")
    def _check_silence(self) -> Self:
        if self.silence_seconds <= self.ping_interval_seconds:
            raise ValueError("CHARGELIGHT_GATEWAY_SILENCE_SECONDS must exceed the ping interval")
        return self


def _cores() -> int:
    """Return how many cores this process may use; limits of a container do not count."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover
