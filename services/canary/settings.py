"""Settings of the canary."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.contract.devices import ID_RULE, is_device_id
from shared.contract.thresholds import Thresholds
from shared.process.settings import Port, Settings


def _must_be_id(text: str) -> str:
    if not is_device_id(text):
        raise ValueError(ID_RULE)
    return text


_Id = Annotated[str, AfterValidator(_must_be_id)]


class CanarySettings(Settings):
    """Environment variables ``CHARGELIGHT_CANARY_…``, and those all services share."""

    service: ClassVar[str] = "canary"
    model_config = SettingsConfigDict(env_prefix="CHARGELIGHT_CANARY_")

    health_port: Port = Field(default=3104, description="Port for /healthz, /readyz and /metrics")
    chargers_url: str = Field(
        default="ws://127.0.0.1:3100",
        pattern=r"^wss?://",
        description="Where chargers connect: ws:// or wss://, of the load balancer",
    )
    widgets_url: str = Field(
        default="ws://127.0.0.1:3200", pattern=r"^wss?://", description="Where widgets connect"
    )
    registry_url: str = Field(
        default="http://127.0.0.1:3300",
        pattern=r"^https?://",
        description="Where the canary registers its pair: http:// or https://",
    )
    key: SecretStr = Field(
        default=SecretStr(""), description="API key of an operator, to register the pair with"
    )
    secret: SecretStr = Field(
        default=SecretStr(""), description="What its charger and its widget present; default: none"
    )
    charger: _Id = Field(default="canary-charger", description="Id of its charger")
    widget: _Id = Field(default="canary-widget", description="Id of its widget")
    thresholds: str = Field(
        default="charging=0,charging80=80,charged=100",
        description="What lights it expects: as CHARGELIGHT_ROUTER_THRESHOLDS",
    )

    @field_validator("thresholds")
    @classmethod
    def _check_thresholds(cls, text: str) -> str:
        thresholds = Thresholds.parse(text)
        if len(thresholds.each()) == 1:
            raise ValueError("with only one status, every light looks right")
        return str(thresholds)
