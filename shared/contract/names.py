"""Every key and channel in Redis: this file is the map of the system.

All names are built here and nowhere else. They are easy to read with ``redis-cli``:
``SUBSCRIBE 'chargelight:{p17}:readings'``, ``HGET 'chargelight:{p17}:live' c1234``.

What belongs to one charger is in the hash slot of its partition's tag (``{p17}``), what
belongs to one widget in the slot of the widget's own tag (``{w05}``). So every script
touches exactly one slot, with Redis Cluster or without
(https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). What instances say
of themselves has a tag of its own, ``{hub}``.

==============================  =====  ======================================================
name                            type   holds
==============================  =====  ======================================================
``{pNN}:directory``             hash   charger id → registration and pairing (registry writes)
``{pNN}:directory-version``     string exists once the directory is complete; changes with it
``{pNN}:credentials``           hash   charger id → digests of its secrets; what counts as full
``{pNN}:live``                  hash   charger id → connection epoch and newest reading
``{pNN}:pending``               zset   charger id → since when (µs) its reading waits for a router
``{pNN}:lease``                 string which router works on the partition
``{pNN}:readings``              chan.  doorbell: a reading was stored
``{pNN}:directory-changes``     chan.  doorbell: a charger's registration changed
``{pNN}:presence``              hash   charger id → where its newest connection is, or was
``{pNN}:presence-changes``      chan.  a charger came online or went offline
``{pNN}:rejections``            hash   charger id → what was last refused, and why
``{pNN}:transactions``          hash   charger id → transactions of OCPP, and their connectors
``{pNN}:ocpp``                  hash   charger id → what it says of itself in OCPP
``{pNN}:commands``              chan.  an operator's command to a charger that speaks OCPP
``{pNN}:command-results``       chan.  what came of such a command
``{wNN}:directory``             hash   widget id → registration and pairing number
``{wNN}:directory-version``     string as above
``{wNN}:credentials``           hash   as above
``{wNN}:statuses``              hash   widget id → newest charging status, with its fence
``{wNN}:widget:ID:status``      chan.  doorbell: the widget's status (the device's channel)
``{wNN}:directory-changes``     chan.  doorbell: a widget's registration or pairing changed
``{wNN}:presence``              hash   widget id → which gateways hold connections of it
``{wNN}:presence-changes``      chan.  as above
``{wNN}:rejections``            hash   as above
``{wNN}:transitions``           stream a widget's status became another one (for rentals)
``{wNN}:transitions``           chan.  doorbell: such a transition was added
``routers``                     zset   router instance → when it was last heard of (µs)
``gateways``                    zset   gateway instance → when it was last heard of (µs)
``refused``                     hash   who was refused, and why → how often, and when last
``agreements``                  hash   settings that must be the same in all instances
``{hub}:instances``             hash   instance → what it last said of itself
``{hub}:heard``                 zset   instance → when it said that (µs)
``{hub}:settling``              string there while Redis has just come back: nobody counts as lost
``{hub}:events``                stream the timeline: which instances came, went and changed
==============================  =====  ======================================================

All of these begin with ``chargelight:``. Two channels do not: on ``chargelight-echo:ID``
each instance hears itself twice a second, which shows that it hears anything (with Redis
Cluster on one per server, ``chargelight-echo:ID:{3}``); on ``chargelight-check`` it tries whether
it may publish. So ``PSUBSCRIBE 'chargelight:*'`` shows devices and nothing else. The key
``chargelight:check`` never exists: what an instance may do is tried on it.
"""

import binascii
from collections.abc import Mapping
from typing import Final, NamedTuple

PREFIX: Final = "chargelight"

ROUTERS: Final = f"{PREFIX}:routers"
GATEWAYS: Final = f"{PREFIX}:gateways"
AGREEMENTS: Final = f"{PREFIX}:agreements"
REFUSED: Final = f"{PREFIX}:refused"
_HUB: Final = f"{PREFIX}:{{hub}}"
INSTANCES: Final = f"{_HUB}:instances"
HEARD: Final = f"{_HUB}:heard"
SETTLING: Final = f"{_HUB}:settling"
EVENTS: Final = f"{_HUB}:events"
HUB_KEYS: Final = f"{_HUB}:*"
"""A pattern of the four keys before: every service writes them, and none depends on them."""
ALL_KEYS: Final = f"{PREFIX}:*"
"""A pattern of all keys."""
CHECK_KEY: Final = f"{PREFIX}:check"
CHECK_CHANNEL: Final = f"{PREFIX}-check"


