"""Words that are packed: the same bytes as if they were not, and to be looked into."""

import hiredis
import pytest

from shared.bus.resp_encoding import Packed, pack, pack_words
from shared.bus.script import Argument, Call, Script
from shared.bus.script_batches import command_of, packed_command_of

WORDS: list[list[Argument]] = [["c1", '{"epoch":5'], ["größer", "", "a\r\nb"], [7, 0.5, b"\xff"]]
ALONE = Script("alone", "text", "sha", Script("alone", "other", "sharded-sha"))


def packed(words: list[Argument]) -> Packed:
    return Packed(len(words), b"".join(pack_words(word) for word in words))


@pytest.mark.parametrize("words", WORDS)
def test_a_command_is_the_same_either_way(words: list[Argument]) -> None:
    expected = pack(("EVALSHA", "sha", *words))
    assert packed(words).after(["EVALSHA", "sha"]) == expected
    assert Packed(len(words), pack_words(*words)).after(["EVALSHA", "sha"]) == expected


def test_none_at_all_are_a_command_too() -> None:
    assert Packed(0, b"").after(["PING"]) == pack(("PING",))
    assert list(Packed(0, b"")) == []


def test_it_reads_like_the_words() -> None:
    words = packed(["c1", "größer", 5])
    assert list(words) == ["c1", "größer", "5"]
    assert len(words) == 3
    assert words[1] == "größer"
    assert words[::2] == ["c1", "5"]


@pytest.mark.parametrize("sharded", [False, True])
def test_a_call_is_sent_the_same_whether_its_arguments_are_packed(*, sharded: bool) -> None:
    words: list[Argument] = ["c1", "claim", "c2", "other claim"]
    plain, call = (Call(ALONE, ("a", "b"), arguments) for arguments in (words, packed(words)))
    command = packed_command_of([call], sharded=sharded)
    assert command == packed_command_of([plain], sharded=sharded)
    assert command == pack(tuple(command_of([plain], sharded=sharded)))
    assert list(command_of([call], sharded=sharded)) == command_of([plain], sharded=sharded)
    parser = hiredis.Reader()
    parser.feed(command)
    sha = b"sharded-sha" if sharded else b"sha"
    assert parser.gets()[:5] == [b"EVALSHA", sha, b"2", b"a", b"b"]


def test_arguments_of_a_script_that_joins_must_not_be_packed() -> None:
    joins = Script("joins", "text", "sha", joins=True)
    with pytest.raises(ValueError, match="joins"):
        packed_command_of([Call(joins, ("a",), packed(["c1"]))])
