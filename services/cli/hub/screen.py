"""The hub at a glance, as a screen for people and as lines that tell what changed. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.text import Text

from services.cli.doctor.backups import backup_age, is_backup_old
from services.cli.output import Column, in_words, size

_SILENT_SECONDS: Final = 6.0
"""Of an instance that says something every 2 s, three times nothing."""
_FULL: Final = 0.85
"""From here on, what has a limit is told in red."""
_UNKNOWN: Final = "-"

_WAITING: Final = {
    "devices": "connections wait because the directory is not in Redis",
    "unstored": "chargers have a reading that is not stored",
    "changes": "devices have a change that is not in Redis",
    "transitions": "changes of lights are not in rentals",
}

_EVENTS: Final = {
    "started": "started",
    "stopped": "stopped on request",
    "restarted": "restarted without having stopped",
    "lost": "is lost: not heard of for 10 s",
    "back": "is heard of again",
    "not_ready": "is not ready",
    "ready": "is ready again",
    "silence": "nothing was heard of any instance",
    "redis_emptied": "Redis was emptied",
}


def head(hub: Mapping[str, Any]) -> list[Text]:
    """Return the lines above the table: version, Redis, Postgres, partitions, what waits."""
    named = [
        ("Version", _version(_versions(hub))),
        ("Redis", _redis(hub["redis"])),
        ("Postgres", _postgres(hub["postgres"])),
        ("Partitions", _partitions(hub)),
        ("Waiting", _waiting(hub["waiting"])),
    ]
    if (backups := hub.get("backups")) is not None:  # a registry of an earlier version says nothing
        style = "red" if is_backup_old(backups) else ""
        named.append(("Backup", Text(backup_age(backups), style=style)))
    width = max(len(name) for name, _ in named)
    return [Text.assemble((f"{name:<{width}}", "dim"), "  ", text) for name, text in named]


def timeline(events: Sequence[Mapping[str, Any]], most: int) -> list[Text]:
    """Return the newest events, the newest first."""
    return [
        Text.assemble((in_words(event["at"]), "dim"), "  ", event_text(event))
        for event in events[:most]
    ]


def event_text(event: Mapping[str, Any]) -> str:
    """Return what happened, as a sentence."""
    what = _EVENTS.get(event["event"], in_words(event["event"]))
    detail = in_words(event["detail"]) if event["detail"] else ""
    if event["event"] == "silence":
        detail = f"for {detail} s" if detail else ""
        return " ".join(filter(None, (what, detail)))
    said = f"{in_words(event['instance'])} {what}" if event["instance"] else what
    return f"{said}: {detail}" if detail else said


def state_of(instance: Mapping[str, Any]) -> Text:
    """Return how an instance is."""
    if instance["age_seconds"] > _SILENT_SECONDS:
        return Text(f"silent for {instance['age_seconds']:.0f} s", style="red")
    match instance["ready"]:
        case True:
            return Text("ready", style="green")
        case False:
            return Text("not ready", style="red")
        case _:
            return Text("cannot be read", style="red")


def _full(used: float, limit: float | None, *words: str) -> Text:
    style = "red" if limit and used / limit >= _FULL else ""
    return Text(" of ".join(words), style=style)


def _of(instance: Mapping[str, Any], name: str, limit: str) -> Text | None:
    if instance[name] is None:
        return None
    return _full(instance[name], instance[limit], str(instance[name]), in_words(instance[limit]))


def _oldest(instance: Mapping[str, Any]) -> str | None:
    if instance["overdue"] is None:
        return None
    if not instance["overdue"]:
        return "none"
    return f"{instance['overdue_seconds']:g} s, of {instance['overdue']}"


_COLUMNS: Final[list[str | Column]] = [
    "service",
    "id",
    "version",
    Column("state", state_of),
    Column("connections", lambda each: _of(each, "connections", "connections_max")),
    "partitions",
    Column("oldest pending", _oldest),
]


def columns(hub: Mapping[str, Any]) -> list[str | Column]:
    """Return those of the table of instances; their version only if they differ in it."""
    return [each for each in _COLUMNS if each != "version" or len(_versions(hub)) > 1]


def reasons(hub: Mapping[str, Any]) -> list[Text]:
    """Return why instances are not ready, a line for each."""
    return [
        Text(f"{in_words(each['id'])} is not ready: {in_words(each['reason'])}", style="red")
        for each in hub["instances"]
        if each["reason"]
    ]


def _versions(hub: Mapping[str, Any]) -> list[str]:
    return sorted({in_words(each["version"]) for each in hub["instances"] if each["version"]})


def changing(hub: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield Redis, Postgres and the instances, each with an id, for `LINES`."""
    yield {"id": "redis", **hub["redis"]}
    yield {"id": "postgres", **hub["postgres"]}
    yield from hub["instances"]


