"""docker-compose.yml, .env.example, the image and the load balancer agree with the code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.gateway.settings import GatewaySettings
from services.registry.settings import RegistrySettings
from shared.process.secret_files import SUFFIX
from shared.process.settings import OPEN
from tests.fixtures.settings_of_services import SETTINGS_OF_SERVICES
from tools.local.access import SERVER_PASSWORDS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PRODUCTION: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "deploy/compose/production.yml").read_text()
)["services"]
CLUSTER: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "deploy/compose/cluster.yml").read_text()
)["services"]
MONITORING_TEXT = (ROOT / "deploy/compose/monitoring.yml").read_text()
MONITORING: dict[str, dict[str, Any]] = yaml.safe_load(MONITORING_TEXT)["services"]
MONITORING_CLUSTER: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "deploy/compose/monitoring-cluster.yml").read_text()
)["services"]
HAPROXY = (ROOT / "deploy/haproxy/haproxy.cfg").read_text()
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()

LETS_IN = {"gateway", "registry"}
"""Whose settings say who may come in."""
OF_REDIS = re.compile(r"CHARGELIGHT_(REDIS_.*|PARTITIONS)")
"""Settings that the canary takes and does not use: it has no Redis."""
END_BY_THEMSELVES = {"postgres-owner", "postgres-monitor", "seed", "cli"}
RIGHTS = {"cap_add", "cap_drop", "privileged", "read_only", "security_opt", "user"}
BOUNDS = {"cpus", "mem_limit", "pids_limit", "tmpfs"}
OF_THE_PLACE = re.compile(r"_(INSTANCE_ID|HOST|PORT|REUSE_PORT)$")
"""Settings that are the same in every container, or must not be: nobody sets them for Compose."""


def example() -> dict[str, str]:
    """Return the variables of .env.example, the commented-out ones as well."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def seconds(pattern: str, text: str = HAPROXY) -> float:
    """Return a time in seconds out of a configuration."""
    found = re.search(rf"^ *{pattern} (\d+)(ms|s|m|h)$", text, re.MULTILINE)
    assert found, pattern
    return int(found[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[found[2]]


def test_what_one_of_the_two_composes_does_not_know_is_not_used() -> None:
    for text in (COMPOSE_TEXT, MONITORING_TEXT):
        assert {"name", "version", "include", "configs"}.isdisjoint(yaml.safe_load(text))
        assert "start_interval" not in text
        assert "${A:+" not in text
        assert not re.search(r"\$\{[^}]*\$\{", text), "nested defaults are silently wrong"


def test_every_service_can_be_scaled_but_for_those_with_a_port_of_the_host() -> None:
    assert not any("container_name" in service for service in SERVICES.values())
    published = {name for name, service in SERVICES.items() if "ports" in service}
    assert published == {"loadbalancer"}


def test_every_image_is_built_by_the_first_service_that_starts_with_it() -> None:
    # docker-compose 1.29 pulls an image that is not there when a service without `build` starts.
    for name, service in SERVICES.items():
        image = service["image"]
        if "build" not in service and image.startswith("chargelight-"):
            before = [SERVICES[other] for other in service["depends_on"]]
            assert any(each["image"] == image and "build" in each for each in before), name


def test_every_port_is_published_on_this_machine_alone_unless_a_setting_says_otherwise() -> None:
    form = r"\$\{CHARGELIGHT_COMPOSE_((REGISTRY|MONITORING)_)?ADDRESS:-127\.0\.0\.1\}:"
    form += r"\$\{CHARGELIGHT_COMPOSE_[A-Z]+_PORT:-\d+\}:\d+"
    ports = [port for name in MONITORING for port in MONITORING[name].get("ports", [])]
    assert len(ports) == 3
    for port in (*SERVICES["loadbalancer"]["ports"], *ports):
        assert re.fullmatch(form, port)


def test_compose_opens_the_services_to_its_own_networks_and_production_does_not() -> None:
    for name, settings in SETTINGS_OF_SERVICES.items():
        environment = {key: value or "" for key, value in SERVICES[name]["environment"].items()}
        assert environment[f"CHARGELIGHT_{name.upper()}_HOST"] == "::"
        assert environment.get("CHARGELIGHT_OPEN") == (OPEN if name in LETS_IN else None)
        closed = environment | PRODUCTION.get(name, {}).get("environment", {})
        assert closed.get("CHARGELIGHT_OPEN", "") == ""
        assert settings.model_fields["host"].default == "localhost"


def test_every_service_is_confined_bounded_and_stops_in_its_own_time() -> None:
    # What this means inside a container: tests/e2e/confinement.py.
    nodes = {name: service for name, service in CLUSTER.items() if name.startswith("redis-")}
    assert len(nodes) == 6
    for name, service in (SERVICES | nodes | monitoring()).items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert service["pids_limit"], name
        assert service["cpus"], name
        assert all(":size=" in place for place in service["tmpfs"]), name
        assert service["mem_limit"], name
        # Compose v2 takes bounds in one place only, and refuses the whole file otherwise.
        assert "resources" not in service.get("deploy", {}), name
        if name not in END_BY_THEMSELVES:
            assert service["stop_grace_period"], name


def test_no_other_compose_file_loosens_what_the_first_confines() -> None:
    first = SERVICES | CLUSTER
    for services in (PRODUCTION, CLUSTER, MONITORING, MONITORING_CLUSTER):
        for name in services.keys() & (SERVICES if services is CLUSTER else first).keys():
            assert (RIGHTS | BOUNDS).isdisjoint(services[name]), name


def monitoring() -> dict[str, dict[str, Any]]:
    """Return the services that monitoring adds."""
    added = MONITORING_CLUSTER | MONITORING
    return {name: service for name, service in added.items() if "image" in service}


def test_prometheus_reaches_every_service_that_it_is_to_ask() -> None:
    jobs = yaml.safe_load((ROOT / "deploy/monitoring/prometheus.yml").read_text())["scrape_configs"]
    asked = {job["job_name"] for job in jobs} & SERVICES.keys()
    assert asked >= SETTINGS_OF_SERVICES.keys()
    for name in asked - {"redis", "postgres"}:  # exporters are asked about these
        assert set(MONITORING[name]["networks"]) & set(MONITORING["prometheus"]["networks"]), name


@pytest.mark.parametrize("name", ["canary", "gateway", "registry", "router"])
def test_a_stop_that_hangs_ends_before_it_is_killed(name: str) -> None:
    # Otherwise nothing would say what hung.
    grace = seconds("stop_grace_period:", yaml.safe_dump(SERVICES[name]))
    assert SETTINGS_OF_SERVICES[name].load().stop_seconds < grace


def test_every_service_that_keeps_running_has_a_health_check() -> None:
    services = SERVICES | monitoring()
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == END_BY_THEMSELVES


@pytest.mark.parametrize("name", SETTINGS_OF_SERVICES)
def test_health_checks_ask_the_port_the_service_listens_on(name: str) -> None:
    port = SETTINGS_OF_SERVICES[name].model_fields["health_port"].default
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "ready", str(port)]


@pytest.mark.parametrize("name", SETTINGS_OF_SERVICES)
def test_compose_passes_on_every_setting_of_a_service_and_no_other(name: str) -> None:
    passed = {key for key in SERVICES[name]["environment"] if not OF_THE_PLACE.search(key)}
    # Not the owner's password: a registry that has it could do all that it must not.
    expected = set(SETTINGS_OF_SERVICES[name].variables()) - {"CHARGELIGHT_POSTGRES_OWNER_DSN"}
    if name == "canary":
        expected = {key for key in expected if not OF_REDIS.fullmatch(key)}
    assert passed == {key for key in expected if not OF_THE_PLACE.search(key)}


@pytest.mark.parametrize("name", SETTINGS_OF_SERVICES)
def test_compose_does_not_repeat_a_default_of_the_code(name: str) -> None:
    given = {key for key, value in SERVICES[name]["environment"].items() if value is not None}
    own = {"CHARGELIGHT_REDIS_URL", "CHARGELIGHT_POSTGRES_DSN", "CHARGELIGHT_OPEN"}
    own |= {f"CHARGELIGHT_CANARY_{of}_URL" for of in ("CHARGERS", "WIDGETS", "REGISTRY")}
    assert given <= own | {f"CHARGELIGHT_{name.upper()}_HOST"}


@pytest.mark.parametrize(
    ("package", "services"), [("simulator", ("seed", "demo", "fleet")), ("cli", ("cli",))]
)
def test_the_command_line_programs_get_settings_that_they_read(
    package: str, services: tuple[str, ...]
) -> None:
    source = "".join(p.read_text() for p in (ROOT / "services" / package).rglob("*.py"))
    listed = [name for name in example() if name.startswith("CHARGELIGHT_CLI_")]
    assert listed
    given = {key for service in services for key in SERVICES[service]["environment"]}
    assert [key for key in given if key not in source] == []
    assert package != "cli" or [key for key in listed if key not in source] == []


def test_the_example_lists_every_setting_and_no_other() -> None:
    listed = {
        key
        for key in example()
        if not re.match(r"CHARGELIGHT_(COMPOSE|SIMULATOR|CLI|TEST)_|COMPOSE_", key)
    }
    every = SETTINGS_OF_SERVICES.values()
    assert listed == {key for settings in every for key in settings.variables()}


@pytest.mark.parametrize("name", SETTINGS_OF_SERVICES)
def test_the_example_gives_the_defaults(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = SETTINGS_OF_SERVICES[name].load().model_dump(exclude={"instance_id"})
    for key, value in example().items():
        monkeypatch.setenv(key, value)
    assert SETTINGS_OF_SERVICES[name].load().model_dump(exclude={"instance_id"}) == defaults


def test_the_example_gives_the_defaults_of_compose() -> None:
    form = re.compile(r"\$\{(CHARGELIGHT_[A-Z_]+):-([^}]*)\}")
    defaults = dict(form.findall(MONITORING_TEXT)) | dict(form.findall(COMPOSE_TEXT))
    assert defaults == {k: v for k, v in example().items() if k.startswith("CHARGELIGHT_COMPOSE_")}


def test_the_image_builds_with_the_classic_builder_and_runs_without_rights() -> None:
    instructions = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    assert not re.search(r"--mount|--link|<<", instructions)
    assert re.search(r"^USER \d+:\d+$", instructions, re.MULTILINE)
    installs = re.findall(r"pip\b.* install (.*)", instructions)
    assert installs
    for arguments in installs:
        assert "--require-hashes" in arguments
        # Else a package's own program would run here, and install what it likes.
        assert "--only-binary :all:" in arguments


def test_the_load_balancer_knows_the_ports_of_gateway_and_registry() -> None:
    fields = GatewaySettings.model_fields
    for port in (fields["charger_port"].default, fields["widget_port"].default):
        assert f"bind :{port}\n" in HAPROXY
        assert f"gateway:{port}\n" in HAPROXY
    assert f"check port {fields['health_port'].default} " in HAPROXY
    fields = RegistrySettings.model_fields
    assert f"registry:{fields['port'].default} " in HAPROXY
    assert f"check port {fields['health_port'].default} inter" in HAPROXY


def test_the_problem_of_an_absent_registry_is_one() -> None:
    found = re.search(r"http-error status 503 .*string '(.*)'$", HAPROXY, re.MULTILINE)
    assert found
    problem = json.loads(found[1])
    assert problem["status"] == 503
    assert "Widgets still get their lights" in problem["detail"]


@pytest.mark.parametrize("services", [SERVICES, PRODUCTION], ids=["compose", "production"])
def test_no_connection_is_cut_off_that_is_still_being_sent_off(
    services: dict[str, dict[str, Any]],
) -> None:
    gateway, balancer = services["gateway"], services["loadbalancer"]
    defaults = GatewaySettings.model_fields
    drain = defaults["leave_seconds"].default + defaults["drain_seconds"].default
    if services is PRODUCTION:
        given = gateway["environment"]
        drain = int(given["CHARGELIGHT_GATEWAY_DRAIN_SECONDS"])
        drain += int(given.get("CHARGELIGHT_GATEWAY_LEAVE_SECONDS", "0"))
    hard_stop = seconds("HARD_STOP_AFTER:", yaml.safe_dump(balancer))
    assert drain < seconds("stop_grace_period:", yaml.safe_dump(gateway))
    assert drain < hard_stop < seconds("stop_grace_period:", yaml.safe_dump(balancer))
    assert 'hard-stop-after "${HARD_STOP_AFTER}"' in HAPROXY


def test_production_lets_nobody_in_without_credentials() -> None:
    gateway, registry = PRODUCTION["gateway"]["environment"], PRODUCTION["registry"]["environment"]
    assert gateway["CHARGELIGHT_DEVICE_AUTH"] == "required"
    assert registry["CHARGELIGHT_REGISTRY_OPERATOR_AUTH"] == "required"
    # Of this one nothing is taken as well, for the time after the first admin's key was made.
    name = "CHARGELIGHT_REGISTRY_ADMIN_KEY_FILE"
    assert registry[name] == f"${{{name}-/run/secrets/admin-key}}"
    for environment in (gateway, registry):
        assert environment["CHARGELIGHT_CREDENTIAL_KEY_FILE"] == "/run/secrets/credential-key"


def test_production_insists_on_secrets_of_ones_own() -> None:
    # What is in them, and where they are read: tests/integration/test_compose_config.py.
    files = yaml.safe_load((ROOT / "deploy/compose/production.yml").read_text())["secrets"]
    assert len(files) > 10
    for name, secret in files.items():
        # Compose does not start without it, and says what to do.
        form = r"\$\{CHARGELIGHT_COMPOSE_SECRETS:\?make it with deploy/compose/make-secrets\}/"
        assert re.fullmatch(form + name, secret["file"])


def test_production_has_no_port_without_tls() -> None:
    for name in ("gateway", "registry"):
        given = PRODUCTION[name]["environment"]
        prefix = f"CHARGELIGHT_{name.upper()}_TLS"
        assert {given[f"{prefix}_CERTIFICATE"], given[f"{prefix}_KEY"]} == {
            "/certificates/hub.crt",
            "/certificates/hub.key",
        }
    assert PRODUCTION["loadbalancer"]["environment"]["CERTIFICATE"] == "/certificates/hub.crt"
    ports = re.findall(r"^  bind \S*:(\d+)\"?$", HAPROXY, re.MULTILINE)
    assert sorted(ports) == ["3100", "3200", "3300", "8404"]
    # Of the one that HAProxy ends itself, the plain form is the other branch.
    rest = HAPROXY[HAPROXY.index("frontend rest") : HAPROXY.index("backend registries")]
    address = r'"\${REST_ADDRESS}:3300"'
    assert re.search(
        rf"if defined\(CERTIFICATE\)\n  bind {address} ssl .*\n.else\n  bind {address}\n", rest
    )


def test_production_takes_backups_where_the_command_that_restores_them_finds_them() -> None:
    environment = PRODUCTION["registry"]["environment"]
    folder = environment["CHARGELIGHT_REGISTRY_BACKUP_FOLDER"]
    place = f"${{CHARGELIGHT_COMPOSE_BACKUPS:-backups}}:{folder}"
    for name in ("registry", "postgres-owner"):
        assert place in PRODUCTION[name]["volumes"]
    # A new volume takes the owner that the folder has in the image.
    assert f"install -d -o chargelight -g chargelight -m 700 {folder} " in DOCKERFILE


def test_production_only_sets_what_the_services_know() -> None:
    for name, settings in SETTINGS_OF_SERVICES.items():
        given = PRODUCTION.get(name, {}).get("environment", {})
        # The canary is a client too: whom it trusts is OpenSSL's setting.
        trusted = {"SSL_CERT_FILE"} if name == "canary" else set()
        files = {f"{each}{SUFFIX}" for each in settings.secret_variables()}
        assert set(given) <= set(settings.variables()) | files | trusted
    assert set(PRODUCTION) <= set(SERVICES)


def test_the_load_balancer_is_more_patient_than_two_pings() -> None:
    interval = GatewaySettings.model_fields["ping_interval_seconds"].default
    assert seconds("timeout tunnel") > 2 * interval


def test_the_load_balancer_fits_its_open_files() -> None:
    assert 2 * maxconns()[0] + 100 < SERVICES["loadbalancer"]["ulimits"]["nofile"]


def test_devices_cannot_take_the_connections_of_operators_and_health_checks() -> None:
    all_of_them, *frontends = maxconns()
    assert len(frontends) == len(re.findall(r"(?m)^frontend ", HAPROXY))
    assert sum(frontends) <= all_of_them


def maxconns() -> list[int]:
    """How many connections the load balancer takes, and each of its frontends."""
    return [int(most) for most in re.findall(r"(?m)^ *maxconn (\d+)$", HAPROXY)]


def test_make_up_draws_every_password_that_has_a_default() -> None:
    defaults = re.findall(r"\$\{(CHARGELIGHT_COMPOSE_\w+_PASSWORD):-[^}]", COMPOSE_TEXT)
    assert set(defaults) == set(SERVER_PASSWORDS)
