"""Which calls one run of a script does, and what its reply says of each."""

from redis.exceptions import ResponseError

from shared.bus.script import Argument, Call, Script
from shared.bus.script_batches import batch_calls, command_of, split_replies

BATCHED = Script(
    "batched", "text", "sha", Script("batched", "other", "sharded-sha", batched=True), batched=True
)
ALONE = Script("alone", "text", "alone-sha")


def call(script: Script, key: str, *arguments: Argument) -> Call:
    return Call(script, (key, f"{key}-live"), list(arguments))


def test_neighbours_of_one_batched_script_are_one_batch() -> None:
    scripts = [BATCHED, BATCHED, ALONE, ALONE, BATCHED]
    calls = [call(script, key) for script, key in zip(scripts, "abcde", strict=True)]
    assert batch_calls(calls) == [calls[:2], calls[2:3], calls[3:4], calls[4:]]
    assert batch_calls([]) == []


def test_no_batch_keeps_redis_for_long() -> None:
    long = [call(BATCHED, str(number), *range(1400)) for number in range(5)]
    longer = call(BATCHED, "longer", *range(9000))
    assert batch_calls([*long, longer]) == [long[:2], long[2:4], long[4:], [longer]]


def test_a_command_says_how_many_arguments_each_call_has() -> None:
    batch = [call(BATCHED, "a", 1, 2, 3), call(BATCHED, "b", 4)]
    keys = ["a", "a-live", "b", "b-live"]
    assert command_of(batch) == ["EVALSHA", "sha", 4, *keys, 3, 1, 2, 3, 1, 4]
    assert command_of(batch[1:], sharded=True) == ["EVALSHA", "sharded-sha", 2, *keys[2:], 1, 4]


def test_a_script_that_is_not_batched_gets_its_arguments_alone() -> None:
    assert command_of([call(ALONE, "a", 1, 2)]) == ["EVALSHA", "alone-sha", 2, "a", "a-live", 1, 2]
    assert split_replies([[call(ALONE, "a")]], [[b"whatever"]]) == [[b"whatever"]]


def test_a_reply_says_how_many_answers_each_call_has() -> None:
    batch = [call(BATCHED, "a"), call(BATCHED, "b"), call(BATCHED, "c")]
    assert split_replies([batch], [[2, b"x", b"y", 0, 1, b"z"]]) == [[b"x", b"y"], [], [b"z"]]


def test_an_error_is_the_reply_of_each_call() -> None:
    error = ResponseError("no")
    assert split_replies([[call(BATCHED, "a"), call(BATCHED, "b")]], [error]) == [error, error]
