"""The bus to a Redis Cluster: each call goes to the server that has its keys.

A batch is split by server, sent to all of them at once, and answered as one, in order. A call
to a slot that is being moved to another server is repeated for a moment.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.cluster.servers import Cluster
from shared.bus.cluster.slots import Address, Redirection, Topology, slot_of
from shared.bus.connection_metrics import MAIN
from shared.bus.refusals.refusal import RefusedError
from shared.bus.repair.repair import raise_failed, remove_broken_of, repeat_repaired
from shared.bus.resp_encoding import encode_command
from shared.bus.script import Argument, Call, Script, name_of
from shared.bus.script_batches import encode_batch, split_replies
from shared.bus.server import Server, WritesOver, check_replies, is_no_script, microseconds_of

_PATIENCE_SECONDS: Final = 1.0
"""How long a call to a slot that is being moved is repeated before it fails."""
_PAUSES_SECONDS: Final = (0.01, 0.02, 0.05)
"""Between repetitions; after the last one it stays the same."""
_REST_SECONDS: Final = 0.25
"""How long a server that was away is not tried again: other calls of a batch must not wait
for it each time."""
_NOTIFY_SECONDS: Final = 2.0
"""Slots that move one by one within this time are reported together."""

_KEYLESS: Final = frozenset(
    {"ASKING", "DISCARD", "INFO", "MULTI", "PING", "ROLE", "SCRIPT", "TIME", "WAIT"}
)
_KEY_AT: Final = {"EVALSHA": 3, "XGROUP": 2, "XINFO": 2, "XREADGROUP": 5}
"""Where a command's key is, if it is not the first word after its name."""
_SHARDED: Final = {"PUBLISH": "SPUBLISH"}
_ASKING: Final = encode_command(("ASKING",))

Answer = list[Any] | BusUnavailableError


class _Request(NamedTuple):
    """One encoded command, its name in errors, and its slot (None: any server)."""

    name: str
    data: bytes
    slot: int | None
    script: Script | None = None


class _ClusterServer:
    """One server of the cluster, and whether it is away."""

    def __init__(self, url: str, name: str, clock: Callable[[], float], purpose: str) -> None:
        self._clock = clock
        self.server = Server(url, name, _is_temporary, clock, purpose)
        self.is_away = False
        self._skipped_until = 0.0
        self._away_because = BusUnavailableError("it was not tried yet")

    async def exchange(self, commands: Sequence[bytes]) -> list[Any]:
        """Send commands and return their replies, errors too.

        Raises:
            BusUnavailableError: It is away, or was a moment ago.
        """
        if self.is_away and (self.server.lock.locked() or self._clock() < self._skipped_until):
            raise self._away_because.with_traceback(None)
        try:
            replies, _ = await self.server.exchange(b"".join(commands), len(commands))
        except BusUnavailableError as error:
            self.is_away = self.server.is_lost = True
            self._skipped_until = self._clock() + _REST_SECONDS
            self._away_because = error
            raise
        self.is_away = False
        return replies


