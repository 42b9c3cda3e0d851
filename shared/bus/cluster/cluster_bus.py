"""The bus to a Redis Cluster: each call goes to the server that has its keys.

What a caller sends together still comes back together and in order; the servers work
on it at once. A slot that is on its way to another server is waited for, for a moment.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from redis.exceptions import ResponseError

from shared.bus.bus import CONDITION, Bus, described_each, errors_in
from shared.bus.cluster.servers import Cluster
from shared.bus.cluster.slots import Address, Redirection, Topology, slot_of
from shared.bus.connection import BusUnavailableError
from shared.bus.resp_encoding import Command
from shared.bus.script import Argument, Call, Script
from shared.bus.script_batches import packed_command_of, replies_of

_PATIENCE_SECONDS: Final = 1.0
"""How long a call is repeated whose slot is on its way, before its caller is told."""
_PAUSES_SECONDS: Final = (0.01, 0.02, 0.05)
"""Between repetitions; the last one again and again."""
_REST_SECONDS: Final = 0.25
"""So long nobody tries to reach a server that was away a moment ago: what is sent
together with calls to it must not wait for it each time."""
_TOLD_SECONDS: Final = 2.0
"""In which time slots that move one by one are told of together."""

_KEYLESS: Final = frozenset({"INFO", "ROLE", "TIME"})
_KEY_AT: Final = {"XGROUP": 2, "XINFO": 2, "XREADGROUP": 5}
"""Where a command's key is, if it is not the first word after its name."""
_SHARDED: Final = {"PUBLISH": "SPUBLISH"}


class _Asked(NamedTuple):
    """One command, what it is called in errors, and where it belongs."""

    name: str
    words: Command
    slot: int | None
    script: Script | None = None


