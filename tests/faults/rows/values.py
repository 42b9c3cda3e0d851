"""Values in Redis that are lost or broken, as a person with redis-cli, or a bug, leaves them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from shared.contract.names import AGREEMENTS, GATEWAYS, ROUTERS, ChargerNames, Names, WidgetNames
from tests.faults.booth import Booth

PARTITIONS: Final = 64
FUTURE: Final = 2**53
UNDRAWN: Final = 5 * 10**15
"""Less, but no number that Postgres draws."""
YEAR_2100: Final = 4_102_444_800_000_000
BELIEVED_SECONDS: Final = 5.0
"""For so long a status may be newer than its charger's reading before it is replaced."""
_READ_SECONDS: Final = 2.0
"""In which devices are connected again, and have read what is stored."""
_NAMES: Final = Names(PARTITIONS)


async def empty_redis(booth: Booth) -> None:
    async with booth.redis_client() as client, booth.fault("Redis emptied"):
        await client.flushall()


async def flush_scripts(booth: Booth) -> None:
    """Have Redis forget all scripts, again and again: that harms nothing."""
    async with booth.redis_client() as client, booth.no_fault_alone("scripts flushed"):
        for _ in range(round(booth.seconds(10) / 0.1)):
            await client.script_flush()
            await asyncio.sleep(0.1)


async def delete_statuses(booth: Booth) -> None:
    """Lose all statuses while no charger speaks; the widgets connect again."""
    await booth.devices.judge_quiet()
    async with booth.redis_client() as client, booth.fault("statuses deleted"):
        await client.delete(*(names.statuses for names in _NAMES.widgets))
        booth.balancer.widgets.cut()


async def delete_entry(booth: Booth) -> None:
    """Lose the directory entry of one device; it connects again."""
    whose = booth.draw(["charger", "widget"])
    charger, widget = _some_tags(booth)
    pair = booth.kept["victim"]
    tag, device = (charger, pair.charger) if whose == "charger" else (widget, pair.widget)
    async with booth.redis_client() as client, booth.fault("entry deleted"):
        await client.hdel(tag.directory, device)
        _reconnect(booth, whose)


async def delete_directory(booth: Booth) -> None:
    """Lose the directory of one tag; all devices connect again."""
    whose = booth.draw(["charger", "widget"])
    charger, widget = _some_tags(booth)
    async with booth.redis_client() as client, booth.fault("directory deleted"):
        await client.delete((charger if whose == "charger" else widget).directory)
        _reconnect(booth, whose)


def _reconnect(booth: Booth, whose: str) -> None:
    (booth.balancer.chargers if whose == "charger" else booth.balancer.widgets).cut()


def _some_tags(booth: Booth) -> tuple[ChargerNames, WidgetNames]:
    """Draw a pair, and return the names of its tags."""
    pair = booth.kept["victim"] = booth.rng.choice(booth.pairs)
    return _NAMES.of_charger(pair.charger), _NAMES.of_widget(pair.widget)


# Keys of another type.


def _keys(charger: ChargerNames, widget: WidgetNames) -> dict[str, str]:
    return {
        "live": charger.live,
        "pending": charger.pending,
        "directory of a charger": charger.directory,
        "statuses": widget.statuses,
        "lease": charger.lease,
        "directory of a widget": widget.directory,
        "directory version": charger.directory_version,
        "credentials": charger.credentials,
        "presence of a charger": charger.presence,
        "presence of a widget": widget.presence,
        "rejections": charger.rejections,
        "transitions": widget.transitions,
        "routers": ROUTERS,
        "gateways": GATEWAYS,
        "agreements": AGREEMENTS,
    }


WRONG_TYPES: Final = len(_keys(_NAMES.chargers[0], _NAMES.widgets[0]))

_BECOME_A_LIST: Final = 'redis.call("DEL", KEYS[1]) return redis.call("RPUSH", KEYS[1], "junk")'


async def change_type(booth: Booth) -> None:
    """Give a key another type: no process ends, and what was in it is rebuilt."""
    keys = _keys(*_some_tags(booth))
    key = keys[booth.draw(list(keys))]
    async with booth.redis_client() as client, booth.fault("key of another type"):
        is_list_right = await client.type(key) == b"list"
        assert not is_list_right, f"{key} is a list"
        # In one step: the hub may have written a lost key again before a second command comes.
        await client.eval(_BECOME_A_LIST, 1, key)


# Values that cannot be read.


async def _live(client: Any, booth: Booth, value: str) -> None:
    charger, _ = _some_tags(booth)
    await client.hset(charger.live, booth.kept["victim"].charger, value)


async def _entry_of_charger(client: Any, booth: Booth, value: str) -> None:
    charger, _ = _some_tags(booth)
    pair = booth.kept["victim"]
    stored = json.loads(await client.hget(charger.directory, pair.charger))
    text = value.replace("NUMBER", str(stored["pairing"])).replace("WIDGET", pair.widget)
    await client.hset(charger.directory, pair.charger, text)


async def _entry_of_widget(client: Any, booth: Booth, value: str) -> None:
    _, widget = _some_tags(booth)
    pair = booth.kept["victim"]
    stored = json.loads(await client.hget(widget.directory, pair.widget))
    text = value.replace("NUMBER", str(stored["pairing"])).replace("CHARGER", pair.charger)
    await client.hset(widget.directory, pair.widget, text)


async def _status(client: Any, booth: Booth, value: str) -> None:
    _, widget = _some_tags(booth)
    pair = booth.kept["victim"]
    entry = json.loads(await client.hget(widget.directory, pair.widget))
    text = value.replace("NUMBER", str(entry["pairing"])).replace("CHARGER", pair.charger)
    await client.hset(widget.statuses, pair.widget, text)


