"""The command line in an operator's hands."""

import asyncio
import csv
import json
import os
import pty
import signal
import zipfile
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.hub import Hub
from tests.integration.cli.conftest import (
    BOOTSTRAP_KEY,
    CREDENTIAL_KEY,
    Chargelight,
    Ran,
    chargelight_at,
    ended,
    start,
)
from tools.servers.ports import free_port

BOOTH = "kind,id,label,location,widget\n" + "".join(
    f"charger,c{number},Büdchen {number} 左,Main stage,w{number}\nwidget,w{number},,,\n"
    for number in (1, 2, 3)
)


def done(ran: Ran) -> str:
    assert (ran.code, ran.errors) == (0, ""), ran
    return ran.output


def items(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done(ran).splitlines()]


async def test_an_operators_day(guarded: Hub, tmp_path: Path) -> None:
    admin_key = await guarded.admin_key(BOOTSTRAP_KEY)
    admin = chargelight_at(guarded.registry_url, CHARGELIGHT_CLI_KEY=admin_key)
    key_file = tmp_path / "key"
    key_file.write_text(done(await admin("keys", "create", "anna", "operator")))
    anna = chargelight_at(guarded.registry_url, CHARGELIGHT_CLI_KEY_FILE=str(key_file))
    told = done(await anna("whoami")).split()
    assert told[:4] == ["name", "anna", "role", "operator"]
    assert (await anna("keys", "list")).errors.startswith("refused: this needs the role admin")

    await the_booth_is_set_up(anna, tmp_path)
    secrets = await a_pair_joins_by_hand(anna)
    await a_visitor_comes_and_goes(anna)
    states = items(await anna("state", "--offline", "--json"))
    assert [each["id"] for each in states] == ["c1", "c2", "c3", "c4"]
    assert "c2" in done(await anna("explain", "c2"))
    evening = tmp_path / "evening.csv"
    assert done(await anna("export", str(evening))) == ""
    done(await anna("chargers", "unregister", "c4"))
    await all_of_it_is_on_record(anna, secrets)
    await the_visitor_is_forgotten(anna, admin)

    (key,) = [
        each for each in items(await admin("keys", "list", "--json")) if each["name"] == "anna"
    ]
    done(await admin("keys", "revoke", key["id"]))
    gone = await anna("whoami")
    assert gone.code == 1
    assert "it was revoked" in gone.errors
    await tomorrow_all_is_there_again(admin, tmp_path)


async def the_booth_is_set_up(anna: Chargelight, folder: Path) -> None:
    booth = folder / "booth.csv"
    booth.write_text(BOOTH)
    would = json.loads(done(await anna("import", str(booth), "--dry-run", "--json")))
    assert (would["created"], would["paired"]) == (6, 3)
    assert items(await anna("chargers", "list", "--json")) == []
    assert json.loads(done(await anna("import", str(booth), "--json")))["projected"] is True
    listed = done(await anna("chargers", "list", "--search", "büdchen 2"))
    assert "Büdchen 2 左" in listed
    assert "w2" in listed
    assert "c1" not in listed


async def a_pair_joins_by_hand(anna: Chargelight) -> list[str]:
    """Its widget is taken from another charger. Returns the two secrets."""
    done(await anna("chargers", "register", "c4", "--label", "Büdchen 4"))
    refused = await anna("pairings", "pair", "c4", "w3")
    assert refused.code == 1
    assert "w3 is paired with the charger c3" in refused.errors
    done(await anna("pairings", "pair", "c4", "w3", "--replace"))
    assert "c4" in done(await anna("widgets", "pairing", "w3"))
    unpaired = items(await anna("chargers", "list", "--unpaired", "--json"))
    assert [each["id"] for each in unpaired] == ["c3"]
    made = done(await anna("chargers", "secret", "generate", "c4")).strip()
    own = "a-secret-of-the-device"
    done(await anna("widgets", "secret", "set", "w3", given=f"{own}\n".encode()))
    assert "yes" in done(await anna("widgets", "secret", "show", "w3"))
    return [made, own]


async def a_visitor_comes_and_goes(anna: Chargelight) -> None:
    """With the phone, but without giving the widget back; that comes later."""
    done(await anna("rentals", "open", "c1", "--ticket", "0815"))
    assert "0815" in done(await anna("rentals", "list", "--state", "open"))
    collected = await anna("rentals", "collect", "--ticket", "0815", "--widget-kept")
    assert collected.code == 0
    assert "chargelight pairings pair c1 w1" in collected.errors, "they were imported as a pair"
    missing = items(await anna("rentals", "list", "--widget-missing", "--json"))
    assert [each["charger"] for each in missing] == ["c1"]
    done(await anna("rentals", "return-widget", missing[0]["short_id"]))
    assert done(await anna("rentals", "list", "--widget-missing")) == "none\n"


