"""deploy/bundle/install: nothing of a damaged bundle is used; what is there stays."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from tests.unit.test_architecture import SERVICES
from tests.unit.tools.bundle.conftest import Machine, MakeBundle
from tools.bundle.archive import write_sums

ROOT = Path(__file__).resolve().parents[4]
PRODUCTION = (ROOT / "deploy/compose/production.yml").read_text("utf-8")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(hub: Path) -> set[str]:
    """Return whom the hub's certificate is for."""
    made = x509.load_pem_x509_certificate((hub / "certificates/hub.crt").read_bytes())
    made.verify_directly_issued_by(
        x509.load_pem_x509_certificate((hub / "certificates/ca.crt").read_bytes())
    )
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in found.value}


def change(path: Path) -> None:
    path.write_text(f"{path.read_text()} ")


def list_nothing(path: Path) -> None:
    path.write_text("")


@pytest.mark.parametrize(
    ("file", "harm", "said"),
    [
        ("images.tar", change, "./images.tar was changed"),
        ("hub/deploy/redis/users.acl", change, "./hub/deploy/redis/users.acl was changed"),
        ("install", change, "./install was changed"),
        ("images.tar", Path.unlink, "./images.tar is missing"),
        ("wheels/left_pad-1.0-cp312-cp312-any.whl", Path.unlink, "any.whl is missing"),
        ("wheels/other-1.0-py3-none-any.whl", Path.touch, "any.whl does not belong to the bundle"),
        ("SHA256SUMS", Path.unlink, "SHA256SUMS is missing"),
        ("SHA256SUMS", list_nothing, "./images.tar does not belong to the bundle"),
    ],
)
def test_a_file_that_is_not_as_it_was_is_refused_by_name_before_anything_is_done(
    bundle: Path, machine: Machine, file: str, harm: Callable[[Path], None], said: str
) -> None:
    harm(bundle / file)
    code, printed = machine.install(bundle)
    assert code == 1
    assert said in printed
    assert "nothing was installed" in printed
    assert not machine.asked()
    assert not machine.hub.exists()
    assert machine.install(bundle, "--check")[0] == 1


def test_all_that_is_wrong_is_named_and_nothing_else(bundle: Path, machine: Machine) -> None:
    change(bundle / "about")
    (bundle / "images.tar").unlink()
    _, printed = machine.install(bundle)
    lines = sorted(line.removeprefix("install: ") for line in printed.splitlines())
    assert lines == ["./about was changed", "./images.tar is missing", "nothing was installed"]


def test_a_bundle_that_is_whole_can_be_checked_alone(bundle: Path, machine: Machine) -> None:
    assert machine.install(bundle, "--check") == (0, "All files are as SHA256SUMS says.\n")
    assert not machine.hub.exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("aarch64", "this bundle is for amd64, and this machine is arm64"),
        ("riscv64", "this bundle is for amd64, and this machine is riscv64"),
    ],
)
def test_another_machine_is_refused(bundle: Path, machine: Machine, name: str, said: str) -> None:
    code, printed = machine.install(bundle, machine=name)
    assert (code, said in printed) == (1, True)
    assert not machine.asked()
    assert not machine.hub.exists()


@pytest.mark.parametrize(
    ("program", "said"), [("docker", "no Docker engine"), ("docker-compose", "Compose is missing")]
)
def test_what_the_machine_lacks_is_said(
    bundle: Path, machine: Machine, program: str, said: str
) -> None:
    machine.without(program)
    code, printed = machine.install(bundle)
    assert (code, said in printed) == (1, True)
    assert not machine.hub.exists()


@pytest.mark.parametrize(
    "arguments",
    [(), ("hub",), ("--other", "hub", "a.example"), ("hub", "a b"), ("hub", "--check")],
)
def test_a_wrong_use_is_refused(bundle: Path, machine: Machine, arguments: tuple[str, ...]) -> None:
    code, _ = machine.install(bundle, *arguments or ("",))
    assert code != 0
    assert not machine.asked()
    assert not machine.hub.exists()


