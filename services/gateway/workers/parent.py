"""The parent of several workers: it starts them, and answers health requests for them all.

No device is connected to it. It restarts workers that end by themselves, and drains all
at the same time.
"""

import asyncio
import os
import random
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from services.gateway.settings import GatewaySettings
from services.gateway.workers import combined_health, combined_metrics
from services.gateway.workers.combined_health import NOT_RUNNING
from services.gateway.workers.restarts import Restarts
from services.gateway.workers.worker import Worker
from shared.process import health, logs
from shared.process.listeners import open_listeners
from shared.process.runtime import describe
from shared.process.waiting import Stop

_log = logs.get(__name__)

STOPPING: Final = "stopping"


async def serve(settings: GatewaySettings, stop: Stop) -> None:
    """Run all workers until ``stop`` is set, then drain them.

    Raises:
        OSError: A port is taken.
        CannotServeError: A worker found that the settings are wrong.
        WorkerFailedError: A worker ends again and again, or did not drain. Always after
            all others have drained.
    """
    await _refuse_taken_ports(settings)
    parent = Parent(settings, os.environ)
    async with health.listening(
        settings.listen_address("health_port"),
        parent.not_ready_because,
        parent.not_accepting_because,
        allowed_hosts=settings.allowed_hosts,
        metrics=parent.metrics,
    ):
        _log.info("starting workers", **describe(settings))
        await parent.run(stop)


class Parent:
    """All workers of a gateway; their environment is made from that of this process."""

    def __init__(self, settings: GatewaySettings, environment: Mapping[str, str]) -> None:
        registry = CollectorRegistry()
        running = Gauge(
            "chargelight_workers_running", "Workers of this gateway.", registry=registry
        )
        running.set_function(lambda: float(self._count_running()))
        ends = Counter(
            "chargelight_worker_ends",
            "Ends of workers that were not asked to end; each is restarted.",
            [combined_metrics.LABEL],
            registry=registry,
        )
        self._registry = registry
        self._failures: list[Exception] = []
        self._stopping = False
        self._leaves = settings.leave_seconds > 0
        self._workers = [
            Worker(
                number,
                environment_of(number, settings, environment),
                settings.leave_seconds + settings.drain_seconds,
                Restarts(random.SystemRandom()),
                ends.labels(str(number)).inc,
            )
            for number in range(1, settings.processes + 1)
        ]

    async def run(self, stop: Stop) -> None:
        """Keep all workers running until ``stop`` is set, then wait until all have drained.

        A worker that fails for good stops the others in the same orderly way.
        """
        keeping = [
            asyncio.create_task(self._keep(worker, stop), name=f"worker {worker.number}")
            for worker in self._workers
        ]
        await stop.wait()
        self._stopping = True
        _log.info("leaving" if self._leaves else "draining")
        await asyncio.wait(keeping)
        # The first one in time: later ones may only follow from it.
        if self._failures:
            raise self._failures[0]

    def not_ready_because(self) -> str | None:
        """Return why not all workers are ready, or None."""
        return STOPPING if self._stopping else combined_health.not_ready_because(self._states())

    def not_accepting_because(self) -> str | None:
        """Return why no device should be sent here, or None."""
        return STOPPING if self._stopping else combined_health.not_accepting_because(self._states())

    async def metrics(self) -> bytes:
        """Return the metrics of all workers, and the parent's own.

        A worker that does not answer is left out; ``chargelight_workers_running`` and
        ``/readyz`` show it.
        """
        texts = await asyncio.gather(*(worker.metrics() for worker in self._workers))
        answered = {
            str(worker.number): text
            for worker, text in zip(self._workers, texts, strict=True)
            if text is not None
        }
        return combined_metrics.merge(answered) + generate_latest(self._registry)

    async def _keep(self, worker: Worker, stop: Stop) -> None:
        try:
            await worker.keep(stop)
        except Exception as failure:  # noqa: BLE001 - raised again once the others have drained
            self._failures.append(failure)
            stop.set()

    def _states(self) -> list[combined_health.State]:
        return [worker.state for worker in self._workers]

    def _count_running(self) -> int:
        return sum(state.not_ready != NOT_RUNNING for state in self._states())


def environment_of(
    number: int, settings: GatewaySettings, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of one worker: the parent's, except for its own settings."""
    own = {
        "CHARGELIGHT_INSTANCE_ID": f"{settings.instance_id}-{number}",
        "CHARGELIGHT_GATEWAY_WORKERS": "1",
        "CHARGELIGHT_GATEWAY_REUSE_PORT": "true",
    }
    # Names of settings may be written in lower case too.
    return {name: text for name, text in environment.items() if name.upper() not in own} | own


async def _refuse_taken_ports(settings: GatewaySettings) -> None:
    """Fail as a single process would: workers would share the port with whatever took it.

    Raises:
        OSError: A port is taken.
    """
    if settings.reuse_port:
        return
    for port in ("charger_port", "widget_port"):
        for listener in await open_listeners(settings.listen_address(port)):
            listener.close()
