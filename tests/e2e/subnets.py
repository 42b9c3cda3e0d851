"""Small subnets for the networks of a stack.

The engine has room for about 30 networks of its own choice, and one stack has up to 15. With small
ones of ours, several stacks run at once.
"""

import json
import random
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

import yaml

RANGE: Final = IPv4Network("198.18.0.0/15")
"""For tests of network devices (RFC 2544): in use neither here nor on the internet."""

_PREFIX: Final = 27
"""With room for 29 containers."""


def draw(count: int, taken: Iterable[IPv4Network]) -> list[IPv4Network]:
    """Return free subnets; by chance, as others may draw at the same moment.

    Args:
        count: How many.
        taken: The subnets of all networks that there are.
    """
    others = list(taken)
    free = [
        each
        for each in RANGE.subnets(new_prefix=_PREFIX)
        if not any(each.overlaps(other) for other in others)
    ]
    return random.sample(free, count)


def write_overlay(path: Path, files: Iterable[Path], taken: Iterable[IPv4Network]) -> None:
    """Write a file for Compose that gives each network of some files a subnet.

    Args:
        path: Where to.
        files: Those of the stack.
        taken: As in `draw`.
    """
    # As a whole: an older Compose takes what an overlay says of a network in place of what it was.
    networks: dict[str, dict[str, object]] = {}
    for file in files:
        networks |= yaml.safe_load(file.read_text()).get("networks", {})
    subnets = draw(len(networks), taken)
    for name, subnet in zip(networks, subnets, strict=True):
        networks[name] = {**networks[name], "ipam": {"config": [{"subnet": str(subnet)}]}}
    # YAML has JSON in it.
    path.write_text(json.dumps({"networks": networks}))
