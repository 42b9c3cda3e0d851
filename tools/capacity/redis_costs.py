"""Measure what each script costs a Redis server: ``python -m tools.capacity.redis_costs``.

A private server, filled with devices, gets calls of one item and calls of many. Its own CPU
counters give the cost of a call and of an item, parsing and answering included. The printed
lines are for ``coefficients.toml``.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import redis

from shared.bus.script import Call
from shared.bus.script_batches import command_of
from tools.capacity import sample_calls as calls
from tools.capacity.sample_calls import NAMES, charger_id, widget_id
from tools.servers.redis.open import open_redis_server
from tools.servers.server_options import ServerOptions

MANY = 50
CALLS_PER_PIPELINE = 64
DEVICES_PER_PARTITION = 400
LAST = 10**9
"""The sequence of a reading that is newer than all others."""

Make = Callable[[int, int], Call]
"""Makes a call; takes the partition's number and how many items."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.capacity.redis_costs")
    parser.add_argument("--items", type=int, default=40_000, help="items per measurement")
    arguments = parser.parse_args()
    with closing(open_redis_server(ServerOptions.of_tests())) as server:
        costs = Costs(redis.Redis.from_url(server.url), arguments.items)
        empty = costs.memory()
        costs.fill()
        for name, make in costs.kinds().items():
            if name == "reconcile":
                costs.store_last()
            per_call, per_item = costs.measure(make)
            sys.stdout.write(f"{name:<20} {per_call:6.1f} us per call, {per_item:6.1f} per item\n")
        kilobytes = (costs.memory() - empty) / 1024 / (2 * DEVICES_PER_PARTITION * NAMES.partitions)
        sys.stdout.write(f"{'memory of a device':<20} {kilobytes:6.2f} KB\n")
        for name, microseconds in (
            ("a plain command", costs.of_commands()),
            ("an exchange alone", costs.of_exchanges()),
            ("a subscription", costs.of_subscriptions()),
            ("a delivery", costs.of_deliveries()),
        ):
            sys.stdout.write(f"{name:<20} {microseconds:6.1f} us\n")
        with closing(open_redis_server(ServerOptions.of_tests())) as replica:
            microseconds, sent = costs.of_replica(
                redis.Redis.from_url(replica.admin_url), server.url
            )
            waited = costs.of_waits()
        sys.stdout.write(f"{'a replica, reading':<20} {microseconds:6.1f} us, {sent:.0f} bytes\n")
        sys.stdout.write(f"{'a WAIT for it':<20} {waited:6.1f} us\n")