_TYPES: Final = {
    "directory": "hash",
    "directory-version": "string",
    "credentials": "hash",
    "live": "hash",
    "pending": "zset",
    "lease": "string",
    "presence": "hash",
    "rejections": "hash",
    "transactions": "hash",
    "ocpp": "hash",
    "statuses": "hash",
    "transitions": "stream",
    "routers": "zset",
    "gateways": "zset",
    "agreements": "hash",
    "refused": "hash",
    "instances": "hash",
    "heard": "zset",
    "settling": "string",
    "events": "stream",
}
"""Of each key, by the last part of its name."""
KEYS: Final = tuple(_TYPES)
"""All keys, by the last parts of their names."""
_WITHOUT_TAG: Final = frozenset({"routers", "gateways", "agreements", "refused"})
_ANY_TAG: Final = f"{PREFIX}:{{*}}"


class Access(NamedTuple):
    """What one service does with which keys (by the last parts of their names) and channels.

    All services also compare their settings in ``agreements``, try their rights with `CHECK_KEY`
    and `CHECK_CHANNEL`, and say how they are in `HUB_KEYS`.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    """It reads them, too."""
    removes: tuple[str, ...]
    """It removes them, or members of them, and puts nothing in."""
    publishes: tuple[str, ...]
    """Patterns, as of what it hears."""
    hears: tuple[str, ...]
    may_publish: tuple[str, ...] = ()
    """What it publishes if its ACL allows it: no light depends on it, and nobody tries it at the
    start. An older ACL does not have it."""
    may_hear: tuple[str, ...] = ()
    """What it hears, in the same way."""
    succeeds: bool = False
    """It may replace what is agreed on, by a value that was set as its successor."""


_ECHO: Final = f"{PREFIX}-echo:*"
_READINGS: Final = f"{_ANY_TAG}:readings"
_STATUS: Final = f"{_ANY_TAG}:widget:*:status"
_TRANSITIONS: Final = f"{_ANY_TAG}:transitions"
_DIRECTORY_CHANGES: Final = f"{_ANY_TAG}:directory-changes"
_PRESENCE_CHANGES: Final = f"{_ANY_TAG}:presence-changes"
_COMMANDS: Final = f"{_ANY_TAG}:commands"
_COMMAND_RESULTS: Final = f"{_ANY_TAG}:command-results"

ACCESS: Final[Mapping[str, Access]] = {
    "gateway": Access(
        reads=("directory", "directory-version", "credentials", "statuses"),
        writes=(
            *("live", "pending", "presence", "rejections", "transactions", "ocpp"),
            *("gateways", "refused"),
        ),
        removes=("directory-version", "statuses"),
        publishes=(_READINGS, _PRESENCE_CHANGES, _ECHO),
        hears=(_STATUS, _DIRECTORY_CHANGES, _ECHO),
        may_publish=(_COMMAND_RESULTS,),
        may_hear=(_COMMANDS,),
    ),
    "router": Access(
        reads=("directory", "directory-version", "live"),
        writes=("pending", "statuses", "transitions", "lease", "routers"),
        removes=("directory-version", "live"),
        publishes=(_STATUS, _ECHO),
        hears=(_READINGS, _ECHO),
        may_publish=(_TRANSITIONS,),
    ),
    "registry": Access(
        reads=("statuses", "lease", "presence", "rejections", "ocpp", "gateways", "refused"),
        writes=(
            *("directory", "directory-version", "credentials", "live", "pending"),
            "transitions",
        ),
        removes=("statuses", "presence", "rejections", "transactions", "ocpp"),
        publishes=(_DIRECTORY_CHANGES, _PRESENCE_CHANGES),
        hears=(),
        may_publish=(_COMMANDS,),
        may_hear=(_TRANSITIONS, _DIRECTORY_CHANGES, _PRESENCE_CHANGES, _COMMAND_RESULTS),
        succeeds=True,
    ),
}
"""Of each service. Its rights in Redis are made of this (``tools.redis_users``)."""


def key_pattern(part: str) -> str:
    """Return a pattern of all keys whose names end in a part."""
    return f"{PREFIX}:{part}" if part in _WITHOUT_TAG else f"{_ANY_TAG}:{part}"


def matching_name(pattern: str, tag: str) -> str:
    """Return a name that a pattern matches and nothing uses, in the slot of a tag (any: "").

    Where nothing in the pattern varies, it is the name itself.
    """
    if _ANY_TAG in pattern:
        return pattern.replace("{*}", f"{{{tag or 'check'}}}").replace("*", "check")
    return channel_in_slot(pattern.replace("*", "check"), tag) if "*" in pattern else pattern


def key_type(key: str) -> str | None:
    """Return the type of a key as Redis' TYPE says it; None: it is none of ours."""
    return _TYPES.get(key.rpartition(":")[2])


