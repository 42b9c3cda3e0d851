"""The storm itself: a heap of events, each a moment at which something happens to a device.

A device dials; the load balancer takes its connection when its turn comes; the kernel of
the gateway with the fewest connections queues it; the gateway answers the handshake when
its turn comes, or 503; then the gateway tells Redis, batch by batch, until the device's
reading is stored or its light is on. After a failure the device waits by its rule and dials
again.

Work in a queue needs no event of its own: its turn follows from the work before it (`Line`).
So a million devices take less than a minute.
"""

import heapq
import random
from array import array
from collections import deque
from typing import Final

from tools.capacity.coefficients import Coefficients
from tools.capacity.storm.exchanges import Exchanges, RedisServers, Step
from tools.capacity.storm.line import Line
from tools.capacity.storm.outcome import Outcome
from tools.capacity.storm.scenario import Scenario

_DIAL: Final = 0
_PACKET: Final = 1
"""A dropped SYN is sent again."""
_QUEUE: Final = 2
"""Reaches a gateway's accept queue."""
_ANSWERED: Final = 3
_KINDS: Final = 4

_SYN_SECONDS: Final = (1.0, 3.0, 7.0)
"""After a dial, when Linux sends a SYN again that was not answered."""
_REDISPATCH_SECONDS: Final = 0.75
"""When a load balancer without an answer tries another gateway (``timeout connect``)."""
_PRESENCE_PAUSE: Final = 0.02
_PORTS: Final = 2
"""Each with an accept queue of its own."""

_MAIN, _DOORBELLS, _AUTHENTICATION, _PRESENCE = range(4)
_CONNECTIONS: Final = 4
"""To Redis, per gateway."""


def simulate(scenario: Scenario, c: Coefficients) -> Outcome:
    """Run a storm until every device is back, or the scenario's horizon."""
    return Storm(scenario, c).run()


