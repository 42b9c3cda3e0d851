"""Registering and pairing devices, for example to seed a fresh hub."""

import asyncio
import random
from collections.abc import Sequence

from services.simulator.fleet.pairs import Pair
from services.simulator.fleet.registration import Registered, Registration, RegistrationError
from services.simulator.running import EXIT_DONE, EXIT_NOT_RIGHT
from services.simulator.terminal.event_output import EventOutput
from shared.process.waiting import unless_stopped


async def register(
    pairs: Sequence[Pair],
    registry_url: str,
    *,
    key: str,
    secret: str,
    replace: bool,
    output: EventOutput,
    rng: random.Random,
    stop: asyncio.Event,
    each: bool = True,
) -> int:
    """Register and pair all of them, waiting for the registry until ``stop`` is set.

    The registry gets the API ``key``, and each device the ``secret``, unless they are empty. With
    ``replace``, what chargers and widgets are part of now ends. With ``each``, every pair is
    told, not only those that are not in effect.

    Returns:
        The exit code.
    """
    last_trouble = ""

    def waiting(trouble: str) -> None:
        nonlocal last_trouble
        if trouble != last_trouble:  # told once, not with every attempt
            output.write("waiting", trouble, "yellow")
        last_trouble = trouble

    def done(found: Registered) -> None:
        pair = found.pair
        words = f"charger {pair.charger} is paired with widget {pair.widget}"
        words += "" if found.new else " (both were registered before)"
        if not found.in_effect:
            words += "; not in effect yet: the hub applies it as soon as it can"
        if each or not found.in_effect:
            output.write(
                "registered",
                words,
                "green" if found.in_effect else "yellow",
                charger=pair.charger,
                widget=pair.widget,
                new=found.new,
                in_effect=found.in_effect,
            )

    async with Registration(
        registry_url, key=key, secret=secret, rng=rng, waiting=waiting, replace=replace
    ) as client:
        try:
            await unless_stopped(stop, client.register_all(pairs, done))
        except RegistrationError as error:
            output.write("refused", str(error), "red")
            return EXIT_NOT_RIGHT
    return EXIT_DONE
