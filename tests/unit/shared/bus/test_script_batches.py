"""Which calls one command does, and what its reply says of each."""

from redis.exceptions import ResponseError

from shared.bus.script import Argument, Call, Script
from shared.bus.script_batches import command_of, joined, replies_of

JOINS = Script(
    "joins", "text", "sha", Script("joins", "other", "sharded-sha", joins=True), joins=True
)
ALONE = Script("alone", "text", "alone-sha")


def call(script: Script, key: str, *arguments: Argument) -> Call:
    return Call(script, (key, f"{key}-live"), list(arguments))


def test_neighbours_of_one_script_that_joins_are_one_run() -> None:
    calls = [
        call(JOINS, "a"),
        call(JOINS, "b"),
        call(ALONE, "c"),
        call(ALONE, "d"),
        call(JOINS, "e"),
    ]
    assert joined(calls) == [calls[:2], calls[2:3], calls[3:4], calls[4:]]
    assert joined([]) == []


def test_no_run_keeps_redis_for_long() -> None:
    long = [call(JOINS, str(number), *range(1400)) for number in range(5)]
    longer = call(JOINS, "longer", *range(9000))
    assert joined([*long, longer]) == [long[:2], long[2:4], long[4:], [longer]]


def test_a_run_says_how_many_arguments_each_call_has() -> None:
    run = [call(JOINS, "a", 1, 2, 3), call(JOINS, "b", 4)]
    keys = ["a", "a-live", "b", "b-live"]
    assert command_of(run) == ["EVALSHA", "sha", 4, *keys, 3, 1, 2, 3, 1, 4]
    assert command_of(run[1:], sharded=True) == ["EVALSHA", "sharded-sha", 2, *keys[2:], 1, 4]


def test_a_script_that_does_not_join_gets_its_arguments_alone() -> None:
    assert command_of([call(ALONE, "a", 1, 2)]) == ["EVALSHA", "alone-sha", 2, "a", "a-live", 1, 2]
    assert replies_of([call(ALONE, "a")], [b"whatever"]) == [[b"whatever"]]


def test_a_reply_says_how_many_answers_each_call_has() -> None:
    run = [call(JOINS, "a"), call(JOINS, "b"), call(JOINS, "c")]
    assert replies_of(run, [2, b"x", b"y", 0, 1, b"z"]) == [[b"x", b"y"], [], [b"z"]]


def test_an_error_is_the_reply_of_each_call() -> None:
    error = ResponseError("no")
    assert replies_of([call(JOINS, "a"), call(JOINS, "b")], error) == [error, error]