def siblings_of(key: str) -> tuple[str, str]:
    """Return the directory version and the live state of a key's tag; without a tag, the key."""
    tag, _, _ = key.rpartition(":")
    return (f"{tag}:directory-version", f"{tag}:live") if tag != PREFIX else (key, key)


def echo_channel(instance_id: str) -> str:
    """Return the channel on which an instance hears itself."""
    return f"{PREFIX}-echo:{instance_id}"


def channel_in_slot(channel: str, tag: str) -> str:
    """Return a channel's name (or a key's) in the slot of a tag: ``chargelight-echo:ID:{3}``.

    Without a tag it is the name itself. With Redis Cluster an instance hears itself on one
    such channel per server.
    """
    return f"{channel}:{{{tag}}}" if tag else channel


def partition_of(device_id: str, partitions: int) -> int:
    """Return the partition of an id: CRC16 (XMODEM, as in Redis Cluster) mod ``partitions``.

    A connector's is that of its charger, whose id comes before the colon.
    """
    own_id, _, _ = device_id.partition(":")
    return binascii.crc_hqx(own_id.encode("ascii"), 0) % partitions


class _TagNames:
    """The names that tags of chargers and of widgets have in common."""

    def __init__(self, tag: str, partition: int) -> None:
        self.partition = partition
        self.directory = f"{tag}:directory"
        self.directory_version = f"{tag}:directory-version"
        self.directory_changes = f"{tag}:directory-changes"
        self.credentials = f"{tag}:credentials"
        self.presence = f"{tag}:presence"
        self.presence_changes = f"{tag}:presence-changes"
        self.rejections = f"{tag}:rejections"


class ChargerNames(_TagNames):
    """Names in the hash slot of one partition of chargers."""

    def __init__(self, partition: int) -> None:
        tag = f"{PREFIX}:{{p{partition:02}}}"
        super().__init__(tag, partition)
        self.live = f"{tag}:live"
        self.pending = f"{tag}:pending"
        self.lease = f"{tag}:lease"
        self.readings = f"{tag}:readings"
        self.transactions = f"{tag}:transactions"
        self.ocpp = f"{tag}:ocpp"
        self.commands = f"{tag}:commands"
        self.command_results = f"{tag}:command-results"


class WidgetNames(_TagNames):
    """Names in the hash slot of one partition of widgets."""

    def __init__(self, partition: int) -> None:
        tag = f"{PREFIX}:{{w{partition:02}}}"
        super().__init__(tag, partition)
        self._tag = tag
        self.statuses = f"{tag}:statuses"
        self.transitions = f"{tag}:transitions"

    def status_channel(self, widget_id: str) -> str:
        """Return the channel a widget's statuses are announced on."""
        return f"{self._tag}:widget:{widget_id}:status"


class Names:
    """All names for a number of partitions, 1 or more; chargers and widgets have as many."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.chargers = tuple(ChargerNames(number) for number in range(partitions))
        self.widgets = tuple(WidgetNames(number) for number in range(partitions))

    def of_charger(self, charger_id: str) -> ChargerNames:
        """Return the names of the partition a charger belongs to."""
        return self.chargers[partition_of(charger_id, self.partitions)]

    def of_widget(self, widget_id: str) -> WidgetNames:
        """Return the names of the partition a widget belongs to."""
        return self.widgets[partition_of(widget_id, self.partitions)]