class _Server(Bus):
    """One server of the cluster: its replies as they are, and whether it is away."""

    def __init__(self, url: str, name: str, clock: Callable[[], float]) -> None:
        super().__init__(url, name)
        self._clock = clock
        self.is_away = False
        self._rests_until = 0.0
        self._why = ""

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands and return their replies, errors too.

        Raises:
            BusUnavailableError: It is away, or was a moment ago.
        """
        if self.is_away and (self._lock.locked() or self._clock() < self._rests_until):
            raise BusUnavailableError(self._why)
        try:
            async with self._lock:
                replies = await self._exchange(commands)
        except BusUnavailableError as error:
            self.is_away = self._lost = True
            self._rests_until = self._clock() + _REST_SECONDS
            self._why = str(error)
            raise
        self.is_away = False
        return replies

    async def lose(self) -> None:
        """Give up the connection."""
        async with self._lock:
            await self._lose()

    def _unfit(self, error: ResponseError) -> bool:
        return CONDITION.search(str(error)) is not None and not _is_passing(str(error))


class ClusterBus(Bus):
    """A `Bus` whose servers are those of a cluster.

    A server that is away fails the whole batch, as on one Redis; but what goes to the
    others is done, and done at once. Callers repeat batches, so nothing else is lost than
    their receipts, until the server is back or another one has its slots.

    Args:
        url: As `Cluster` takes it.
        name: Shown by ``CLIENT LIST``.
        clock: Monotonic time in seconds.
    """

    is_cluster: ClassVar[bool] = True

    def __init__(self, url: str, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(url, name)
        self._clock = clock
        self._cluster = Cluster(url, name)
        self._cluster.on_changed(self._changed)
        self._servers: dict[Address, _Server] = {}
        self._is_doubtful = False
        self._telling: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        """Whether all servers answered when they were last asked something."""
        topology = self._cluster.topology
        return topology is not None and not any(
            server.is_away for at, server in self._servers.items() if at in topology.masters
        )

    async def run_each(self, calls: Sequence[Call]) -> list[Any]:
        """As `Bus.run_each`."""
        asked: list[_Asked] = []
        for call in calls:
            script = call.script.sharded or call.script
            words = packed_command_of([call], sharded=True)
            asked.append(_Asked(script.name, words, slot_of(call.keys[0]), script))
        replies = await self._replies(asked)
        return [
            one
            for call, reply in zip(calls, replies, strict=True)
            for one in replies_of([call], reply)
        ]

    async def each_of(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """As `Bus.each_of`. All keys of a command lie in one slot.

        A command without a key goes to the server of the first key beside it, or to any.
        """
        slots = [_slot_of_command(words) for words in commands]
        beside = next((slot for slot in slots if slot is not None), None)
        asked = [
            _Asked(
                str(words[0]),
                [_SHARDED.get(str(words[0]), words[0]), *words[1:]],
                beside if slot is None else slot,
            )
            for words, slot in zip(commands, slots, strict=True)
        ]
        return await self._replies(asked)

    async def on_each_server(self, *words: Argument) -> list[Any]:
        """As `Bus.on_each_server`: on all masters."""
        topology = await self._known()
        masters = sorted(topology.masters)
        answers = await self._on({master: [words] for master in masters})
        replies = [reply for answer in answers.values() for reply in _raised(answer)]
        described = described_each([str(words[0])] * len(masters), replies)
        for error in errors_in(described):
            raise error
        return described

    def server_of(self, key: str) -> Hashable:
        """As `Bus.server_of`, as far as is known."""
        topology = self._cluster.topology
        return topology.owners[slot_of(key)] if topology is not None else None

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        """As `Bus.times_of`."""
        topology = await self._known()
        owners = [topology.owners[slot_of(key)] for key in keys]
        asked = {owner: [("TIME",)] for owner in owners if owner is not None}
        times: dict[Address | None, int] = {}
        for owner, answer in (await self._on(asked)).items():
            ((seconds, microseconds),) = _raised(answer)
            times[owner] = int(seconds) * 1_000_000 + int(microseconds)
        if None in owners:
            raise BusUnavailableError("a slot has no server")
        return [times[owner] for owner in owners]

    def tags(self) -> list[str]:
        """As `Bus.tags`; none while no server is known."""
        topology = self._cluster.topology
        return [topology.tag_on(at) for at in sorted(topology.masters)] if topology else []

    async def distrust(self, reason: str) -> None:
        """As `Bus.distrust`, of all servers."""
        self._is_doubtful = True
        await asyncio.gather(*(server.lose() for server in self._servers.values()))
        raise BusUnavailableError(reason)

    async def close(self) -> None:
        """As `Bus.close`."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for server in self._servers.values():
            await server.close()

    # Asking.

    async def _replies(self, asked: Sequence[_Asked]) -> list[Any]:
        replies = await self._dispatched(asked)
        return described_each([one.name for one in asked], replies)

    async def _known(self) -> Topology:
        if self._is_doubtful:
            await self._cluster.look()
            self._is_doubtful = False
        return await self._cluster.known()

    async def _dispatched(self, asked: Sequence[_Asked]) -> list[Any]:
        """Have all asked where it belongs, and again where that changes meanwhile."""
        replies: list[Any] = [None] * len(asked)
        left: Iterable[int] = range(len(asked))
        elsewhere: dict[int, Address] = {}
        give_up_at = self._clock() + _PATIENCE_SECONDS
        for pause in _pauses():
            topology = await self._known()
            groups: dict[Address, list[int]] = defaultdict(list)
            for i in left:
                groups[elsewhere.get(i) or _owner(topology, asked[i].slot)].append(i)
            answers = await self._on(
                {
                    address: [
                        words
                        for i in group
                        for words in (*((("ASKING",),) if i in elsewhere else ()), asked[i].words)
                    ]
                    for address, group in groups.items()
                }
            )
            again: dict[int, Address] = {}
            for address, group in groups.items():
                answer = iter(_raised(answers[address]))
                for i in group:
                    if i in elsewhere:
                        next(answer)  # of ASKING
                    replies[i] = reply = next(answer)
                    if isinstance(reply, ResponseError) and _is_passing(str(reply)):
                        again[i] = address
            if not again:
                return replies
            left = sorted(again)
            if self._clock() > give_up_at:
                raise BusUnavailableError(
                    f"the cluster does not settle {asked[left[0]].name}: {replies[left[0]]}"
                )
            elsewhere = await self._prepared(asked, replies, again)
            if pause and any(_is_waiting(str(replies[i])) for i in left):
                await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    async def _prepared(
        self, asked: Sequence[_Asked], replies: Sequence[Any], again: dict[int, Address]
    ) -> dict[int, Address]:
        """Learn from refusals; return what is to be asked elsewhere, for this once."""
        elsewhere: dict[int, Address] = {}
        scripts: dict[Address, dict[str, None]] = defaultdict(dict)
        moved_to: Address | None = None
        for i, said_by in again.items():
            error = str(replies[i])
            redirection = Redirection.read(error, said_by)
            script = asked[i].script
            if redirection is None:
                if error.startswith("NOSCRIPT") and script is not None:
                    scripts[said_by][script.text] = None
                    elsewhere[i] = said_by
                elif error.startswith("CLUSTERDOWN"):
                    self._is_doubtful = True
            elif redirection.is_for_good:
                moved_to = redirection.to
                self._cluster.moved(redirection.slot, redirection.to)
            else:
                elsewhere[i] = redirection.to
        if moved_to is not None:
            # Whoever has it now knows best what else has changed.
            await self._cluster.look(moved_to)
        loading = {
            at: [("SCRIPT", "LOAD", text) for text in texts] for at, texts in scripts.items()
        }
        for answer in (await self._on(loading)).values():
            _raised(answer)
        return elsewhere

    async def _on(
        self, commands: dict[Address, list[Command]] | dict[Address, list[Any]]
    ) -> dict[Address, list[Any] | BusUnavailableError]:
        """Have servers asked at once; what one that is away says is why."""

        async def ask(address: Address) -> list[Any] | BusUnavailableError:
            try:
                return await self._server(address).ask(commands[address])
            except BusUnavailableError as error:
                # Its slots may have another owner by now.
                self._is_doubtful = True
                return BusUnavailableError(f"{address}: {error}")

        if len(commands) == 1:
            ((address, _),) = commands.items()
            return {address: await ask(address)}
        return dict(zip(commands, await asyncio.gather(*map(ask, commands)), strict=True))

    def _server(self, address: Address) -> _Server:
        server = self._servers.get(address)
        if server is None:
            server = _Server(self._cluster.url_of(address), self._name, self._clock)
            server.on_reconnected(self._tell)
            self._servers[address] = server
        return server

    # News.

    def _changed(self, before: Topology, after: Topology) -> None:
        for address in self._servers.keys() - after.servers:
            server = self._servers.pop(address)
            asyncio.get_running_loop().create_task(server.close(), name=f"close {address}")
        if before.lost_by(after) <= after.masters:
            # Slots moved in an orderly way: with all that was in them, and one by one.
            if self._telling is None:
                loop = asyncio.get_running_loop()
                self._telling = loop.call_later(_TOLD_SECONDS, self._tell)
        else:
            # A master is none any more. Whoever has its slots may have missed writes.
            self._tell()

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for callback in self._on_regained:
            callback()


def _pauses() -> Iterable[float]:
    yield 0.0
    yield from _PAUSES_SECONDS
    while True:
        yield _PAUSES_SECONDS[-1]


def _slot_of_command(words: Sequence[Argument]) -> int | None:
    name = str(words[0])
    return None if name in _KEYLESS else slot_of(str(words[_KEY_AT.get(name, 1)]))


def _owner(topology: Topology, slot: int | None) -> Address:
    owner = min(topology.masters, default=None) if slot is None else topology.owners[slot]
    if owner is None:
        raise BusUnavailableError(f"no server of the cluster has slot {slot}")
    return owner


def _raised(answer: list[Any] | BusUnavailableError) -> list[Any]:
    if isinstance(answer, BusUnavailableError):
        raise answer
    return answer


def _is_passing(error: str) -> bool:
    """Whether an error says where else to ask, or to ask again."""
    return error.startswith(("MOVED ", "ASK ", "NOSCRIPT")) or _is_waiting(error)


def _is_waiting(error: str) -> bool:
    return error.startswith(("TRYAGAIN", "CLUSTERDOWN"))
