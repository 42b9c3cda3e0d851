"""Settings of the gateway."""

import os
from typing import Annotated, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from services.gateway.auth.credentials import MODES_WITH_SECRETS, Mode
from shared.contract.credentials import KEY_RULE, MINIMUM_KEY_LENGTH, is_key
from shared.contract.devices import Kind
from shared.process.checks.origins import check_origin
from shared.process.settings import Port, Seconds, SettingsWithAuth
from shared.process.tls.files import keys_in
from shared.process.tls.server_tls import ServerFiles, TlsFile
from shared.process.traces.settings import SettingsWithTraces

Origin = Annotated[
    str, AfterValidator(lambda text: text if text in ("null", "file://") else check_origin(text))
]

_MOST_WORKERS: Final = 256
_LONGEST_ID: Final = 60
"""Longest id of an instance with workers: each appends its number, and the limit is 64."""

_NEEDS: Final = {
    "tls_certificate": "tls_key",
    "tls_key": "tls_certificate",
    "charger_ca": "tls_certificate",
    "widget_ca": "tls_certificate",
}
"""What is of no use without what."""


class GatewaySettings(SettingsWithAuth, SettingsWithTraces):
    """Environment variables ``CHARGELIGHT_GATEWAY_…``, and those all services share."""

    service: ClassVar[str] = "gateway"
    auth_field: ClassVar[str] = "device_auth"
    model_config = SettingsConfigDict(env_prefix="CHARGELIGHT_GATEWAY_")

    device_auth: Mode = Field(
        default="off",
        validation_alias="CHARGELIGHT_DEVICE_AUTH",
        description="What devices must present: off; optional (who has a secret: that); required "
        "(a secret, or a certificate); certificate",
    )
    credential_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="CHARGELIGHT_CREDENTIAL_KEY",
        description=f"Key of the secrets' digests, {MINIMUM_KEY_LENGTH} characters or more",
    )
    former_credential_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="CHARGELIGHT_FORMER_CREDENTIAL_KEY",
        description="The key before it; digests made with it count too, while it is changed",
    )
    wait_replicas: int = Field(
        default=0,
        ge=0,
        le=5,
        validation_alias="CHARGELIGHT_REDIS_WAIT_REPLICAS",
        description="How many replicas of Redis must have a reading before it is acknowledged, "
        "0 to 5",
    )
    charger_port: Port = Field(default=3100, description="Port for chargers")
    widget_port: Port = Field(default=3200, description="Port for widgets")
    health_port: Port = Field(
        default=3101, description="Port for /healthz, /readyz, /accepting and /metrics"
    )
    reuse_port: bool = Field(
        default=False, description="Share the ports with other gateways on this machine"
    )
    tls_certificate: str = Field(
        default="",
        description="File (PEM) of the certificate, with its chain, for wss:// on both ports; "
        "default: ws://",
    )
    tls_key: str = Field(default="", description="File (PEM) of its key, without a password")
    charger_ca: str = Field(
        default="", description="File (PEM) of the CA of chargers' certificates; default: none"
    )
    widget_ca: str = Field(
        default="", description="File (PEM) of the CA of widgets' certificates; default: none"
    )
    revoked: str = Field(
        default="", description="File (PEM) of the revocation lists of these CAs; default: none"
    )
    proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description='Balancers that send PROXY protocol v2, as JSON: ["10.0.0.0/24"]; '
        "from them it is required",
    )
    workers: int = Field(
        default=1,
        ge=0,
        le=_MOST_WORKERS,
        description="Processes that share the ports and the work; 0: one per core it may use",
    )
    origins: tuple[Origin, ...] = Field(
        default=(),
        description='Browser origins allowed, as JSON: ["https://example.org"]; devices send none',
    )
    file_origin: bool = Field(
        default=True,
        description="Let in the Origin file:// where no secret is required: Arduino libraries "
        "send it, and so does an HTML file that is opened from a disk",
    )
    ocpp_without_subprotocol: bool = Field(
        default=False,
        description="Take a charger for one of OCPP 1.6 that offers no subprotocol, if its first "
        "message begins with [2,",
    )
    max_connections: int = Field(
        default=15000,
        ge=1,
        description="Most connections of one process at once; beyond it a handshake gets HTTP 503",
    )
    max_handshakes: int = Field(
        default=1000,
        ge=1,
        description="Most connections of one process that are at their handshake, refused or "
        "closing; beyond it the oldest that says nothing is cut off",
    )
    connections_per_charger: int = Field(
        default=2, ge=1, description="Most connections of a charger; the oldest is closed"
    )
    connections_per_widget: int = Field(
        default=4, ge=1, description="Most connections of a widget; the oldest is closed"
    )
    connects_per_minute: int = Field(
        default=60,
        ge=0,
        description="How often an id may connect in a minute; beyond it HTTP 429; 0: no limit",
    )
    connections_per_address: int = Field(
        default=1000,
        ge=0,
        description="Most connections from an address that is a device's own; 0: no limit",
    )
    without_balancer: bool = Field(
        default=False,
        description="Devices connect directly: each address is a device's own",
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
    leave_seconds: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="For how long a stopping gateway still takes connections, while /accepting "
        "says 503: longer than its load balancer needs to send no more",
    )
    drain_seconds: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="Time over which a stopping gateway closes its connections",
    )

    def tls_files(self, kind: Kind) -> ServerFiles | None:
        """Return the files of a port's TLS; None: it speaks plain ``ws://``."""
        if not self.tls_certificate:
            return None
        ca = f"{kind.value}_ca"
        return ServerFiles(
            certificate=self._file("tls_certificate"),
            key=self._file("tls_key"),
            client_ca=self._file(ca) if getattr(self, ca) else None,
            revoked=self._file("revoked") if self.revoked else None,
            must_present=self.device_auth == "certificate",
        )

    def _file(self, field: str) -> TlsFile:
        return TlsFile(self._variable(field), getattr(self, field))

    @property
    def has_ca_per_kind(self) -> bool:
        """Whether a certificate's CA tells of which kind its device is: none is both kinds'.

        Raises:
            TlsFilesError: A file cannot be read.
        """
        if not (self.charger_ca and self.widget_ca):
            return False
        return keys_in(self.charger_ca).isdisjoint(keys_in(self.widget_ca))

    @property
    def credential_keys(self) -> tuple[SecretStr, ...]:
        """All keys of digests that count; one at least."""
        both = (self.credential_key, self.former_credential_key)
        return both if self.former_credential_key.get_secret_value() else both[:1]

    @property
    def max_waiting_handshakes(self) -> int:
        """How many handshakes may wait for their turn; `max_handshakes` does not count them."""
        return 3 * self.max_handshakes

    @property
    def processes(self) -> int:
        """How many processes serve devices."""
        return self.workers or _cores()

    @property
    def stop_seconds(self) -> float:
        """To leave, to drain, what follows, and with workers the time to kill one that hangs."""
        return self.leave_seconds + self.drain_seconds + (13.0 if self.processes > 1 else 9.0)

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

    @field_validator("former_credential_key")
    @classmethod
    def _check_former_key(cls, key: SecretStr) -> SecretStr:
        if key.get_secret_value() and not is_key(key.get_secret_value()):
            raise ValueError(KEY_RULE)
        return key

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        for field, needed in _NEEDS.items():
            if getattr(self, field) and not getattr(self, needed):
                raise ValueError(f"{self._variable(field)} needs {self._variable(needed)}")
        if self.device_auth == "certificate" and not (self.charger_ca and self.widget_ca):
            raise ValueError(
                "CHARGELIGHT_DEVICE_AUTH=certificate needs CHARGELIGHT_GATEWAY_CHARGER_CA and "
                "CHARGELIGHT_GATEWAY_WIDGET_CA"
            )
        if self.revoked and not (self.charger_ca or self.widget_ca):
            raise ValueError(
                "CHARGELIGHT_GATEWAY_REVOKED needs CHARGELIGHT_GATEWAY_CHARGER_CA or "
                "CHARGELIGHT_GATEWAY_WIDGET_CA, whose lists it holds"
            )
        for files in filter(None, map(self.tls_files, Kind)):
            files.context()
        return self

    @model_validator(mode="after")
    def _check_credential_key(self) -> Self:
        key = self.credential_key.get_secret_value()
        if self.device_auth in MODES_WITH_SECRETS and not is_key(key):
            raise ValueError(
                f"CHARGELIGHT_DEVICE_AUTH={self.device_auth} needs CHARGELIGHT_CREDENTIAL_KEY "
                f"with {MINIMUM_KEY_LENGTH} characters or more, all printable ASCII; "
                "make one with: openssl rand -hex 32"
            )
        return self

    @model_validator(mode="after")
    def _check_balancer(self) -> Self:
        if self.without_balancer and self.proxies:
            raise ValueError(
                "CHARGELIGHT_GATEWAY_WITHOUT_BALANCER=true contradicts "
                "CHARGELIGHT_GATEWAY_PROXIES: leave one of them out"
            )
        if self.without_balancer and self.leave_seconds:
            raise ValueError(
                f"CHARGELIGHT_GATEWAY_LEAVE_SECONDS={self.leave_seconds:g} is time for load "
                "balancers, and CHARGELIGHT_GATEWAY_WITHOUT_BALANCER=true says that there are "
                "none: leave one of them out"
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
