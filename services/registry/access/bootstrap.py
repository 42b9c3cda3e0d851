"""The bootstrap key: a key in the settings, with which the first admin's key is made.

It can do nothing else, and not even that while an admin has a valid key. So it may stay in the
settings. A thief who reads it there later gets nothing by it. If all admins lose their keys, it
is the way back in, once those keys have expired or were revoked at the server: `revoke_command`.
"""

import hmac
from typing import Final

from services.registry.access import api_keys
from services.registry.access.keys import Operator, Role
from services.registry.errors import NotAllowedError
from services.registry.postgres.database import Connection

BOOTSTRAP_NAME: Final = "bootstrap-admin"
MAKING_KEYS: Final = "POST /keys"
"""The one operation that it is for."""


def is_bootstrap_key(key: str, known: str) -> bool:
    """Tell whether a key is the bootstrap key, in constant time; an empty one is none."""
    return bool(known) and hmac.compare_digest(key.encode(), known.encode())


def require_making_keys(operator: Operator, operation: str) -> None:
    """Check that the bootstrap key is used for what it is for; other operators may go on.

    Raises:
        NotAllowedError: It is not.
    """
    if operator.name == BOOTSTRAP_NAME and operation != MAKING_KEYS:
        raise NotAllowedError(
            "the bootstrap key (CHARGELIGHT_REGISTRY_ADMIN_KEY) only makes the first admin's key: "
            'POST /keys with {"name":"…","role":"admin"}, or chargelight keys create NAME admin. '
            "Use that key for everything else"
        )


async def require_first_admin(connection: Connection, operator: Operator, role: Role) -> None:
    """Check that the bootstrap key makes an admin's key, and is needed; in a write transaction.

    Raises:
        NotAllowedError: The role is another one, or an admin has a valid key.
    """
    if operator.name != BOOTSTRAP_NAME:
        return
    if role is not Role.ADMIN:
        raise NotAllowedError(
            "the bootstrap key only makes an admin's key; with that one, make all others"
        )
    # Under the lock on the directory: two requests at once cannot both be the first. A key that
    # anyone may have made must not keep the operator out.
    if (admin := await api_keys.find_attributed_admin(connection)) is not None:
        raise NotAllowedError(
            f"the bootstrap key is not accepted while an admin has a valid key: {admin} has one. "
            "Make further keys with it. If it is lost or stolen, end all keys with the command "
            "chargelight-registry revoke-keys, where the registry runs"
        )