async def all_of_it_is_on_record(anna: Chargelight, secrets: list[str]) -> None:
    """All but secrets."""
    record = await anna("audit", "--who", "anna", "--most", "1000", "--json")
    changes = {(each["action"], each["subject"]) for each in items(record)}
    assert changes >= {("created", "c4"), ("removed", "c4")}
    (imported,) = [subject for action, subject in changes if action == "imported"]
    parts = items(await anna("audit", "--import", imported, "--json"))
    assert ("created", "w1") in {(each["action"], each["subject"]) for each in parts}
    assert [secret for secret in secrets if secret in record.output] == []


async def the_visitor_is_forgotten(anna: Chargelight, admin: Chargelight) -> None:
    assert (await anna("erase", "0815")).errors.startswith("refused: this needs the role admin")
    would = json.loads(done(await admin("erase", "0815", "--dry-run", "--json")))
    assert would["rentals"] == 1
    assert "0815" in done(await anna("rentals", "list"))
    done(await admin("erase", "0815"))
    assert "0815" not in done(await anna("rentals", "list"))
    assert "0815" not in done(await anna("audit", "--kind", "rental"))
    assert "rentals before" in done(await admin("prune", "--dry-run"))


async def tomorrow_all_is_there_again(admin: Chargelight, folder: Path) -> None:
    evening = folder / "evening.csv"
    rows = {
        (row["kind"], row["id"]): row
        for row in csv.DictReader(evening.read_text("utf-8").splitlines())
    }
    assert rows["charger", "c4"]["widget"] == "w3"
    assert rows["charger", "c2"]["label"] == "Büdchen 2 左"
    again = json.loads(done(await admin("import", str(evening), "--json")))
    assert (again["rows"], again["created"], again["paired"]) == (7, 1, 1)


async def test_a_support_bundle_has_no_secret_and_no_ticket_in_it(
    guarded: Hub, tmp_path: Path
) -> None:
    admin_key = await guarded.admin_key(BOOTSTRAP_KEY)
    admin = chargelight_at(guarded.registry_url, CHARGELIGHT_CLI_KEY=admin_key)
    key = done(await admin("keys", "create", "anna", "operator")).strip()
    done(await admin("import", "-", given=BOOTH.encode()))
    own = "a-secret-of-the-device"
    made = done(await admin("chargers", "secret", "generate", "c1")).strip()
    done(await admin("widgets", "secret", "set", "w1", given=f"{own}\n".encode()))
    done(await admin("rentals", "open", "c1", "--ticket", "ticket-of-mrs-smith"))
    # As a proxy or another program may have written them down.
    log = tmp_path / "proxy.log"
    log.write_text(
        f"Authorization: Bearer {key}\nCHARGELIGHT_CREDENTIAL_KEY={CREDENTIAL_KEY}\n"
        f'it has {admin_key}\n{{"secret": "{own}"}}\n{{"ticket": "ticket-of-mrs-smith"}}\n'
    )
    bundle = tmp_path / "bundle.zip"
    done(await admin("support-bundle", str(bundle), "--device", "w1", "--logs", str(log)))
    with zipfile.ZipFile(bundle) as file:
        texts = {name: file.read(name).decode() for name in file.namelist()}
    registry = json.loads(texts["registry.json"])
    assert (registry["counts"]["chargers"], registry["counts"]["open_rentals"]) == (3, 1)
    assert registry["settings"]["operator_auth"] == "required"
    assert registry["versions"]["postgres"][0].isdigit()
    assert "rental opened" in texts["log/registry.log"]
    assert "widget w1" in texts["explain/w1.txt"]
    assert texts["log/1-proxy.log"].count("(hidden)") == 5
    whole = "\n".join(texts.values())
    secrets = (
        *(BOOTSTRAP_KEY, CREDENTIAL_KEY, admin_key),
        *(key, key.split("_", 2)[2], own, made, "mrs-smith"),
    )
    assert [each for each in secrets if each in whole] == []


async def test_without_a_key_or_with_a_wrong_one_all_is_refused(guarded: Hub) -> None:
    nobody = await chargelight_at(guarded.registry_url)("chargers", "list")
    assert (nobody.code, nobody.output) == (1, "")
    assert "--key-file" in nobody.errors
    wrong = chargelight_at(guarded.registry_url, CHARGELIGHT_CLI_KEY="clk_0123456789ab_x")
    # A file of some megabytes is refused before all of it was read.
    for command in (["whoami"], ["import", "-"]):
        ran = await wrong(*command, given=b"kind,id\n" + b"charger,c1\n" * 500_000)
        assert (ran.code, ran.output) == (1, "")
        assert "not known here" in ran.errors


async def test_mistakes_in_a_file_are_all_told_and_nothing_is_imported(registry: Hub) -> None:
    chargelight = chargelight_at(registry.registry_url)
    bad = b"kind,id,widget\ncharger,c/1,\nphone,c2,\ncharger,c3,w9\n"
    ran = await chargelight("import", "-", given=bad)
    assert (ran.code, ran.output) == (1, "")
    assert [line.split(":")[0] for line in ran.errors.splitlines()[1:]] == [
        "  line 2, id",
        "  line 3, kind",
        "  line 4, widget",
    ]
    assert done(await chargelight("chargers", "list")) == "none\n"


