"""Destinations: where events go. Their names tell them apart, and hold no secret."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.registry.notify.sending.outcome import Sender
from services.registry.notify.sending.webhook import Webhook


@dataclass(frozen=True, eq=False, repr=False)
class Destination:
    """One webhook, or one channel to people."""

    name: str
    """In Postgres, in answers and in the log. It stays the same for as long as the URL does."""
    where: str
    """What may be shown of the URL."""
    sender: Sender


def destinations_of(
    webhooks: Sequence[str], secret: str, channels: Sequence[str], *, allow_private: bool
) -> list[Destination]:
    """Return the destinations that settings name.

    Args:
        webhooks: URLs.
        secret: What requests to them are signed with.
        channels: URLs of apprise.
        allow_private: Whether webhooks may be in private networks.
    """
    found = [
        Destination(
            _name("webhook", url),
            _shown(url),
            Webhook(url, secret, allow_private=allow_private),
        )
        for url in webhooks
    ]
    if channels:
        # Half a second and 40 MB, for those who have channels.
        from services.registry.notify.sending.channel import Channel  # noqa: PLC0415

        for url in channels:
            scheme = url.partition("://")[0].lower()
            found.append(Destination(_name(scheme, url), f"{scheme}://…", Channel(url)))
    return found


def _name(kind: str, url: str) -> str:
    # So few digits tell destinations apart, and tell nothing of the rest of the URL.
    return f"{kind}-{hashlib.sha256(url.encode()).hexdigest()[:6]}"


def _shown(url: str) -> str:
    """Return scheme, host and port: a path may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"
