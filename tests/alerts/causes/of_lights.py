"""Causes in what widgets show."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from tests.alerts.causes.scene import READY_SECONDS, Cause, Scene, again_and_again
from tests.fixtures.wrong_status import write_status, wrong_status_of


@contextlib.asynccontextmanager
async def break_statuses(scene: Scene) -> AsyncIterator[None]:
    """Another program writes wrong statuses, again and again: routers replace them."""
    # The next reading would put each right.
    scene.booth.devices.stop_readings()
    widgets = [pair.widget for pair in scene.booth.pairs]
    try:
        async with scene.booth.redis_client() as client:
            wrong = {widget: await wrong_status_of(client, widget) for widget in widgets}

            async def write_all() -> None:
                for widget, message in wrong.items():
                    await write_status(client, widget, message)

            async with again_and_again(write_all, 0.3):
                yield
    finally:
        scene.booth.devices.resume_readings()


@contextlib.asynccontextmanager
async def kill_canary(scene: Scene) -> AsyncIterator[None]:
    (canary,) = scene.booth.hub.canaries
    canary.process.kill()
    try:
        yield
    finally:
        canary.process.start()
        await canary.process.ready(timeout_seconds=READY_SECONDS)


OF_LIGHTS: Final = (
    Cause("wrong statuses written by another program", break_statuses, ("LightsWrong",)),
    Cause(
        "canary killed",
        kill_canary,
        ("CanaryDark", "InstanceDown"),
        silences=("InstanceDown",),
    ),
)
"""They need a canary."""
