"""Refuses query parameters that would be ignored: unknown and repeated ones.

Otherwise ``?dryrun=true`` would import, and ``?chargr=c1`` would list everything.
"""

from collections import Counter
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from services.registry.api.mistakes import operation_of


async def require_known_parameters(request: Request) -> None:
    """Refuse parameters that the operation does not have, or that are repeated.

    Raises:
        RequestValidationError: There is such a parameter (422).
    """
    counts = Counter(name for name, _ in request.query_params.multi_items())
    if not counts:
        return
    known = _parameters_of(request)
    errors: list[dict[str, Any]] = []
    for name, count in counts.items():
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there are none here"
            errors.append({"loc": ("query", name), "msg": f"no such parameter; {there}"})
        elif count > 1:
            errors.append({"loc": ("query", name), "msg": "it is there more than once"})
    if errors:
        raise RequestValidationError(errors)


def _parameters_of(request: Request) -> list[str]:
    """Return the query parameters of an operation, by the API's own document."""
    parameters = operation_of(request).get("parameters", ())
    return [each["name"] for each in parameters if each["in"] == "query"]
