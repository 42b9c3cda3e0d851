"""What every Redis that we start is told, in its own configuration file.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

from tools.servers.credentials import ADMIN, SERVICES

_RIGHTS = (
    # None that reaches the server itself or its files: CONFIG, MODULE, DEBUG, REPLICAOF and others.
    "~* &* +@all -@admin -@dangerous "
    # These count as dangerous. Services need parts of the first three, tests all of them.
    "+client +info +role +keys +flushall"
)

_EVERY = (
    # Refuse writes rather than drop what lights depend on: the services check this at their start.
    "maxmemory-policy noeviction",
    # No snapshots and no log of its own accord: the test decides what survives a restart.
    'save ""',
    "appendonly no",
    "user default off",
    f"user {SERVICES.name} on >{SERVICES.password} {_RIGHTS}",
    f"user {ADMIN.name} on >{ADMIN.password} ~* &* +@all",
    # As what it replicates another one of ours.
    f"masteruser {ADMIN.name}",
    f"masterauth {ADMIN.password}",
)


def configuration(*own: str) -> str:
    """Return the text of the file, with further lines of this server's own."""
    return "\n".join((*_EVERY, *own, ""))
