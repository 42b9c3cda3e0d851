"""Entity tags of devices and pairings, and conditions on them (RFC 9110, sections 8.8.3 and 13).

They keep a client from overwriting what another one changed meanwhile.
"""

import hashlib
import json
from dataclasses import dataclass

from services.registry.devices.devices import Device
from services.registry.devices.pairings import Pairing
from services.registry.errors import ChangedMeanwhileError, ExistsError


def etag_of(*values: str | int | None) -> str:
    """Return the entity tag of what is made of these values."""
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
    return f'"{digest[:20]}"'


def of_device(device: Device) -> str:
    """Return a device's entity tag; it changes with the device and with its pairing."""
    # Without a booth it is the same as that of an older registry, which knows of none.
    booth = [device.booth] if device.booth else []
    return etag_of(
        device.id, device.label, device.location, device.pairing_number, device.auth, *booth
    )


def of_pairing(pairing: Pairing) -> str:
    """Return a pairing's entity tag."""
    return etag_of(pairing.charger, pairing.widget, pairing.pairing_number)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold for a change: the headers If-Match and If-None-Match; None: not sent."""

    if_match: str | None = None
    if_none_match: str | None = None

    def require(self, etag: str | None) -> None:
        """Check them, inside the transaction that makes the change.

        Args:
            etag: What is there now; None: nothing.

        Raises:
            ChangedMeanwhileError: If-Match does not hold.
            ExistsError: If-None-Match does not hold.
        """
        if etag is not None:
            _require_none(self.if_none_match, etag)
            _require_match(self.if_match, etag)
        elif self.if_match is not None:
            raise ChangedMeanwhileError(
                "there is none any more, or there never was. Leave out If-Match to make one"
            )


def _require_match(if_match: str | None, etag: str) -> None:
    # Weak ones never match here (RFC 9110, section 13.1.1): they stay W/"…".
    if if_match is None or if_match.strip() == "*" or etag in _tags(if_match):
        return
    raise ChangedMeanwhileError(
        f"it was changed since: its ETag is {etag} now. Look at it again, then decide",
        etag=etag,
    )


def _require_none(if_none_match: str | None, etag: str) -> None:
    if if_none_match is None:
        return
    if if_none_match.strip() == "*":
        raise ExistsError("there is one already. Leave out If-None-Match to change it")
    # Here weak ones match too (RFC 9110, section 13.1.2).
    if etag in {tag.removeprefix("W/") for tag in _tags(if_none_match)}:
        raise ExistsError(
            f"it still has the ETag {etag}. Leave out If-None-Match to change it all the same"
        )


def _tags(header: str) -> set[str]:
    return {part.strip() for part in header.split(",")}
