"""The target ``fast_frames``: the fast path against the library's path for all frames."""

from collections.abc import Callable, Iterable

from services.gateway.connection.device_connection import DeviceConnection
from tests.fuzz import frames_target
from tests.fuzz.frames_target import FramesTarget, Heard, Plan, heard_of
from tests.fuzz.gateway_end import Parts
from tests.fuzz.reference import expect
from tests.fuzz.target import check, cut


class LibraryConnection(DeviceConnection):
    """A connection without the fast path."""

    __slots__ = ()

    @property
    def _is_between_messages(self) -> bool:
        return False

    @_is_between_messages.setter
    def _is_between_messages(self, value: bool) -> None:
        pass


class FastFramesTarget(FramesTarget):
    """The same bytes in the same pieces, once as in a gateway and once with the library alone.

    They arrive frame by frame, and once more cut as the input wants it.
    """

    def __call__(self, data: bytes) -> Iterable[str]:
        """Run one stream of frames both ways."""
        plan = Plan.of(data)
        ends = expect(plan.stream, plan.device, plan.storing).cuts
        ours = self._both(plan, list(frames_target.at(plan.stream, ends)), _check_same)
        self._both(plan, list(cut(plan.stream, plan.cut_seed)), _check_alike)
        return frames_target.outcomes(ours)

    def _both(
        self, plan: Plan, pieces: list[bytes], compare: Callable[[Heard, Heard], None]
    ) -> Heard:
        ours = heard_of(plan, iter(pieces))
        theirs = heard_of(plan, iter(pieces), Parts(connection=LibraryConnection))
        check(
            ours.readings == theirs.readings,
            f"the readings are {ours.readings}, with the library alone {theirs.readings}",
        )
        compare(ours, theirs)
        return ours


def _check_same(ours: Heard, theirs: Heard) -> None:
    """Frame by frame there is no difference."""
    check(ours == theirs, f"the device hears {ours}, with the library alone {theirs}")


def _check_alike(ours: Heard, theirs: Heard) -> None:
    """What comes in one piece with the end of a stream may be answered, or not any more.

    The library parses all of a piece before the first frame of it is looked at; the fast
    path looks at each as it comes.
    """
    if theirs.code is None or ours.code is None:
        _check_same(ours, theirs)
        return
    said, alone = ours.written, theirs.written
    check(
        alone == said[: len(alone)] or said == alone[: len(said)],
        f"the device hears {said}, with the library alone {alone}",
    )
