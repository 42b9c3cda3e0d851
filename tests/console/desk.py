"""What attendants do at the desk, in a page."""

import re
import uuid
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import Locator

from tests.console.booth import Booth
from tests.console.chromium import SOON_MS, Visit

DONE: Final = ".panel.is-done"


@dataclass
class Pair:
    """A charger and a widget of a test's own, which are no pair, in no booth."""

    booth: Booth
    name: str

    @property
    def charger(self) -> str:
        return f"c-{self.name}"

    @property
    def widget(self) -> str:
        return f"w-{self.name}"

    async def register(self, **more: str) -> "Pair":
        await self.booth.send(
            "PUT", f"/chargers/{self.charger}", {"label": f"Desk {self.name}"} | more
        )
        await self.booth.send("PUT", f"/widgets/{self.widget}", more)
        return self

    async def rentals(self) -> list[dict[str, Any]]:
        """Return all rentals of the charger, the newest first."""
        found: list[dict[str, Any]] = (
            await self.booth.send("GET", f"/rentals?charger={self.charger}")
        )["items"]
        return found

    async def hand_over(self, ticket: str) -> dict[str, Any]:
        body = {"charger": self.charger, "widget": self.widget, "ticket": ticket}
        return await self.booth.send("PUT", f"/rentals/{uuid.uuid4()}", body)


async def scan(visited: Visit, text: str) -> None:
    """Type as a hand scanner does, wherever the focus is."""
    await visited.page.locator("#scan").wait_for()
    await visited.page.keyboard.type(text)
    await visited.page.keyboard.press("Enter")


def part(visited: Visit, text: str) -> Locator:
    """The charger or the widget of the draft, once it is there."""
    return visited.page.locator(".draft .is-there", has_text=text)


def button(visited: Visit, name: str) -> Locator:
    return visited.page.get_by_role("button", name=re.compile(f"^{re.escape(name)}$"))


async def scan_both(visited: Visit, pair: Pair) -> None:
    await scan(visited, pair.charger)
    await part(visited, f"Desk {pair.name}").wait_for(timeout=SOON_MS)
    await scan(visited, pair.widget)
    await part(visited, pair.widget).wait_for(timeout=SOON_MS)
