"""Who makes a change, as the audit log says it."""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Actor:
    """An operator, or a part of the hub."""

    name: str
    key_id: str = field(default="", kw_only=True)
    """Of the API key that was presented; empty: none."""
    address: str = field(default="", kw_only=True)
    """Where the request came from; empty: there was none."""


REGISTRY: Final = Actor("registry")
"""What the registry does by itself."""
