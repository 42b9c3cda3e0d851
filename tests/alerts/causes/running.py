"""Runs the causes of one hub, one after the other, and notes when alerts fire and clear."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.alerts.causes.of_devices import MOST_CONNECTIONS, OF_DEVICES
from tests.alerts.causes.of_instances import OF_INSTANCES, ONE_HOUR
from tests.alerts.causes.of_lights import OF_LIGHTS
from tests.alerts.causes.of_servers import BACKUPS, OF_REDIS, OF_WAYS
from tests.alerts.causes.scene import READY_SECONDS, Cause, Scene
from tests.alerts.causes.watch import watching
from tests.faults.booth import Size, open_booth

SHORT: Final = 20
"""What durations are divided by in the short form."""

_FEW: Final = Size(pairs=4, gateways=1, routers=2)


@dataclass(frozen=True, slots=True)
class HubOfCauses:
    """A hub, and what is done to it."""

    name: str
    causes: tuple[Cause, ...]
    settings: dict[str, str] = field(default_factory=dict)
    backup_seconds: int = 0
    """How often backups are taken; 0: none are."""
    has_canary: bool = False
    """Without one, CanaryDark fires all the time."""


HUBS: Final = (
    HubOfCauses("redis", (*OF_REDIS, *OF_LIGHTS), has_canary=True),
    HubOfCauses("instances", OF_INSTANCES),
    HubOfCauses(
        "devices",
        (*OF_WAYS, *OF_DEVICES),
        {"CHARGELIGHT_GATEWAY_MAX_CONNECTIONS": str(MOST_CONNECTIONS)},
        backup_seconds=30,
    ),
)
LONG: Final = (HUBS[0], HubOfCauses("instances", (*OF_INSTANCES, *ONE_HOUR)), HUBS[2])

ONLY_BY_PROMTOOL: Final = {
    "LightsLateDrift": "three days",
}
"""Alerts without a cause here, and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one alert: seconds to fire and to clear, or None where it did not."""

    alert: str
    cause: str
    fired: float | None
    cleared: float | None


async def run_hub(
    hub: HubOfCauses,
    folder: Path,
    divisor: int,
    patience_seconds: float,
    *,
    hurry: bool = False,
    tell: Callable[[Row], object] = lambda _: None,
) -> list[Row]:
    """Do all that is done to a hub; in a hurry, one alert clears while the next fires.

    Args:
        hub: The hub, and what is done to it.
        folder: An empty one.
        divisor: Divides the durations of the rules.
        patience_seconds: How long an alert may take to fire, and to clear.
        hurry: As above.
        tell: Is called with each row, once it is known.
    """
    clearing: list[asyncio.Task[list[Row]]] = []
    settings = dict(hub.settings)
    if hub.backup_seconds:
        backups = folder / BACKUPS
        backups.mkdir(parents=True)
        settings["CHARGELIGHT_REGISTRY_BACKUP_FOLDER"] = str(backups)
        settings["CHARGELIGHT_REGISTRY_BACKUP_EVERY_SECONDS"] = str(hub.backup_seconds)
    async with (
        open_booth(1, size=_FEW, settings=settings, logs=folder) as booth,
        watching(booth, folder / "watch", divisor) as watch,
        asyncio.TaskGroup() as tasks,
    ):
        if hub.has_canary:
            canary = booth.hub.start_canary()
            watch.find_targets()
            await canary.process.ready(timeout_seconds=READY_SECONDS)
        scene = Scene(booth, watch)
        for cause in hub.causes:
            fired = await fire(scene, cause, patience_seconds)
            task = tasks.create_task(
                clear(scene, cause, fired, patience_seconds, tell), name=f"clear {cause.title}"
            )
            clearing.append(task)
            if not hurry:
                await task
    return [row for task in clearing for row in task.result()]


async def fire(scene: Scene, cause: Cause, patience_seconds: float) -> list[float | None]:
    """Do the harm until all of its alerts fire, and mend it; return the seconds that each took."""
    watch = scene.watch
    for name in cause.alerts:  # one of them may still fire from what was done before
        await watch.until_clear(name, within_seconds=patience_seconds)
    async with cause.harm(scene):
        fired = await _seconds_of(
            [watch.until_fires(name, within_seconds=patience_seconds) for name in cause.alerts],
        )
        if cause.silences and None not in fired:
            await watch.until_silenced(set(cause.silences), within_seconds=patience_seconds)
    return fired


async def clear(
    scene: Scene,
    cause: Cause,
    fired: list[float | None],
    patience_seconds: float,
    tell: Callable[[Row], object],
) -> list[Row]:
    """Wait until all alerts of a cause that was mended are clear."""
    cleared = await _seconds_of(
        [scene.watch.until_clear(name, within_seconds=patience_seconds) for name in cause.alerts]
    )
    rows = [
        Row(name, cause.title, *seconds)
        for name, *seconds in zip(cause.alerts, fired, cleared, strict=True)
    ]
    for row in rows:
        tell(row)
    return rows


async def _seconds_of(waiting: Sequence[Coroutine[None, None, None]]) -> list[float | None]:
    since = time.monotonic()

    async def timed(wait: Coroutine[None, None, None]) -> float | None:
        try:
            await wait
        except TimeoutError:
            return None
        return time.monotonic() - since

    return list(await asyncio.gather(*(timed(wait) for wait in waiting)))
