"""Who is here: what is told is what holds when it is told."""

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.presence.connected_devices import ConnectedDevices, DeviceState


def told(attendance: ConnectedDevices) -> list[tuple[str, int, bool]]:
    """Tell everything there is to tell."""
    taken = attendance.take(1000)
    for standing in taken:
        attendance.told(standing)
    return [(s.device_id, s.epoch, s.here) for s in taken]


def test_a_device_is_told_once() -> None:
    attendance = ConnectedDevices()
    attendance.arrived("c1", 3, 5)
    assert attendance.take(10) == [DeviceState("c1", 3, 5, here=True)]
    assert not attendance.has_untold
    attendance.arrived("c1", 3, 5)
    assert not attendance.has_untold


def test_whoever_writes_is_woken() -> None:
    attendance = ConnectedDevices()
    woken: list[str] = []
    attendance.on_untold = lambda: woken.append("woken")
    attendance.left("c1", 5)
    attendance.tell_all()
    assert woken == []
    attendance.arrived("c1", 3, 5)
    attendance.left("c1", 5)
    assert woken == ["woken"] * 2


def test_one_that_left_is_told_and_forgotten() -> None:
    attendance = ConnectedDevices()
    attendance.arrived("c1", 3, 5)
    assert told(attendance) == [("c1", 5, True)]
    attendance.left("c1", 5)
    assert told(attendance) == [("c1", 5, False)]
    attendance.tell_all()
    assert not attendance.has_untold


def test_the_end_of_an_older_connection_is_nothing_to_tell() -> None:
    attendance = ConnectedDevices()
    attendance.arrived("c1", 3, 5)
    attendance.arrived("c1", 3, 6)
    assert told(attendance) == [("c1", 6, True)]
    attendance.left("c1", 5)
    assert not attendance.has_untold


def test_an_older_connection_does_not_count_after_a_newer_one() -> None:
    attendance = ConnectedDevices()
    attendance.arrived("c1", 3, 6)
    attendance.arrived("c1", 3, 5)
    assert told(attendance) == [("c1", 6, True)]
    attendance.left("c1", 6)
    attendance.arrived("c1", 3, 5)
    assert told(attendance) == [("c1", 6, False)]


def test_one_that_came_back_while_its_leaving_was_told_is_told_again() -> None:
    attendance = ConnectedDevices()
    attendance.arrived("w1", 3)
    told(attendance)
    attendance.left("w1")
    (leaving,) = attendance.take(10)
    attendance.arrived("w1", 3)
    attendance.told(leaving)
    assert told(attendance) == [("w1", 0, True)]


def test_what_could_not_be_told_is_told_by_how_it_stands_then() -> None:
    attendance = ConnectedDevices()
    attendance.arrived("w1", 3)
    taken = attendance.take(10)
    attendance.left("w1")
    attendance.give_back(taken)
    assert told(attendance) == [("w1", 0, False)]
    attendance.give_back(taken)
    assert not attendance.has_untold  # nobody knows of it any more


def test_the_oldest_are_taken_first() -> None:
    attendance = ConnectedDevices()
    for number in range(5):
        attendance.arrived(f"w{number}", 0)
    assert [s.device_id for s in attendance.take(3)] == ["w0", "w1", "w2"]
    assert [s.device_id for s in attendance.take(3)] == ["w3", "w4"]


def test_when_a_gateway_stops_all_have_left() -> None:
    attendance = ConnectedDevices()
    attendance.arrived("c1", 3, 5)
    attendance.arrived("c2", 4, 6)
    told(attendance)
    assert {n: [s.device_id for s in found] for n, found in attendance.here().items()} == {
        3: ["c1"],
        4: ["c2"],
    }
    attendance.all_left()
    assert attendance.here() == {}
    assert told(attendance) == [("c1", 5, False), ("c2", 6, False)]


steps = st.lists(
    st.tuples(st.sampled_from(["arrive", "leave", "tell", "lose"]), st.integers(1, 4)), max_size=30
)


@given(steps)
def test_whatever_happens_the_last_that_is_told_is_how_it_stands(
    steps: list[tuple[str, int]],
) -> None:
    attendance = ConnectedDevices()
    stored: tuple[int, bool] = (0, False)
    newest, is_here = 0, False
    for step, epoch in [*steps, ("tell", 0)]:
        match step:
            case "arrive" if epoch > newest:
                newest, is_here = epoch, True
                attendance.arrived("c1", 0, epoch)
            case "leave":
                is_here = is_here and epoch != newest
                attendance.left("c1", epoch)
            case "tell":
                for standing in attendance.take(10):
                    stored = standing.epoch, standing.here
                    attendance.told(standing)
            case "lose":
                attendance.give_back(attendance.take(10))
    assert stored == (newest, is_here)
    assert not attendance.has_untold
