"""`make up WITH_TLS=yes`: certificates that fit the hub, and are gone with it."""

import ssl
from pathlib import Path

import pytest

from services.gateway.settings import GatewaySettings
from services.registry.settings import RegistrySettings
from shared.contract.devices import Kind
from tools.local.certificates import certificates


@pytest.mark.usefixtures("clean_environment")
def test_they_are_those_that_the_services_want(monkeypatch: pytest.MonkeyPatch) -> None:
    with certificates(("localhost", "127.0.0.1")) as settings:
        for name, text in settings.items():
            monkeypatch.setenv(name, text)
        assert GatewaySettings.load().tls_files(Kind.WIDGET) is not None
        assert RegistrySettings.load().tls_files is not None
        trusting = ssl.create_default_context(cafile=settings["SSL_CERT_FILE"])
        assert len(trusting.get_ca_certs()) == 1
    assert not any(Path(path).exists() for path in settings.values())
