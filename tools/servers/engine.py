"""Is there a Docker engine?"""

import importlib.util
import shutil
import subprocess

from tools.servers.server_source import Offer

TIMEOUT_SECONDS = 5.0
"""A working engine answers in well under a second; a hanging one must not hold up every run."""


def docker_engine() -> Offer:
    """Whether a Docker engine answers: a client alone is not enough."""
    docker = shutil.which("docker")
    if docker is None:
        return Offer(available=False, because="no docker on the PATH")
    try:
        # Exits 0 without an engine too, in some versions; an engine has a version.
        asked = subprocess.run(
            [docker, "info", "--format", "{{.ServerVersion}}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Offer(
            available=False, because=f"the Docker engine gave no answer in {TIMEOUT_SECONDS:g} s"
        )
    except OSError as error:
        return Offer(available=False, because=f"docker can not be run: {error}")
    if asked.returncode == 0 and asked.stdout.strip():
        return Offer(available=True, because=f"Docker engine {asked.stdout.strip()} answers")
    return Offer(available=False, because="no Docker engine answers")


def docker_engine_with_testcontainers() -> Offer:
    """Whether servers can be had as containers, which is testcontainers' work."""
    if importlib.util.find_spec("testcontainers") is None:
        return Offer(available=False, because="testcontainers is not installed")
    return docker_engine()
