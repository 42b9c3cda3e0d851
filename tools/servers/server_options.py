"""What decides where servers come from: the settings, and what this machine has."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tools.servers.engine import docker_engine_with_testcontainers
from tools.servers.server_source import (
    Availability,
    Choice,
    ServerSource,
    choose,
    forced_source,
    unavailable,
)

REDIS_SETTING = "CHARGELIGHT_REDIS_URL"
POSTGRES_SETTING = "CHARGELIGHT_POSTGRES_DSN"
FORCING_SETTING = "CHARGELIGHT_TEST_SERVERS"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Read once per run, so that the sources of both servers are chosen by the same facts.

    Attributes:
        settings: the process's environment variables.
        forced: the source that the setting `forced_by` forces, None if the choice is free.
    """

    settings: Mapping[str, str]
    containers: Availability
    forced: ServerSource | None = None
    forced_by: str = FORCING_SETTING

    @classmethod
    def of_tests(cls) -> Self:
        """The options of a test run.

        Raises:
            UnknownSourceError: CHARGELIGHT_TEST_SERVERS names no source.
        """
        forced = forced_source(FORCING_SETTING, os.environ.get(FORCING_SETTING))
        if forced is ServerSource.EMBEDDED:
            containers = unavailable("not looked for")
        else:
            containers = docker_engine_with_testcontainers()
        return cls(os.environ, containers, forced)

    def choice(self, setting: str) -> Choice:
        """Choose the source of the server whose address `setting` may give."""
        return choose(
            given_by=setting if self.settings.get(setting) else None,
            forced_by=self.forced_by,
            forced=self.forced,
            containers=self.containers,
        )
