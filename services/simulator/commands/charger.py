"""One charger, by hand or charging by itself."""

import asyncio
import random
import sys
from dataclasses import dataclass, field
from typing import Final

from services.simulator.devices.charger import (
    Acknowledged,
    Charger,
    ChargerEvent,
    Complaint,
    Sent,
)
from services.simulator.devices.dialects import DialectName
from services.simulator.devices.disconnect_reason import Closed, DisconnectReason, explain
from services.simulator.devices.levels import WrongLevelError, format_level, parse_level
from services.simulator.devices.phone import Phone, empty_phone
from services.simulator.devices.reconnect import Connected, Disconnected, Pace
from services.simulator.running import EXIT_DONE, EXIT_NOT_RIGHT
from services.simulator.terminal import keyboard
from services.simulator.terminal.event_output import EventOutput
from shared.contract.device_protocol import CloseCode
from shared.process.waiting import unless_stopped

_PROMPT: Final = "State of charge in %: "
_RAMP_STEP: Final = 1.0
_RAMP_REST_STEPS: Final = 5


@dataclass(kw_only=True)
class ChargerCommand:
    """Runs one charger and tells what happens to it.

    Attributes:
        secret: What it presents; empty: nothing.
        level: The level to send, in percent; none to ask for levels.
        once: End as soon as the level is acknowledged.
        seconds_per_percent: Charge by itself at this speed; none not to.
        dialect: How it speaks.
        timeout: How long to wait for a receipt, in seconds.
        prompt: There is a person to show a prompt to.
    """

    charger_id: str
    url: str
    secret: str = field(repr=False)
    dialect: DialectName = DialectName.NATIVE
    level: float | None
    once: bool
    seconds_per_percent: float | None
    timeout: float
    prompt: bool
    output: EventOutput

    def __post_init__(self) -> None:
        """Make the charger."""
        self._prompt = _PROMPT if self.prompt and self.level is None else ""
        self._charger = Charger(
            self.charger_id,
            self.url,
            pace=Pace(random.Random()),
            secret=self.secret,
            dialect=self.dialect,
            notify=self._notify,
        )
        self._stop = asyncio.Event()
        self._superseded = False
        self._trouble: DisconnectReason | None = None

    async def run(self, stop: asyncio.Event) -> int:
        """Do it until done or ``stop`` is set; return the exit code."""
        self._stop = stop
        async with asyncio.TaskGroup() as tasks:
            device = tasks.create_task(self._charger.run(), name=self.charger_id)
            try:
                code = await unless_stopped(stop, self._work())
            finally:
                device.cancel()
        if self._superseded or (self.once and code is None):
            return EXIT_NOT_RIGHT
        return EXIT_DONE if code is None else code

    async def _work(self) -> int:
        if self.seconds_per_percent is not None:
            return await self._ramp(self.level or 0.0, self.seconds_per_percent)
        if self.level is None:
            return await self._ask()
        await self._charger.report(self.level)
        code = await self._receipt()
        if not self.once:
            # A late receipt is told when it comes; the connection stays meanwhile.
            await asyncio.Event().wait()
        return code

    async def _ask(self) -> int:
        if self._prompt:
            self.output.write("asking", "Type a level and press Enter; Ctrl-D ends.", "dim")
            self._show_prompt()
        async for line in keyboard.lines():
            try:
                level = parse_level(line) if line.strip() else None
            except WrongLevelError as error:
                self._write("wrong input", str(error), "red", input=line)
                continue
            if level is None:
                self._show_prompt()
                continue
            await self._charger.report(level)
            # A person sees the receipt come; from a file each level gets its own
            # before the next, or only the last one might ever be sent.
            if not self.prompt and await self._receipt() != EXIT_DONE:
                return EXIT_NOT_RIGHT
        if self._prompt:
            sys.stdout.write("\n")
            self._prompt = ""
        return await self._receipt()

    async def _ramp(self, level: float, seconds_per_percent: float) -> int:
        phone = Phone(level, _RAMP_STEP, _RAMP_REST_STEPS, empty_phone)
        while True:
            await self._charger.report(phone.level)
            await asyncio.sleep(seconds_per_percent)
            phone.charge()

    async def _receipt(self) -> int:
        try:
            async with asyncio.timeout(self.timeout):
                await self._charger.all_acknowledged()
        except TimeoutError:
            if self._trouble is not None:
                why = explain(self._trouble, self._charger.device)
            elif self._charger.connected:
                why = "connected, but the hub did not confirm that it stored the reading"
            else:
                why = f"no connection to {self._charger.device.url} yet"
            self._write(
                "not acknowledged", f"not acknowledged within {self.timeout:g} s: {why}", "red"
            )
            return EXIT_NOT_RIGHT
        return EXIT_DONE

    def _notify(self, event: ChargerEvent) -> None:
        match event:
            case Connected():
                self._trouble = None
                self._write("connected", f"connected to {self._charger.device.url}", "green")
            case Disconnected(reason):
                self._on_disconnected(reason)
            case Sent(_, level):
                self._write("sent", f"{format_level(level)} sent", level=level)
            case Acknowledged(_, level):
                words = f"{format_level(level)} acknowledged: the hub has stored it"
                self._write("acknowledged", words, "green", level=level)
            case Complaint(code, message):
                self._write("error", f"the hub says: {code} {message}", "red", code=code)

    def _on_disconnected(self, reason: DisconnectReason) -> None:
        # A hub that stays away is told once, not with every attempt.
        known, self._trouble = self._trouble, reason
        if reason == known:
            return
        words = explain(reason, self._charger.device)
        code = reason.code if isinstance(reason, Closed) else None
        if code == CloseCode.SUPERSEDED:
            # Connecting again would take the place of the other one, which would
            # take it back, and so on: a person at this end has to decide.
            self._superseded = True
            self._write("superseded", f"{words}. This one ends here", "red", code=code)
            self._stop.set()
        else:
            self._write("disconnected", f"{words}. Trying again", "yellow", code=code)

    def _write(self, what: str, words: str, style: str = "", **facts: object) -> None:
        if self._prompt:
            sys.stdout.write("\r\x1b[K")  # over the prompt, which is shown again below
        self.output.write(what, words, style, charger=self.charger_id, **facts)
        self._show_prompt()

    def _show_prompt(self) -> None:
        if self._prompt:
            sys.stdout.write(self._prompt)
            sys.stdout.flush()
