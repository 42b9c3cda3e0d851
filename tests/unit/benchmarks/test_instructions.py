"""What is counted must do what it is named after, or its count means nothing."""

import pytest

from services.router import metrics
from tests.benchmarks.instructions.calls import NAMES, ready


@pytest.mark.parametrize("name", NAMES)
def test_each_call_can_be_repeated(name: str) -> None:
    call = ready(name)
    for _ in range(3):
        call()


def test_parsing_and_decoding_give_the_reading() -> None:
    assert ready("parse_frame")() == b'{"event":"StateOfCharge","data":{"soc":70}}'
    assert ready("decode_reading")() == 70


def test_every_reading_is_routed() -> None:
    call = ready("route_reading")
    before = metrics.LIT._value.get()
    call()
    call()
    assert metrics.LIT._value.get() == before + 2
