"""Every target takes what is tricky, what is a little different from that, and what is made up."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import __main__ as runner
from tests.fuzz.target import varied

TARGETS = {name: runner.target_named(name) for name in runner.TARGETS}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param(name, data, id=f"{name}-{number}")
        for name, target in TARGETS.items()
        for number, data in enumerate(target.seeds)
    ],
)
def test_an_input_that_is_known_to_be_tricky_is_taken_rightly(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=500)
@given(st.data(), st.integers(0, 2**64))
def test_a_tricky_input_that_is_changed_a_little_is_taken_rightly(
    name: str, drawn: st.DataObject, seed: int
) -> None:
    target = TARGETS[name]
    data, other = (drawn.draw(st.sampled_from(target.seeds)) for _ in range(2))
    target(varied(Random(seed), data, other, target.tokens))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=600)
@given(st.integers(0, 2**64))
def test_whatever_is_generated_is_taken_rightly(name: str, seed: int) -> None:
    TARGETS[name](TARGETS[name].generate(Random(seed)))


@settings(max_examples=200)
@given(st.binary(max_size=100))
def test_any_bytes_are_taken_as_frames_as_the_model_says(data: bytes) -> None:
    TARGETS["frames"](data)
