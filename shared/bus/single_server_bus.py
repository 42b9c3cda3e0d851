"""The bus to a Redis that is one server."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.connection_metrics import MAIN
from shared.bus.repair.repair import raise_failed, remove_broken_of, repeat_repaired
from shared.bus.resp_encoding import encode_command
from shared.bus.script import Argument, Call, name_of
from shared.bus.script_batches import batch_calls, encode_batch, split_replies
from shared.bus.server import Server, WritesOver, check_replies, is_no_script, microseconds_of

_LOADING_ATTEMPTS: Final = 5
"""How often scripts are loaded for one batch."""


class SingleServerBus:
    """A `shared.bus.bus.Bus` with one connection."""

    is_cluster: Final = False

    def __init__(self, url: str, name: str, purpose: str = MAIN) -> None:
        self._server = Server(url, name, purpose=purpose)

    @property
    def connected(self) -> bool:
        """As `Bus.connected`."""
        return self._server.connected

    @property
    def trouble(self) -> BusUnavailableError | None:
        """As `Bus.trouble`."""
        return self._server.trouble

    def on_reconnected(self, callback: Callable[[], None]) -> None:
        """As `Bus.on_reconnected`."""
        self._server.on_reconnected(callback)

    async def run(self, calls: Sequence[Call], *, return_errors: bool = False) -> list[Any]:
        """As `Bus.run`."""
        if not calls:
            return []
        batches = batch_calls(calls)
        data = b"".join(map(encode_batch, batches))
        replies, errors = await self._server.exchange(data, len(batches))
        if errors:
            await self._load_and_repeat(batches, replies)
            names = [batch[0].script.name for batch in batches]
            replies = split_replies(batches, check_replies(names, replies, return_errors=True))
            replies = await repeat_repaired(self._run_all, calls, replies)
            return replies if return_errors else raise_failed(replies)
        return split_replies(batches, replies)

    async def command(self, *words: Argument) -> Any:
        """As `Bus.command`."""
        (reply,) = await self.commands([words])
        return reply

    async def commands(
        self, commands: Sequence[Sequence[Argument]], *, return_errors: bool = False
    ) -> list[Any]:
        """As `Bus.commands`."""
        if not commands:
            return []
        data = b"".join([encode_command(tuple(words)) for words in commands])
        replies, errors = await self._server.exchange(data, len(commands))
        if errors:
            names = [name_of(words) for words in commands]
            if not return_errors and await remove_broken_of(self._run_all, commands, replies):
                return await self.commands(commands)
            replies = check_replies(names, replies, return_errors=return_errors)
        return replies

    async def on_each_server(self, *words: Argument) -> list[Any]:
        """As `Bus.on_each_server`."""
        return [await self.command(*words)]

    def server_of(self, _key: str) -> Hashable:
        """As `Bus.server_of`."""
        return None

    def writes_to(self, _key: str) -> WritesOver:
        """As `Bus.writes_to`."""
        return self._server.writes

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        """As `Bus.times_of`."""
        return [microseconds_of(await self.command("TIME"))] * len(keys)

    def tags(self) -> list[str]:
        """As `Bus.tags`."""
        return [""]

    async def drop_connection(self, reason: str) -> None:
        """As `Bus.drop_connection`."""
        await self._server.drop_connection(reason)
        raise BusUnavailableError(reason)

    async def close(self) -> None:
        """As `Bus.close`."""
        await self._server.close()

    async def _run_all(self, calls: Sequence[Call]) -> list[Any]:
        return await self.run(calls, return_errors=True)

    async def _load_and_repeat(self, batches: Sequence[list[Call]], replies: list[Any]) -> None:
        """Load the scripts that Redis does not know, and put in the replies to their calls."""
        # More than once: they may be flushed at any moment, also in between.
        for _ in range(_LOADING_ATTEMPTS):
            missed = [
                place
                for place, reply in enumerate(replies)
                if isinstance(reply, ResponseError) and is_no_script(str(reply))
            ]
            if not missed:
                return
            texts = dict.fromkeys(batches[place][0].script.text for place in missed)
            loading = [encode_command(("SCRIPT", "LOAD", text)) for text in texts]
            calls = [encode_batch(batches[place]) for place in missed]
            both = [*loading, *calls]
            answers, _ = await self._server.exchange(b"".join(both), len(both))
            loaded = answers[: len(loading)]
            check_replies(["SCRIPT LOAD"] * len(loaded), loaded, return_errors=False)
            for place, reply in zip(missed, answers[len(loading) :], strict=True):
                replies[place] = reply
