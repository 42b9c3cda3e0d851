"""The hub's ports on this machine: which ones, and what is said of a taken one."""

import socket

import pytest

from tools.local.errors import LocalHubError
from tools.local.ports import HubPorts
from tools.servers.ports import free_port
from tools.servers.server_source import ServerSource


def test_the_usual_ports_are_those_of_the_protocol() -> None:
    usual = HubPorts.usual()
    assert (usual.chargers, usual.widgets, usual.registry) == (3100, 3200, 3300)


def test_containers_and_processes_have_their_own_settings() -> None:
    environment = {"CHARGELIGHT_GATEWAY_CHARGER_PORT": "1", "CHARGELIGHT_COMPOSE_CHARGER_PORT": "2"}
    assert HubPorts.of(ServerSource.EMBEDDED, environment).chargers == 1
    assert HubPorts.of(ServerSource.CONTAINERS, environment).chargers == 2


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "3100 "])
def test_what_is_no_port_is_refused_by_the_name_of_its_setting(value: str) -> None:
    with pytest.raises(LocalHubError, match="CHARGELIGHT_REGISTRY_PORT is"):
        HubPorts.of(ServerSource.EMBEDDED, {"CHARGELIGHT_REGISTRY_PORT": value})


def test_a_taken_port_is_named_with_its_use_and_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ports = HubPorts(free_port(), port, free_port(), ("FIRST", "SECOND", "THIRD"))
        with pytest.raises(LocalHubError) as refused:
            ports.check_free()
    assert str(refused.value) == (
        f"Port {port} (for widgets) is taken: stop what listens there, or set SECOND."
    )
    ports.check_free()
