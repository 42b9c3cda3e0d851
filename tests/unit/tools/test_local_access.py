"""A local hub that requires keys and secrets gets them, and so does the next terminal."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from tools.local.access import ADMIN_KEY, CREDENTIAL_KEY, complete_access, first_keys
from tools.local.errors import LocalHubError
from tools.local.terminal import write_settings

CLOSED = {
    "CHARGELIGHT_DEVICE_AUTH": "required",
    "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
}


def test_an_open_hub_needs_nothing() -> None:
    assert complete_access({"CHARGELIGHT_DEVICE_AUTH": "off"}, keeps_data=False) == {}


def test_a_closed_hub_gets_what_the_services_and_their_clients_need() -> None:
    made = complete_access(CLOSED, keeps_data=False)
    clients = ("CHARGELIGHT_CANARY_SECRET", "CHARGELIGHT_SIMULATOR_SECRET")
    assert made.keys() == {CREDENTIAL_KEY, ADMIN_KEY, *clients}
    assert len(set(made.values())) == len(made)
    assert made != complete_access(CLOSED, keeps_data=False)


def test_what_is_given_stays() -> None:
    given = CLOSED | {ADMIN_KEY: "a" * 32, "CHARGELIGHT_SIMULATOR_SECRET": "s" * 32}
    made = complete_access(given, keeps_data=False)
    assert not {ADMIN_KEY, "CHARGELIGHT_SIMULATOR_SECRET"} & made.keys()


def test_what_is_given_in_a_file_is_not_made_up() -> None:
    assert ADMIN_KEY not in complete_access(CLOSED | {f"{ADMIN_KEY}_FILE": "k"}, keeps_data=False)


class FakeRegistry(BaseHTTPRequestHandler):
    """Refuses for a while, then makes a key; or says that an admin has one."""

    answers: ClassVar[list[tuple[int, dict[str, str]]]] = []
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.headers["Authorization"], json.loads(body)["role"]))
        status, answer = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), FakeRegistry) as server:
        FakeRegistry.asked.clear()
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


GUARDED = CLOSED | {ADMIN_KEY: "a" * 32}


def test_the_bootstrap_key_makes_the_key_of_our_programs(registry_url: str) -> None:
    FakeRegistry.answers[:] = [(503, {}), (201, {"key": "clk_made"})]
    made = first_keys(GUARDED | {"CHARGELIGHT_CANARY_KEY_FILE": "key"}, registry_url)
    assert made == {"CHARGELIGHT_SIMULATOR_KEY": "clk_made", "CHARGELIGHT_CLI_KEY": "clk_made"}
    assert FakeRegistry.asked == [(f"Bearer {'a' * 32}", "admin")] * 2


def test_the_canary_gets_a_key_of_its_own_that_does_no_more_than_it_needs(
    registry_url: str,
) -> None:
    FakeRegistry.answers[:] = [(201, {"key": "clk_made"}), (201, {"key": "clk_canarys"})]
    # Compose's settings may be there, and empty.
    made = first_keys(GUARDED | {"CHARGELIGHT_CANARY_KEY": ""}, registry_url)
    assert made["CHARGELIGHT_CANARY_KEY"] == "clk_canarys"
    assert made["CHARGELIGHT_CLI_KEY"] == "clk_made"
    assert FakeRegistry.asked[1] == ("Bearer clk_made", "operator")


def test_where_an_admin_has_a_key_it_must_be_given(registry_url: str) -> None:
    FakeRegistry.answers[:] = [(403, {"detail": "ada has one."})]
    with pytest.raises(LocalHubError, match=r"ada has one\. \(Or give one: CHARGELIGHT_"):
        first_keys(GUARDED, registry_url)
    keys = {"CHARGELIGHT_SIMULATOR_KEY": "clk_1", "CHARGELIGHT_CLI_KEY_FILE": "key"}
    assert first_keys(GUARDED | keys, registry_url) == {}


def test_the_key_of_data_that_is_kept_is_not_made_up() -> None:
    assert CREDENTIAL_KEY not in complete_access(CLOSED, keeps_data=True)


def test_a_terminal_reads_the_settings_from_a_file_that_only_its_owner_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a folder" / "hub.env"
    command = write_settings(file, {"KEY": "it's $HOME"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert command == ". './a folder/hub.env'"
    shell = ["sh", "-c", f"{command} && printenv KEY"]
    assert subprocess.check_output(shell, text=True, env={"PATH": os.defpath}) == "it's $HOME\n"


def test_without_settings_an_earlier_file_goes(tmp_path: Path) -> None:
    write_settings(tmp_path / "hub.env", {"KEY": "old"})
    assert write_settings(tmp_path / "hub.env", {}) == ""
    assert not (tmp_path / "hub.env").exists()
