"""The services take what the templates give them; the health check asks what it says."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from services.gateway.settings import GatewaySettings
from services.registry.settings import RegistrySettings
from shared.process.settings import Settings, WrongSettingsError
from tests.deploy_aws.security import SETTINGS
from tests.deploy_aws.templates import (
    Templates,
    container_named,
    environment,
    imports,
    load,
    secrets,
    texts,
    value,
)
from tests.fixtures.certificates import Ca

TEMPLATES: Final = load()
READY: Final = Path(__file__).parents[2] / "deploy/ready"


def loaded(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, templates: Templates = TEMPLATES
) -> Settings:
    """Start a service's settings with the variables of its container."""
    for variable in SETTINGS[name].variables():
        monkeypatch.delenv(variable, raising=False)
    container = container_named(templates, name)
    parameters = templates["services"]
    for variable, given in environment(container).items():
        text = "".join(texts(value(parameters, given))) or str(value(parameters, given))
        text = text.replace("${HubName}", "hub.example.org")
        monkeypatch.setenv(variable, text.replace("/certificates", str(folder)))
    for variable, source in secrets(container).items():
        (exported,) = imports(source)
        properties = templates["data"]["Resources"][exported]["Properties"]
        text = "".join(texts(properties.get("SecretString", ""))) or "k" * 64
        monkeypatch.setenv(variable, resolved(text))
    return SETTINGS[name].load()


def resolved(text: str) -> str:
    """Put a password and a host where CloudFormation would."""
    text = re.sub(r"\{\{resolve:secretsmanager:\$\{\w+\}\}\}", "p" * 64, text)
    return re.sub(r"\$\{\w+\.[\w.]+\}", "store.example.org", text)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Make the files that the first container of a task writes."""
    ca = Ca(tmp_path / "ca")
    pair = ca.server("hub.example.org")
    for file, source in (
        ("hub.crt", pair.certificate),
        ("hub.key", pair.key),
        ("ca.crt", ca.certificate),
        ("postgres.crt", ca.certificate),
    ):
        (tmp_path / file).write_bytes(Path(source).read_bytes())
    return tmp_path


@pytest.mark.parametrize("name", SETTINGS)
def test_a_service_takes_its_settings(
    name: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Any = loaded(name, certificates, monkeypatch)
    if name in ("gateway", "router", "registry"):
        assert (
            settings.redis_url == f"rediss://chargelight-{name}:{'p' * 64}@store.example.org:6379"
        )
        assert (settings.redis_cluster, settings.partitions) == (True, 256)
    if isinstance(settings, GatewaySettings):
        assert (settings.device_auth, settings.stop_seconds) == ("required", 45 + 60 + 9)
    if isinstance(settings, RegistrySettings):
        assert "sslmode=verify-full" in settings.postgres_dsn.get_secret_value()


def test_a_value_that_a_service_refuses_is_found(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = load()
    variables = container_named(templates, "gateway")["Environment"]
    variables.append({"Name": "CHARGELIGHT_GATEWAY_WITHOUT_BALANCER", "Value": "true"})
    with pytest.raises(WrongSettingsError):
        loaded("gateway", certificates, monkeypatch, templates)


def test_health_checks_ask_whether_a_task_lives_and_not_whether_it_is_ready() -> None:
    # While Redis is away nothing is ready, and ECS would replace all tasks by others like them.
    for name in ("router", "canary"):
        port = SETTINGS[name].model_fields["health_port"].default
        command = container_named(TEMPLATES, name)["HealthCheck"]["Command"]
        assert command == ["CMD", "ready", str(port), "/healthz"]


@pytest.mark.parametrize(
    ("arguments", "code"), [(["/healthz"], 0), (["/readyz"], 1), ([], 1)], ids=str
)
async def test_ready_asks_the_path_that_it_is_given(arguments: list[str], code: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d x\r\n\r\n" % (200 if b" /healthz " in asked else 503))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = str(server.sockets[0].getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            str(READY), port, *arguments, stdout=subprocess.DEVNULL
        )
        assert await process.wait() == code
