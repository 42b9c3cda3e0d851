"""For a while after Redis was lost a missing entry means nothing."""

import asyncio

import pytest

from services.gateway import directory_trust
from services.gateway.directory_trust import DirectoryTrust


async def test_in_doubt_nothing_is_unregistered() -> None:
    trust = DirectoryTrust()
    assert trust.read(b"unregistered") == b"unregistered"
    trust.distrust_missing_entries()
    assert trust.in_doubt
    assert trust.read(b"unregistered") == b"absent"
    for answer in (b"absent", b"superseded", b"stored", b"7"):
        assert trust.read(answer) == answer
    trust.restore()
    assert not trust.in_doubt
    assert trust.read(b"unregistered") == b"unregistered"


async def test_the_end_of_a_doubt_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_trust, "_DOUBT_SECONDS", 0)
    trust = DirectoryTrust()
    ends: list[bool] = []
    ended = asyncio.Event()
    trust.on_restored(lambda: ends.append(trust.in_doubt))
    trust.on_restored(ended.set)
    trust.distrust_missing_entries()
    trust.distrust_missing_entries()  # lost again: it begins again
    assert ends == []
    await ended.wait()
    await asyncio.sleep(0)
    assert ends == [False]