class Storm:
    """One run."""

    def __init__(self, scenario: Scenario, c: Coefficients) -> None:
        self._s = scenario
        self._limits = c.limits
        self._rng = random.Random(scenario.seed)  # noqa: S311 - repeatable on purpose
        self._chance = self._rng.random
        self._out = Outcome(lost=scenario.lost)
        slower = 1e-6 / (1 - scenario.gateway_busy)
        self._handshake = c.gateway.handshake_us * slower
        self._refusal = c.gateway.refusal_us * slower
        self._disconnect = c.gateway.disconnect_us * slower
        self._latency = c.network.device_latency_s
        self._exchange = c.redis.exchange_ms / 1000
        self._routing = c.router.reading_us * 1e-6 / scenario.routers
        self._new_seconds = (
            1 / (c.load_balancer.connections_per_second * scenario.balancers)
            if scenario.balancers
            else 0.0
        )
        self._backlog_seconds = c.load_balancer.backlog * self._new_seconds * scenario.balancers
        self._balancer = Line()
        self._redis = RedisServers(scenario.redis_nodes, c, scenario.redis_busy)
        self._router = Line()
        self._cores = [Line() for _ in range(scenario.gateways)]
        # When the turn of each connection in the kernel's queue comes.
        self._queues: list[deque[float]] = [deque() for _ in self._cores]
        self._waiting = [0] * scenario.gateways
        self._left = [0] * scenario.gateways
        self._exchanges = [
            Exchanges(g, c.limits.items_per_exchange, _PRESENCE_PAUSE if n == _PRESENCE else 0.0)
            for g in range(scenario.gateways)
            for n in range(_CONNECTIONS)
        ]
        self._connections: list[tuple[int, int]] = []
        self._failures = bytearray(scenario.lost)
        self._packets = bytearray(scenario.lost)
        self._dialled = array("d", bytes(8 * scenario.lost))
        self._chosen = array("i", bytes(4 * scenario.lost))
        self._leaving = array("i", bytes(4 * scenario.lost))
        self._taken = array("d", bytes(8 * scenario.lost))
        # Numbers of events: devices and what happens to them from 0 on; below, exchanges
        # that end; below these, the restart; and below it, so many readings routed.
        self._heap: list[tuple[float, int]] = []
        self._restart = -len(self._exchanges) - 1

    def run(self) -> Outcome:
        """Simulate it."""
        self._break()
        heap, pop = self._heap, heapq.heappop
        happen = (self._dial, self._packet, self._queue, self._on_answered)
        horizon = self._s.horizon_seconds
        while heap:
            now, number = pop(heap)
            if now > horizon:
                break
            if number >= 0:
                happen[number % _KINDS](now, number // _KINDS)
            elif number >= -len(self._exchanges):
                self._on_exchange_done(now, -number - 1)
            elif number == self._restart:
                self._on_restart()
            else:
                self._redis.route(now, self._restart - number)
        return self._result()

    def _break(self) -> None:
        """Lose the connections, at time 0."""
        s = self._s
        each = s.devices // s.gateways
        living = range(s.killed, s.gateways)
        self._connections = [(each if s.killed else 0, g) for g in living]
        if s.restart_seconds is not None and s.killed:
            heapq.heappush(self._heap, (s.restart_seconds, self._restart))
        if not s.killed:
            for core in self._cores:
                core.take(0.0, each * self._disconnect)
        delay, chance = s.delay, self._chance
        self._heap += [(delay(0, chance()), device * _KINDS) for device in range(s.lost)]
        heapq.heapify(self._heap)

    def _on_restart(self) -> None:
        for gateway in range(self._s.killed):
            heapq.heappush(self._connections, (0, gateway))

    # A device's way to a gateway.

    def _dial(self, now: float, device: int) -> None:
        self._out.attempts += 1
        self._dialled[device] = now
        self._packets[device] = 0
        self._packet(now, device)

    def _packet(self, now: float, device: int) -> None:
        """A SYN reaches the balancer, if there is one."""
        if not self._new_seconds:
            self._push(now + self._latency, device, _QUEUE)
        elif self._balancer.free - now > self._backlog_seconds:
            self._drop(device)
        else:
            done = self._balancer.take(now, self._new_seconds)
            self._push(done + self._latency, device, _QUEUE)

    def _drop(self, device: int) -> None:
        self._out.dropped += 1
        sent = self._packets[device]
        dialled = self._dialled[device]
        if sent < len(_SYN_SECONDS) and _SYN_SECONDS[sent] < self._limits.device_patience_s:
            self._packets[device] = sent + 1
            self._push(dialled + _SYN_SECONDS[sent], device, _PACKET)
        else:
            self._give_up(device)

    def _queue(self, now: float, device: int) -> None:
        """A connection reaches a gateway's kernel; the queue decides what follows."""
        deadline = self._dialled[device] + self._limits.device_patience_s
        if not self._connections:
            # No gateway runs: the balancer refuses at once.
            self._out.refused["no gateway"] = self._out.refused.get("no gateway", 0) + 1
            self._again(now, device, 0.0)
            return
        leaving = self._leaving[device]
        if leaving:
            self._left[leaving - 1] += 1
            self._leaving[device] = 0
        gateway, connections = self._fewest()
        queue, core = self._queues[gateway], self._cores[gateway]
        while queue and queue[0] <= now:
            queue.popleft()
        if len(queue) >= _PORTS * self._limits.accept_queue:
            self._overflow(now, device, gateway, deadline)
            return
        start = max(core.free, now)
        queue.append(start)
        overdue = start - now > self._limits.overdue_s
        if start > deadline:
            # Its request is still read, and answered in full unless it is overdue.
            core.take(now, self._refusal if overdue else self._handshake + self._disconnect)
            self._leave(device, gateway)
            self._give_up(device)
        elif overdue:
            self._refuse(now, device, gateway, "overdue")
        elif connections > self._limits.connections_per_gateway:
            self._refuse(now, device, gateway, "full")
        elif now < self._s.directory_seconds and not self._may_wait(gateway):
            self._refuse(now, device, gateway, "no directory")
        else:
            answer = core.take(now, self._handshake)
            if answer + self._latency > deadline and not self._s.credentials:
                core.take(now, self._disconnect)
                self._leave(device, gateway)
                self._give_up(device)
            else:
                self._chosen[device] = gateway
                self._push(answer, device, _ANSWERED)

    def _overflow(self, now: float, device: int, gateway: int, deadline: float) -> None:
        self._leave(device, gateway)
        if not self._new_seconds:
            self._drop(device)
            return
        self._out.dropped += 1
        if now + _REDISPATCH_SECONDS > deadline:
            self._give_up(device)
        else:
            self._push(now + _REDISPATCH_SECONDS, device, _QUEUE)

    def _may_wait(self, gateway: int) -> bool:
        self._waiting[gateway] += 1
        return self._waiting[gateway] <= self._limits.max_waiting

    def _fewest(self) -> tuple[int, int]:
        """Return the gateway with the fewest connections (``leastconn``), and their number."""
        connections = self._connections
        while True:
            count, gateway = connections[0]
            left = self._left[gateway]
            if not left:
                heapq.heapreplace(connections, (count + 1, gateway))
                return gateway, count + 1
            self._left[gateway] = 0
            heapq.heapreplace(connections, (count - left, gateway))

    # The answer.

    def _refuse(self, now: float, device: int, gateway: int, why: str) -> None:
        told = self._cores[gateway].take(now, self._refusal) + self._latency
        self._leave(device, gateway)
        self._out.refused[why] = self._out.refused.get(why, 0) + 1
        self._again(told, device, self._limits.retry_after_s)

    def _give_up(self, device: int) -> None:
        self._out.given_up += 1
        self._again(self._dialled[device] + self._limits.device_patience_s, device, 0.0)

    def _again(self, now: float, device: int, retry_after: float) -> None:
        failures = self._failures[device] = min(self._failures[device] + 1, 255)
        wait = retry_after + self._s.delay(failures, self._chance())
        self._push(now + wait, device, _DIAL)

    def _leave(self, device: int, gateway: int) -> None:
        # It counts until the device has the answer: otherwise the gateway that refuses most
        # would have the fewest connections, and get all new ones.
        self._leaving[device] = gateway + 1

    def _on_answered(self, now: float, device: int) -> None:
        """The gateway's part of the handshake is done."""
        gateway = self._chosen[device]
        if self._s.credentials:
            self._taken[device] = now
            self._send(now, gateway, _AUTHENTICATION, Step.AUTHENTICATE, device)
        else:
            self._on_admitted(now, device, gateway)

    def _on_admitted(self, now: float, device: int, gateway: int) -> None:
        self._out.handshake_seconds.append(now + self._latency - self._dialled[device])
        if device % 2:
            self._send(now, gateway, _MAIN, Step.ADMIT, device)
        else:
            self._send(now, gateway, _DOORBELLS, Step.SUBSCRIBE, device)

    # The exchanges with Redis.

    def _send(self, now: float, gateway: int, which: int, step: Step, device: int) -> None:
        number = gateway * _CONNECTIONS + which
        exchanges = self._exchanges[number]
        exchanges.waiting.append((step, device))
        if not exchanges.under_way:
            self._exchange_next(now, number, exchanges)

    def _exchange_next(self, now: float, number: int, exchanges: Exchanges) -> None:
        waiting = exchanges.waiting
        exchanges.under_way = waiting[: exchanges.most]
        del waiting[: exchanges.most]
        # Without the directory, no answer helps.
        start = max(now, self._s.directory_seconds)
        done = self._redis.run(start, exchanges.under_way) + self._exchange
        heapq.heappush(self._heap, (done + exchanges.pause, -number - 1))

    def _on_exchange_done(self, now: float, number: int) -> None:
        exchanges = self._exchanges[number]
        done, exchanges.under_way = exchanges.under_way, []
        gateway = exchanges.gateway
        if exchanges.waiting:
            self._exchange_next(now, number, exchanges)
        stored = 0
        for step, device in done:
            if step == Step.ADMIT:
                self._send(now, gateway, _MAIN, Step.STORE, device)
                self._send(now, gateway, _PRESENCE, Step.UPDATE_PRESENCE, device)
            elif step == Step.STORE:
                self._out.stored.append(now)
                stored += 1
            elif step == Step.SUBSCRIBE:
                self._send(now, gateway, _MAIN, Step.READ_STATUS, device)
            elif step == Step.READ_STATUS:
                self._out.relit.append(now + self._latency)
                self._send(now, gateway, _PRESENCE, Step.UPDATE_PRESENCE, device)
            elif step == Step.AUTHENTICATE:
                self._on_authenticated(now, device, gateway)
        if stored:
            routed = self._router.take(now, stored * self._routing)
            heapq.heappush(self._heap, (routed, self._restart - stored))

    def _on_authenticated(self, now: float, device: int, gateway: int) -> None:
        if now > self._taken[device] + self._limits.handshake_deadline_s:
            self._leave(device, gateway)
            self._out.cut_off += 1
            self._again(now, device, 0.0)
        elif now + self._latency > self._dialled[device] + self._limits.device_patience_s:
            self._leave(device, gateway)
            self._out.given_up += 1
            self._again(now, device, 0.0)
        else:
            self._on_admitted(now, device, gateway)

    def _push(self, when: float, device: int, kind: int) -> None:
        heapq.heappush(self._heap, (when, device * _KINDS + kind))

    def _result(self) -> Outcome:
        out = self._out
        for times in (out.relit, out.stored, out.handshake_seconds):
            times.sort()
        lines = {
            "load balancer": [self._balancer],
            "gateway": self._cores,
            "Redis": self._redis.lines,
            "router": [self._router],
        }
        for name, group in lines.items():
            out.waits[name] = max(line.longest for line in group)
            out.busy[name] = max(line.busy for line in group)
        return out
