"""Registers the canary's pair, and does it again now and then: it may have been unregistered.

The pair works on while the registry is away, and so does the canary.
"""

import asyncio
import random
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NoReturn

import httpx

from services.canary.settings import CanarySettings
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog
from shared.process.tls.client_errors import explain_tls_error

_log = logs.get(__name__)

_AGAIN_SECONDS: Final = 60.0
_FIRST_DELAY_SECONDS: Final = 0.5
_LONGEST_DELAY_SECONDS: Final = 15.0
_TIMEOUT_SECONDS: Final = 10.0


class _RefusedError(Exception):
    """The registry did not do what it was asked."""


@dataclass(eq=False, repr=False)
class Registration:
    """Registers the pair."""

    settings: CanarySettings
    rng: random.Random
    transport: httpx.AsyncBaseTransport | None = None
    """Something other than the network to talk to."""

    def __post_init__(self) -> None:
        self._failures = RateLimitedLog(_log, "the canary's pair cannot be registered")
        self._has_secrets = False

    async def run(self) -> NoReturn:
        """Register until cancelled."""
        backoff = Backoff(_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS, self.rng)
        async with self._client() as client:
            while True:
                try:
                    await self.register(client)
                except (httpx.HTTPError, _RefusedError) as error:
                    self._failures.log(explain_tls_error(str(error)) or type(error).__name__)
                    await asyncio.sleep(backoff.delay())
                else:
                    backoff.reset()
                    await asyncio.sleep(_AGAIN_SECONDS)

    async def register(self, client: httpx.AsyncClient) -> None:
        """Register both devices as canaries, with their secret, and pair them."""
        secret = self.settings.secret.get_secret_value()
        charger, widget = self.settings.charger, self.settings.widget
        for device in (f"/chargers/{charger}", f"/widgets/{widget}"):
            is_new = await self._put(client, device, {"canary": True}) == HTTPStatus.CREATED
            self._has_secrets = self._has_secrets and not is_new
            if secret and not self._has_secrets:
                await self._put(client, f"{device}/secret", {"secret": secret})
        await self._put(client, f"/pairings/{charger}", {"widget": widget})
        self._has_secrets = True

    async def _put(self, client: httpx.AsyncClient, path: str, body: dict[str, object]) -> int:
        response = await client.put(path, json=body)
        if not response.is_success:
            raise _RefusedError(f"{path}: HTTP {response.status_code} {response.text[:300]}")
        return response.status_code

    def _client(self) -> httpx.AsyncClient:
        url = self.settings.registry_url.rstrip("/")
        key = self.settings.key.get_secret_value()
        return httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT_SECONDS,
            # The system's CA certificates, or those in SSL_CERT_FILE; not httpx's own list.
            verify=ssl.create_default_context() if url.startswith("https:") else True,
            trust_env=False,  # the registry is not behind a proxy
            transport=self.transport,
        )
