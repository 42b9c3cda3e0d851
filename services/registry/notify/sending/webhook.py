"""Sends an event to another system: one signed POST request."""

import asyncio
import contextlib
import ipaddress
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import httpx

from services.registry.notify.events import Event, body_of
from services.registry.notify.sending.addresses import PrivateAddressError, address_for
from services.registry.notify.sending.outcome import NotDeliveredError
from services.registry.notify.sending.signing import headers
from shared.version import VERSION

SECONDS: Final = 10.0
"""For one request, from the lookup of its host to the head of the answer."""


@dataclass(eq=False, repr=False)
class Webhook:
    """The receiver of another system."""

    url: str
    secret: str
    allow_private: bool = field(kw_only=True)
    at_once: int = field(default=8, init=False)

    def __post_init__(self) -> None:
        # The system's CA certificates; not httpx's own list.
        self._tls = ssl.create_default_context()
        self._lookups = ThreadPoolExecutor(1, "webhook-lookup")

    async def send(self, event: Event) -> None:
        """Send an event.

        Raises:
            NotDeliveredError: It was not taken, as far as is known.
        """
        try:
            async with asyncio.timeout(SECONDS):
                status = await self._post(event)
        except TimeoutError:
            raise NotDeliveredError(f"no answer within {SECONDS:g} s") from None
        except (PrivateAddressError, UnicodeError) as error:
            raise NotDeliveredError(str(error)) from error
        except httpx.RemoteProtocolError as error:
            # Its text quotes what was received, up to 100 KiB of it.
            raise NotDeliveredError("it does not answer as HTTP servers do") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Of some, httpx has no text; none of them quotes the URL's path, or its user.
            raise NotDeliveredError(str(error) or type(error).__name__) from error
        if not httpx.codes.is_success(status):
            raise NotDeliveredError(f"it answered with HTTP {status}")

    async def _post(self, event: Event) -> int:
        url = httpx.URL(self.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await address_for(url.host, port, self._lookups, allow_private=self.allow_private)
        body = body_of(event)
        # A connection of its own: an event is rare, and a kept one may be dead. No proxy of the
        # environment: it would look the host up again. A redirect is not followed: it is an answer
        # that is no success.
        async with httpx.AsyncClient(
            verify=self._tls, trust_env=False, follow_redirects=False, timeout=SECONDS
        ) as client:
            request = client.build_request(
                "POST",
                url.copy_with(host=_in_url(address)),
                content=body,
                headers={
                    **headers(self.secret, event.id, int(time.time()), body),
                    "Host": url.netloc.decode("ascii"),
                    "User-Agent": f"chargelight/{VERSION}",
                },
                # TLS is with the host, whatever its address.
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            )
            response = await client.send(request, stream=True)
            # Nothing of the answer's body is read, so none is too long.
            with contextlib.suppress(httpx.HTTPError):
                await response.aclose()
            return response.status_code


def _in_url(address: str) -> str:
    address = address.partition("%")[0]  # a scope has no place in a URL
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address  # noqa: PLR2004 - IPv6
