"""What a canary process owns: opened in order, closed in reverse."""

import asyncio
import contextlib
import itertools
import random
import time
from contextlib import AsyncExitStack
from typing import Final

from services.canary import metrics
from services.canary.devices import Charger, Widget
from services.canary.judging import Judge, Outcome
from services.canary.registration import Registration
from services.canary.settings import CanarySettings
from shared.contract.device_protocol import ChargingStatus
from shared.contract.thresholds import Thresholds
from shared.process import health, logs
from shared.process.metrics import service
from shared.process.metrics.loop_delay import watch_loop
from shared.process.rate_limited_log import RateLimitedLog
from shared.process.runtime import Background, describe

_log = logs.get(__name__)

_BEAT_SECONDS: Final = 1.0
"""Between two readings, if the light of the first is there."""
_LOOK_SECONDS: Final = 0.25
"""How often to look whether time is up, while a light does not come."""


async def serve(settings: CanarySettings, stop: asyncio.Event) -> None:
    """Run a canary until ``stop`` is set."""
    canary = Canary(settings)
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        await stack.enter_async_context(
            health.listening(
                settings.listen_address("health_port"),
                _always_ready,
                allowed_hosts=settings.allowed_hosts,
            )
        )
        service.READINESS.follow(_always_ready)
        background = Background(group)
        stack.push_async_callback(background.stop)
        canary.start(background)
        _log.info("serving", **describe(settings))
        await stop.wait()


def _always_ready() -> None:
    """A canary is ready whatever the hub does: what it sees is in its metrics."""


class Canary:
    """The parts of a canary and how they are joined."""

    def __init__(self, settings: CanarySettings) -> None:
        rng = random.SystemRandom()
        secret = settings.secret.get_secret_value()
        self._walk = Thresholds.parse(settings.thresholds).each()
        self._judge = Judge()
        self._changed = asyncio.Event()
        self._log_wrong = RateLimitedLog(_log, "the canary's light is wrong")
        self._explain = f"chargelight explain --charger {settings.charger}"
        self._registration = Registration(settings, rng)
        self._charger = Charger(
            settings.chargers_url,
            settings.charger,
            secret,
            on_sent=lambda: self._judge.on_sent(time.monotonic()),
            on_acknowledged=self._on_acknowledged,
            rng=rng,
        )
        self._widget = Widget(
            settings.widgets_url,
            settings.widget,
            secret,
            on_lit=self._on_lit,
            on_lost=self._judge.on_widget_lost,
            rng=rng,
        )

    def start(self, background: Background) -> None:
        """Start the endless tasks."""
        background.start(watch_loop(), "watch the event loop")
        background.start(self._registration.run(), "register")
        background.start(self._widget.run(), "widget")
        background.start(self._charger.run(), "charger")
        background.start(self._beat(), "beat")

    async def _beat(self) -> None:
        """Report each light's state of charge in turn, and judge what comes of it."""
        for level, light in itertools.cycle(self._walk):
            began_at = time.monotonic()
            self._judge.begin(light, began_at)
            await self._charger.report(level)
            self._count(await self._outcome())
            await asyncio.sleep(began_at + _BEAT_SECONDS - time.monotonic())

    async def _outcome(self) -> Outcome:
        while (outcome := self._judge.outcome(time.monotonic())) is None:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_SECONDS)
        if (seconds := self._judge.seconds) is not None:
            metrics.SECONDS.observe(seconds)
        return outcome

    def _count(self, outcome: Outcome) -> None:
        metrics.LIGHTS[outcome].inc()
        if outcome is Outcome.WRONG:
            self._log_wrong.log(f"it shows {self._judge.shown}: {self._explain}")

    def _on_acknowledged(self) -> None:
        self._judge.on_acknowledged(time.monotonic())

    def _on_lit(self, light: ChargingStatus) -> None:
        if self._judge.on_lit(light, time.monotonic()):
            self._count(Outcome.WRONG)
        self._changed.set()
