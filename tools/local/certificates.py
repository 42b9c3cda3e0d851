"""Certificates of a local hub, from a CA that lives as long as the hub."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.cli.ca.folder import AUTHORITY, CaFolder
from services.cli.ca.issuing import SERVER, Wanted, host_name
from tools.local.access import TRUSTED_CA

_LASTS = timedelta(days=30)
"""Longer than `make up` runs anywhere."""


@contextmanager
def certificates(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the settings of a hub, and of its clients, with TLS; the files end with the block.

    Args:
        names: By which the hub is reached: names and IP addresses.
    """
    with tempfile.TemporaryDirectory(prefix="chargelight-ca-") as folder:
        ca, now = CaFolder(Path(folder)), datetime.now(UTC)
        ca.create("Chargelight, thrown away soon", now, _LASTS)
        wanted = Wanted(names[0], [SERVER], [host_name(name) for name in names], _LASTS)
        certificate = ca.issue("hub", wanted, now)
        services = ("CHARGELIGHT_GATEWAY_TLS", "CHARGELIGHT_REGISTRY_TLS")
        yield {
            **{f"{each}_CERTIFICATE": str(certificate) for each in services},
            **{f"{each}_KEY": str(certificate.with_suffix(".key")) for each in services},
            TRUSTED_CA: str(Path(folder) / f"{AUTHORITY}.crt"),
        }
