"""Is there a Docker engine?"""

import importlib.util
import shutil
import subprocess

from tools.servers.server_source import Availability, unavailable

TIMEOUT_SECONDS = 5.0
"""A working engine answers in well under a second; a hanging one must not hold up every run."""


def docker_engine() -> Availability:
    """Whether a Docker engine answers; a client alone is not enough."""
    docker = shutil.which("docker")
    if docker is None:
        return unavailable("no docker on the PATH")
    try:
        # Some versions exit with 0 without an engine too; only an engine has a version.
        asked = subprocess.run(
            [docker, "info", "--format", "{{.ServerVersion}}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return unavailable(f"the Docker engine gave no answer in {TIMEOUT_SECONDS:g} s")
    except OSError as error:
        return unavailable(f"docker cannot be run: {error}")
    if asked.returncode == 0 and asked.stdout.strip():
        return Availability(available=True, reason=f"Docker engine {asked.stdout.strip()} answers")
    return unavailable("no Docker engine answers")


def docker_engine_with_testcontainers() -> Availability:
    """Whether servers can run as containers, which testcontainers starts."""
    if importlib.util.find_spec("testcontainers") is None:
        return unavailable("testcontainers is not installed")
    return docker_engine()
