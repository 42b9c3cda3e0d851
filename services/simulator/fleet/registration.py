"""Registering and pairing devices over the registry's REST interface."""

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from services.simulator.fleet.pairs import Pair
from shared.process.backoff import Backoff

_AT_ONCE: Final = 16
"""Pairs registered at the same time."""

_TIMEOUT_SECONDS: Final = 10.0

_ID_HELP: Final = "an id has 1 to 64 letters, digits, dots, underscores and hyphens"


class RegistrationError(Exception):
    """The registry refuses; the text says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A pair that the registry has.

    Attributes:
        new: The charger or the widget was not registered before.
        in_effect: The pairing has reached the gateways and routers.
    """

    pair: Pair
    new: bool
    in_effect: bool


class Registration:
    """A client of the registry that waits until the registry is there.

    Args:
        url: Its root, for example ``http://127.0.0.1:3300``.
        key: API key to present; empty: none.
        secret: Set for each device; empty: none is.
        rng: Source of the jitter between attempts.
        waiting: Told the reason each time the registry is not there.
        replace: End pairings of these devices with others.
        transport: Something other than the network to talk to.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        secret: str = "",
        rng: random.Random,
        waiting: Callable[[str], None],
        replace: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._rng = rng
        self._waiting = waiting
        self._replace = replace
        self._secret = secret
        self._client = httpx.AsyncClient(
            base_url=self._url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT_SECONDS,
            # The system's CA certificates, or those in SSL_CERT_FILE; not httpx's own list.
            verify=ssl.create_default_context() if url.startswith("https:") else True,
            # The registry is on the operator's network, not behind a proxy.
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def register_all(
        self, pairs: Sequence[Pair], done: Callable[[Registered], None] = lambda _: None
    ) -> None:
        """Register and pair all of them, some at the same time; ``done`` is told of each.

        Raises:
            RegistrationError: The registry refuses one of them.
        """
        left = iter(pairs)

        async def work() -> None:
            for pair in left:  # shared: each worker takes the next one
                done(await self.register(pair))

        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(min(_AT_ONCE, len(pairs))):
                    tasks.create_task(work(), name=f"registration {number}")
        except* RegistrationError as group:
            # One refusal is enough to act on.
            refusal: BaseException = group
            while isinstance(refusal, BaseExceptionGroup):
                refusal = refusal.exceptions[0]
            raise refusal from None

    async def register(self, pair: Pair) -> Registered:
        """Register both devices, set their secret, pair them; all may have been done before.

        Raises:
            RegistrationError: The registry refuses.
        """
        charger = await self._put(f"/chargers/{pair.charger}", {}, pair)
        widget = await self._put(f"/widgets/{pair.widget}", {}, pair)
        if self._secret:
            for device in (f"/chargers/{pair.charger}", f"/widgets/{pair.widget}"):
                await self._put(f"{device}/secret", {"secret": self._secret}, pair)
        query = "?replace=true" if self._replace else ""
        pairing = await self._put(f"/pairings/{pair.charger}{query}", {"widget": pair.widget}, pair)
        return Registered(
            pair,
            new=httpx.codes.CREATED in (charger.status_code, widget.status_code),
            in_effect=bool(_json(pairing).get("projected", True)),
        )

    async def _put(self, path: str, body: dict[str, str], pair: Pair) -> httpx.Response:
        backoff = Backoff(0.1, 5.0, self._rng)
        while True:
            try:
                response = await self._client.put(path, json=body)
            except (httpx.TransportError, httpx.DecodingError) as error:
                trouble = str(error) or type(error).__name__
            else:
                if response.is_success:
                    return response
                if not response.is_server_error:
                    raise RegistrationError(self._explain(response, pair))
                trouble = f"HTTP {response.status_code} {_detail(response)}".rstrip()
            self._waiting(f"the registry at {self._url} is not ready ({trouble}); trying again")
            await asyncio.sleep(backoff.delay())

    def _explain(self, response: httpx.Response, pair: Pair) -> str:
        detail = _detail(response)
        match response.status_code:
            case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN as code:
                return (
                    f"the registry refused {pair.charger}:{pair.widget}: {detail} [HTTP {code}]. "
                    "Set CHARGELIGHT_SIMULATOR_KEY to the API key of an operator"
                )
            case httpx.codes.CONFLICT if response.request.url.path.startswith("/pairings/"):
                why = detail.rstrip(".") or "one of the two is paired with another one"
                return (
                    f"{pair.charger} cannot be paired with {pair.widget}: {why}. "
                    "To end that from here, run this again with --replace"
                )
            case httpx.codes.NOT_FOUND:
                return (
                    f"{self._url} has nothing at {response.request.url.path}"
                    f" ({detail or 'not found'}). Is it the registry? And is the id allowed: "
                    f"{_ID_HELP}"
                )
            case code:
                return f"the registry refused {pair.charger}:{pair.widget}: HTTP {code} {detail}"


def _detail(response: httpx.Response) -> str:
    problem = _json(response)
    return str(problem.get("detail") or problem.get("title") or "")


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
