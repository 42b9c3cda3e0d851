"""The redis-cli command with which a person looks into a Redis."""

import shlex
import shutil
import sys
from urllib.parse import urlsplit

from tools.servers.wheels import OLDEST_REDIS, NoServerError, unpack


def redis_cli(url: str) -> str:
    """Return the command for a shell; it finds the password in REDISCLI_AUTH.

    The program is the one on the PATH, else the one in the wheel of the oldest Redis: the wheel of
    the current server has none.
    """
    parts = urlsplit(url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    words = [_program(), "-u", address]
    if parts.username:
        words += ["--user", parts.username]
    return shlex.join(words)


def _program() -> str:
    for name in ("redis-cli", "valkey-cli"):
        if shutil.which(name) is not None:
            return name
    try:
        return str(unpack(OLDEST_REDIS).folder / "redis-cli")
    except NoServerError:
        print(
            "There is no redis-cli on this machine: install it (Debian, Ubuntu: apt-get install "
            "redis-tools; macOS: brew install redis).",
            file=sys.stderr,
        )
        return "redis-cli"
