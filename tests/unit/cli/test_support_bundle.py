"""``chargelight support-bundle``: all that helps, and nothing that is secret."""

import io
import json
import os
import zipfile
from pathlib import Path

import httpx
import pytest

from services.cli.bundle import without_secrets
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry, problem

OFFLINE = {"id": "c2", "online": False, "pending_since": None, "last_rejection": None}
FINE = {**OFFLINE, "id": "c1", "online": True}


def answer(request: httpx.Request) -> httpx.Response:
    """Answer as a registry with two chargers, one of them offline."""
    path = request.url.path
    said: dict[str, object]
    if path == "/support":
        said = {"versions": {"chargelight": "0.1.0"}, "log": ["one line", "another"]}
    elif path == "/state":
        said = {"items": [FINE, OFFLINE], "next": None}
    else:
        said = {"title": path, "findings": [], "verdict": "It is so.", "remedy": None}
    return httpx.Response(200, json=said)


def files_in(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def test_it_has_what_helps_and_only_its_owner_can_read_it(
    run: Run, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.answers(answer)
    bundle, log = tmp_path / "bundle.zip", tmp_path / "gateway.log"
    log.write_text("redis is lost")
    ran = run("support-bundle", str(bundle), "--logs", str(log), "--device", "w9")
    assert (ran.code, ran.errors) == (0, "")
    assert bundle.stat().st_mode & 0o777 == 0o600
    files = files_in(bundle.read_bytes())
    assert json.loads(files["registry.json"]) == {"versions": {"chargelight": "0.1.0"}}
    assert files["log/registry.log"] == "one line\nanother"
    assert files["log/1-gateway.log"] == "redis is lost"
    assert [json.loads(line)["id"] for line in files["state.jsonl"].splitlines()] == ["c1", "c2"]
    explained = {name for name in files if name.startswith("explain/")}
    assert explained == {"explain/w9.txt", "explain/c2.txt"}, "what ails, and what was named"
    assert {"README.txt", "about.json", "missing.txt"} < files.keys()

    again = run("support-bundle", str(bundle))
    assert again.code == 2
    assert again.explains("cannot be written: File exists")


def test_logs_with_one_name_are_all_in_it_but_no_half_line_of_a_long_one(
    run: Run, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.answers(answer)
    short, long = tmp_path / "registry.log", tmp_path / "old" / "registry.log"
    long.parent.mkdir()
    short.write_text("redis is lost")
    # What is read last begins in the middle of the second line: ret": "HUSH"}
    lines = ("." * 65_530, '{"secret": "HUSH"}', "." * (4 * 1024 * 1024 - 99), "the end")
    long.write_text("\n".join(lines))
    run("support-bundle", str(tmp_path / "b.zip"), "--logs", str(short), "--logs", str(long))
    files = files_in((tmp_path / "b.zip").read_bytes())
    assert files["log/1-registry.log"] == "redis is lost"
    assert files["log/2-registry.log"] == "\n".join(lines[2:])
    assert files["log/registry.log"] == "one line\nanother"


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("refused"), problem(403, "the role admin, not clk_ab_HUSH")]
)
def test_it_is_made_although_the_registry_does_not_answer(
    run: Run, registry: FakeRegistry, tmp_path: Path, failure: httpx.Response
) -> None:
    registry.answers(failure)
    ran = run("support-bundle", str(tmp_path / "bundle.zip"), "--json")
    assert ran.code == 0
    said = json.loads(ran.output)
    assert any(each.startswith("registry.json: ") for each in said["missing"])
    files = files_in((tmp_path / "bundle.zip").read_bytes())
    assert "refused" in files["missing.txt"] or "the role admin" in files["missing.txt"]
    assert "HUSH" not in files["missing.txt"] + ran.output


def test_health_is_asked_for_where_it_is_said_to_be(
    run: Run, registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(url: str, **_options: object) -> httpx.Response:
        if url == "http://10.0.0.1:3101/readyz":
            return httpx.Response(503, text="no: redis is away")
        raise httpx.ConnectError("nobody")

    monkeypatch.setattr(httpx, "get", get)
    registry.answers(answer)
    run("support-bundle", str(tmp_path / "b.zip"), "--health", "http://10.0.0.1:3101")
    files = files_in((tmp_path / "b.zip").read_bytes())
    assert files["health/10.0.0.1-3101-readyz.txt"] == "503\nno: redis is away"
    assert "health/10.0.0.1-3101-metrics.txt: nobody" in files["missing.txt"]


@pytest.mark.parametrize("url", ["127.0.0.1:3101", "3101", "http://"])
def test_no_bundle_is_made_for_what_is_no_health_port(
    run: Run, registry: FakeRegistry, tmp_path: Path, url: str
) -> None:
    ran = run("support-bundle", str(tmp_path / "b.zip"), "--health", url)
    assert (ran.code, registry.requests) == (2, [])
    assert ran.explains("is no URL; one is http://127.0.0.1:3101")
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize(
    "line",
    [
        "key clk_3f9a51c2d07e_HUSH-hush was used",
        "redis://default:HUSH@redis:6379/0 is away",
        "postgresql://user:HU/SH#@HUSH@host/db",
        "Authorization: Bearer HUSH",
        '{"secret": "HUSH", "id": "c1"}',
        '{"message": "{\\"ticket\\": \\"HUSH\\"}"}',
        "CHARGELIGHT_REGISTRY_ADMIN_KEY=HUSH",
        "CHARGELIGHT_CREDENTIAL_KEY: HUSH",
        "POSTGRES_PASSWORD='HUSH HUSH'",
        "ticket=HUSH, charger=c1",
        "CHARGELIGHT_CANARY_KEY=HUSH",
        "export REDISCLI_AUTH=HUSH",
        '{"token": "HUSH"}',
        "CHARGELIGHT_REGISTRY_NOTIFY_CHANNELS=tgram://HUSH/7 json://h/HUSH",
        "CHARGELIGHT_REGISTRY_WEBHOOKS: https://hooks.example/T0/HUSH https://h/?key=HUSH",
        '{"webhooks": "https://hooks.example/T0/HUSH"}',
        "sending to slack://HUSH/HUSH failed",
        "-----BEGIN EC PRIVATE KEY-----\nHUSH\nHUSH\n-----END EC PRIVATE KEY-----",
        "the value HUSHHUSH of a variable, wherever it stands",
        "a password sHUSH-HUSH# by itself",
        "https://hooks.example/HUSH was told",
    ],
)
def test_what_looks_like_a_secret_is_hidden(line: str) -> None:
    known = {
        "CHARGELIGHT_CLI_KEY": "HUSHHUSH",
        "CHARGELIGHT_REDIS_URL": "redis://user:sHUSH-HUSH%23@redis:6379",
        "CHARGELIGHT_REGISTRY_WEBHOOKS": "https://h/1 https://hooks.example/HUSH",
    }
    text = without_secrets(f"before\n{line}\nafter", known)
    assert "HUSH" not in text
    assert "(hidden)" in text
    assert (text.splitlines()[0], text.splitlines()[-1]) == ("before", "after")


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "secret set", "id": "c1", "secrets_number": 7}',
        "GET http://127.0.0.1:3300/chargers?q=a",
        'chargelight_tickets_total{kind="open"} 3',
        '{"operator_auth": "required", "device_auth": "optional", "tokens": 4}',
        "wss://127.0.0.1:3100/chargers/c1, rediss://redis:6379/0, urn:chargelight:charger:c1",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    known = {**os.environ, "CHARGELIGHT_DEVICE_AUTH": "optional"}
    assert without_secrets(line, known) == line