async def test_ids_of_dots_name_devices_and_no_folders(registry: Hub) -> None:
    chargelight = chargelight_at(registry.registry_url)
    for device_id in (".", ".."):
        done(await chargelight("chargers", "register", device_id))
        shown = json.loads(done(await chargelight("chargers", "show", device_id, "--json")))
        assert shown["id"] == device_id
        done(await chargelight("chargers", "state", device_id))
        done(await chargelight("chargers", "unregister", device_id))
    assert done(await chargelight("chargers", "list")) == "none\n"


async def test_a_terminal_that_lacks_letters_gets_their_numbers(registry: Hub) -> None:
    chargelight = chargelight_at(registry.registry_url, PYTHONIOENCODING="latin-1")
    done(await chargelight("chargers", "register", "c1", "--label", "Budchen 左"))
    assert r"Budchen \u5de6" in done(await chargelight("chargers", "list"))
    assert items(await chargelight("chargers", "list", "--json"))[0]["label"] == "Budchen 左"


@pytest.mark.parametrize(
    "command", [["chargers", "list"], ["chargers", "list", "--json"], ["export"]]
)
async def test_a_reader_who_has_seen_enough_ends_it_silently(
    registry: Hub, command: list[str]
) -> None:
    many = "kind,id,label\n" + "".join(f"charger,c{n},{'x' * 100}\n" for n in range(3000))
    done(await chargelight_at(registry.registry_url)("import", "-", given=many.encode()))
    process = await start(*command, url=registry.registry_url)
    assert process.stdout is not None
    assert process.stderr is not None
    assert await process.stdout.readline()
    transport = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    transport.close()  # as `head -1` does
    async with asyncio.timeout(30):
        assert await process.stderr.read() == b""
        assert await process.wait() == 0


async def test_a_registry_that_is_away_is_told_with_what_to_do() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ran = await chargelight_at(url)("chargers", "list")
    assert (ran.code, ran.output) == (3, "")
    assert ran.errors.startswith(f"no registry answers at {url} (")
    assert "CHARGELIGHT_CLI_URL" in ran.errors


async def test_ctrl_c_ends_a_command_that_waits() -> None:
    asked = asyncio.Event()
    hang_up = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await hang_up.wait()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        # A shell's background job ignores it, and so would what it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        process = await start("chargers", "list", url=f"http://127.0.0.1:{port}")
        async with asyncio.timeout(30):
            await asked.wait()
        process.send_signal(signal.SIGINT)
        ran = await ended(process)
        hang_up.set()
    assert (ran.code, ran.output, ran.errors.strip()) == (130, "", "")


@pytest.mark.parametrize(
    ("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
async def test_a_terminal_that_watches_is_put_back_however_it_ends(
    registry: Hub, ending: signal.Signals, code: int
) -> None:
    chargelight = chargelight_at(registry.registry_url)
    done(await chargelight("chargers", "register", "c1"))
    ours, theirs = pty.openpty()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = await start(
        *("state", "--watch"),
        url=registry.registry_url,
        settings={"TERM": "xterm", "LINES": "24"},
        stdin=theirs,
        stdout=theirs,
    )
    os.close(theirs)
    reader, screen = asyncio.StreamReader(), os.fdopen(ours, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), screen
    )
    async with asyncio.timeout(30):
        await reader.readuntil(b"\x1b[?1049h")
        await reader.readuntil(b"\r\nc1 ")
        done(await chargelight("chargers", "register", "c2"))
        await reader.readuntil(b"\r\nc2 ")
        process.send_signal(ending)
        await reader.readuntil(b"\x1b[?25h\x1b[?1049l")
        assert await process.wait() == code
    transport.close()


async def test_a_secret_is_asked_for_twice_and_not_shown(guarded: Hub) -> None:
    admin_key = await guarded.admin_key(BOOTSTRAP_KEY)
    admin = chargelight_at(guarded.registry_url, CHARGELIGHT_CLI_KEY=admin_key)
    done(await admin("chargers", "register", "c1"))
    ours, theirs = pty.openpty()
    process = await start(
        *("chargers", "secret", "set", "c1"),
        url=guarded.registry_url,
        settings={"CHARGELIGHT_CLI_KEY": admin_key},
        stdin=theirs,
        stderr=PIPE,
        start_new_session=True,  # this terminal and no other is there to ask
    )
    assert process.stderr is not None
    async with asyncio.timeout(30):
        for prompt in (b"Secret: ", b"Repeat for confirmation: "):
            await process.stderr.readuntil(prompt)
            os.write(ours, b"a-secret-of-the-device\n")
    ran = await ended(process)
    assert ran.code == 0
    os.set_blocking(ours, False)
    try:
        echoed = os.read(ours, 10_000)
    except BlockingIOError:
        echoed = b""
    os.close(theirs)
    os.close(ours)
    assert b"a-secret" not in echoed
    assert "a-secret" not in ran.output + ran.errors
    assert "yes" in done(await admin("chargers", "secret", "show", "c1"))
