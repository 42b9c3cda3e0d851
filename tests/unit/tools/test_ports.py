"""Free ports are free, and given out once."""

import socket

from tools.servers.ports import free_port, is_free


def test_a_port_is_given_out_once() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_a_port_taken_on_all_addresses_is_not_free_on_one() -> None:
    with socket.create_server(("", 0)) as listener:
        assert not is_free(listener.getsockname()[1])
