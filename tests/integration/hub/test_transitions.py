"""What routers say of lights that become other ones, for rentals."""

from typing import Any

from tests.integration.hub.booth import Booth, Stored, reading, receipt


async def _transitions(stored: Stored) -> list[dict[bytes, bytes]]:
    key = stored.names.of_widget("wABCD").transitions
    entries: list[Any] = await stored.client.xrange(key)
    return [fields for _, fields in entries]


def _said(status: str, pairing: int) -> dict[bytes, bytes]:
    return {
        b"charger": b"c1234",
        b"widget": b"wABCD",
        b"pairing": str(pairing).encode(),
        b"status": status.encode(),
    }


async def test_each_light_that_became_another_one_is_said_once(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger:
        for level, status in ((20, "charging"), (79, "charging"), (80, "charging80")):
            await charger.send(reading(level))
            await receipt(charger)

            async def is_lit(status: str = status) -> bool:
                settled = not await stored.pending("c1234")
                return settled and await stored.status("wABCD") == status

            await stored.until(is_lit)
        assert await _transitions(stored) == [_said("charging", 7), _said("charging80", 7)]


async def test_a_new_pairing_begins_with_a_transition_whatever_was_lit_before(
    booth: Booth, stored: Stored
) -> None:
    await booth.report("c1234", 100)

    async def is_lit() -> bool:
        return await stored.status("wABCD") == "charged"

    await stored.until(is_lit)
    await stored.pair("c1234", "wABCD", 8)
    await booth.report("c1234", 100)
    await stored.until(is_lit)
    assert await _transitions(stored) == [_said("charged", 7), _said("charged", 8)]


async def test_no_light_rests_on_the_stream(booth: Booth, stored: Stored) -> None:
    await stored.client.set(stored.names.of_widget("wABCD").transitions, "mine")
    async with booth.widget("wABCD") as widget:
        await booth.report("c1234", 100)
        assert "charged" in await widget.recv()