def test_the_bundles_own_folder_is_refused(bundle: Path, machine: Machine) -> None:
    code, printed = machine.install(bundle, str(bundle / "hub"), "a.example")
    assert (code, "own folder" in printed) == (1, True)


def test_it_loads_the_images_and_makes_what_production_requires(
    bundle: Path, machine: Machine
) -> None:
    code, printed = machine.install(bundle, str(machine.hub), "hub.example.org", "192.0.2.1")
    assert code == 0, printed
    asked = machine.asked()
    assert asked[0] == "load --quiet --input images.tar"
    runs = [line for line in asked if line.startswith("run ")]
    assert ["--network none" in line for line in runs] == [True] * 3
    (served,) = (line for line in asked if " ca server " in line)
    assert "ca server hub.example.org 192.0.2.1 localhost registry loadbalancer" in served
    settings = machine.settings()
    required = set(re.findall(r"\$\{(\w+):?\?", PRODUCTION))
    assert required <= settings.keys()
    assert settings["CHARGELIGHT_ALLOWED_HOSTS"] == """'["hub.example.org","192.0.2.1"]'"""
    assert settings["CHARGELIGHT_COMPOSE_TAG"] == "1.0"
    assert f"cd {machine.hub} && docker-compose up -d --no-build" in printed
    assert names_in(machine.hub) == {
        *("hub.example.org", "192.0.2.1", "localhost", "registry", "loadbalancer")
    }
    # For the services' user, and HAProxy's group.
    assert "hub.example.org 440 10001:99" in "".join(asked)
    assert mode_of(machine.hub / "certificates/hub.key") == 0o440
    for file in re.findall(r"- \./(\S+?):", (ROOT / "docker-compose.yml").read_text()):
        assert (machine.hub / file).exists(), file


def test_secrets_are_long_differ_and_are_for_their_owner_alone(
    bundle: Path, machine: Machine
) -> None:
    machine.install(bundle)
    required = set(re.findall(r"SECRETS:\?.+\}/(.+)\" \}$", PRODUCTION, re.MULTILINE))
    secrets = machine.secrets()
    assert len(required) > 10
    assert required <= secrets.keys()
    drawn = [text for text in secrets.values() if re.fullmatch("[0-9a-f]{64}", text)]
    assert len(set(drawn)) == len(drawn) > 8
    assert machine.settings()["CHARGELIGHT_COMPOSE_SECRETS"] == "./secrets"
    assert mode_of(machine.hub / "secrets") == 0o700
    env = machine.hub / ".env"
    assert mode_of(env) == 0o600
    assert not [text for text in drawn if text in env.read_text()]


def test_the_same_again_changes_nothing(bundle: Path, machine: Machine) -> None:
    machine.install(bundle)
    before = contents(machine.hub)
    assert machine.install(bundle)[0] == 0
    assert contents(machine.hub) == before


def test_an_upgrade_keeps_secrets_and_certificates(
    make_bundle: MakeBundle, machine: Machine
) -> None:
    machine.install(make_bundle("1.0"))
    env = machine.hub / ".env"
    lines = [each for each in env.read_text().splitlines() if "_REGISTRY_ADDRESS" not in each]
    env.write_text("\n".join([*lines, "CHARGELIGHT_REGISTRY_ADMIN_KEY_FILE="]))  # no end of line
    (machine.hub / "secrets/canary-key").write_text("clk_1\n")
    (machine.hub / "secrets/redis-operator").unlink()
    before, secrets = machine.settings(), machine.secrets()
    change(machine.hub / "deploy/monitoring/alertmanager.yml")
    asked = len(machine.asked())
    code, printed = machine.install(make_bundle("1.1"), str(machine.hub))
    assert code == 0
    assert machine.asked()[asked:] == ["load --quiet --input images.tar"]
    after = machine.settings()
    assert after.pop("CHARGELIGHT_COMPOSE_REGISTRY_ADDRESS"), "a version may want more"
    assert after == before | {"CHARGELIGHT_COMPOSE_TAG": "1.1"}
    after = machine.secrets()
    assert len(after.pop("redis-operator")) == 64, "of secrets, too"
    assert after == secrets
    assert mode_of(env) == 0o600
    assert "docs/upgrade.md, With Compose" in printed
    assert (machine.hub / "former/deploy/monitoring/alertmanager.yml").exists()
    assert "former/: deploy" in printed


