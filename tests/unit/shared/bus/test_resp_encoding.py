"""Words that are encoded before: the same bytes as if they were not, and readable."""

import pytest

from shared.bus.resp_encoding import EncodedWords, decode_commands, encode_command, encode_words
from shared.bus.script import Argument, Call, Script
from shared.bus.script_batches import command_of, encode_batch

WORDS: list[list[Argument]] = [["c1", '{"epoch":5'], ["größer", "", "a\r\nb"], [7, 0.5, b"\xff"]]
ALONE = Script("alone", "text", "sha", Script("alone", "other", "sharded-sha"))


def encoded(words: list[Argument]) -> EncodedWords:
    return EncodedWords(len(words), b"".join(encode_words(word) for word in words))


@pytest.mark.parametrize("words", WORDS)
def test_a_command_is_the_same_either_way(words: list[Argument]) -> None:
    expected = encode_command(("EVALSHA", "sha", *words))
    assert encoded(words).after(["EVALSHA", "sha"]) == expected
    assert EncodedWords(len(words), encode_words(*words)).after(["EVALSHA", "sha"]) == expected


def test_none_at_all_are_a_command_too() -> None:
    assert EncodedWords(0, b"").after(["PING"]) == encode_command(("PING",))
    assert list(EncodedWords(0, b"")) == []


def test_it_reads_like_the_words() -> None:
    words = encoded(["c1", "größer", 5])
    assert list(words) == ["c1", "größer", "5"]
    assert len(words) == 3
    assert words[1] == "größer"
    assert words[::2] == ["c1", "5"]


@pytest.mark.parametrize("sharded", [False, True])
def test_a_call_is_sent_the_same_whether_its_arguments_are_encoded(*, sharded: bool) -> None:
    words: list[Argument] = ["c1", "claim", "c2", "other claim"]
    plain, call = (Call(ALONE, ("a", "b"), arguments) for arguments in (words, encoded(words)))
    command = encode_batch([call], sharded=sharded)
    assert command == encode_batch([plain], sharded=sharded)
    assert command == encode_command(tuple(command_of([plain], sharded=sharded)))
    assert list(command_of([call], sharded=sharded)) == command_of([plain], sharded=sharded)
    sha = "sharded-sha" if sharded else "sha"
    assert decode_commands(command)[0][:5] == ["EVALSHA", sha, "2", "a", "b"]


def test_arguments_of_a_batched_script_must_not_be_encoded() -> None:
    batched = Script("batched", "text", "sha", batched=True)
    with pytest.raises(ValueError, match="batched"):
        encode_batch([Call(batched, ("a",), encoded(["c1"]))])
