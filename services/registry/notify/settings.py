"""Settings of what is told, to whom, and when."""

from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from services.registry.notify.conditions.limits import Limits
from services.registry.notify.destinations import Destination, destinations_of
from shared.contract.credentials import KEY_RULE, MINIMUM_KEY_LENGTH, is_key
from shared.process.checks.urls import hosts_of, split_url
from shared.process.settings import SettingsWithAuth

MOST: Final = 10
"""Webhooks, and channels."""
_MAX_MINUTES: Final = 7 * 24 * 60

Minutes = Annotated[float, Field(ge=0, le=_MAX_MINUTES)]


class NotifySettings(SettingsWithAuth):
    """The part of the registry's settings about alerts to people and to other systems."""

    notify_channels: SecretStr = Field(
        default=SecretStr(""),
        description="Where people get alerts: URLs of apprise, with spaces or line breaks between "
        "them, such as ntfy://ntfy.local/booth",
    )
    webhooks: SecretStr = Field(
        default=SecretStr(""),
        description="Where other systems get events: http:// or https:// URLs, with spaces or "
        "line breaks between them",
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="What requests to webhooks are signed with, "
        f"{MINIMUM_KEY_LENGTH} characters or more",
    )
    webhooks_private: bool = Field(
        default=False, description="Whether webhooks may be in private networks"
    )
    ready_minutes: Minutes = Field(
        default=0, description="Tell of a phone that is full for so many minutes; 0: do not"
    )
    silent_minutes: Minutes = Field(
        default=0,
        description="Tell of a charger with a visitor's phone that is not connected for so many "
        "minutes; 0: do not",
    )
    return_minutes: Minutes = Field(
        default=0,
        description="Tell of a widget that is not back so many minutes after its phone was "
        "collected; 0: do not",
    )
    trouble_seconds: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="Tell of a trouble of the hub that lasts so many seconds; 0: do not",
    )

    @property
    def limits(self) -> Limits:
        """After how many seconds things are told; 0: never."""
        return Limits(
            ready=self.ready_minutes * 60,
            silent=self.silent_minutes * 60,
            returned=self.return_minutes * 60,
            trouble=self.trouble_seconds,
        )

    @property
    def destinations(self) -> list[Destination]:
        """Where events go."""
        return destinations_of(
            _urls(self.webhooks),
            self.webhook_secret.get_secret_value(),
            _urls(self.notify_channels),
            allow_private=self.webhooks_private,
        )

    @field_validator("webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value()
        if text and not is_key(text):
            raise ValueError(KEY_RULE)
        return secret

    @field_validator("webhooks")
    @classmethod
    def _check_webhooks(cls, urls: SecretStr) -> SecretStr:
        for number, url in enumerate(_checked(urls), start=1):
            try:
                parts = split_url(url, ("http", "https"))
                if len(hosts_of(parts)) != 1 or not parts.hostname:
                    raise ValueError("it must name one host")  # noqa: TRY301 - as the others
            except ValueError as error:
                # Without the URL: there may be a token in it.
                raise ValueError(f"number {number} is no URL of a webhook: {error}") from None
        return urls

    @field_validator("notify_channels")
    @classmethod
    def _check_channels(cls, urls: SecretStr) -> SecretStr:
        if found := _checked(urls):
            # Half a second and 40 MB, for those who have channels.
            from services.registry.notify.sending.channel import is_channel  # noqa: PLC0415

            for number, url in enumerate(found, start=1):
                if not is_channel(url):
                    raise ValueError(
                        f"number {number} is no URL of apprise, or something is missing in it. "
                        "https://github.com/caronc/apprise/wiki has their forms"
                    )
        return urls

    @model_validator(mode="after")
    def _check_that_webhooks_are_signed(self) -> Self:
        if _urls(self.webhooks) and not self.webhook_secret.get_secret_value():
            raise ValueError(
                f"{self._variable('webhooks')} needs {self._variable('webhook_secret')}, with "
                "which receivers know who sent a request: openssl rand -hex 32"
            )
        return self

    @model_validator(mode="after")
    def _check_that_there_is_a_destination(self) -> Self:
        limits = ("ready_minutes", "silent_minutes", "return_minutes", "trouble_seconds")
        wanted = [self._variable(name) for name in limits if getattr(self, name)]
        if wanted and not (_urls(self.webhooks) or _urls(self.notify_channels)):
            raise ValueError(
                f"{' and '.join(wanted)} would tell nobody: set "
                f"{self._variable('notify_channels')} or {self._variable('webhooks')}"
            )
        return self


def _urls(setting: SecretStr) -> list[str]:
    # One that stands there twice gets everything once.
    return list(dict.fromkeys(setting.get_secret_value().split()))


def _checked(setting: SecretStr) -> list[str]:
    found = _urls(setting)
    if len(found) > MOST:
        raise ValueError(f"there may be at most {MOST}")
    return found
