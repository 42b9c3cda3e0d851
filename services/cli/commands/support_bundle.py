"""``chargelight support-bundle``: a file for remote support."""

import json
import os
import platform
from collections import deque
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from services.cli.api import Api, address
from services.cli.bundle import Bundle
from services.cli.commands.arguments import device_ids
from services.cli.commands.explain import screen
from services.cli.doctor.health_ports import fetch, health_urls, usual_health_urls
from services.cli.files import PIECE_BYTES, STANDARD, opened, pieces, write_private
from services.cli.session import session_of
from shared.version import VERSION

_MOST_CHARGERS: Final = 5000
_MOST_EXPLAINED: Final = 30
_MOST_PIECES: Final = 4 * 1024 * 1024 // PIECE_BYTES
"""From the end of each log."""

_README: Final = """\
A support bundle of a Chargelight hub. Everything in it is text.

about.json       when and where it was made; the version of the command line
registry.json    versions, settings, counts, gateways and routers, by the registry
state.jsonl      all chargers at that moment, a line each
explain/         why the lights of ailing devices are as they are
health/          what /readyz and /metrics of the services say
log/             the registry's last log lines, and the files that were added
missing.txt      what was not available, and why

It has no secrets, no API keys and no tickets of visitors in it. What looks like one in a log
is replaced by (hidden). Ids, labels, names of operators and addresses stay. The files in log/
that were added by hand are not ours: look through them before you pass this on.
"""


def support_bundle(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A new zip file; - for standard output. Default: a name with the time.",
        ),
    ] = None,
    *,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Explain this device, too."),
    ] = None,
    logs: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Add the end of this log; - for standard input."),
    ] = None,
    health: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            callback=health_urls,
            help="Ask this health port, not the usual ones: http://127.0.0.1:3101",
        ),
    ] = None,
) -> None:
    """Collect what remote support needs into one file, without secrets.

    Versions, settings, states, explanations of what ails, health, and the last log lines of the
    registry. It is made as well as can be if no registry answers.
    """
    devices = device_ids(device or [])
    session = session_of(context)
    bundle = Bundle(os.environ)
    bundle.add("README.txt", _README)
    for number, each in enumerate(logs or (), 1):  # two may have one name
        name = "standard-input" if each == STANDARD else each.name
        bundle.add(f"log/{number}-{name}", _end_of(each))
    _add_hub(bundle, session.api, devices)
    for url in health or [url for _, url in usual_health_urls(session.api.url)]:
        _add_health(bundle, url)
    bundle.add("missing.txt", "\n".join(bundle.missing) or "nothing")
    content = bundle.zipped()
    if file == STANDARD:
        session.output.raw(content)
        return
    file = file or Path(f"chargelight-support-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip")
    write_private(file, content)
    answer = {"file": str(file), "files": list(bundle.files), "missing": bundle.missing}
    session.output.line(_told(file, bundle), answer)


def _add_hub(bundle: Bundle, api: Api, devices: list[str]) -> None:
    about = {
        "made_at": datetime.now(UTC).isoformat(),
        "chargelight": VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "registry": api.url,
    }
    bundle.add("about.json", _as_json(about))

    def registry() -> str:
        answer = api.get(address("support"))
        bundle.add("log/registry.log", "\n".join(answer.pop("log")))
        return _as_json(answer)

    states: list[dict[str, Any]] = []

    def state() -> str:
        states.extend(api.pages(address("state"), _MOST_CHARGERS))
        return "\n".join(json.dumps(each, ensure_ascii=False) for each in states)

    bundle.attempt("registry.json", registry)
    bundle.attempt("state.jsonl", state)
    ailing = (each["id"] for each in states if _is_ailing(each))
    for device_id in islice(dict.fromkeys(chain(devices, ailing)), _MOST_EXPLAINED):
        bundle.attempt(f"explain/{device_id}.txt", partial(_explained, api, device_id))


def _explained(api: Api, device_id: str) -> str:
    return screen(api.get(address("explanations", device_id)))


def _is_ailing(state: dict[str, Any]) -> bool:
    """Tell whether something about a charger may need an explanation."""
    waits = state.get("pending_since") is not None
    return not state.get("online") or waits or state.get("last_rejection") is not None


def _add_health(bundle: Bundle, url: str) -> None:
    name = urlsplit(url).netloc.rpartition("@")[2].replace(":", "-")
    for path in ("readyz", "metrics"):
        bundle.attempt(f"health/{name}-{path}.txt", partial(_fetched, f"{url}/{path}"))


def _fetched(url: str) -> str:
    answer = fetch(url)
    return f"{answer.status_code}\n{answer.text}"


def _end_of(file: Path) -> str:
    with opened(file) as content:
        # A log may be larger than the memory.
        last = deque(pieces(content), maxlen=_MOST_PIECES)
    text = b"".join(last).decode("utf-8", errors="replace")
    # Of half a line it could not be told what in it is secret.
    return text if len(last) < _MOST_PIECES else text.partition("\n")[2]


def _as_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _told(file: Path, bundle: Bundle) -> str:
    lines = [f"{file} has {len(bundle.files)} files, which only you can read"]
    if bundle.missing:
        lines += ["Not in it:", *(f"  {each}" for each in bundle.missing)]
    return "\n".join([*lines, "Look through it before you pass it on"])