def test_an_installation_that_was_interrupted_goes_on(bundle: Path, machine: Machine) -> None:
    machine.install(bundle)
    secrets = machine.secrets()
    (machine.hub / "certificates/hub.crt").unlink()
    (machine.hub / "docker-compose.yml").unlink()
    code, printed = machine.install(bundle)
    assert (code, "up -d --no-build" in printed) == (0, True)
    assert machine.secrets() == secrets
    assert sum(" ca new " in line for line in machine.asked()) == 1


def test_keys_that_are_not_in_files_yet_are_not_replaced_by_new_ones(
    bundle: Path, machine: Machine
) -> None:
    machine.hub.mkdir()
    (machine.hub / ".env").write_text("CHARGELIGHT_CREDENTIAL_KEY=of-all-devices\n")
    code, printed = machine.install(bundle)
    assert (code, "belong into files now" in printed) == (1, True)
    assert not machine.asked()
    assert [path.name for path in machine.hub.iterdir()] == [".env"]
    (machine.hub / "secrets").mkdir()
    (machine.hub / "secrets/credential-key").write_text("of-all-devices\n")
    assert machine.install(bundle)[0] == 0
    assert machine.secrets()["credential-key"] == "of-all-devices"


def test_without_docker_it_installs_the_programs_alone(bundle: Path, machine: Machine) -> None:
    machine.without("docker")
    names = (str(machine.hub), "hub.example.org")
    code, printed = machine.install(bundle, "--without-docker", *names)
    assert code == 0, printed
    assert "Without Docker" in printed
    *locks, own = machine.asked()
    files = sorted(path.name for path in (ROOT / "deploy/requirements").glob("*.lock"))
    assert [line.split("/")[-1] for line in locks] == [
        name for name in files if name.removesuffix(".lock") in SERVICES
    ]
    assert all(" --no-index " in line for line in machine.asked())
    assert all(" --require-hashes " in line for line in locks)
    assert " --no-deps " in own
    settings = machine.settings()
    assert not [name for name in settings if "COMPOSE" in name]
    assert not (machine.hub / "secrets").exists()
    drawn = {value for name, value in settings.items() if re.search("(_KEY|_SECRET)$", name)}
    drawn = {each for each in drawn if re.fullmatch("[0-9a-f]{64}", each)}
    assert len(drawn) == 3, "a key of the canary's comes later"
    assert mode_of(machine.hub / ".env") == 0o600
    assert settings["CHARGELIGHT_DEVICE_AUTH"] == "required"
    for name, value in settings.items():
        if "_TLS_" in name:
            assert Path(value).is_file(), name
    reached = {value for name, value in settings.items() if re.search("CANARY.*_URL$", name)}
    assert reached == {"wss://localhost:3100", "wss://localhost:3200", "https://localhost:3300"}
    assert mode_of(machine.hub / "certificates/hub.key") == 0o600
    assert names_in(machine.hub) > {"hub.example.org", "localhost"}
    assert "docs/upgrade.md\n" in machine.install(bundle, "--without-docker", names[0])[1]
    assert machine.settings() == settings


def test_a_python_without_wheels_is_named(make_bundle: MakeBundle, machine: Machine) -> None:
    bundle = make_bundle("1.0")
    (bundle / "wheels/left_pad-1.0-cp312-cp312-any.whl").rename(bundle / "wheels/left-cp311-a.whl")
    write_sums(bundle)
    code, printed = machine.install(bundle, "--without-docker", str(machine.hub), "a.example")
    assert (code, "no wheels for Python 3.12.1" in printed) == (1, True)
    assert not machine.asked()
