"""The programs of this folder: one for each client library, with a charger and a widget."""

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
)

from tests.clients.environments import node_packages, python_packages
from tests.fixtures.processes import ROOT
from tools.servers.processes.supervised_process import SupervisedProcess

HERE = Path(__file__).parent
# A proxy that this machine may use does not lead to itself.
WITHOUT_PROXY = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@dataclass(frozen=True)
class Program:
    """A program that can be run.

    Args:
        name: of its client library, as a device's id may be.
        command: what runs it; addresses follow.
        environment: further variables of its environment.
        missing: why it cannot be run on this machine; empty if it can.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    @property
    def charger(self) -> str:
        return f"c-{self.name}"

    @property
    def widget(self) -> str:
        return f"w-{self.name}"


class Run:
    """A program that runs; what it prints is kept in a file.

    Args:
        program: it.
        addresses: of a charger and a widget, once for each of their connections.
        environment: variables that all programs get.
        log: the file.
    """

    def __init__(
        self,
        program: Program,
        addresses: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        self._log = log
        self.process = SupervisedProcess(
            [*program.command, *addresses],
            log=log,
            env={**os.environ, **WITHOUT_PROXY, **environment, **program.environment},
            cwd=ROOT,
        )

    def heard(self, device: str) -> list[str]:
        """What it printed about its `charger` or `widget`; of equal lines in a row one."""
        words = [line.partition(" ") for line in self.output().splitlines()]
        return [line for line, _ in groupby(rest for name, _, rest in words if name == device)]

    def output(self) -> str:
        return self._log.read_text(errors="replace")


def programs() -> list[Program]:
    """All of them; the libraries are installed first, if they are not yet."""
    return [*_python(), _micropython(), *_node(), _java()]


def trusting(ca: str, folder: Path) -> dict[str, str]:
    """Return the variables by which the programs trust a CA: Python's, Node's and Java's."""
    (certificate,) = x509.load_pem_x509_certificates(Path(ca).read_bytes())
    store, password = folder / "trusted.p12", "opensesame"
    trusted = [PKCS12Certificate(certificate, b"hub")]
    encryption = BestAvailableEncryption(password.encode())
    store.write_bytes(serialize_java_truststore(trusted, encryption))
    java = {"trustStore": store, "trustStorePassword": password}
    return {
        "SSL_CERT_FILE": ca,
        "NODE_EXTRA_CA_CERTS": ca,
        "JDK_JAVA_OPTIONS": " ".join(f"-Djavax.net.ssl.{key}={java[key]}" for key in java),
    }


def _python() -> list[Program]:
    environment = {"PYTHONPATH": str(python_packages())}
    python = [sys.executable, "-m"]
    return [
        Program(_name(path), [*python, f"tests.clients.python.{path.stem}"], environment)
        for path in sorted(HERE.glob("python/with_*.py"))
    ]


def _micropython() -> Program:
    is_here = (sys.platform, platform.machine()) == ("linux", "x86_64")
    packages = str(python_packages())
    return Program(
        "micropython",
        [sys.executable, "-m", "micropython_unix", str(HERE / "python" / "on_micropython.py")],
        {"PYTHONPATH": packages, "MICROPYPATH": f"{packages}:.frozen"},
        missing="" if is_here else "its wheels are for Linux on x86_64",
    )


def _node() -> list[Program]:
    paths = sorted(HERE.glob("node/with_*.js"))
    if not (shutil.which("node") and shutil.which("npm")):
        return [Program(f"node-{_name(path)}", [], missing="needs Node and npm") for path in paths]
    environment = {"NODE_PATH": str(node_packages())}
    return [Program(f"node-{_name(path)}", ["node", str(path)], environment) for path in paths]


def _java() -> Program:
    # What lives for seconds is not worth the second compiler's time.
    command = ["java", "-XX:TieredStopAtLevel=1", str(HERE / "java" / "Device.java")]
    return Program("java", command, missing="" if shutil.which("javac") else "needs a JDK")


def _name(path: Path) -> str:
    return path.stem.removeprefix("with_").replace("_", "-")
