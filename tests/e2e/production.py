"""A stack of deploy/compose/production.yml, as its operator and its devices see it."""

from pathlib import Path
from typing import Final

import httpx

from tests.e2e.compose_stack import Stack, wait_until
from tests.fixtures.certificates import Ca
from tests.fixtures.compose_config import CERTIFICATES, SECRETS, make_secrets

PRODUCTION: Final = "deploy/compose/production.yml"
CHARGER, WIDGET = "/chargers/c1", "/widgets/w1"
"""The paths of a pair."""


class Production:
    """A stack with certificates and secrets that were made for it.

    Args:
        ca: the operator's, which clients trust.
        folder: an empty one, for the secrets.
        overlays: the files beside `PRODUCTION`.
    """

    def __init__(self, ca: Ca, folder: Path, *overlays: str) -> None:
        self.ca = ca
        self.secrets = make_secrets(folder / "secrets")
        certificates = self.issue()
        self.stack = Stack(
            PRODUCTION,
            *overlays,
            **{SECRETS: str(self.secrets), CERTIFICATES: str(certificates)},
        )

    def issue(self) -> Path:
        """Issue the hub's certificate, and return the folder that it is in."""
        _, key = self.ca.server("localhost", "registry", "loadbalancer", file="hub")
        folder = Path(key).parent
        # The containers' users are not ours.
        folder.chmod(0o755)
        Path(key).chmod(0o644)
        return folder

    def client(self, key: str = "") -> httpx.Client:
        """Return a client of the REST API, with an API key."""
        url = f"https://localhost:{self.stack.registry_port}"
        headers = bearer(key) if key else {}
        trusted = self.ca.client()
        return httpx.Client(
            base_url=url, headers=headers, verify=trusted, trust_env=False, timeout=15
        )

    def key_of(self, name: str, role: str, by: str) -> str:
        """Make an API key, by another one."""
        with self.client(by) as rest:
            made = rest.post("/keys", json={"name": name, "role": role})
        assert made.status_code == 201, made.text
        return str(made.json()["key"])

    def admin_key(self) -> str:
        """Make the first admin's key with the bootstrap key, which is among the secrets."""
        return self.key_of("ada", "admin", (self.secrets / "admin-key").read_text().strip())

    def pair(self, key: str) -> dict[str, str]:
        """Register a pair, and return the secret of each by its path."""
        with self.client(key) as rest:
            for path in (CHARGER, WIDGET):
                assert rest.put(path).status_code == 201
            wait_until(lambda: _is_paired(rest), "the pairing is in effect")
            return {
                path: rest.post(f"{path}/secret").json()["secret"] for path in (CHARGER, WIDGET)
            }

    def url_of(self, path: str) -> str:
        """Return where a device connects."""
        port = self.stack.charger_port if path == CHARGER else self.stack.widget_port
        return f"wss://localhost:{port}{path}"


def _is_paired(rest: httpx.Client) -> bool:
    return rest.put("/pairings/c1", json={"widget": "w1"}).json()["projected"] is True


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