class Costs:
    """The CPU that a server, used by nothing else, counts while it does one thing many times."""

    def __init__(self, client: Any, items: int) -> None:
        self._client = client
        self._items = items
        self._number = count(1)
        self._device = count()

    def fill(self) -> None:
        """Register and pair devices in all partitions, as the registry does."""
        pipe = self._client.pipeline(transaction=False)
        for number in range(NAMES.partitions):
            chargers, widgets = NAMES.chargers[number], NAMES.widgets[number]
            pipe.set(chargers.directory_version, f"1:{DEVICES_PER_PARTITION}")
            pipe.set(widgets.directory_version, f"1:{DEVICES_PER_PARTITION}")
            for i in range(DEVICES_PER_PARTITION):
                charger, widget = charger_id(number, i), widget_id(number, i)
                entry = {"pairing": 5, "token": calls.TOKEN, "paired_at": 1, "widget": widget}
                pipe.hset(chargers.directory, charger, json.dumps(entry, separators=(",", ":")))
                pipe.hset(widgets.directory, widget, json.dumps({"pairing": 5, "charger": charger}))
                secret = json.dumps({"number": 12, "registered": 2**51, "digests": ["0" * 64]})
                pipe.hset(chargers.credentials, charger, secret)
                pipe.hset(widgets.credentials, widget, secret)
        pipe.execute()

    def store_last(self) -> None:
        """Store a reading of every charger, for the comparisons."""
        for number in range(NAMES.partitions):
            ids = [charger_id(number, i) for i in range(DEVICES_PER_PARTITION)]
            call = calls.store(NAMES.chargers[number], ids, LAST)
            self._client.script_load(call.script.text)
            self._client.execute_command(*command_of([call]))

    def kinds(self) -> dict[str, Make]:
        """What is measured, in an order in which each finds the data it needs."""
        chargers, widgets = NAMES.chargers, NAMES.widgets
        some = self._some
        number = self._number
        return {
            "admit": lambda p, n: calls.admit(chargers[p], some(charger_id, p, n)),
            "store": lambda p, n: calls.store(chargers[p], some(charger_id, p, n), next(number)),
            "light": lambda p, n: calls.light(widgets[p], some(widget_id, p, n), next(number)),
            "clear_pending": lambda p, n: calls.clear_pending(
                chargers[p], some(charger_id, p, n), 1
            ),
            "reconcile": lambda p, n: calls.reconcile(chargers[p], some(charger_id, p, n), LAST),
            "read_status": lambda p, n: calls.read_status(widgets[p], some(widget_id, p, n)),
            "update_presence (charger)": lambda p, n: calls.update_presence(
                chargers[p], some(charger_id, p, n), 2**51 + next(number)
            ),
            "update_presence (widget)": lambda p, n: calls.update_presence(
                widgets[p], some(widget_id, p, n), 0
            ),
            "find_overdue": lambda p, _: calls.find_overdue(chargers[p]),
            "lease": lambda p, _: calls.lease(chargers[p]),
        }

    def measure(self, make: Make) -> tuple[float, float]:
        """Return the CPU per call and per item, in µs."""
        single = self._run(make, 1, self._items // 4)
        many = self._run(make, MANY, self._items // MANY)
        per_item = max(0.0, (many - single) / (MANY - 1))
        return single - per_item, per_item

    def memory(self) -> float:
        """Return the bytes that it uses."""
        return float(self._client.info("memory")["used_memory"])

    def of_commands(self) -> float:
        """Return the CPU of a GET, in µs."""
        return self._piped([("GET", n.directory_version) for n in NAMES.chargers])

    def of_exchanges(self) -> float:
        """Return the CPU of taking one command alone from its socket, and answering, in µs."""
        key = NAMES.chargers[0].directory_version
        before = self._cpu()
        for _ in range(self._items // 2):
            self._client.get(key)
        return (self._cpu() - before) / (self._items // 2) - self.of_commands()

    def of_subscriptions(self) -> float:
        """Return the CPU of subscribing to one widget's channel, in µs."""
        channels = [
            names.status_channel(widget_id(partition, i))
            for partition, names in enumerate(NAMES.widgets)
            for i in range(150)
        ]
        listening = self._client.pubsub()
        before = self._cpu()
        for start in range(0, len(channels), 100):
            listening.subscribe(*channels[start : start + 100])
        for _ in channels:
            listening.get_message(timeout=5)
        taken = (self._cpu() - before) / len(channels)
        listening.close()
        return taken

    def of_deliveries(self) -> float:
        """Return the CPU of passing one message on to one subscriber, in µs."""
        channel = NAMES.chargers[0].readings
        message = calls.doorbell(widget_id(0, 0), charger_id(0, 0), 1)
        publishing = [("PUBLISH", channel, message)] * 64
        unheard = self._piped(publishing)
        listening = self._client.pubsub()
        listening.subscribe(channel)
        ended = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                listening.get_message(timeout=0.1)

        thread = threading.Thread(target=listen)
        thread.start()
        heard = self._piped(publishing)
        ended.set()
        thread.join()
        listening.close()
        return max(0.0, heard - unheard)

    def of_replica(self, replica: Any, url: str) -> tuple[float, float]:
        """Return what a replica adds to a whole reading, in µs of CPU and in bytes sent to it."""
        alone = self._of_readings()
        address = urlsplit(url)
        replica.replicaof(address.hostname, address.port)
        while replica.info("replication")["master_link_status"] != "up":
            time.sleep(0.05)
        before = self._client.info("replication")["master_repl_offset"]
        followed = self._of_readings()
        sent = self._client.info("replication")["master_repl_offset"] - before
        return followed - alone, sent / self._items

    def of_waits(self, rounds: int = 2_000) -> float:
        """Return what a WAIT costs beside a write, with asking the replica and its answer."""

        def of(waits: bool) -> float:  # noqa: FBT001 - one of two
            before = self._cpu()
            for number in range(rounds):
                self._client.set("waited-for", number)
                if waits:
                    self._client.wait(1, 1000)
            return (self._cpu() - before) / rounds

        return of(waits=True) - of(waits=False)

    def _of_readings(self) -> float:
        kinds = self.kinds()
        parts = ("store", "light", "clear_pending")
        return sum(self._run(kinds[part], 1, self._items) for part in parts)

    def _piped(self, commands: Sequence[Sequence[str]], rounds: int = 200) -> float:
        pipe = self._client.pipeline(transaction=False)
        before = self._cpu()
        for _ in range(rounds):
            for words in commands:
                pipe.execute_command(*words)
            pipe.execute()
        return (self._cpu() - before) / (rounds * len(commands))

    def _run(self, make: Make, size: int, number: int) -> float:
        script = make(0, 1).script
        self._client.script_load(script.text)
        done = 0
        before = self._cpu()
        while done < number:
            pipe = self._client.pipeline(transaction=False)
            for i in range(CALLS_PER_PIPELINE):
                call = make(i % NAMES.partitions, size)
                pipe.execute_command(*command_of([call]))
            pipe.execute()
            done += CALLS_PER_PIPELINE
        return (self._cpu() - before) / done

    def _cpu(self) -> float:
        cpu = self._client.info("cpu")
        return 1e6 * float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])

    def _some(self, make: Callable[[int, int], str], partition: int, size: int) -> list[str]:
        return [make(partition, next(self._device) % DEVICES_PER_PARTITION) for _ in range(size)]


if __name__ == "__main__":
    main()
