"""The settings of traces, for services that readings pass through."""

from pydantic import Field, field_validator

from shared.process.checks.urls import split_url
from shared.process.settings import Settings

_PATH = "/v1/traces"
"""Where receivers of OTLP/HTTP take traces, unless set up otherwise."""


class SettingsWithTraces(Settings):
    """Settings of a service that may send traces."""

    traces_url: str = Field(
        default="",
        validation_alias="CHARGELIGHT_TRACES_URL",
        description="Receiver of traces (OTLP/HTTP), as http://collector:4318; default: no traces",
    )
    traces_sample: float = Field(
        default=0.001,
        ge=0,
        le=1,
        validation_alias="CHARGELIGHT_TRACES_SAMPLE",
        description="Share of the readings that are traced: 0.001 is one in a thousand",
    )

    @field_validator("traces_url")
    @classmethod
    def _complete_traces_url(cls, url: str) -> str:
        if not url:
            return url
        parts = split_url(url, ("http", "https"))
        if not parts.hostname or "," in parts.netloc:
            raise ValueError("it must name one host")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("it must have no user name, no password and no query")
        return url if parts.path.strip("/") else url.rstrip("/") + _PATH