async def _score(client: Any, booth: Booth, value: str) -> None:
    charger, _ = _some_tags(booth)
    await client.zadd(charger.pending, {booth.kept["victim"].charger: float(value)})


async def _lease(client: Any, booth: Booth, value: str) -> None:  # noqa: ARG001 - as the others
    # Of every partition: one that nobody works on is no matter.
    for names in _NAMES.chargers:
        await client.set(names.lease, value)


async def _version(client: Any, booth: Booth, value: str) -> None:
    charger, widget = _some_tags(booth)
    await client.set(charger.directory_version, value)
    await client.set(widget.directory_version, value)


async def _credentials(client: Any, booth: Booth, value: str) -> None:
    charger, _ = _some_tags(booth)
    await client.hset(charger.credentials, booth.kept["victim"].charger, value)


async def _presence(client: Any, booth: Booth, value: str) -> None:
    charger, widget = _some_tags(booth)
    await client.hset(charger.presence, booth.kept["victim"].charger, value)
    await client.hset(widget.presence, booth.kept["victim"].widget, value)


async def _members(client: Any, booth: Booth, value: str) -> None:  # noqa: ARG001 - as the others
    """A router and a gateway that are dead, and were last heard of in the future."""
    await client.zadd(ROUTERS, {"dead": float(value)})
    await client.zadd(GATEWAYS, {"dead": float(value)})


async def _transition(client: Any, booth: Booth, value: str) -> None:
    _, widget = _some_tags(booth)
    await client.xadd(widget.transitions, {"junk": value})


Break = Callable[[Any, Booth, str], Awaitable[None]]

_JUNK: Final[list[tuple[Break, str]]] = [
    (_live, '{"epoch":1,"revision":3}'),
    (_entry_of_charger, '{"pairing":NUMBER,"widget":"WIDGET"}'),
    (_status, '{"pairing":NUMBER,"data":{"status":"charged"}}'),
    (_live, "junk"),
    (_entry_of_charger, "junk"),
    (_entry_of_widget, "junk"),
    (_status, "junk"),
    (_live, '{"epoch":1e400,"revision":[1,[]],"soc":"x","received_at":null}'),
    (_entry_of_charger, '{"pairing":NUMBER,"widget":7,"paired_at":"x","token":[]}'),
    (_entry_of_widget, '{"pairing":NUMBER,"charger":{}}'),
    (_status, '{"event":3,"data":[],"pairing":NUMBER,"revision":["a"],"thresholds":{}}'),
    (_score, "inf"),
    (_lease, "nobody"),
    (_version, "junk"),
    (_credentials, "junk"),
    (_presence, '{"epoch":1,"since":[],"gateways":{"x":"y"},"gateway":3}'),
    (_members, "inf"),
    (_transition, "junk"),
]
JUNK: Final = len(_JUNK)


async def write_junk(booth: Booth) -> None:
    """Write a value that cannot be read: no process ends, and it is rebuilt from its source."""
    titles = [f"{how.__name__.strip('_')} {value}" for how, value in _JUNK]
    how, value = _JUNK[titles.index(booth.draw(titles))]
    async with booth.redis_client() as client, booth.fault("junk"):
        await how(client, booth, value)
        booth.balancer.widgets.cut()


async def _status_with(client: Any, booth: Booth, value: str) -> None:
    """Change members of a status; its light stays, so that nobody is shown a wrong one."""
    _, widget = _some_tags(booth)
    device = booth.kept["victim"].widget
    stored = json.loads(await client.hget(widget.statuses, device))
    await client.hset(widget.statuses, device, json.dumps(stored | json.loads(value)))


async def _live_with(client: Any, booth: Booth, value: str) -> None:
    """The same of a live state; its level stays."""
    charger, _ = _some_tags(booth)
    device = booth.kept["victim"].charger
    stored = json.loads(await client.hget(charger.live, device))
    await client.hset(charger.live, device, json.dumps(stored | json.loads(value)))


_FROM_THE_FUTURE: Final[list[tuple[Break, str]]] = [
    (_status_with, f'{{"revision":[{FUTURE},1]}}'),
    (_live_with, f'{{"epoch":{FUTURE},"revision":[{FUTURE},100000]}}'),
    (_status_with, f'{{"pairing":{FUTURE}}}'),
    (_status_with, f'{{"revision":[{YEAR_2100},1]}}'),
    (_live, f'{{"epoch":{YEAR_2100}}}'),
    (_entry_of_charger, f'{{"pairing":{FUTURE},"widget":"WIDGET","paired_at":0}}'),
    (_entry_of_widget, f'{{"pairing":{FUTURE},"charger":"CHARGER"}}'),
    (_entry_of_charger, f'{{"pairing":{UNDRAWN},"token":"","paired_at":0,"widget":"WIDGET"}}'),
    (_entry_of_widget, f'{{"pairing":{UNDRAWN},"charger":"CHARGER"}}'),
    (_score, str(float(FUTURE))),
    (_members, str(float(FUTURE))),
]
FUTURES: Final = len(_FROM_THE_FUTURE)


async def write_from_the_future(booth: Booth) -> None:
    """Write a value that would win every comparison, and have all devices read it."""
    titles = [f"{how.__name__.strip('_')} {value}" for how, value in _FROM_THE_FUTURE]
    how, value = _FROM_THE_FUTURE[titles.index(booth.draw(titles))]
    await booth.devices.judge_quiet()
    async with booth.redis_client() as client, booth.fault("value from the future"):
        await how(client, booth, value)
        booth.balancer.cut()
        await asyncio.sleep(_READ_SECONDS)
        booth.devices.resume_readings()
        await asyncio.sleep(booth.seconds(BELIEVED_SECONDS))
