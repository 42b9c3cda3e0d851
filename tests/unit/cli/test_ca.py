"""`chargelight ca`, judged by OpenSSL."""

import stat
import subprocess
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def openssl(*arguments: object) -> str:
    ran = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=30
    )
    return ran.stdout + ran.stderr


def test_what_it_issues_is_good_until_it_is_revoked(run: Run, tmp_path: Path) -> None:
    ca = tmp_path / "ca"
    own = ("--folder", str(ca))
    assert run("ca", "new", *own).output.strip() == str(ca / "ca.crt")
    for command in (
        ("server", "hub.example.org", "192.0.2.1"),
        ("charger", "c1"),
        ("widget", "w1"),
    ):
        ran = run("ca", *command, *own)
        assert ran.code == 0, ran.output
        certificate = Path(ran.output.strip())
        check = ("verify", "-CAfile", ca / "ca.crt", "-CRLfile", ca / "revoked.crl", "-crl_check")
        assert "OK" in openssl(*check, certificate)
        key = certificate.with_suffix(".key")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    names = openssl("x509", "-in", ca / "servers/hub.example.org.crt", "-noout", "-text")
    assert "DNS:hub.example.org, IP Address:192.0.2.1" in names
    names = openssl("x509", "-in", ca / "chargers/c1.crt", "-noout", "-text")
    assert "URI:urn:chargelight:charger:c1" in names
    for device in ("chargers/c1", "widgets/w1", "widgets/w1"):
        assert run("ca", "revoke", str(ca / f"{device}.crt"), *own).code == 0
    for device in ("chargers/c1", "widgets/w1"):
        assert "certificate revoked" in openssl(*check, ca / f"{device}.crt")


def test_a_certificate_that_was_replaced_can_still_be_revoked(run: Run, tmp_path: Path) -> None:
    ca = tmp_path / "ca"
    own = ("--folder", str(ca))
    run("ca", "new", *own)
    for _ in range(2):
        assert run("ca", "charger", "c1", *own).code == 0
    (former,) = (ca / "former/chargers").iterdir()
    assert run("ca", "revoke", str(former), *own).code == 0
    check = ("verify", "-CAfile", ca / "ca.crt", "-CRLfile", ca / "revoked.crl", "-crl_check")
    assert "certificate revoked" in openssl(*check, former)
    assert "OK" in openssl(*check, ca / "chargers/c1.crt")


@pytest.mark.parametrize(
    "name", ["https://hub.example.org", "hub.example.org:3100", "hub example", "[::1]", "../x", ""]
)
def test_what_is_no_name_of_a_server_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    own = ("--folder", str(tmp_path))
    run("ca", "new", *own)
    ran = run("ca", "server", "hub.example.org", name, *own)
    assert (ran.code, ran.explains("no host's name", "without scheme and port")) == (2, True)
    assert not (tmp_path / "servers").exists()
    assert run("ca", "server", "*.example.org", "::1", *own).code == 0


def test_what_cannot_be_done_is_refused(run: Run, tmp_path: Path) -> None:
    ca, other = tmp_path / "ca", tmp_path / "other"
    ran = run("ca", "charger", "c1", "--folder", str(ca))
    assert (ran.code, f"chargelight ca new --folder {ca}" in ran.errors) == (1, True)
    for folder in (ca, other):
        assert run("ca", "new", "--folder", str(folder)).code == 0
    before = (ca / "ca.crt").read_bytes()
    assert run("ca", "new", "--folder", str(ca)).code == 1
    assert (ca / "ca.crt").read_bytes() == before
    run("ca", "charger", "c1", "--folder", str(other))
    ran = run("ca", "revoke", str(other / "chargers/c1.crt"), "--folder", str(ca))
    assert (ran.code, "no certificate of the CA" in ran.errors) == (1, True)
    for file, reason in (("ca.crt", "is the CA itself"), ("c1", "name the file of a certificate")):
        ran = run("ca", "revoke", str(ca / file), "--folder", str(ca))
        assert (ran.code, reason in ran.errors) == (1, True)


def test_a_key_is_seen_by_nobody_else_whatever_was_in_the_folder(run: Run, tmp_path: Path) -> None:
    ca, elsewhere = tmp_path / "ca", tmp_path / "elsewhere"
    ca.mkdir()
    elsewhere.touch()
    (ca / ".ca.key.new").symlink_to(elsewhere)
    assert run("ca", "new", "--folder", str(ca)).code == 0
    assert not elsewhere.read_bytes()
    assert stat.S_IMODE((ca / "ca.key").lstat().st_mode) == 0o600


def test_a_name_is_as_long_as_a_host_s_may_be_and_one_that_is_none_is_refused(
    run: Run, tmp_path: Path
) -> None:
    own = ("--folder", str(tmp_path / "ca"))
    run("ca", "new", *own)
    long = f"{'a' * 60}.example.org"
    ran = run("ca", "server", long, *own)
    assert ran.code == 0, ran.errors
    assert f"DNS:{long}" in openssl("x509", "-in", ran.output.strip(), "-noout", "-text")
    for name in ("", "h\u00f6st.example.org"):
        assert run("ca", "server", name, *own).code == 2
    (tmp_path / "ca/ca.key").write_bytes(b"no key")
    ran = run("ca", "charger", "c1", *own)
    assert (ran.code, "ca.key is not a key" in ran.errors) == (1, True)
