"""Files of certificates in settings: refused at the start if they are missing or do not fit."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client import REGISTRY
from psycopg.conninfo import conninfo_to_dict

from services.gateway.settings import GatewaySettings
from services.registry.settings import RegistrySettings
from services.router.settings import RouterSettings
from shared.contract.devices import Kind
from shared.process.settings import Settings, WrongSettingsError
from tests.fixtures.certificates import Ca

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path / "ca")


def load(monkeypatch: pytest.MonkeyPatch, kind: type[Settings], **variables: str) -> Settings:
    for name, text in variables.items():
        monkeypatch.setenv(f"CHARGELIGHT_{name}", text)
    return kind.load()


def refusal(monkeypatch: pytest.MonkeyPatch, kind: type[Settings], **variables: str) -> str:
    with pytest.raises(WrongSettingsError) as refused:
        load(monkeypatch, kind, **variables)
    return str(refused.value)


@pytest.mark.parametrize(
    ("prefix", "kind"), [("GATEWAY", GatewaySettings), ("REGISTRY", RegistrySettings)]
)
def test_files_that_cannot_be_used_end_a_start_and_are_named(
    monkeypatch: pytest.MonkeyPatch, ca: Ca, prefix: str, kind: type[Settings], tmp_path: Path
) -> None:
    own, other = ca.server("hub"), ca.server("other", file="other")
    certificate, key = f"{prefix}_TLS_CERTIFICATE", f"{prefix}_TLS_KEY"
    nothing = tmp_path / "nothing.pem"
    for path, text in (
        (other.key, f"the key in {other.key} is not that of the first certificate"),
        (str(nothing), f"{nothing} cannot be read: No such file or directory"),
        (own.certificate, f"{own.certificate} and {own.certificate} cannot be used"),
    ):
        said = refusal(monkeypatch, kind, **{certificate: own.certificate, key: path})
        assert text in said
        assert f"CHARGELIGHT_{certificate}, CHARGELIGHT_{key}" in said
    said = refusal(monkeypatch, kind, **{certificate: own.key, key: own.key})
    assert f"{own.key} holds no certificate in PEM" in said
    monkeypatch.delenv(f"CHARGELIGHT_{key}")
    assert "need" in refusal(monkeypatch, kind, **{certificate: own.certificate})


def test_a_list_in_place_of_a_ca_is_refused_and_so_is_the_reverse(
    monkeypatch: pytest.MonkeyPatch, ca: Ca
) -> None:
    own = ca.server("hub")
    tls = {"GATEWAY_TLS_CERTIFICATE": own.certificate, "GATEWAY_TLS_KEY": own.key}
    said = refusal(monkeypatch, GatewaySettings, GATEWAY_CHARGER_CA=ca.revoked, **tls)
    assert f"{ca.revoked} holds no certificate in PEM" in said
    both = {"GATEWAY_CHARGER_CA": ca.certificate, "GATEWAY_REVOKED": ca.certificate}
    said = refusal(monkeypatch, GatewaySettings, **both, **tls)
    assert f"{ca.certificate} holds no revocation list" in said


def test_what_is_of_no_use_alone_is_refused(monkeypatch: pytest.MonkeyPatch, ca: Ca) -> None:
    own = ca.server("hub")
    said = refusal(monkeypatch, GatewaySettings, GATEWAY_CHARGER_CA=ca.certificate)
    assert said == "CHARGELIGHT_GATEWAY_CHARGER_CA needs CHARGELIGHT_GATEWAY_TLS_CERTIFICATE"
    tls = {"GATEWAY_TLS_CERTIFICATE": own.certificate, "GATEWAY_TLS_KEY": own.key}
    said = refusal(monkeypatch, GatewaySettings, DEVICE_AUTH="certificate", **tls)
    assert "needs CHARGELIGHT_GATEWAY_CHARGER_CA and CHARGELIGHT_GATEWAY_WIDGET_CA" in said
    said = refusal(monkeypatch, GatewaySettings, GATEWAY_WIDGET_CA=own.key)
    assert "CHARGELIGHT_GATEWAY_WIDGET_CA" in said
    monkeypatch.setenv("CHARGELIGHT_GATEWAY_WIDGET_CA", ca.certificate)
    settings = GatewaySettings.load()
    assert not settings.has_ca_per_kind
    files = settings.tls_files(Kind.WIDGET)
    assert files is not None
    assert files.must_present
    other = Path(Ca(Path(own.key).parent / "w").certificate)
    monkeypatch.setenv("CHARGELIGHT_GATEWAY_WIDGET_CA", str(other))
    assert GatewaySettings.load().has_ca_per_kind
    # A file that differs, and yet trusts the same CA.
    for text in (b"# Of widgets.\n", other.read_bytes()):
        other.write_bytes(text + Path(ca.certificate).read_bytes())
        assert not GatewaySettings.load().has_ca_per_kind


def test_redis_gets_its_files_by_its_url(monkeypatch: pytest.MonkeyPatch, ca: Ca) -> None:
    own = ca.server("client")
    settings = load(
        monkeypatch,
        RouterSettings,
        REDIS_URL="rediss://redis:6379/0",
        REDIS_TLS_CA=ca.certificate,
        REDIS_TLS_CERTIFICATE=own.certificate,
        REDIS_TLS_KEY=own.key,
    )
    assert parse_qs(urlsplit(settings.redis_url).query) == {
        "ssl_ca_certs": [ca.certificate],
        "ssl_certfile": [own.certificate],
        "ssl_keyfile": [own.key],
    }
    assert settings.warnings == []
    days = REGISTRY.get_sample_value(
        "chargelight_certificate_days", {"setting": "CHARGELIGHT_REDIS_TLS_CERTIFICATE"}
    )
    assert days == pytest.approx(5, abs=0.1)


def test_a_redis_that_is_not_checked_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    for url, verify in (
        ("rediss://r", "false"),
        ("rediss://r?ssl_cert_reqs=none", "true"),
        ("rediss://r?ssl_cert_reqs=n%6Fne", "true"),
        ("rediss://r?ssl_check_hostname=No", "true"),
        ("rediss://u:p@r:6379/0?ssl_check_hostname=0", "true"),
    ):
        settings = load(monkeypatch, RouterSettings, REDIS_URL=url, REDIS_TLS_VERIFY=verify)
        (warning,) = settings.warnings
        assert "CHARGELIGHT_REDIS_TLS_VERIFY=true" in warning
    for url in ("rediss://r?ssl_check_hostname=yes", "redis://r", "unix:///r"):
        assert load(monkeypatch, RouterSettings, REDIS_URL=url).warnings == []


@pytest.mark.parametrize("url", ["redis://r", "rediss://r?ssl_cert_reqs=none", "unix:///r"])
def test_files_for_a_redis_without_tls_are_refused(
    monkeypatch: pytest.MonkeyPatch, ca: Ca, url: str
) -> None:
    said = refusal(monkeypatch, RouterSettings, REDIS_URL=url, REDIS_TLS_CA=ca.certificate)
    assert "CHARGELIGHT_REDIS_URL to begin with rediss://" in said


def test_postgres_is_checked_by_name_unless_that_is_turned_off(
    monkeypatch: pytest.MonkeyPatch, ca: Ca
) -> None:
    settings = load(monkeypatch, RegistrySettings, POSTGRES_TLS_CA=ca.certificate)
    assert isinstance(settings, RegistrySettings)
    said = conninfo_to_dict(settings.postgres_dsn.get_secret_value())
    assert (said["sslmode"], said["sslrootcert"]) == ("verify-full", ca.certificate)
    assert settings.warnings == []
    settings = load(monkeypatch, RegistrySettings, POSTGRES_TLS_VERIFY="false")
    assert isinstance(settings, RegistrySettings)
    assert conninfo_to_dict(settings.postgres_dsn.get_secret_value())["sslmode"] == "require"
    (warning,) = settings.warnings
    assert "CHARGELIGHT_POSTGRES_TLS_VERIFY=true" in warning


@pytest.mark.parametrize("mode", ["require", "verify-ca"])
def test_a_mode_that_does_not_look_at_the_name_of_postgres_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, ca: Ca, mode: str
) -> None:
    dsn = f"postgresql://db/x?sslmode={mode}&sslrootcert={ca.certificate}"
    (warning,) = load(monkeypatch, RegistrySettings, POSTGRES_DSN=dsn).warnings
    assert "the name in it" in warning


def test_postgres_is_told_of_tls_in_one_place(monkeypatch: pytest.MonkeyPatch, ca: Ca) -> None:
    dsn = "postgresql://db/x?sslmode=require"
    said = refusal(monkeypatch, RegistrySettings, POSTGRES_DSN=dsn, POSTGRES_TLS_CA=ca.certificate)
    assert "CHARGELIGHT_POSTGRES_DSN to say nothing of TLS" in said