class ClusterBus:
    """A `shared.bus.bus.Bus` whose servers are those of a cluster.

    A server that is away fails the whole batch, as on one Redis. The calls to other servers are
    done at once all the same; only their replies are lost. Callers repeat the batch until the
    server is back or another one has its slots.
    """

    is_cluster: Final = True

    def __init__(
        self,
        url: str,
        name: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        purpose: str = MAIN,
    ) -> None:
        self._name = name
        self._clock = clock
        self._purpose = purpose
        self._cluster = Cluster(url, name)
        self._cluster.on_changed(self._on_changed)
        self._servers: dict[Address, _ClusterServer] = {}
        self._on_reconnected: list[Callable[[], None]] = []
        self._is_doubtful = False
        self._notifying: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        """As `Bus.connected`: of all masters."""
        topology = self._cluster.topology
        return topology is not None and not any(
            server.is_away for at, server in self._servers.items() if at in topology.masters
        )

    @property
    def trouble(self) -> BusUnavailableError | None:
        """As `Bus.trouble`: of all masters."""
        masters = self._cluster.topology.masters if self._cluster.topology else ()
        troubles = [self._servers[at].server.trouble for at in masters if at in self._servers]
        return next(filter(None, [self._cluster.trouble, *troubles]), None)

    def on_reconnected(self, callback: Callable[[], None]) -> None:
        """As `Bus.on_reconnected`, also when slots have other owners."""
        self._on_reconnected.append(callback)

    async def run(self, calls: Sequence[Call], *, return_errors: bool = False) -> list[Any]:
        """As `Bus.run`."""
        requests = [
            _Request(
                call.script.name,
                encode_batch([call], sharded=True),
                slot_of(call.keys[0]),
                call.script.sharded or call.script,
            )
            for call in calls
        ]
        replies = await self._dispatch(requests)
        if ResponseError not in map(type, replies):
            return split_replies([[call] for call in calls], replies)
        names = [request.name for request in requests]
        checked = check_replies(names, replies, return_errors=True)
        checked = split_replies([[call] for call in calls], checked)
        checked = await repeat_repaired(self._run_all, calls, checked)
        return checked if return_errors else raise_failed(checked)

    async def command(self, *words: Argument) -> Any:
        """As `Bus.command`."""
        (reply,) = await self.commands([words])
        return reply

    async def commands(
        self, commands: Sequence[Sequence[Argument]], *, return_errors: bool = False
    ) -> list[Any]:
        """As `Bus.commands`. All keys of a command lie in one slot.

        A command without a key goes to the server of the first key in the batch, or to any.
        """
        slots = [_slot_of_command(words) for words in commands]
        default_slot = next((slot for slot in slots if slot is not None), None)
        requests: list[_Request] = []
        for words, slot in zip(commands, slots, strict=True):
            name = str(words[0])
            data = encode_command((_SHARDED.get(name, name), *words[1:]))
            requests.append(_Request(name_of(words), data, default_slot if slot is None else slot))
        replies = await self._dispatch(requests)
        if ResponseError not in map(type, replies):
            return replies
        if not return_errors and await remove_broken_of(self._run_all, commands, replies):
            return await self.commands(commands)
        names = [request.name for request in requests]
        return check_replies(names, replies, return_errors=return_errors)

    async def on_each_server(self, *words: Argument) -> list[Any]:
        """As `Bus.on_each_server`: on all masters."""
        topology = await self._get_topology()
        masters = sorted(topology.masters)
        command = [encode_command(words)]
        answers = await self._ask_servers(dict.fromkeys(masters, command))
        replies = [reply for answer in answers.values() for reply in _raise_error(answer)]
        return check_replies([str(words[0])] * len(masters), replies, return_errors=False)

    def server_of(self, key: str) -> Hashable:
        """As `Bus.server_of`."""
        topology = self._cluster.topology
        return topology.owners[slot_of(key)] if topology is not None else None

    def writes_to(self, key: str) -> WritesOver:
        """As `Bus.writes_to`."""
        topology = self._cluster.topology
        if topology is None:
            raise BusUnavailableError("no server of the cluster is known yet")
        return self._server(_owner_of(topology, slot_of(key))).server.writes

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        """As `Bus.times_of`."""
        topology = await self._get_topology()
        owners = [_owner_of(topology, slot_of(key)) for key in keys]
        command = [encode_command(("TIME",))]
        answers = await self._ask_servers(dict.fromkeys(owners, command))
        times = {at: microseconds_of(_raise_error(answer)[0]) for at, answer in answers.items()}
        return [times[owner] for owner in owners]

    def tags(self) -> list[str]:
        """As `Bus.tags`; none while no server is known."""
        topology = self._cluster.topology
        return [topology.tag_on(at) for at in sorted(topology.masters)] if topology else []

    async def drop_connection(self, reason: str) -> None:
        """As `Bus.drop_connection`: to all servers."""
        self._is_doubtful = True
        servers = [one.server for one in self._servers.values()]
        await asyncio.gather(*(server.drop_connection(reason) for server in servers))
        raise BusUnavailableError(reason)

    async def close(self) -> None:
        """As `Bus.close`."""
        if self._notifying is not None:
            self._notifying.cancel()
            self._notifying = None
        for one in self._servers.values():
            await one.server.close()

    # Asking.

    async def _run_all(self, calls: Sequence[Call]) -> list[Any]:
        return await self.run(calls, return_errors=True)

    async def _get_topology(self) -> Topology:
        topology = self._cluster.topology
        if topology is None or self._is_doubtful:
            topology = await self._cluster.refresh()
            self._is_doubtful = False
        return topology

    async def _dispatch(self, requests: Sequence[_Request]) -> list[Any]:
        """Send each request to its slot's owner, and again if the owner changes meanwhile."""
        replies: list[Any] = [None] * len(requests)
        left: Iterable[int] = range(len(requests))
        redirected: dict[int, Address] = {}
        give_up_at = self._clock() + _PATIENCE_SECONDS
        for pause in _pauses():
            topology = await self._get_topology()
            groups: dict[Address, list[int]] = defaultdict(list)
            for i in left:
                groups[redirected.get(i) or _owner_of(topology, requests[i].slot)].append(i)
            answers = await self._ask_servers(
                {
                    address: [
                        command
                        for i in group
                        for command in ([_ASKING] if i in redirected else []) + [requests[i].data]
                    ]
                    for address, group in groups.items()
                }
            )
            again: dict[int, Address] = {}
            for address, group in groups.items():
                answer = iter(_raise_error(answers[address]))
                for i in group:
                    if i in redirected:
                        next(answer)  # of ASKING
                    replies[i] = reply = next(answer)
                    if isinstance(reply, ResponseError) and _is_temporary(str(reply)):
                        again[i] = address
            if not again:
                return replies
            left = sorted(again)
            if self._clock() > give_up_at:
                raise BusUnavailableError(
                    f"the cluster does not take {requests[left[0]].name}: {replies[left[0]]}"
                )
            redirected = await self._prepare_retry(requests, replies, again)
            if pause and any(_needs_pause(str(replies[i])) for i in left):
                await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    async def _prepare_retry(
        self, requests: Sequence[_Request], replies: Sequence[Any], again: Mapping[int, Address]
    ) -> dict[int, Address]:
        """Act on errors; return the requests that go to a certain server, this once."""
        redirected: dict[int, Address] = {}
        scripts: dict[Address, dict[bytes, None]] = defaultdict(dict)
        moved_to: Address | None = None
        for i, said_by in again.items():
            error = str(replies[i])
            redirection = Redirection.read(error, said_by)
            if redirection is not None and said_by in self._servers:
                # It is written elsewhere: its replicas will not have it.
                self._servers[said_by].server.forget_writes()
            script = requests[i].script
            if redirection is None:
                if error.startswith("NOSCRIPT") and script is not None:
                    scripts[said_by][encode_command(("SCRIPT", "LOAD", script.text))] = None
                    redirected[i] = said_by
                elif error.startswith("CLUSTERDOWN"):
                    self._is_doubtful = True
            elif redirection.is_for_good:
                moved_to = redirection.to
                self._cluster.set_owner(redirection.slot, redirection.to)
            else:
                redirected[i] = redirection.to
        if moved_to is not None:
            # The new owner knows best what else has changed.
            await self._cluster.refresh(moved_to)
        loading = {at: list(commands) for at, commands in scripts.items()}
        for answer in (await self._ask_servers(loading)).values():
            loaded = _raise_error(answer)
            check_replies(["SCRIPT LOAD"] * len(loaded), loaded, return_errors=False)
        return redirected

    async def _ask_servers(
        self, commands: Mapping[Address, Sequence[bytes]]
    ) -> dict[Address, Answer]:
        """Send commands to all servers at once; the answer of one that is away is the error."""

        async def ask(address: Address) -> Answer:
            try:
                return await self._server(address).exchange(commands[address])
            except BusUnavailableError as error:
                # Its slots may have another owner by now.
                self._is_doubtful = True
                if isinstance(error, RefusedError):
                    return error
                return BusUnavailableError(f"{address}: {error}")

        if len(commands) == 1:
            (address,) = commands
            return {address: await ask(address)}
        return dict(zip(commands, await asyncio.gather(*map(ask, commands)), strict=True))

    def _server(self, address: Address) -> _ClusterServer:
        server = self._servers.get(address)
        if server is None:
            server = _ClusterServer(
                self._cluster.url_of(address), self._name, self._clock, self._purpose
            )
            server.server.on_reconnected(self._notify)
            self._servers[address] = server
        return server

    # Changes.

    def _on_changed(self, before: Topology, after: Topology) -> None:
        for address in self._servers.keys() - after.servers:
            server = self._servers.pop(address).server
            asyncio.get_running_loop().create_task(server.close(), name=f"close {address}")
        if before.lost_by(after) <= after.masters:
            # Slots were moved on purpose: one by one, with all their keys.
            if self._notifying is None:
                loop = asyncio.get_running_loop()
                self._notifying = loop.call_later(_NOTIFY_SECONDS, self._notify)
        else:
            # A master lost its role. The new owner of its slots may have missed writes.
            self._notify()

    def _notify(self) -> None:
        if self._notifying is not None:
            self._notifying.cancel()
            self._notifying = None
        for callback in self._on_reconnected:
            callback()


def _pauses() -> Iterable[float]:
    yield 0.0
    yield from _PAUSES_SECONDS
    while True:
        yield _PAUSES_SECONDS[-1]


def _slot_of_command(words: Sequence[Argument]) -> int | None:
    name = str(words[0])
    return None if name in _KEYLESS else slot_of(str(words[_KEY_AT.get(name, 1)]))


def _owner_of(topology: Topology, slot: int | None) -> Address:
    owner = min(topology.masters, default=None) if slot is None else topology.owners[slot]
    if owner is None:
        raise BusUnavailableError(f"no server of the cluster has slot {slot}")
    return owner


def _raise_error(answer: Answer) -> list[Any]:
    if isinstance(answer, BusUnavailableError):
        raise answer
    return answer


def _is_temporary(error: str) -> bool:
    """Whether an error says to ask another server, or to ask again."""
    return error.startswith(("MOVED ", "ASK ")) or is_no_script(error) or _needs_pause(error)


def _needs_pause(error: str) -> bool:
    return error.startswith(("TRYAGAIN", "CLUSTERDOWN"))
