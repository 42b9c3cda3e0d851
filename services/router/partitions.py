"""Which router works on which partition: a rule that all routers compute alike. No I/O."""

import hashlib
import math
from collections import Counter
from collections.abc import Collection


def share_out(partitions: int, routers: Collection[str]) -> dict[int, str]:
    """Assign every partition (by its number) to a live router (by its instance id).

    Highest-random-weight hashing (Thaler and Ravishankar, 1998), with a bound on
    the load: no router gets more than its share rounded up. When a router comes
    or goes, few partitions move besides those it takes or leaves.
    """
    if not routers:
        return {}
    most = math.ceil(partitions / len(routers))
    load: Counter[str] = Counter()
    owners: dict[int, str] = {}
    for partition in range(partitions):
        for router in sorted(routers, key=lambda name: _weight(partition, name), reverse=True):
            if load[router] < most:
                owners[partition] = router
                load[router] += 1
                break
    return owners


def _weight(partition: int, router: str) -> bytes:
    return hashlib.blake2b(f"{partition}/{router}".encode(), digest_size=8).digest()
