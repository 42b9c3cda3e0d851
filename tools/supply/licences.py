"""Which licences the parts of an image may have. Pure: from an SBOM, the parts that have others."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ALLOWED = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
    # Both ask for something only from who changes the library itself, which we do not.
    "LGPL-3.0-only",  # psycopg
    "MPL-2.0",  # certifi
}
"""SPDX ids. An image is passed on with all its parts, so another licence is a decision."""


def refused(sbom: Mapping[str, Any]) -> Iterator[str]:
    """Name the Python packages of a CycloneDX document whose licence is not allowed, or unknown."""
    for part in sbom["components"]:
        if part["type"] == "library" and not _is_allowed(declared := list(_declared(part))):
            licence = ", ".join(declared) or "no licence that is an SPDX expression"
            yield f"{part['name']} {part['version']}: {licence}"


def _declared(part: Mapping[str, Any]) -> Iterator[str]:
    # An entry with a name repeats in other words what the one with an id says.
    for entry in part.get("licenses", []):
        expression = entry.get("expression") or entry.get("license", {}).get("id")
        if expression:
            yield expression


def _is_allowed(expressions: Iterable[str]) -> bool:
    declared = list(expressions)
    return bool(declared) and all(map(_may_be_chosen, declared))


def _may_be_chosen(expression: str) -> bool:
    """Whether one of the alternatives of `A OR B AND C` is allowed; AND binds more strongly.

    Parentheses are not understood, so such an expression is refused.
    """
    alternatives = re.split(r"\s+OR\s+", expression)
    return any(set(re.split(r"\s+AND\s+", each)) <= ALLOWED for each in alternatives)
