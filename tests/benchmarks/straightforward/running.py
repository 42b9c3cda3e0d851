"""Starts the straightforward variant: two gateways and a router, as the real hub has them."""

import sys
from typing import Any, Final

from tests.benchmarks.stage import Stage
from tests.benchmarks.straightforward.names import (
    PAIRINGS,
    PORT_VARIABLE,
    READY,
    REDIS_URL_VARIABLE,
)
from tests.fixtures.processes import ServiceProcess
from tools.servers.ports import free_port

_PACKAGE: Final = "tests.benchmarks.straightforward"


async def start_straightforward(
    stage: Stage, pairs: int
) -> tuple[dict[str, ServiceProcess], int, int]:
    """Start it; return its processes, where chargers connect, and where widgets do."""
    mapping = {f"c{number:05}": f"w{number:05}" for number in range(pairs)}
    pipeline: Any = stage.redis.pipeline(transaction=False)
    await pipeline.hset(PAIRINGS, mapping=mapping).execute()
    charger_port, widget_port = free_port(), free_port()
    processes = {
        "charger gateway": _start(stage, "gateway", "charger-gateway", charger_port),
        "widget gateway": _start(stage, "gateway", "widget-gateway", widget_port),
        "router": _start(stage, "router", "router", 0),
    }
    for process in processes.values():
        await process.logged(READY)
    return processes, charger_port, widget_port


def _start(stage: Stage, module: str, name: str, port: int) -> ServiceProcess:
    process = ServiceProcess(
        f"straightforward-{name}",
        [sys.executable, "-m", f"{_PACKAGE}.{module}"],
        settings={REDIS_URL_VARIABLE: stage.redis_url, PORT_VARIABLE: str(port)},
        ready_url="",  # it says so in its log
        folder=stage.folder,
    )
    stage.others.append(process)
    process.start()
    return process
