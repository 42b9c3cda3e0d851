"""The simulator's command line: what can be asked for, and its checks."""

import math
import os
import random
import sys
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from services.simulator.commands.charger import ChargerCommand
from services.simulator.commands.demo import DemoCommand
from services.simulator.commands.fleet import FleetCommand
from services.simulator.commands.register import register as register_pairs
from services.simulator.commands.widget import WidgetCommand
from services.simulator.devices.dialects import DialectName
from services.simulator.devices.levels import parse_level
from services.simulator.environment import (
    CHARGERS_URL,
    KEY,
    REGISTRY_URL,
    SECRET,
    WIDGETS_URL,
    WrongEnvironmentError,
    check_names,
    word_in,
)
from services.simulator.fleet.fleet import Hub
from services.simulator.fleet.pairs import Pair, numbered_pairs
from services.simulator.judging.thresholds import DEFAULT as DEFAULT_THRESHOLDS
from services.simulator.judging.thresholds import parse_thresholds
from services.simulator.running import EXIT_WRONG_USE, run
from services.simulator.terminal.event_output import EventOutput
from shared.contract.devices import ID_RULE, is_device_id
from shared.process.checks.urls import WrongUrlError, split_url

app = typer.Typer(
    help="Chargers and widgets of Chargelight as programs: one by hand, or many at once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Parsed = TypeVar("Parsed")


def _device_id(text: str) -> str:
    if not is_device_id(text):
        raise typer.BadParameter(f"{text!r} is no id: {ID_RULE}")
    return text


def _websocket_url(text: str) -> str:
    return _url(text, ("ws", "wss"), "a WebSocket URL such as ws://127.0.0.1:3100")


def _http_url(text: str) -> str:
    return _url(text, ("http", "https"), "an HTTP URL such as http://127.0.0.1:3300")


def _url(text: str, schemes: tuple[str, str], wanted: str) -> str:
    try:
        parts = split_url(text, schemes)
    except WrongUrlError as error:
        raise typer.BadParameter(f"it must be {wanted}: {error}") from None
    if not parts.hostname or "@" in parts.netloc or parts.query:
        raise typer.BadParameter(
            f"it must be {wanted}, with no more in it than a path: an API key goes into {KEY}, a "
            f"device's secret into {SECRET}"
        )
    return text


def _finite(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"{number} is not a number that can be counted to")
    return number


def _parse_option(parse: Callable[[str], Parsed], text: str, name: str) -> Parsed:
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from error


_CHARGERS_HELP = "Where chargers connect."
_WIDGETS_HELP = "Where widgets connect."

ChargerUrl = Annotated[
    str, typer.Option("--url", envvar=CHARGERS_URL, callback=_websocket_url, help=_CHARGERS_HELP)
]
WidgetUrl = Annotated[
    str, typer.Option("--url", envvar=WIDGETS_URL, callback=_websocket_url, help=_WIDGETS_HELP)
]
ChargersUrl = Annotated[
    str, typer.Option(envvar=CHARGERS_URL, callback=_websocket_url, help=_CHARGERS_HELP)
]
WidgetsUrl = Annotated[
    str, typer.Option(envvar=WIDGETS_URL, callback=_websocket_url, help=_WIDGETS_HELP)
]
RegistryUrl = Annotated[
    str,
    typer.Option(
        "--registry",
        envvar=REGISTRY_URL,
        callback=_http_url,
        help="Where the registry is.",
    ),
]
DeviceId = Annotated[str, typer.Argument(metavar="ID", callback=_device_id, help="Its id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Thresholds = Annotated[str, typer.Option(help="The hub's thresholds, by which lights are judged.")]
Settle = Annotated[
    float, typer.Option(min=0, callback=_finite, help="Seconds that a light may stay wrong.")
]
Interval = Annotated[
    float,
    typer.Option(
        min=0.1, callback=_finite, help="Seconds between two lines, where there is no terminal."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Makes phones and jitter repeatable.")]

_CHARGERS_URL = "ws://127.0.0.1:3100"
_WIDGETS_URL = "ws://127.0.0.1:3200"
_REGISTRY_URL = "http://127.0.0.1:3300"


@app.command()
def charger(
    charger_id: DeviceId,
    level: Annotated[
        str | None, typer.Argument(help="State of charge in %; without it, you are asked.")
    ] = None,
    *,
    ramp: Annotated[bool, typer.Option("--ramp", help="Charge by itself, phone by phone.")] = False,
    seconds_per_percent: Annotated[
        float, typer.Option(min=0.001, callback=_finite, help="How fast --ramp charges.")
    ] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="End as soon as the hub has stored LEVEL.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0, callback=_finite, help="Seconds to wait for that.")
    ] = 10.0,
    dialect: Annotated[
        DialectName, typer.Option(help="How it speaks; ocpp…: as a charger that is on sale.")
    ] = DialectName.NATIVE,
    url: ChargerUrl = _CHARGERS_URL,
    json: AsJson = False,
) -> None:
    """Be a charger: send levels by hand, one level, or charge with --ramp."""
    if once and (level is None or ramp):
        raise typer.BadParameter("goes with a LEVEL and without --ramp", param_hint="--once")
    command = ChargerCommand(
        charger_id=charger_id,
        url=url,
        level=None if level is None else _parse_option(parse_level, level, "LEVEL"),
        once=once,
        seconds_per_percent=seconds_per_percent if ramp else None,
        timeout=timeout,
        secret=word_in(os.environ, SECRET),
        dialect=dialect,
        prompt=not json and not ramp and sys.stdin.isatty() and sys.stdout.isatty(),
        output=EventOutput(as_json=json),
    )
    run(command.run)


@app.command()
def widget(widget_id: DeviceId, *, url: WidgetUrl = _WIDGETS_URL, json: AsJson = False) -> None:
    """Be a widget: show its LED, and below it what it showed before."""
    secret = word_in(os.environ, SECRET)
    run(WidgetCommand(widget_id, url, secret, EventOutput(as_json=json)).run)


@app.command()
def fleet(
    *,
    pairs: Annotated[int, typer.Option(min=1, help="How many chargers, and widgets.")] = 200,
    rate: Annotated[
        float,
        typer.Option(min=0.001, callback=_finite, help="Readings per second of each charger."),
    ] = 1.0,
    duration: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            callback=_finite,
            help="Seconds to run; then exit 1 unless every light is right.",
        ),
    ] = None,
    prefix: Annotated[str, typer.Option(callback=_device_id, help="Start of the ids.")] = "demo",
    connecting_rate: Annotated[
        float,
        typer.Option(min=0.1, callback=_finite, help="Pairs that start connecting per second."),
    ] = 100.0,
    settle: Settle = 5.0,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    interval: Interval = 5.0,
    seed: Seed = None,
    chargers_url: ChargersUrl = _CHARGERS_URL,
    widgets_url: WidgetsUrl = _WIDGETS_URL,
    registry: RegistryUrl = _REGISTRY_URL,
    json: AsJson = False,
) -> None:
    """Be many pairs: load the hub and judge every light.

    Latency is measured where the light changes: from the first reading that calls
    for another colour to the widget showing it (messages carry no number, and
    readings may be conflated, so no other match is certain).

    A light is wrong when the widget, connected, shows for longer than --settle
    something that its charger's last acknowledged reading does not call for.
    """
    command = FleetCommand(
        pairs=pairs,
        prefix=prefix,
        rate=rate,
        registry_url=registry,
        key=word_in(os.environ, KEY),
        hub=_hub(chargers_url, widgets_url, thresholds, settle),
        connecting_rate=connecting_rate,
        duration=duration,
        interval=interval,
        output=EventOutput(as_json=json),
        rng=random.Random(seed),
    )
    run(command.run)


@app.command()
def demo(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PAIR]...", help="CHARGER:WIDGET, to be shown.")
    ] = None,
    *,
    pairs: Annotated[int, typer.Option(min=1, help="How many, where none are named.")] = 8,
    prefix: Annotated[str, typer.Option(callback=_device_id, help="Start of the ids.")] = "booth",
    speed: Annotated[
        float,
        typer.Option(min=0.01, callback=_finite, help="Charge this many times faster than usual."),
    ] = 1.0,
    settle: Settle = 5.0,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    interval: Interval = 5.0,
    chargers_url: ChargersUrl = _CHARGERS_URL,
    widgets_url: WidgetsUrl = _WIDGETS_URL,
    registry: RegistryUrl = _REGISTRY_URL,
    json: AsJson = False,
) -> None:
    """Show a few pairs at work: phones that charge, LEDs that change colour."""
    command = DemoCommand(
        pairs=_pairs(names) if names else numbered_pairs(prefix, pairs, digits=2),
        registry_url=registry,
        key=word_in(os.environ, KEY),
        hub=_hub(chargers_url, widgets_url, thresholds, settle),
        speed=speed,
        interval=interval,
        output=EventOutput(as_json=json),
        rng=random.Random(),
    )
    run(command.run)


