"""Files that are being written, or are the wrong ones, take nothing from a service that runs."""

import shutil
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.cli.ca.issuing import CLIENT, Issued, Wanted, _usage, issue, revocation_list, revoked
from shared.contract.devices import Kind
from shared.process.tls.files import TlsFilesError
from shared.process.tls.server_tls import ServerFiles, ServerTls, TlsFile
from tests.fixtures.certificates import Ca, Pair

PEM = serialization.Encoding.PEM
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


class Running(NamedTuple):
    """A port's TLS, and what was in its files at the start."""

    tls: ServerTls
    ca: Ca
    own: Pair


@pytest.fixture
def running(tmp_path: Path) -> Running:
    ca = Ca(tmp_path / "ca")
    own = ca.server("localhost")
    files = files_of(own, ca.certificate, ca.revoked)
    return Running(ServerTls(files), ca, own)


def files_of(own: Pair, client_ca: str, lists: str) -> ServerFiles:
    return ServerFiles(
        TlsFile("CERTIFICATE", own.certificate),
        TlsFile("KEY", own.key),
        TlsFile("CA", client_ca),
        TlsFile("REVOKED", lists),
        must_present=True,
    )


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


WRITTEN: dict[str, Callable[[bytes, bytes], bytes]] = {
    "nothing yet": lambda _, __: b"",
    "half": lambda own, _: half(own),
    "one, and half of the next": lambda own, other: own + half(other),
    "another CA's": lambda _, other: other,
}


@pytest.mark.parametrize("what", WRITTEN)
def test_lists_that_are_not_whole_or_another_ca_s_are_not_used(
    running: Running, tmp_path: Path, what: str
) -> None:
    before = running.tls.context
    # A CA of the same name, as `chargelight ca new` makes it.
    other = Path(Ca(tmp_path / "other").revoked).read_bytes()
    lists = Path(running.ca.revoked)
    whole = lists.read_bytes()
    lists.write_bytes(WRITTEN[what](whole, other))
    running.tls.look()
    assert running.tls.context is before
    lists.write_bytes(whole + other)
    running.tls.look()
    assert running.tls.context is not before


@pytest.mark.parametrize("what", ["nothing yet", "half", "one, and half of the next"])
def test_a_ca_that_is_not_whole_is_not_used(running: Running, tmp_path: Path, what: str) -> None:
    before = running.tls.context
    file, other = Path(running.ca.certificate), Path(Ca(tmp_path / "other").certificate)
    file.write_bytes(WRITTEN[what](file.read_bytes(), other.read_bytes()))
    running.tls.look()
    assert running.tls.context is before


def test_a_file_that_goes_while_it_is_looked_at_ends_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = running.tls.context
    running.ca.server("localhost", file="server")  # the same files, renewed
    gone = FileNotFoundError(2, "No such file or directory")

    def fail(*_: object) -> None:
        raise gone

    for name in ("load_cert_chain", "load_verify_locations"):
        with monkeypatch.context() as patch:
            patch.setattr(ssl.SSLContext, name, fail)
            running.tls.look()
        assert running.tls.context is before
    running.tls.look()
    assert running.tls.context is not before


def test_a_certificate_beside_a_list_is_not_trusted(running: Running) -> None:
    lists = Path(running.ca.revoked)
    lists.write_bytes(Path(running.ca.certificate).read_bytes() + lists.read_bytes())
    with pytest.raises(TlsFilesError, match="must hold revocation lists only"):
        running.tls.files.context()


def test_a_list_is_no_ca(running: Running) -> None:
    shutil.copy(running.ca.revoked, running.ca.certificate)
    with pytest.raises(TlsFilesError, match="holds no certificate in PEM"):
        running.tls.files.context()


def _intermediate(above: Ca) -> Issued:
    """Return a CA that another one has issued."""
    key = ec.generate_private_key(ec.SECP256R1())
    root = above._folder._authority()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=Intermediate"))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    builder = _as_ca(builder, key.public_key(), root)
    return Issued(builder.sign(root.key, hashes.SHA256()), key)


def _long_root(folder: Path) -> Ca:
    """Return a CA below which there may be others."""
    ca = Ca(folder)
    root = ca._folder._authority()
    builder = (
        x509.CertificateBuilder()
        .subject_name(root.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(root.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    builder = _as_ca(builder, root.key.public_key(), root)
    ca._folder._write("ca", Issued(builder.sign(root.key, hashes.SHA256()), root.key))
    return ca


def _as_ca(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePublicKey, issuer: Issued
) -> x509.CertificateBuilder:
    """Add what strict clients ask of a CA's certificate (RFC 5280 section 4.2.1)."""
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(known, critical=False)
    )


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """Shake hands in memory; raise what the server raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = server.wrap_bio(to_server, to_client, server_side=True)
    other = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for each in (other, one, other, one):
        try:
            each.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_a_device_is_refused_if_the_ca_that_issued_its_certificate_is_revoked(
    tmp_path: Path,
) -> None:
    root = _long_root(tmp_path / "root")
    below = _intermediate(root)
    device = root.device(Kind.CHARGER, "c1")
    issued = issue(below, Wanted("c1", [CLIENT], [x509.DNSName("x")], DAY), NOW)
    Path(device.certificate).write_bytes(issued.certificate.public_bytes(PEM))
    key = issued.key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    Path(device.key).write_bytes(key)
    both, lists = tmp_path / "both.pem", tmp_path / "lists.pem"
    both.write_bytes(Path(root.certificate).read_bytes() + below.certificate.public_bytes(PEM))
    own_list = revocation_list(below, [], NOW).public_bytes(PEM)
    lists.write_bytes(own_list + Path(root.revoked).read_bytes())
    files = files_of(root.server("localhost"), str(both), str(lists))
    client = root.client(device)
    _shake_hands(files.context(), client)
    authority = root._folder._authority()
    revoked_below = revocation_list(authority, [revoked(below.certificate, NOW)], NOW)
    lists.write_bytes(own_list + revoked_below.public_bytes(PEM))
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
        _shake_hands(files.context(), client)
