"""Which role each operation needs at least: the one table of them.

What is not in it is for viewers if it only reads, and for operators if it changes something.
"""

from collections.abc import Mapping
from typing import Final

from services.registry.access.keys import Role

EXCEPTIONS: Final[Mapping[str, Role]] = {
    "PUT /rentals/{rental_id}": Role.ATTENDANT,
    "PUT /rentals/{rental_id}/collection": Role.ATTENDANT,
    "PUT /rentals/{rental_id}/widget-return": Role.ATTENDANT,
    "PUT /rentals/{rental_id}/visitor-page": Role.ATTENDANT,
    "POST /session": Role.VIEWER,
    "DELETE /session": Role.VIEWER,
    "POST /session/codes": Role.ADMIN,
    "GET /keys": Role.ADMIN,
    "POST /keys": Role.ADMIN,
    "GET /keys/{key_id}": Role.ADMIN,
    "DELETE /keys/{key_id}": Role.ADMIN,
    "POST /keys/{key_id}/renewal": Role.ADMIN,
    "GET /notifications": Role.ADMIN,
    "POST /notifications/tests": Role.ADMIN,
    "POST /notifications/retries": Role.ADMIN,
    "POST /prune": Role.ADMIN,
    "POST /erasures": Role.ADMIN,
    "GET /support": Role.ADMIN,
}
"""By method and path."""


def least_role(operation: str) -> Role:
    """Return the least role that may do an operation, such as ``POST /keys``."""
    default = Role.VIEWER if operation.startswith("GET ") else Role.OPERATOR
    return EXCEPTIONS.get(operation, default)
