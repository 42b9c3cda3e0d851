"""The messages of a benchmark's devices, as ready-made bytes."""

from typing import Final

from tests.fixtures.raw_frames import reading

LEVELS: Final = (70, 85, 100)
"""One level for each status, in the order of `STATUSES`."""
STATUSES: Final = ("charging", "charging80", "charged")


def status_payload(status: str) -> bytes:
    return f'{{"event":"chargingStatus","data":{{"status":"{status}"}}}}'.encode()


STEP_OF: Final = {status_payload(status): step for step, status in enumerate(STATUSES)}
"""Which of the three statuses a widget's message says."""
READING_OF_STEP: Final = tuple(reading(level) for level in LEVELS)
"""The reading that leads to each status."""
