"""The four servers of the ingest benchmark, each as a process that chargers can connect to."""

import sys
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.ingest.serving import HEALTH_PORT_VARIABLE, PORT_VARIABLE
from tests.benchmarks.processor import pin_beside_generator
from tests.benchmarks.stage import Stage
from tests.fixtures.processes import ServiceProcess, health_url
from tools.servers.ports import free_port

NOTHING: Final = "nothing"
PARSED: Final = "parsed"
GATEWAY: Final = "gateway"
LIBRARY: Final = "library"
ALL: Final = (NOTHING, PARSED, GATEWAY, LIBRARY)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server under test, beside the generator."""

    name: str
    process: ServiceProcess
    port: int
    health_port: int
    ocpp: bool = False
    """Whether its chargers speak OCPP 1.6, and not our own dialect."""

    @property
    def subprotocol(self) -> str:
        """What its chargers offer."""
        return "ocpp1.6" if self.ocpp else ""


async def start(stage: Stage, name: str) -> Contestant:
    if name == GATEWAY:
        gateway = stage.hub.start_gateway()
        contestant = Contestant(name, gateway.process, gateway.charger_port, gateway.health_port)
    else:
        contestant = _start_module(stage, name)
    await contestant.process.ready()
    pin_beside_generator(contestant.process.pid)
    return contestant


def _start_module(stage: Stage, name: str) -> Contestant:
    port, health_port = free_port(), free_port()
    process = ServiceProcess(
        name,
        [sys.executable, "-m", f"tests.benchmarks.ingest.{name}"],
        settings={PORT_VARIABLE: str(port), HEALTH_PORT_VARIABLE: str(health_port)},
        ready_url=health_url(health_port),
        folder=stage.folder,
    )
    stage.others.append(process)
    process.start()
    return Contestant(name, process, port, health_port)
