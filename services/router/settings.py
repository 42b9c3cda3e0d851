"""Settings of the router."""

from typing import ClassVar

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from shared.contract.thresholds import Thresholds
from shared.process.settings import Port
from shared.process.traces.settings import SettingsWithTraces


class RouterSettings(SettingsWithTraces):
    """Environment variables ``CHARGELIGHT_ROUTER_…``, and those all services share."""

    service: ClassVar[str] = "router"
    model_config = SettingsConfigDict(env_prefix="CHARGELIGHT_ROUTER_")

    health_port: Port = Field(default=3102, description="Port for /healthz, /readyz and /metrics")
    thresholds: str = Field(
        default="charging=0,charging80=80,charged=100",
        description="From which state of charge (percent) on which status is shown",
    )
    thresholds_version: int = Field(
        default=1,
        ge=1,
        lt=2**31,
        description="Raise it with each change of the thresholds; the highest wins",
    )

    @field_validator("thresholds")
    @classmethod
    def _normalize(cls, text: str) -> str:
        return str(Thresholds.parse(text))