@app.command()
def register(
    names: Annotated[
        list[str], typer.Argument(metavar="PAIR...", help="CHARGER:WIDGET, e.g. c1234:wABCD.")
    ],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="End pairings with other devices.")
    ] = False,
    registry: RegistryUrl = _REGISTRY_URL,
    json: AsJson = False,
) -> None:
    """Register and pair devices; waits for the registry, and may be repeated."""
    pairs = _pairs(names)
    key, secret = word_in(os.environ, KEY), word_in(os.environ, SECRET)
    run(
        lambda stop: register_pairs(
            pairs,
            registry,
            key=key,
            secret=secret,
            replace=replace,
            output=EventOutput(as_json=json),
            rng=random.Random(),
            stop=stop,
        )
    )


def _pairs(names: list[str]) -> list[Pair]:
    return [_parse_option(Pair.parse, name, "PAIR") for name in names]


def _hub(chargers_url: str, widgets_url: str, thresholds: str, settle: float) -> Hub:
    parsed = _parse_option(parse_thresholds, thresholds, "--thresholds")
    return Hub(chargers_url, widgets_url, parsed, settle, word_in(os.environ, SECRET))


def main() -> None:
    """Run a command."""
    try:
        check_names(os.environ)
        app(prog_name="chargelight-simulator")
    except WrongEnvironmentError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_WRONG_USE)
