"""What the operating system knows about sockets, and how many files it allows."""

import resource
import socket
import sys
from collections.abc import Iterator

import pytest

from services.gateway import kernel
from services.gateway.kernel import raise_file_limit, seconds_since_last_data, unread_bytes


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection: the gateway's end and the device's."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as device,
        server.accept()[0] as gateway,
    ):
        yield gateway, device


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux'")
def test_data_that_came_just_now_is_not_long_ago(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    gateway, device = pair
    device.sendall(b"x")
    gateway.recv(1)
    assert 0 <= seconds_since_last_data(gateway) < 5


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux'")
def test_the_time_is_that_of_receiving_and_not_of_sending() -> None:
    class Answering:
        """A socket whose TCP_INFO has another number in each of its fields."""

        def getsockopt(self, level: int, option: int, size: int) -> bytes:
            assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO)
            # struct tcp_info of linux/tcp.h: eight bytes, then words; last_data_recv
            # follows rto, ato, snd_mss, rcv_mss, unacked, sacked, lost, retrans,
            # fackets, last_data_sent and last_ack_sent.
            words = b"".join((1000 * n).to_bytes(4, sys.byteorder) for n in range(20))
            return (b"\xff" * 8 + words)[:size]

    assert seconds_since_last_data(Answering()) == 11  # type: ignore[arg-type]


def test_where_it_is_unknown_it_is_now() -> None:
    assert seconds_since_last_data(None) == 0
    with socket.socket(socket.AF_UNIX) as other:
        assert seconds_since_last_data(other) == 0


def test_what_arrived_and_was_not_read_is_counted(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    gateway, device = pair
    assert unread_bytes(gateway) == 0
    device.sendall(b"abc")
    gateway.recv(3, socket.MSG_PEEK | socket.MSG_WAITALL)
    assert unread_bytes(gateway) == 3
    gateway.recv(3)
    assert unread_bytes(gateway) == 0


def test_where_that_is_unknown_something_may_have_arrived(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    pair[0].close()
    assert unread_bytes(pair[0]) > 0
    assert unread_bytes(None) == 0


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The soft and the hard limit of open files; none of the process's own is touched."""
    found = [1024, 4096]

    def setrlimit(which: int, new: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        assert new[1] == found[1]
        assert new[0] <= found[1] or found[1] == resource.RLIM_INFINITY
        found[0] = new[0]

    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(found))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    return found


@pytest.mark.parametrize(
    ("wanted", "room", "soft"),
    [
        (824, 824, 1024),
        (2000, 2000, 2000 + kernel._SPARE_FILES),
        (10_000, 4096 - kernel._SPARE_FILES, 4096),
    ],
    ids=["high enough", "raised as far as needed", "room for fewer"],
)
def test_a_limit_is_raised_as_far_as_needed_and_allowed(
    limits: list[int], wanted: int, room: int, soft: int
) -> None:
    assert raise_file_limit(wanted) == room
    assert limits == [soft, 4096]


def test_without_limits_there_is_room_for_all(limits: list[int]) -> None:
    limits[1] = resource.RLIM_INFINITY
    assert raise_file_limit(100_000) == 100_000
    assert limits[0] == 100_000 + kernel._SPARE_FILES
    limits[0] = resource.RLIM_INFINITY
    assert raise_file_limit(200_000) == 200_000
    assert limits[0] == resource.RLIM_INFINITY