def _change(item: Mapping[str, Any]) -> str:
    if "event" in item:
        return event_text(item)
    if "connected" in item:
        return "answers" if item["connected"] else f"is away: {in_words(item['reason'])}"
    # Without how long it is silent, which changes all the time.
    is_silent = item["age_seconds"] > _SILENT_SECONDS
    said = "silent" if is_silent else state_of(item).plain
    words = [f"{in_words(item['service'])} {in_words(item['version'])}: {said}"]
    if item["reason"]:
        words.append(in_words(item["reason"]))
    if item["partitions"] is not None:
        words.append(f"{item['partitions']} partitions")
    return ", ".join(words)


LINES: Final[list[str | Column]] = ["id", Column("what", _change)]
"""What is told of `changing`, and what counts as a change."""


def _version(versions: Sequence[str]) -> Text:
    return Text(", ".join(versions), style="yellow" if len(versions) > 1 else "")


def _redis(redis: Mapping[str, Any]) -> Text:
    return _server(redis, Text("; ").join(map(_memory, redis["servers"])))


def _memory(server: Mapping[str, Any]) -> Text:
    used, limit = server["used_bytes"], server["limit_bytes"]
    if limit is None:
        return Text(f"{size(used)}, without a limit")
    return _full(used, limit, size(used), size(limit))


def _postgres(postgres: Mapping[str, Any]) -> Text:
    if postgres["version"] is None:
        return _server(postgres, Text())
    used, most = postgres["connections"], postgres["connections_max"]
    return _server(
        postgres,
        Text.assemble(
            *(f"{in_words(postgres['version'])}, ", _full(used, most, str(used), str(most))),
            f" connections, {size(postgres['size_bytes'])}",
        ),
    )


def _server(server: Mapping[str, Any], known: Text) -> Text:
    if server["connected"]:
        return Text.assemble(("answers", "green"), "  ", known)
    age = server["age_seconds"]
    since = "since this registry started" if age is None else f"for {age:.0f} s"
    said = Text.assemble((f"away {since}: {in_words(server['reason'])}", "red"))
    return said if age is None else Text.assemble(said, "; before that: ", known)


def _partitions(hub: Mapping[str, Any]) -> Text:
    # As it was when Redis was looked at last: a router that was silent by then has lost them.
    since = hub["redis"]["age_seconds"] or 0
    told = (each for each in hub["instances"] if each["age_seconds"] - since <= _SILENT_SECONDS)
    owned = min(sum(each["partitions"] or 0 for each in told), hub["partitions"])
    text = f"{owned} of {hub['partitions']} have a router"
    return Text(text, style="" if owned == hub["partitions"] else "red")


def _waiting(waiting: Mapping[str, Any]) -> Text:
    said = [f"{waiting[name]} {what}" for name, what in _WAITING.items() if waiting[name]]
    if waiting["overdue"]:
        oldest = waiting["overdue_seconds"]
        said.insert(0, f"{waiting['overdue']} chargers wait for a router, the oldest {oldest:g} s")
    return Text("; ".join(said), style="red") if said else Text("nothing")
