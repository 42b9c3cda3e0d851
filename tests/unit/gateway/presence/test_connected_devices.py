"""Who is connected here: what is sent is the state at that moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.presence.connected_devices import ConnectedDevices, DeviceState


def send(devices: ConnectedDevices) -> list[tuple[str, int, bool]]:
    """Send everything there is to send."""
    taken = devices.take(1000)
    for state in taken:
        devices.confirm(state)
    return [(s.device_id, s.epoch, s.connected) for s in taken]


@pytest.fixture
def devices() -> ConnectedDevices:
    return ConnectedDevices()


def test_a_device_is_sent_once(devices: ConnectedDevices) -> None:
    devices.connect("c1", 3, 5)
    assert devices.take(10) == [DeviceState("c1", 3, 5, connected=True)]
    assert not devices.has_unsent
    devices.connect("c1", 3, 5)
    assert not devices.has_unsent


def test_the_sender_is_woken(devices: ConnectedDevices) -> None:
    woken: list[str] = []
    devices.on_unsent = lambda: woken.append("woken")
    devices.disconnect("c1", 5)
    devices.resend_all()
    assert woken == []
    devices.connect("c1", 3, 5)
    devices.disconnect("c1", 5)
    assert woken == ["woken"] * 2


def test_one_that_left_is_sent_and_forgotten(devices: ConnectedDevices) -> None:
    devices.connect("c1", 3, 5)
    assert send(devices) == [("c1", 5, True)]
    devices.disconnect("c1", 5)
    assert send(devices) == [("c1", 5, False)]
    devices.resend_all()
    assert not devices.has_unsent


def test_the_end_of_an_older_connection_is_nothing_to_send(devices: ConnectedDevices) -> None:
    devices.connect("c1", 3, 5)
    devices.connect("c1", 3, 6)
    assert send(devices) == [("c1", 6, True)]
    devices.disconnect("c1", 5)
    assert not devices.has_unsent


def test_an_older_connection_does_not_count_after_a_newer_one(devices: ConnectedDevices) -> None:
    devices.connect("c1", 3, 6)
    devices.connect("c1", 3, 5)
    assert send(devices) == [("c1", 6, True)]
    devices.disconnect("c1", 6)
    devices.connect("c1", 3, 5)
    assert send(devices) == [("c1", 6, False)]


def test_one_that_came_back_while_its_leaving_was_sent_is_sent_again(
    devices: ConnectedDevices,
) -> None:
    devices.connect("w1", 3)
    send(devices)
    devices.disconnect("w1")
    (leaving,) = devices.take(10)
    devices.connect("w1", 3)
    devices.confirm(leaving)
    assert send(devices) == [("w1", 0, True)]


def test_what_could_not_be_sent_is_sent_with_the_state_of_that_moment(
    devices: ConnectedDevices,
) -> None:
    devices.connect("w1", 3)
    taken = devices.take(10)
    devices.disconnect("w1")
    devices.put_back(taken)
    assert send(devices) == [("w1", 0, False)]
    devices.put_back(taken)
    assert not devices.has_unsent  # it was forgotten


def test_what_is_postponed_is_sent_when_it_is_resumed(devices: ConnectedDevices) -> None:
    devices.connect("w1", 3)
    devices.postpone(devices.take(10))
    assert devices.has_postponed
    assert not devices.has_unsent
    devices.disconnect("w1")
    assert send(devices) == [("w1", 0, False)]
    devices.connect("w2", 3)
    devices.postpone(devices.take(10))
    devices.resume()
    assert not devices.has_postponed
    assert send(devices) == [("w2", 0, True)]


def test_the_oldest_are_taken_first(devices: ConnectedDevices) -> None:
    for number in range(5):
        devices.connect(f"w{number}", 0)
    assert [s.device_id for s in devices.take(3)] == ["w0", "w1", "w2"]
    assert [s.device_id for s in devices.take(3)] == ["w3", "w4"]


def test_when_a_gateway_stops_all_have_left(devices: ConnectedDevices) -> None:
    devices.connect("c1", 3, 5)
    devices.connect("c2", 4, 6)
    send(devices)
    for partition, device_id in ((3, "c1"), (4, "c2")):
        assert [s.device_id for s in devices.of_partition(partition)] == [device_id]
    devices.disconnect_all()
    assert devices.of_partition(3) == devices.of_partition(4) == []
    assert send(devices) == [("c1", 5, False), ("c2", 6, False)]


steps = st.lists(
    st.tuples(st.sampled_from(["arrive", "leave", "send", "lose"]), st.integers(1, 4)), max_size=30
)


@given(steps)
def test_whatever_happens_the_last_that_is_sent_is_the_state(
    steps: list[tuple[str, int]],
) -> None:
    devices = ConnectedDevices()
    stored: tuple[int, bool] = (0, False)
    newest, is_here = 0, False
    for step, epoch in [*steps, ("send", 0)]:
        match step:
            case "arrive" if epoch > newest:
                newest, is_here = epoch, True
                devices.connect("c1", 0, epoch)
            case "leave":
                is_here = is_here and epoch != newest
                devices.disconnect("c1", epoch)
            case "send":
                for state in devices.take(10):
                    stored = state.epoch, state.connected
                    devices.confirm(state)
            case "lose":
                devices.put_back(devices.take(10))
    assert stored == (newest, is_here)
    assert not devices.has_unsent
